// Rows coldstart_*, again and again in one process. A cycle: a loop, a UDP socket, its bind to a
// port of 127.0.0.1 that the system chooses and that is asked for, the close of both. An echo: the
// same with one datagram from a plain socket that is sent back before the close. The catch: what a
// program does once, such as reading its libraries, is done before.
#pragma once

#include "tests/bench/meter.h"
#include "tests/bench/plain.h"

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

// Asks, and looks at the answer, while the clock stands.
class Client {
   public:
    explicit Client(Meter& meter) : meter_(meter) {}

    void ask(std::uint16_t port) {
        meter_.pause();
        client_.send(buffers_.write(0, number_), loopback(port));
        meter_.resume();
    }

    void take_answer() {
        meter_.pause();
        client_.take(1, size, number_++);
        meter_.resume();
    }

   private:
    static constexpr std::size_t size = 32;
    Meter& meter_;
    Plain client_{loopback()};
    Buffers buffers_{1, size};
    std::uint32_t number_ = 0;
};

// The echo asks the client to ask as soon as it knows its port.
template <void (*echo)(Client&)>
Outcome measure_echoes(const Settings& settings) {
    Meter meter(settings);
    Client client(meter);
    do {
        echo(client);
        client.take_answer();
    } while (meter.again(1));
    return meter.outcome();
}

// One object of this registers the rows.
template <void (*cycle)(), void (*echo)(Client&)>
struct StartRows {
    Row cycles{"coldstart_cycle", "ns", measure_cycles<cycle>};
    Row echoes{"coldstart_echo", "ns", measure_echoes<echo>};
};

}  // namespace bench
