// The limit: system calls, and as little between them as the workloads allow. What was asked for is
// sorted by peer (a peer carries its group's number, so that nothing is looked up) and leaves in
// one call: as trains (UDP_SEGMENT), or without offload as single datagrams. What arrives is read
// until a batch comes back short, in trains (UDP_GRO) of up to 64 KiB.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tests/bench/plain.h"
#include "tests/bench/raw/batch.h"
#include "tests/bench/raw/readiness.h"

namespace bench {

template <class Handler>
class RawSockets {
   public:
    using Peer = RawPeer;

    RawSockets(Handler& handler, const Settings& settings)
        : handler_(handler), settings_(settings), incoming_(settings.offload) {}

    std::size_t open(const Place& place) {
        const bool trains = settings_.offload && !place.is_local();
        sockets_.push_back(std::make_unique<Socket>(open_socket(place), trains));
        if (trains) accept_trains(sockets_.back()->descriptor);
        readiness_.watch(sockets_.back()->descriptor, sockets_.size() - 1);
        return sockets_.size() - 1;
    }

    Place place(std::size_t index) const { return place_of(sockets_[index]->descriptor); }
    Peer peer(const Place& place) const { return Peer{place}; }

    void send(std::size_t index, Bytes bytes, const Peer& peer) {
        Socket& socket = *sockets_[index];
        if (socket.outgoing.empty()) asked_.push_back(&socket);
        socket.outgoing.add(bytes, peer);
    }

    void watch(int descriptor) { readiness_.watch(descriptor, ticks); }

    void run() {
        while (!stopped_) {
            flush();
            if (asked_.empty() && !stopped_) {
                for (const std::size_t ready : readiness_.wait()) serve(ready);
            }
        }
    }

    void stop() { stopped_ = true; }

   private:
    static constexpr std::size_t ticks = SIZE_MAX;

    struct Socket {
        Socket(int opened, bool trains) : descriptor(opened), outgoing(trains) {}
        int descriptor;
        Outgoing outgoing;
    };

    void flush() {
        asked_.swap(leaving_);
        for (Socket* socket : leaving_) {
            for (std::size_t left = socket->outgoing.leave(socket->descriptor); left > 0; left--) {
                handler_.sent();
            }
        }
        leaving_.clear();
    }

    void serve(std::size_t index) {
        if (index == ticks) {
            if constexpr (requires { handler_.ticked(); }) handler_.ticked();
            return;
        }
        const int descriptor = sockets_[index]->descriptor;
        while (incoming_.receive(descriptor)) {
            for (const Incoming::Train& train : incoming_.trains()) {
                for (std::size_t at = 0; at < train.bytes.size(); at += train.segment) {
                    const std::size_t size = std::min(train.segment, train.bytes.size() - at);
                    handler_.delivered(index, train.bytes.subspan(at, size), train.sender);
                }
            }
            if (!incoming_.full() || stopped_) return;
        }
    }

    Handler& handler_;
    const Settings settings_;
    Incoming incoming_;
    Readiness readiness_;
    std::vector<std::unique_ptr<Socket>> sockets_;
    std::vector<Socket*> asked_;
    std::vector<Socket*> leaving_;
    bool stopped_ = false;
};

}  // namespace bench
