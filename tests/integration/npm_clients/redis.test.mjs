// The npm package `redis` against a ring of three peers, standalone, in RESP2 and in RESP3.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createClient, createClientPool, RESP_TYPES } from 'redis';
import {
  all, binary, event, killPeer, numbers, patience, patiently, peers, startPeer, until,
} from './support.mjs';

const inBuffers = { [RESP_TYPES.BLOB_STRING]: Buffer };

function open(peer, options) {
  const client = createClient({ socket: peer, ...options });
  client.on('error', () => {});  // commands tell theirs; these are about the socket
  return client.connect();
}

for (const RESP of [2, 3]) {
  describe(`redis by RESP${RESP}`, patience, () => {
    let clients;

    before(async () => {
      clients = await Promise.all(
        peers.map((peer, at) => open(peer, { RESP, name: `redis${at}`, database: 0 })));
      for await (const keys of clients[0].scanIterator()) {
        if (keys.length) await clients[0].del(keys);
      }
    });
    after(() => clients.forEach((client) => client.destroy()));

    test('the protocol is the one that was wanted', async () => {
      const told = await clients[0].hello();
      assert.deepEqual([told.proto, told.server, told.role], [RESP, 'redis', 'master']);
    });

    test('what one peer was told every peer tells', async () => {
      for (const n of numbers(30)) {
        assert.equal(await clients[n % 3].set(`s${n}`, `value ${n}`), 'OK');
        for (const client of clients) assert.equal(await client.get(`s${n}`), `value ${n}`);
      }
      assert.equal(await clients[0].get('none'), null);
    });

    test('SET takes its options', async () => {
      const [a, b, c] = clients;
      const in100 = { type: 'EX', value: 100 };
      assert.equal(await a.set('o', '1', { expiration: in100, condition: 'NX' }), 'OK');
      assert.equal(await b.set('o', '2', { condition: 'NX' }), null);
      assert.equal(await c.set('o', '3', { condition: 'XX', expiration: 'KEEPTTL' }), 'OK');
      assert.equal(await a.ttl('o'), 100);
      assert.equal(await b.set('o', '4', { GET: true }), '3');
      assert.equal(await c.ttl('o'), -1);
      const then = Date.now() + 50_000;
      assert.equal(await a.set('o', '5', { expiration: { type: 'PXAT', value: then } }), 'OK');
      assert.equal(await b.pExpireTime('o'), then);
    });

    test('strings are cut, counted and extended', async () => {
      const [a, b, c] = clients;
      assert.equal(await a.append('t', 'Hello'), 5);
      assert.equal(await b.append('t', ' World'), 11);
      assert.equal(await c.getRange('t', -5, -1), 'World');
      assert.equal(await a.setRange('t', 6, 'Redis'), 11);
      assert.equal(await b.strLen('t'), 11);
      assert.equal(await c.set('t', '10', { GET: true }), 'Hello Redis');
      assert.equal(await a.incr('t'), 11);
      assert.equal(await b.incrBy('t', 9), 20);
      assert.equal(await c.decrBy('t', 5), 15);
      assert.equal(Number(await a.incrByFloat('t', 0.5)), 15.5);
      assert.equal(await b.getEx('t', { type: 'EX', value: 100 }), '15.5');
      assert.equal(await c.getDel('t'), '15.5');
      assert.equal(await a.setNX('t', 'x'), 1);
    });

    test('keys expire, are renamed and erased', async () => {
      const [a, b, c] = clients;
      await a.setEx('e', 100, 'v');
      assert.equal(await b.expire('e', 50, 'GT'), 0);
      assert.equal(await c.pExpire('e', 500_000, 'GT'), 1);
      assert.equal(await a.persist('e'), 1);
      assert.equal(await b.expireAt('e', 32503680000), 1);
      assert.equal(await c.expireTime('e'), 32503680000);
      assert.equal(await a.rename('e', 'f'), 'OK');
      assert.equal(await b.exists(['e', 'f']), 1);
      assert.equal(await c.type('f'), 'string');
      assert.equal(await a.unlink('f'), 1);
      await b.set('short', 'v', { expiration: { type: 'PX', value: 20 } });
      await until(async () => (await c.get('short')) === null);
    });

    test('many keys of one command lie anywhere', async () => {
      const [a, b, c] = clients;
      const pairs = numbers(200).map((n) => [`m${n}`, `${n}`]);
      const keys = pairs.map(([key]) => key);
      assert.equal(await a.mSet(pairs), 'OK');
      assert.deepEqual(await b.mGet([...keys, 'none']), [...numbers(200).map(String), null]);
      assert.equal(await c.mSetNX({ m0: 'x', other: 'y' }), 0);
      assert.equal(await a.del(keys), 200);
    });

    test('iterators of SCAN meet every key once', async () => {
      await clients[0].mSet(numbers(2000).map((n) => [`scan:${n}`, 'v']));
      for (const client of clients) {
        const found = await all(client.scanIterator({ MATCH: 'scan:*', COUNT: 100 }));
        assert.equal(found.length, 2000);
        assert.equal(new Set(found).size, 2000);
      }
      const few = await all(clients[1].scanIterator({ MATCH: 'scan:199?', TYPE: 'string' }));
      assert.equal(few.length, 10);
      assert.equal((await clients[2].keys('scan:199?')).length, 10);
    });

    test('what is sent at once is answered in its order', async () => {
      for (const client of clients) {
        const replies = await Promise.all(numbers(500).flatMap((n) => [
          client.set(`p${n}`, `${n}`), client.incr(`p${n}`), client.get(`p${n}`)]));
        for (const n of numbers(500)) {
          assert.deepEqual(replies.slice(3 * n, 3 * n + 3), ['OK', n + 1, `${n + 1}`]);
        }
        const pipeline = client.multi().set('p1', '7').incr('p1').mGet(['p1', 'none']);
        assert.deepEqual(await pipeline.execAsPipeline(), ['OK', 8, ['8', null]]);
      }
    });

    test('errors reach who asked, and the connection goes on', async () => {
      const [a] = clients;
      await a.set('word', 'abc');
      await assert.rejects(a.incr('word'), {
        message: 'ERR value is not an integer or out of range',
      });
      await assert.rejects(a.sendCommand(['SET', 'word', 'x', 'EX', '0']), {
        message: "ERR invalid expire time in 'set' command",
      });
      await assert.rejects(a.hGetAll('word'), /ERR unknown command 'HGETALL'/);
      await assert.rejects(a.eval('return 1'), /ERR unknown command 'EVAL'/);
      await assert.rejects(a.select(1), /ERR DB index is out of range/);
      await assert.rejects(a.watch('word'), /ERR unknown command 'WATCH'/);
      assert.equal(await a.get('word'), 'abc');
    });

    test('a transaction is refused in words', async () => {
      const [a] = clients;
      await assert.rejects(a.multi().set('x', '1').exec(), /ERR unknown command 'MULTI'/);
      assert.equal(await a.ping(), 'PONG');
    });

    test('bytes that are no text come back as they were', async () => {
      const [a, b, c] = clients.map((client) => client.withTypeMapping(inBuffers));
      assert.deepEqual(await a.set(binary, binary), 'OK');
      assert.deepEqual(await b.get(binary), binary);
      assert.deepEqual(await c.mGet([binary, 'none']), [binary, null]);
      const large = Buffer.alloc(3 << 20, binary);
      await b.set('large', large);
      assert.ok(large.equals(await c.get('large')));
      await a.set('empty', '');
      assert.deepEqual(await b.get('empty'), Buffer.alloc(0));
    });

    test('what clients ask about the server is answered', async () => {
      const [a] = clients;
      assert.match(await a.info('server'), /redis_version:7\.0\./);
      assert.equal(await a.clientGetName(), 'redis0');
      const self = await a.clientInfo();
      assert.deepEqual([self.name, self.libName, self.resp], ['redis0', 'node-redis', RESP]);
      assert.ok((await a.clientList()).some(({ id }) => id === self.id));
      assert.equal((await a.configGet('databases')).databases, '1');
      const [get, none] = await a.commandInfo(['get', 'nope']);
      assert.deepEqual([get.name, get.arity, none], ['get', 2, null]);
      assert.equal((await a.clusterSlots()).at(-1).to, 16383);
      assert.equal(await a.wait(1, 0), 1);
      assert.ok((await a.dbSize()) > 0);
    });

    test('a pool of connections serves many at once', async () => {
      const pool = createClientPool({ RESP, socket: peers[2] }, { minimum: 3, maximum: 8 });
      pool.on('error', () => {});
      await pool.connect();
      await Promise.all(numbers(500).map(() => pool.incr('pooled')));
      assert.equal(await pool.get('pooled'), '500');
      await pool.close();
    });
  });
}

describe('redis', patience, () => {
  test('a client finds its peer again, and others go on meanwhile', async (t) => {
    t.after(() => clients.forEach((client) => client.destroy()));
    const clients = await Promise.all(peers.map((peer) => open(peer, { RESP: 3 })));
    await clients[0].set('kept', 'value');
    const lost = event(clients[1], 'reconnecting');
    killPeer(1);
    await lost;
    const early = patiently(() => clients[1].get('kept'));
    assert.equal(await patiently(() => clients[2].get('kept')), 'value');
    assert.equal(await patiently(() => clients[0].set('new', 'x')), 'OK');
    startPeer(1);
    assert.equal(await early, 'value');
    assert.equal(await clients[1].get('new'), 'x');
    assert.equal((await clients[1].hello()).proto, 3);
  });
});
