// What a given rate costs: 100,000 datagrams a second of 1200 bytes, a few at each tick, and the
// processor time each took from its send to its arrival. The ticks come through a descriptor that
// the loop watches, as loops' own timers know milliseconds only; to wake up for one and to read it
// is part of the price of all. The catch: a late tick makes up for nothing, so the rate is a goal.
#pragma once

#include "tests/bench/meter.h"
#include "tests/bench/plain.h"
#include "tests/bench/ticker.h"

namespace bench {

template <template <class> class Sockets>
class Paced {
   public:
    using Peer = typename Sockets<Paced>::Peer;

    Paced(const Settings& settings, std::size_t burst)
        : burst_(burst), meter_(settings, processor_clock), buffers_(window, size),
          ticker_(burst * 1'000'000'000 / rate), sockets_(*this, settings),
          sender_(sockets_.open(loopback())),
          receiver_(sockets_.peer(sockets_.place(sockets_.open(loopback())))) {}

    Outcome measure() {
        sockets_.watch(ticker_.descriptor());
        sockets_.run();
        return meter_.outcome();
    }

    void ticked() {
        ticker_.read();
        if (unfinished_ + 2 * burst_ > window) return;
        unfinished_ += 2 * burst_;
        for (std::size_t i = 0; i < burst_; i++, next_number_++) {
            sockets_.send(sender_, buffers_.write(next_number_ % window, next_number_), receiver_);
        }
    }

    void delivered(std::size_t, Bytes bytes, const Peer&) {
        check(bytes, size, next_arrival_++);
        unfinished_--;
        if (!meter_.again(1)) sockets_.stop();
    }

    void sent() { unfinished_--; }

   private:
    static constexpr std::size_t rate = 100'000;
    static constexpr std::size_t size = 1200;
    static constexpr std::size_t window = 512;

    const std::size_t burst_;
    Meter meter_;
    Buffers buffers_;
    Ticker ticker_;
    Sockets<Paced> sockets_;
    std::size_t sender_;
    Peer receiver_;
    std::size_t unfinished_ = 0;
    std::uint32_t next_number_ = 0;
    std::uint32_t next_arrival_ = 0;
};

}  // namespace bench
