// A Node member of a multicast group: hears one datagram, or sends one.
//     node group.js udp4|udp6 GROUP INTERFACE hear
//     node group.js udp4|udp6 GROUP INTERFACE tell PORT TEXT
'use strict';

const dgram = require('dgram');
const {fail} = require('./datagrams.js');

const [type, group, network_interface, what, port, text] = process.argv.slice(2);
const socket = dgram.createSocket({type, reuseAddr: true});

socket.on('error', (error) => fail(error.message));
socket.on('message', (bytes, sender) => {
  console.log(`heard: ${bytes} (${sender.family})`);
  socket.close();
});
socket.bind(0, () => {
  if (what === 'hear') {
    socket.addMembership(group, network_interface);
    console.log(`listening on group:${socket.address().port}`);
    return;
  }
  socket.setMulticastInterface(network_interface);
  socket.send(text, Number(port), group, (error) => {
    if (error) fail(error.message);
    console.log(`told: ${text}`);
    socket.close();
  });
});
