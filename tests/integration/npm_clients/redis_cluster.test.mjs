// The npm package `redis` in cluster mode against a ring of three peers.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createClient, createCluster, RESP_TYPES } from 'redis';
import {
  all, binary, event, killPeer, numbers, patience, patiently, peers, startPeer, until,
} from './support.mjs';

function open(options) {
  const rootNodes = peers.map((socket) => ({ socket }));
  const cluster = createCluster({ rootNodes, ...options });
  cluster.on('error', () => {});  // of the peer that is killed
  return cluster.connect();
}

// Who has just joined is heard of by some peers sooner than by others.
before(async () => {
  for (const socket of peers) {
    const client = await createClient({ socket }).connect();
    await until(async () => (await client.clusterSlots()).length === peers.length);
    client.destroy();
  }
});

for (const RESP of [2, 3]) {
  describe(`redis in cluster mode by RESP${RESP}`, patience, () => {
    let cluster;

    before(async () => { cluster = await open({ RESP }); });
    after(() => cluster.destroy());

    test('it finds all peers and spreads over them', async () => {
      assert.deepEqual(cluster.masters.map((node) => node.port).sort(),
        peers.map((peer) => peer.port).sort());
      await Promise.all(numbers(100).map((n) => cluster.set(`c${n}`, `${n}`, { EX: 100 })));
      for (const n of numbers(100)) assert.equal(await cluster.get(`c${n}`), `${n}`);
      for (const node of cluster.masters) {
        const client = await cluster.nodeClient(node);
        assert.equal((await client.hello()).proto, RESP);
      }
    });

    test('commands of several keys need no common slot', async () => {
      assert.equal(await cluster.mSet({ c1: 'a', c2: 'b', '{c1}x': 'c' }), 'OK');
      assert.deepEqual(await cluster.mGet(['c1', 'c2', '{c1}x', 'none']), ['a', 'b', 'c', null]);
      assert.equal(await cluster.del(['c1', 'c2', '{c1}x']), 3);
    });

    test('pipelines are answered, and transactions refused in words', async () => {
      const pipeline = cluster.multi().set('p1', '1').incr('p1').get('p2');
      assert.deepEqual(await pipeline.execAsPipeline(), ['OK', 2, null]);
      await assert.rejects(cluster.multi().set('p1', '1').exec(), /ERR unknown command 'MULTI'/);
    });

    test('errors, bytes and iterators come through', async () => {
      await assert.rejects(cluster.lPush('l', 'x'), /ERR unknown command 'LPUSH'/);
      const inBuffers = cluster.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      await inBuffers.set(binary, binary);
      assert.deepEqual(await inBuffers.get(binary), binary);
      await Promise.all(numbers(300).map((n) => cluster.set(`cs:${n}`, 'v')));
      const client = await cluster.nodeClient(cluster.masters[2]);
      const found = await all(client.scanIterator({ MATCH: 'cs:*' }));
      assert.equal(new Set(found).size, 300);
    });

    test('readers of replicas are served', async () => {
      const reader = await open({ RESP, useReplicas: true, minimizeConnections: true });
      await reader.set('read', 'v');
      assert.equal(await reader.get('read'), 'v');
      reader.destroy();
    });
  });
}

describe('redis in cluster mode', patience, () => {
  // What is for the slots of a dead peer waits in this client until somebody listens there again.
  test('what waits for a killed peer is answered once it is back', async (t) => {
    const cluster = await open({ RESP: 3 });
    t.after(() => cluster.destroy());
    await Promise.all(numbers(60).map((n) => cluster.set(`k${n}`, `${n}`)));
    const lost = event(cluster, 'node-reconnecting');
    killPeer(2);
    await lost;
    const early = numbers(60).map((n) => patiently(() => cluster.get(`k${n}`)));
    assert.ok(await Promise.race(early), 'those for other slots are answered meanwhile');
    startPeer(2);
    assert.deepEqual(await Promise.all(early), numbers(60).map(String));
  });
});
