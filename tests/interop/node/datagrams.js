// What the checks with Node share: datagrams from empty to the largest there are, told apart by
// their hashes, and an end for whatever takes too long. A round is sent as a whole and awaited, so
// that no receive buffer overflows.
'use strict';

const child_process = require('child_process');
const crypto = require('crypto');

const rounds = 200;
const largest = {udp4: 65507, udp6: 65527};
let children = [];

function fail(text) {
  console.error(text);
  process.exit(1);
}

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
process.on('SIGTERM', () => fail('terminated'));

function hash(bytes) {
  return crypto.createHash('sha256').update(bytes).digest('hex');
}

// Bytes that look random, and are the same each time.
function content(number, size) {
  const start = Buffer.alloc(16);
  start.writeUInt32BE(number, 0);
  start.writeUInt32BE(size, 4);
  return crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16), start).update(Buffer.alloc(size));
}

function without_newlines(bytes) {
  return bytes.map((byte) => (byte === 10 ? 11 : byte));
}

// The datagrams of a round, in an order that changes, and which of them are still to come.
class Round {
  constructor(number, sizes) {
    this.datagrams = sizes.map((size, i) => content(number, sizes[(i + number) % sizes.length]));
    this.expect();
  }

  expect() {
    this.missing = this.datagrams.map(hash);
  }

  take(bytes) {
    const place = this.missing.indexOf(hash(bytes));
    if (place < 0) fail(`${bytes.length} bytes arrived that nobody sent, or twice`);
    this.missing.splice(place, 1);
  }

  get done() {
    return this.missing.length === 0;
  }
}

// A program whose output is text in `child.told`, and which goes with this one.
function start(command, ...words) {
  const child = child_process.spawn(command, words, {stdio: ['pipe', 'pipe', 'pipe']});
  children.push(child);
  child.told = '';
  child.stderr.on('data', (text) => {
    child.told += text;
    child.emit('told');
  });
  child.on('error', (error) => fail(`${command}: ${error.message}`));
  return child;
}

// Fails unless the program ends well and has said this.
function finish(child, pattern, done) {
  child.on('close', (status) => {
    children = children.filter((other) => other !== child);
    if (status !== 0) fail(`status ${status}: ${child.told}`);
    if (!pattern.test(child.told)) fail(`not what it should say: ${child.told}`);
    done();
  });
}

function place(address, port) {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

module.exports = {Round, content, fail, finish, hash, largest, place, rounds, start,
                  without_newlines};
