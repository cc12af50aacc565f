// One sender, one receiver, one loop: a window of datagrams is asked for in one tick, and the next
// once all have arrived and all sends have been answered. So nothing can be lost. With a window of
// a few this is a burst; with one, the cost of a datagram that travels alone.
#pragma once

#include "tests/bench/meter.h"
#include "tests/bench/plain.h"

namespace bench {

struct FloodShape {
    std::size_t window = 512;
    std::size_t size = 32;
    Place sender = loopback();
    Place receiver = loopback();
};

template <template <class> class Sockets>
class Flood {
   public:
    using Peer = typename Sockets<Flood>::Peer;

    Flood(const Settings& settings, const FloodShape& shape)
        : shape_(shape), meter_(settings), buffers_(shape.window, shape.size),
          sockets_(*this, settings), sender_(sockets_.open(shape.sender)),
          receiver_(sockets_.peer(sockets_.place(sockets_.open(shape.receiver)))) {}

    Outcome measure() {
        send_window();
        sockets_.run();
        return meter_.outcome();
    }

    void delivered(std::size_t, Bytes bytes, const Peer&) {
        check(bytes, shape_.size, next_arrival_++);
        finish_one();
    }

    void sent() { finish_one(); }

   private:
    void send_window() {
        unfinished_ = 2 * shape_.window;
        for (std::size_t i = 0; i < shape_.window; i++) {
            sockets_.send(sender_, buffers_.write(i, next_number_++), receiver_);
        }
    }

    void finish_one() {
        if (--unfinished_ > 0) return;
        if (!meter_.again(shape_.window)) return sockets_.stop();
        send_window();
    }

    const FloodShape shape_;
    Meter meter_;
    Buffers buffers_;
    Sockets<Flood> sockets_;
    std::size_t sender_;
    Peer receiver_;
    std::size_t unfinished_ = 0;
    std::uint32_t next_number_ = 0;
    std::uint32_t next_arrival_ = 0;
};

}  // namespace bench
