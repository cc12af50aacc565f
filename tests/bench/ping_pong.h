// One datagram, there and back: between two sockets of one loop, or with a plain echo in another
// process on another processor, of which the half and the slowest hundredth of the trips are told.
#pragma once

#include <algorithm>
#include <vector>

#include "tests/bench/meter.h"
#include "tests/bench/plain.h"

namespace bench {

constexpr std::size_t ball_size = 32;

template <template <class> class Sockets>
class PingPong {
   public:
    using Peer = typename Sockets<PingPong>::Peer;

    explicit PingPong(const Settings& settings)
        : meter_(settings), sockets_(*this, settings), here_(sockets_.open(loopback())),
          there_(sockets_.open(loopback())), peer_(sockets_.peer(sockets_.place(there_))) {}

    Outcome measure() {
        serve();
        sockets_.run();
        return meter_.outcome(1000);
    }

    void delivered(std::size_t at, Bytes bytes, const Peer& sender) {
        check(bytes, ball_size, number_);
        if (at == there_) return sockets_.send(there_, answers_.write(0, number_), sender);
        number_++;
        if (!meter_.again(1)) return sockets_.stop();
        serve();
    }

    void sent() {}

   private:
    void serve() { sockets_.send(here_, questions_.write(0, number_), peer_); }

    Meter meter_;
    Buffers questions_{1, ball_size};
    Buffers answers_{1, ball_size};
    Sockets<PingPong> sockets_;
    std::size_t here_;
    std::size_t there_;
    Peer peer_;
    std::uint32_t number_ = 0;
};

template <template <class> class Sockets>
class RoundTrips {
   public:
    using Peer = typename Sockets<RoundTrips>::Peer;

    explicit RoundTrips(const Settings& settings)
        : meter_(settings), sockets_(*this, settings), here_(sockets_.open(loopback())),
          peer_(sockets_.peer(echo_.place())) {
        trips_.reserve(trips_max);
    }

    Outcome measure(double quantile) {
        serve();
        sockets_.run();
        Outcome outcome = meter_.outcome(1000);
        if (trips_.empty()) fail("no ball came back");
        std::sort(trips_.begin(), trips_.end());
        const double last = static_cast<double>(trips_.size() - 1);
        outcome.value = trips_[static_cast<std::size_t>(last * quantile)] / 1000.0;
        return outcome;
    }

    void delivered(std::size_t, Bytes bytes, const Peer&) {
        const std::uint64_t took = wall_clock() - served_;
        check(bytes, ball_size, number_++);
        if (meter_.measuring() && trips_.size() < trips_max) {
            trips_.push_back(static_cast<std::uint32_t>(took));
        }
        if (!meter_.again(1)) return sockets_.stop();
        serve();
    }

    void sent() {}

   private:
    static constexpr std::size_t trips_max = 1 << 20;

    void serve() {
        const Bytes ball = buffers_.write(0, number_);
        served_ = wall_clock();
        sockets_.send(here_, ball, peer_);
    }

    Meter meter_;
    Buffers buffers_{1, ball_size};
    Echo echo_;
    Sockets<RoundTrips> sockets_;
    std::size_t here_;
    Peer peer_;
    std::vector<std::uint32_t> trips_;
    std::uint64_t served_ = 0;
    std::uint32_t number_ = 0;
};

}  // namespace bench
