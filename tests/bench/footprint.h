// What a socket that listens keeps resident in user space: the growth of the process, divided by
// the sockets that were opened. Each has received once before that is asked, as have a few others
// before they were opened, so that what a loop has for all its sockets is there already. The catch:
// the contender's list of its sockets is part of it, which is 8 to 26 bytes.
#pragma once

#include <cstddef>

#include "tests/bench/meter.h"
#include "tests/bench/plain.h"

namespace bench {

std::size_t resident_bytes();

template <template <class> class Sockets>
class Footprint {
   public:
    using Peer = typename Sockets<Footprint>::Peer;

    Footprint(const Settings& settings, std::size_t count) : settings_(settings), count_(count) {
        allow_descriptors(count + round);
    }

    Outcome measure() {
        Sockets<Footprint> sockets(*this, settings_);
        sockets_ = &sockets;
        open(round);
        fill();
        sockets.run();
        const double growth = static_cast<double>(after_) - static_cast<double>(before_);
        return {growth / static_cast<double>(count_), count_, -1};
    }

    void delivered(std::size_t, Bytes bytes, const Peer&) {
        check(bytes, size, 0);
        if (--outstanding_ > 0) return;
        if (filled_ < opened_) return fill();
        if (opened_ > round) {
            after_ = resident_bytes();
            return sockets_->stop();
        }
        before_ = resident_bytes();
        open(count_);
        fill();
    }

    void sent() { fail("nobody has asked for that"); }

   private:
    static constexpr std::size_t size = 32;
    static constexpr std::size_t round = 100;

    void open(std::size_t count) {
        for (std::size_t i = 0; i < count; i++) sockets_->open(loopback());
        opened_ += count;
    }

    void fill() {
        for (; outstanding_ < round && filled_ < opened_; outstanding_++) {
            sender_.send(buffers_.write(0, 0), sockets_->place(filled_++));
        }
    }

    const Settings settings_;
    const std::size_t count_;
    Plain sender_{loopback()};
    Buffers buffers_{1, size};
    Sockets<Footprint>* sockets_ = nullptr;  // After the limit of descriptors was raised.
    std::size_t opened_ = 0;
    std::size_t filled_ = 0;
    std::size_t outstanding_ = 0;
    std::size_t before_ = 0;
    std::size_t after_ = 0;
};

}  // namespace bench
