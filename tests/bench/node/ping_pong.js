// One datagram between two sockets of one loop: ping_pong.h.
'use strict';

const {Meter, open, write, check} = require('./common.js');

function pingPong(seconds, done) {
    const size = 32;
    const meter = new Meter(seconds);
    const question = Buffer.alloc(size);
    let here, there, port;
    let number = 0;

    open((message, sender) => {
        check(message, size, number);
        there.send(message, sender.port, sender.address);
    }, (socket) => {
        there = socket;
        port = there.address().port;
        open((message) => {
            check(message, size, number++);
            if (meter.again(1)) return serve();
            done(meter.taken / meter.operations / 1000, 'us', meter.operations);
        }, (other) => {
            here = other;
            serve();
        });
    });
    function serve() {
        here.send(write(question, number), port, '127.0.0.1');
    }
}

module.exports = {pingpong_1loop: pingPong};
