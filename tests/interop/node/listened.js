// A Node client for `volley listen --raw`: a thousand datagrams, whose bytes have to come out as
// they went in. Each is awaited, because raw output does not tell where one ends.
//     node listened.js VOLLEY udp4|udp6 ADDRESS
'use strict';

const crypto = require('crypto');
const dgram = require('dgram');
const {Round, fail, finish, largest, place, rounds, start} = require('./datagrams.js');

const [volley, type, address] = process.argv.slice(2);
const socket = dgram.createSocket(type);
const listener = start(volley, 'listen', '--raw', place(address, 0));
const sizes = [0, 1, 1472, 9000, largest[type]];
const given = crypto.createHash('sha256');
const taken = crypto.createHash('sha256');
let queue = [];
let number = 0;
let sent = 0;
let sent_bytes = 0;
let received_bytes = 0;
let port = 0;

// The empty ones go with the next that has something to show.
function next() {
  let bytes;
  do {
    if (queue.length === 0) {
      if (number === rounds) return listener.kill('SIGINT');
      queue = new Round(number++, sizes).datagrams;
    }
    bytes = queue.shift();
    given.update(bytes);
    sent++;
    sent_bytes += bytes.length;
    socket.send(bytes, port, address, (error) => error && fail(error.message));
  } while (bytes.length === 0);
}

listener.stdout.on('data', (bytes) => {
  taken.update(bytes);
  received_bytes += bytes.length;
  if (received_bytes > sent_bytes) fail('more came out than went in');
  if (received_bytes === sent_bytes) next();
});
listener.on('told', () => {
  const found = /listening on .*:(\d+)\n/.exec(listener.told);
  if (port !== 0 || !found) return;
  port = Number(found[1]);
  next();
});
finish(listener, /received \d+ datagrams/, () => {
  const summary = `received ${sent} datagrams (${sent_bytes} bytes)`;
  if (!listener.told.includes(summary)) fail(`${listener.told} is not ${summary}`);
  if (given.digest('hex') !== taken.digest('hex')) fail('the bytes have changed');
  console.log(summary);
  socket.close();
});
