// What Node makes of the cases in which it is known to go wrong, one line each, in the words of
// tests/interop/gaps.cpp.
//     node gaps.js disconnect|stranger|nul|zone|block_list|timer
'use strict';

const dgram = require('dgram');
const dns = require('dns');
const net = require('net');

const say = (line) => {
    console.log(line);
    process.exit(0);
};

const gaps = {
    disconnect() {
        const socket = dgram.createSocket('udp4');
        socket.bind(0, '127.0.0.1', () => {
            const {port} = socket.address();
            socket.connect(9, '127.0.0.1', () => {
                socket.disconnect();
                const same = socket.address().port === port ? 'the same port' : 'another port';
                socket.on('message', () => say(`${same}, hears`));
                dgram.createSocket('udp4').send('hello', port, '127.0.0.1');
                setTimeout(() => say(`${same}, deaf`), 500);
            });
        });
    },

    stranger() {
        const socket = dgram.createSocket('udp4');
        const peer = dgram.createSocket('udp4');
        let heard = 'hears';
        socket.on('message', (message) => {
            heard += ` ${message}`;
            if (`${message}` === 'peer') say(heard);
        });
        peer.bind(0, '127.0.0.1', () => socket.bind(0, '127.0.0.1', () => {
            // Connected before the loop reads what lies in the socket.
            const {port} = socket.address();
            dgram.createSocket('udp4').send('stranger', port, '127.0.0.1');
            setImmediate(() => {
                socket.connect(peer.address().port, '127.0.0.1', () => {
                    peer.send('peer', port, '127.0.0.1');
                });
            });
        }));
        setTimeout(() => say(heard), 500);
    },

    nul() {
        dns.lookup('localhost\0.example.com', (error, address) => {
            say(error ? 'refused' : `becomes ${address}`);
        });
    },

    zone() {
        const socket = dgram.createSocket('udp6');
        socket.on('error', () => say('refused'));
        socket.bind(0, '::1%nosuchif', () => say('binds'));
    },

    block_list() {
        const list = new net.BlockList();
        list.addAddress('127.0.0.1');
        const forms = ['::ffff:127.0.0.1', '::127.0.0.1', '2002:7f00:1::', '64:ff9b::7f00:1'];
        say(['blocks', ...forms.filter((form) => list.check(form, 'ipv6'))].join(' '));
    },

    timer() {
        process.removeAllListeners('warning');
        setTimeout(() => say('fires at once'), 2 ** 31);
        setTimeout(() => say('waits'), 300);
    },
};

try {
    gaps[process.argv[2]]();
} catch {
    say('refused');
}
