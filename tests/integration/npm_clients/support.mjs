// What the tests of both clients share. npm_clients_test.py starts the peers, and does to them what
// these tests ask for.

import assert from 'node:assert/strict';

// Of each peer: { host, port }.
export const peers = JSON.parse(process.env.HOPRING_PEERS);

// Lines that npm_clients_test.py takes for orders. The one who orders sees from the ring, and from
// its connections, when it is done.
export const killPeer = (at) => console.log(`@kill ${at}`);
export const startPeer = (at) => console.log(`@start ${at}`);

// Of a test that waits for what never comes.
export const patience = { timeout: 40_000 };

export const numbers = (count) => [...Array(count).keys()];

// Bytes that are no text.
export const binary = Buffer.from([0, 255, 13, 10, 0x80, 0xc3, 0x28, 36, 42]);

// Unlike once() of node:events it does not end with an error of the socket.
export const event = (emitter, name) => new Promise((done) => emitter.once(name, done));

// Asks until the answer is right: `ask` waits for a peer each time.
export async function until(ask) {
  while (!(await ask()));
}

// What an iterator brings in pages.
export async function all(pages) {
  const found = [];
  for await (const page of pages) found.push(...page);
  return found;
}

// What a killed peer costs: a group without its primary refuses commands in the words of
// docs/resp.md, and those that were sent to the peer itself end with their connection.
const passing =
  /^(UNAVAILABLE|TRYAGAIN|UNKNOWN) |ECONNRESET|EPIPE|Socket closed|Connection is closed/;

// Repeats a command until it is executed.
export async function patiently(command) {
  for (;;) {
    try {
      return await command();
    } catch (error) {
      assert.match(error.message, passing);
    }
  }
}
