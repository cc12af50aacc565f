// Our sockets and our loop, as the rows of datagrams want them.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "net/datagram.h"
#include "tests/bench/plain.h"

namespace bench {

template <class Handler>
class OurSockets {
   public:
    using Peer = net::Address;

    OurSockets(Handler& handler, const Settings& settings)
        : handler_(handler), settings_(settings) {}

    std::size_t open(const Place& place) {
        const std::size_t index = sockets_.size();
        sockets_.push_back(std::make_unique<net::Datagram>(
            loop_,
            net::Options{.type = place.is_local() ? net::Type::unix_dgram : net::Type::udp4,
                         .recv_buffer_size = receive_buffer_size,
                         .segmentation = settings_.offload}));
        net::Datagram& socket = *sockets_.back();
        const auto bound = place.is_local() ? socket.bind_sync(place.path())
                                            : socket.bind_sync(place.port(), "127.0.0.1");
        if (!bound) fail(net::text(bound.error()));
        socket.on_messages([this, index](net::Messages messages) {
            for (const net::Message& message : messages) {
                handler_.delivered(index, message.bytes, message.sender);
            }
        });
        return index;
    }

    Place place(std::size_t index) const {
        const net::Address address = *sockets_[index]->address();
        if (address.family != net::Family::local) return loopback(address.port);
        Place place;
        sockaddr_un& local = reinterpret_cast<sockaddr_un&>(place.storage);
        local.sun_family = AF_UNIX;
        std::memcpy(local.sun_path, address.bytes.data(), address.size);
        place.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size);
        return place;
    }

    Peer peer(const Place& place) const {
        return place.is_local() ? *net::parse_path(place.path())
                                : net::Address::loopback(net::Family::ipv4, place.port());
    }

    void send(std::size_t index, Bytes bytes, const Peer& peer) {
        sockets_[index]->send(bytes, peer, [this](const net::Failure& failure) {
            if (failure) fail(failure.text());
            handler_.sent();
        });
    }

    void watch(int descriptor) {
        auto watch = loop_.watch(descriptor, {.readable = true}, [this] { handler_.ticked(); });
        if (!watch) fail(net::text(watch.error()));
        watch_ = std::move(*watch);
    }

    void run() {
        if (const core::Error error = loop_.run()) fail(net::text(error));
    }

    void stop() { loop_.stop(); }

   private:
    Handler& handler_;
    const Settings settings_;
    core::Loop loop_;
    core::Watch watch_;
    std::vector<std::unique_ptr<net::Datagram>> sockets_;
};

}  // namespace bench
