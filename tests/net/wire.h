// A socket outside of any loop: it shows what has really left, and when, and sends behind the back
// of the sockets under test.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/address.h"
#include "platform/platform.h"

namespace test {

// What must be there, or the test fails: it is then empty.
inline net::Address checked(const net::Result<net::Address>& address) {
    CHECK(address);
    return address ? *address : net::Address();
}

class Wire {
   public:
    explicit Wire(net::Family family = net::Family::ipv4) {
        platform::Result<std::unique_ptr<platform::Poller>> poller = platform::Poller::open();
        if (!poller) platform::abandon("no poller");
        const platform::Result<platform::Socket> opened =
            platform::open_datagram(**poller, family);
        if (!opened || platform::bind(*opened, net::Address::loopback(family))) {
            platform::abandon("no socket");
        }
        socket_ = *opened;
    }
    ~Wire() { platform::close(socket_); }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    net::Address address() const {
        const platform::Result<platform::Endpoint> local = platform::local_endpoint(socket_);
        CHECK(local);
        return local ? net::Address(*local) : net::Address();
    }
    int port() const { return address().port; }

    // The oldest datagram that has arrived; "nothing" when there is none.
    std::string read() {
        platform::Incoming incoming{};
        incoming.buffer = buffer_;
        const platform::Result<std::size_t> received =
            platform::receive(socket_, std::span(&incoming, 1));
        if (!received) return "nothing";
        return {reinterpret_cast<const char*>(buffer_.data()), incoming.size};
    }

    bool write(std::string_view text, const platform::Endpoint& to) {
        const std::span<const std::byte> part = std::as_bytes(std::span(text.data(), text.size()));
        platform::Outgoing outgoing{};
        outgoing.parts = std::span(&part, 1);
        outgoing.peer = &to;
        return static_cast<bool>(platform::send(socket_, std::span(&outgoing, 1)));
    }

   private:
    platform::Socket socket_;
    std::array<std::byte, 2048> buffer_;
};

}  // namespace test
