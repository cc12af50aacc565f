// Answers what it gets. "stranger" is answered from another socket, which a connected one must not
// hear; "sizes" by one datagram of each size, whose checksums (FNV-1a) are told here.
//     node echo_server.js udp4|udp6 ADDRESS
'use strict';

const dgram = require('dgram');
const {content, fail, largest, place} = require('./datagrams.js');

const [type, address] = process.argv.slice(2);
const server = dgram.createSocket(type);
const stranger = dgram.createSocket(type);

function checksum(bytes) {
  let sum = 0xcbf29ce484222325n;
  for (const byte of bytes) sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  return sum.toString(16).padStart(16, '0');
}

// One after the other: each is sent when the one before it was acknowledged.
let left = [];

function send_next(sender) {
  if (left.length === 0) return;
  const bytes = content(7, left.shift());
  console.log(`sends: ${bytes.length} bytes, checksum ${checksum(bytes)}`);
  server.send(bytes, sender.port, sender.address);
}

server.on('error', (error) => fail(error.message));
server.on('message', (bytes, sender) => {
  const text = bytes.toString();
  console.log(`got: ${bytes.length} bytes`);
  if (text === 'stranger') {
    stranger.send('from a stranger', sender.port, sender.address, () => {
      server.send('after the stranger', sender.port, sender.address);
    });
  } else if (text === 'sizes') {
    left = [0, 1, 1472, 9000, largest[type]];
    send_next(sender);
  } else if (text === 'next') {
    send_next(sender);
  } else {
    server.send(bytes, sender.port, sender.address);
  }
});
server.bind(0, address, () => {
  console.log(`listening on ${place(address, server.address().port)}`);
});
