// Rows that measure one side: the other is plain sockets that work while the clock stands.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "tests/bench/meter.h"
#include "tests/bench/plain.h"

namespace bench {

// One sender asks in one tick for `each` datagrams to every peer, in turns: 1, 2, 3, 1, 2, 3.
template <template <class> class Sockets>
class Sending {
   public:
    using Peer = typename Sockets<Sending>::Peer;

    Sending(const Settings& settings, std::size_t peers, std::size_t each, std::size_t size = 32)
        : each_(each), size_(size), meter_(settings), buffers_(peers * each, size),
          sockets_(*this, settings), sender_(sockets_.open(loopback())) {
        allow_descriptors(peers);
        for (std::size_t i = 0; i < peers; i++) {
            receivers_.emplace_back(loopback());
            peers_.push_back(sockets_.peer(receivers_.back().place()));
        }
    }

    Outcome measure() {
        send_round();
        sockets_.run();
        return meter_.outcome();
    }

    void delivered(std::size_t, Bytes, const Peer&) { fail("nobody has sent that"); }

    void sent() {
        if (--unsent_ > 0) return;
        meter_.pause();
        for (Plain& receiver : receivers_) receiver.take(each_, size_, number_);
        number_ += static_cast<std::uint32_t>(each_);
        if (!meter_.again(each_ * receivers_.size())) return sockets_.stop();
        meter_.resume();
        send_round();
    }

   private:
    void send_round() {
        unsent_ = each_ * peers_.size();
        std::size_t place = 0;
        for (std::size_t turn = 0; turn < each_; turn++) {
            for (Peer& peer : peers_) {
                const std::uint32_t number = number_ + static_cast<std::uint32_t>(turn);
                sockets_.send(sender_, buffers_.write(place++, number), peer);
            }
        }
    }

    const std::size_t each_;
    const std::size_t size_;
    Meter meter_;
    Buffers buffers_;
    Sockets<Sending> sockets_;
    std::size_t sender_;
    std::vector<Plain> receivers_;
    std::vector<Peer> peers_;
    std::size_t unsent_ = 0;
    std::uint32_t number_ = 0;
};

// Plain senders, in turns, fill some of the receivers; then one loop has to empty them.
template <template <class> class Sockets>
class Receiving {
   public:
    using Peer = typename Sockets<Receiving>::Peer;

    Receiving(const Settings& settings, std::size_t senders, std::size_t receivers,
              std::size_t round)
        : round_(round), meter_(settings), buffers_(1, size), numbers_(receivers),
          arrivals_(receivers) {
        allow_descriptors(senders + receivers);
        sockets_.emplace(*this, settings);
        for (std::size_t i = 0; i < senders; i++) senders_.emplace_back(loopback());
        for (std::size_t i = 0; i < receivers; i++) {
            places_.push_back(sockets_->place(sockets_->open(loopback())));
        }
    }

    Outcome measure() {
        fill();
        sockets_->run();
        return meter_.outcome();
    }

    void delivered(std::size_t receiver, Bytes bytes, const Peer&) {
        check(bytes, size, arrivals_[receiver]++);
        if (--outstanding_ > 0) return;
        meter_.pause();
        if (!meter_.again(round_)) return sockets_->stop();
        fill();
        meter_.resume();
    }

    void sent() { fail("nobody has asked for that"); }

   private:
    static constexpr std::size_t size = 32;
    static constexpr std::size_t stride = 7919;  // A prime: neighbours are not ready together.

    void fill() {
        outstanding_ = round_;
        for (std::size_t i = 0; i < round_; i++) {
            receiver_ = (receiver_ + stride) % places_.size();
            senders_[i % senders_.size()].send(buffers_.write(0, numbers_[receiver_]++),
                                               places_[receiver_]);
        }
    }

    const std::size_t round_;
    Meter meter_;
    Buffers buffers_;
    std::vector<std::uint32_t> numbers_;
    std::vector<std::uint32_t> arrivals_;
    std::optional<Sockets<Receiving>> sockets_;  // After the limit of descriptors was raised.
    std::vector<Plain> senders_;
    std::vector<Place> places_;
    std::size_t receiver_ = 0;
    std::size_t outstanding_ = 0;
};

}  // namespace bench
