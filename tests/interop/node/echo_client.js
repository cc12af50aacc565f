// Sends a thousand datagrams to an echo server; each has to come back as it was.
//     node echo_client.js udp4|udp6 ADDRESS PORT [connected]
'use strict';

const dgram = require('dgram');
const {Round, fail, largest, rounds} = require('./datagrams.js');

const [type, address, port, connected] = process.argv.slice(2);
const sizes = [0, 1, 1472, 9000, largest[type]];
const socket = dgram.createSocket({type, recvBufferSize: 1 << 20});
let number = 0;
let received = 0;
let received_bytes = 0;
let round;

function next() {
  if (number === rounds) {
    console.log(`${received} datagrams (${received_bytes} bytes) came back`);
    socket.close();
    return;
  }
  round = new Round(number++, sizes);
  const sent = (error) => error && fail(`send: ${error.message}`);
  for (const bytes of round.datagrams) {
    if (connected) socket.send(bytes, sent);
    else socket.send(bytes, Number(port), address, sent);
  }
}

socket.on('error', (error) => fail(error.message));
socket.on('message', (bytes, sender) => {
  if (sender.address !== address || sender.port !== Number(port)) fail('not the server');
  if (sender.size !== bytes.length) fail('Node disagrees with itself');
  round.take(bytes);
  received++;
  received_bytes += bytes.length;
  if (round.done) next();
});
if (connected) socket.connect(Number(port), address, next);
else socket.bind(0, address, next);
