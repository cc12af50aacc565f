// A Node server for `volley send`: line by line through a pipe, each round when the one before it
// has arrived. Nothing may be lost, cut or added.
//     node sent.js VOLLEY udp4|udp6 ADDRESS
'use strict';

const dgram = require('dgram');
const {Round, fail, finish, largest, place, rounds, start, without_newlines} =
    require('./datagrams.js');

const [volley, type, address] = process.argv.slice(2);
const server = dgram.createSocket({type, recvBufferSize: 1 << 20});
let number = 0;
let sent = 0;
let sent_bytes = 0;
let round;
let sender;

function next() {
  if (number === rounds) return sender.stdin.end();
  const sizes = [0, 1, 1472];
  if (number % 10 === 0) sizes.push(9000);
  if (number % 40 === 0) sizes.push(largest[type]);
  round = new Round(number++, sizes);
  round.datagrams = round.datagrams.map(without_newlines);
  round.expect();
  for (const bytes of round.datagrams) {
    sent++;
    sent_bytes += bytes.length;
    sender.stdin.write(Buffer.concat([bytes, Buffer.from('\n')]));
  }
}

server.on('error', (error) => fail(error.message));
server.on('message', (bytes) => {
  round.take(bytes);
  if (round.done) next();
});
server.bind(0, address, () => {
  sender = start(volley, 'send', place(address, server.address().port));
  finish(sender, /^sent \d+ datagrams/, () => {
    const summary = `sent ${sent} datagrams (${sent_bytes} bytes)`;
    if (!sender.told.startsWith(summary)) fail(`${sender.told} is not ${summary}`);
    console.log(summary);
    server.close();
  });
  next();
});
