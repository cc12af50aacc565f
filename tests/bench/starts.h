// Row coldstart_cycle: a loop, a UDP socket, its bind to a port of 127.0.0.1 that the system
// chooses and that is asked for, the close of both; all of it again and again in one process. The
// catch: what a program does once, such as reading its libraries, is done before.
#pragma once

#include "tests/bench/meter.h"

namespace bench {

template <void (*cycle)()>
Outcome measure_cycles(const Settings& settings) {
    constexpr int round = 16;  // So that the clock costs nothing.
    Meter meter(settings);
    do {
        for (int i = 0; i < round; i++) cycle();
    } while (meter.again(round));
    return meter.outcome();
}

// One object of this registers the row.
template <void (*cycle)()>
struct StartRow {
    Row row{"coldstart_cycle", "ns", measure_cycles<cycle>};
};

}  // namespace bench
