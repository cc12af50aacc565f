// Node's contender: the command line and the output of main.cpp. At its best: a lookup that answers
// literals at once, since dgram asks one for each send. The catch: allocations are not counted, as
// the heap is the engine's own.
'use strict';

const rows = {...require('./flood.js'), ...require('./ping_pong.js')};

function fail(why) {
    console.error(why);
    process.exit(1);
}

const name = process.argv[2];
if (name === '--list') {
    console.log(Object.keys(rows).join('\n'));
} else if (!rows[name]) {
    fail(`no such row: ${name}`);
} else {
    let seconds = 0.5;
    for (const argument of process.argv.slice(3)) {
        if (argument.startsWith('--seconds=')) seconds = Number(argument.slice(10));
    }
    const silence = setTimeout(() => fail('a datagram was lost'), (20 + 10 * seconds) * 1000);
    rows[name](seconds, (value, unit, operations) => {
        clearTimeout(silence);
        console.log(`${value}\t${unit}\t${operations}\t-1`);
        process.exit(0);
    });
}
