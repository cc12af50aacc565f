// A window of datagrams from one socket to another, and the next when all have arrived: flood.h.
'use strict';

const {Meter, open, write, check} = require('./common.js');

function flood(window, size) {
    return (seconds, done) => {
        const meter = new Meter(seconds);
        const buffers = Array.from({length: window}, () => Buffer.alloc(size));
        let sender, port;
        let unfinished = 0, number = 0, arrival = 0;

        function finish(error) {
            if (error) throw error;
            if (--unfinished > 0) return;
            if (meter.again(window)) return send();
            done(meter.taken / meter.operations, 'ns', meter.operations);
        }
        function send() {
            unfinished = 2 * window;
            for (const buffer of buffers) {
                sender.send(write(buffer, number++), port, '127.0.0.1', finish);
            }
        }
        open((message) => {
            check(message, size, arrival++);
            finish();
        }, (receiver) => open(null, (socket) => {
            sender = socket;
            port = receiver.address().port;
            send();
        }));
    };
}

module.exports = {
    flood1_small: flood(512, 32),
    flood1_mtu: flood(512, 1200),
    burst_1: flood(1, 32),
    burst_2: flood(2, 32),
    burst_4: flood(4, 32),
    burst_8: flood(8, 32),
    burst_16: flood(16, 32),
};
