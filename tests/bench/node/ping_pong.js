// One datagram between two sockets of one loop, or with the plain echo that all contenders have, in
// another process: ping_pong.h. The catch: the echo is a contender's, which has to be built.
'use strict';

const child_process = require('child_process');
const path = require('path');
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

const echo = path.join(__dirname, '../../../build/bench/raw');

function roundTrips(percent) {
    return (seconds, done) => {
        const size = 32;
        const meter = new Meter(seconds);
        const ball = Buffer.alloc(size);
        const trips = new Float64Array(1 << 20);
        let socket, port, served;
        let count = 0, number = 0;

        const child = child_process.spawn(echo, ['--echo'], {stdio: ['pipe', 'pipe', 'inherit']});
        child.stdout.once('data', (line) => {
            port = Number(line);
            open(take, (opened) => {
                socket = opened;
                serve();
            });
        });
        function serve() {
            write(ball, number);
            served = process.hrtime.bigint();
            socket.send(ball, port, '127.0.0.1');
        }
        function take(message) {
            const took = Number(process.hrtime.bigint() - served);
            check(message, size, number++);
            if (meter.began && count < trips.length) trips[count++] = took;
            if (meter.again(1)) return serve();
            trips.subarray(0, count).sort();
            const trip = trips[Math.floor((count - 1) * percent / 100)];
            done(trip / 1000, 'us', meter.operations);
        }
    };
}

module.exports = {
    pingpong_1loop: pingPong,
    pingpong_2proc_p50: roundTrips(50),
    pingpong_2proc_p99: roundTrips(99),
};
