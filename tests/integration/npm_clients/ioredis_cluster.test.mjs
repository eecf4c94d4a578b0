// The npm package `ioredis` in cluster mode against a ring of three peers.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Cluster, Redis } from 'ioredis';
import {
  all, binary, event, killPeer, numbers, patience, patiently, peers, startPeer, until,
} from './support.mjs';

describe('ioredis in cluster mode', patience, () => {
  let cluster;

  // Who has just joined is heard of by some peers sooner than by others.
  async function untilAllAreKnown() {
    await until(async () => {
      const told = await Promise.all(peers.map(async (peer) => {
        const client = new Redis(peer);
        const slots = await client.cluster('SLOTS');
        client.disconnect();
        return slots.length;
      }));
      return told.every((count) => count === peers.length);
    });
  }

  before(async () => {
    await untilAllAreKnown();
    cluster = new Cluster([peers[1]]);
    await event(cluster, 'ready');
  });
  after(() => cluster.disconnect());

  test('it finds all peers and spreads over them', async () => {
    assert.deepEqual(cluster.nodes('master').map((node) => node.options.port).sort(),
      peers.map((peer) => peer.port).sort());
    for (const n of numbers(100)) assert.equal(await cluster.set(`c${n}`, n, 'EX', 100), 'OK');
    for (const n of numbers(100)) assert.equal(await cluster.get(`c${n}`), `${n}`);
    const sizes = await Promise.all(cluster.nodes('master').map((node) => node.dbsize()));
    assert.equal(new Set(sizes).size, 1, 'each peer answers for the whole ring');
  });

  test('commands of several keys need no common slot', async () => {
    assert.equal(await cluster.mset('c1', 'a', 'c2', 'b', '{c1}x', 'c'), 'OK');
    assert.deepEqual(await cluster.mget('c1', 'c2', '{c1}x', 'none'), ['a', 'b', 'c', null]);
    assert.equal(await cluster.del('c1', 'c2', '{c1}x'), 3);
  });

  test('pipelines of one slot are answered, others refuses the client', async () => {
    const replies = await cluster.pipeline().set('{g}1', 1).incr('{g}1').get('{g}1').exec();
    assert.deepEqual(replies, [[null, 'OK'], [null, 2], [null, '2']]);
    await assert.rejects(cluster.pipeline().get('a').get('b').get('c').exec(),
      /All keys in the pipeline should belong to the same slots/);
    await assert.rejects(cluster.multi().set('{g}1', 1).exec(), /ERR unknown command 'exec'/);
  });

  test('errors, bytes and streams come through', async () => {
    await assert.rejects(cluster.lpush('l', 'x'), /ERR unknown command 'lpush'/);
    await cluster.set(binary, binary);
    assert.deepEqual(await cluster.getBuffer(binary), binary);
    await Promise.all(numbers(300).map((n) => cluster.set(`cs:${n}`, 'v')));
    const found = await all(cluster.nodes('master')[2].scanStream({ match: 'cs:*' }));
    assert.equal(new Set(found).size, 300);
  });

  test('readers of replicas and gathered commands are served', async () => {
    const reader = new Cluster([peers[2]], { scaleReads: 'slave', enableAutoPipelining: true });
    await Promise.all(numbers(100).map((n) => reader.set(`r${n}`, n)));
    const replies = await Promise.all(numbers(100).map((n) => reader.get(`r${n}`)));
    assert.deepEqual(replies, numbers(100).map(String));
    reader.disconnect();
  });

  test('it does without a peer that was killed, and takes it back', async () => {
    cluster.on('node error', () => {});
    await Promise.all(numbers(60).map((n) => cluster.set(`k${n}`, n)));
    killPeer(2);
    for (const n of numbers(60)) {
      assert.equal(await patiently(() => cluster.get(`k${n}`)), `${n}`);
    }
    for (const n of numbers(60)) {
      assert.equal(await patiently(() => cluster.set(`k${n}`, `new ${n}`)), 'OK');
    }
    startPeer(2);
    await until(async () => {
      await new Promise((done) => cluster.refreshSlotsCache(done));
      return cluster.nodes('master').length === 3;
    });
    for (const n of numbers(60)) {
      assert.equal(await patiently(() => cluster.get(`k${n}`)), `new ${n}`);
    }
  });
});
