// The npm package `ioredis` against a ring of three peers, standalone.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import {
  all, binary, event, killPeer, numbers, patience, patiently, peers, startPeer, until,
} from './support.mjs';

describe('ioredis', patience, () => {
  let clients;

  before(() => {
    clients = peers.map((peer, at) => new Redis({ ...peer, connectionName: `io${at}`, db: 0 }));
  });
  after(() => clients.forEach((client) => client.disconnect()));

  test('what one peer was told every peer tells', async () => {
    for (const n of numbers(30)) {
      assert.equal(await clients[n % 3].set(`s${n}`, `value ${n}`), 'OK');
      for (const client of clients) assert.equal(await client.get(`s${n}`), `value ${n}`);
    }
    assert.equal(await clients[0].get('none'), null);
  });

  test('SET takes its options', async () => {
    const [a, b, c] = clients;
    assert.equal(await a.set('o', '1', 'EX', 100, 'NX'), 'OK');
    assert.equal(await b.set('o', '2', 'NX'), null);
    assert.equal(await c.set('o', '3', 'XX', 'KEEPTTL'), 'OK');
    assert.equal(await a.ttl('o'), 100);
    assert.equal(await b.set('o', '4', 'GET'), '3');
    assert.equal(await c.ttl('o'), -1);
    assert.equal(await a.set('o', '5', 'PXAT', Date.now() + 50_000), 'OK');
    assert.ok((await b.pttl('o')) > 40_000);
    assert.equal(await c.set('none', '1', 'XX'), null);
  });

  test('strings are cut, counted and extended', async () => {
    const [a, b, c] = clients;
    assert.equal(await a.append('t', 'Hello'), 5);
    assert.equal(await b.append('t', ' World'), 11);
    assert.equal(await c.getrange('t', -5, -1), 'World');
    assert.equal(await a.setrange('t', 6, 'Redis'), 11);
    assert.equal(await b.strlen('t'), 11);
    assert.equal(await c.getset('t', '10'), 'Hello Redis');
    assert.equal(await a.incr('t'), 11);
    assert.equal(await b.incrby('t', 9), 20);
    assert.equal(await c.decrby('t', 5), 15);
    assert.equal(await a.incrbyfloat('t', 0.5), '15.5');
    assert.equal(await b.getex('t', 'EX', 100), '15.5');
    assert.equal(await c.getdel('t'), '15.5');
    assert.equal(await a.setnx('t', 'x'), 1);
    assert.equal(await b.setnx('t', 'y'), 0);
  });

  test('keys expire, are renamed and erased', async () => {
    const [a, b, c] = clients;
    await a.setex('e', 100, 'v');
    assert.equal(await b.expire('e', 50, 'GT'), 0);
    assert.equal(await c.pexpire('e', 500_000, 'GT'), 1);
    assert.equal(await a.persist('e'), 1);
    assert.equal(await b.expireat('e', 32503680000), 1);
    assert.equal(await c.expiretime('e'), 32503680000);
    assert.equal(await a.rename('e', 'f'), 'OK');
    assert.equal(await b.exists('e', 'f'), 1);
    assert.equal(await c.type('f'), 'string');
    assert.equal(await a.expire('f', -1), 1);
    assert.equal(await b.unlink('f'), 0);
    await c.set('short', 'v', 'PX', 20);
    await until(async () => (await a.get('short')) === null);
  });

  test('many keys of one command lie anywhere', async () => {
    const [a, b, c] = clients;
    const pairs = Object.fromEntries(numbers(200).map((n) => [`m${n}`, `${n}`]));
    assert.equal(await a.mset(pairs), 'OK');
    assert.deepEqual(await b.mget(...Object.keys(pairs), 'none'), [...Object.values(pairs), null]);
    assert.equal(await c.msetnx({ m0: 'x', other: 'y' }), 0);
    assert.equal(await a.exists(...Object.keys(pairs)), 200);
    assert.equal(await b.del(...Object.keys(pairs)), 200);
  });

  test('streams of SCAN meet every key once', async () => {
    await clients[0].mset(Object.fromEntries(numbers(2000).map((n) => [`scan:${n}`, 'v'])));
    for (const client of clients) {
      const found = await all(client.scanStream({ match: 'scan:*', count: 100 }));
      assert.equal(found.length, 2000);
      assert.equal(new Set(found).size, 2000);
      const few = await all(client.scanStream({ match: 'scan:199?', type: 'string' }));
      assert.equal(few.length, 10);
    }
    const found = await all(clients[1].scanBufferStream({ match: 'scan:7' }));
    assert.deepEqual(found, [Buffer.from('scan:7')]);
  });

  test('a pipeline is answered in its order, and an error of it spoils nothing', async () => {
    for (const client of clients) {
      const pipeline = client.pipeline();
      for (const n of numbers(500)) pipeline.set(`p${n}`, n).incr(`p${n}`).get(`p${n}`);
      pipeline.incr('text').lpush('p1', 'x').set('text', 'no number').incr('text').get('p1');
      await client.del('text');
      const replies = await pipeline.exec();
      for (const n of numbers(500)) {
        assert.deepEqual(replies.slice(3 * n, 3 * n + 3).map(([, reply]) => reply),
          ['OK', n + 1, `${n + 1}`]);
      }
      const [incr, lpush, set, refused, get] = replies.slice(1500);
      assert.deepEqual([incr, set, get], [[null, 1], [null, 'OK'], [null, '2']]);
      assert.match(lpush[0].message, /^ERR unknown command 'lpush'/);
      assert.equal(refused[0].message, 'ERR value is not an integer or out of range');
    }
  });

  test('commands that are gathered by themselves are answered', async () => {
    const client = new Redis({ ...peers[2], enableAutoPipelining: true });
    await Promise.all(numbers(300).map((n) => client.set(`auto${n}`, n)));
    const replies = await Promise.all(numbers(300).map((n) => client.get(`auto${n}`)));
    assert.deepEqual(replies, numbers(300).map(String));
    client.disconnect();
  });

  test('errors reach who asked, and the connection goes on', async () => {
    const [a] = clients;
    await a.set('word', 'abc');
    await assert.rejects(a.incr('word'), {
      name: 'ReplyError', message: 'ERR value is not an integer or out of range',
    });
    await assert.rejects(a.set('word', 'x', 'EX', 0), {
      message: "ERR invalid expire time in 'set' command",
    });
    await assert.rejects(a.call('nope', 'x'), /ERR unknown command 'nope'/);
    await assert.rejects(a.eval('return 1', 0), /ERR unknown command 'eval'/);
    await assert.rejects(a.subscribe('news'), /ERR unknown command 'subscribe'/);
    await assert.rejects(a.select(1), /ERR DB index is out of range/);
    await assert.rejects(a.call('GET'), /ERR wrong number of arguments for 'get' command/);
    assert.equal(await a.get('word'), 'abc');
  });

  test('a transaction is refused in words', async () => {
    const [a] = clients;
    await assert.rejects(a.multi().set('x', '1').exec(), (error) => {
      assert.match(error.message, /ERR unknown command 'exec'/);
      assert.match(error.previousErrors[0].message, /ERR unknown command 'multi'/);
      return true;
    });
    await assert.rejects(a.watch('x'), /ERR unknown command 'watch'/);
    assert.equal(await a.ping(), 'PONG');
  });

  test('bytes that are no text come back as they were', async () => {
    const [a, b, c] = clients;
    assert.equal(await a.set(binary, binary), 'OK');
    assert.deepEqual(await b.getBuffer(binary), binary);
    assert.deepEqual(await c.mgetBuffer(binary, 'none'), [binary, null]);
    const large = Buffer.alloc(3 << 20, binary);
    await b.set('large', large);
    assert.ok(large.equals(await c.getBuffer('large')));
    await a.set('empty', '');
    assert.equal(await b.get('empty'), '');
  });

  test('what clients ask about the server is answered', async () => {
    const [a] = clients;
    assert.match(await a.info(), /redis_version:7\.0\./);
    assert.equal(await a.client('GETNAME'), 'io0');
    assert.match(await a.client('LIST'), /name=io0 .*lib-name=ioredis/);
    assert.deepEqual(await a.config('GET', 'databases'), ['databases', '1']);
    assert.equal(await a.wait(1, 0), 1);
    assert.ok((await a.command('COUNT')) > 50);
    assert.ok((await a.dbsize()) > 0);
    assert.equal(await a.quit(), 'OK');
    clients[0] = new Redis(peers[0]);
    assert.equal(await clients[0].ping(), 'PONG');
  });

  test('a client finds its peer again, and others go on meanwhile', async () => {
    await clients[0].set('kept', 'value');
    const lost = event(clients[1], 'close');
    clients[1].on('error', () => {});  // that nobody listens there, for a while
    killPeer(1);
    await lost;
    const early = patiently(() => clients[1].get('kept'));
    assert.equal(await patiently(() => clients[2].get('kept')), 'value');
    assert.equal(await patiently(() => clients[0].set('new', 'x')), 'OK');
    startPeer(1);
    assert.equal(await early, 'value');
    assert.equal(await clients[1].get('new'), 'x');
  });
});
