// What the tests of the seam share: sockets that close themselves, addresses, and waiting.
// Nothing but the seam is used, so that the same tests can run on every implementation of it.
// A step that must not fail ends the program with a reason, because REQUIRE needs exceptions.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/platform.h"

namespace platform {

template <class Value>
Value must(Result<Value> result, std::string_view what) {
    if (!result) abandon(std::string(what) + ": " + std::string(name(result.error().code)));
    return *std::move(result);
}

inline void must(Error error, std::string_view what) {
    if (error) abandon(std::string(what) + ": " + std::string(name(error.code)));
}

inline std::unique_ptr<Poller> open_poller() { return must(Poller::open(), "Poller::open"); }

inline Instant in_milliseconds(const Poller& poller, std::int64_t count) {
    return {poller.now().nanoseconds + count * 1'000'000};
}

inline Endpoint ipv4(std::array<std::uint8_t, 4> bytes, std::uint16_t port = 0) {
    Endpoint endpoint;
    endpoint.family = Family::ipv4;
    endpoint.size = 4;
    endpoint.port = port;
    std::memcpy(endpoint.bytes.data(), bytes.data(), bytes.size());
    return endpoint;
}

inline Endpoint ipv6(std::array<std::uint8_t, 16> bytes, std::uint16_t port = 0) {
    Endpoint endpoint;
    endpoint.family = Family::ipv6;
    endpoint.size = 16;
    endpoint.port = port;
    std::memcpy(endpoint.bytes.data(), bytes.data(), bytes.size());
    return endpoint;
}

inline Endpoint loopback(Family family, std::uint16_t port = 0) {
    if (family == Family::ipv6) return ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, port);
    return ipv4({127, 0, 0, 1}, port);
}

inline Endpoint any_address(Family family, std::uint16_t port = 0) {
    return family == Family::ipv6 ? ipv6({}, port) : ipv4({}, port);
}

inline Endpoint with_port(Endpoint endpoint, std::uint16_t port) {
    endpoint.port = port;
    return endpoint;
}

inline Endpoint local(std::string_view path) {
    Endpoint endpoint;
    endpoint.family = Family::local;
    endpoint.size = static_cast<std::uint8_t>(path.size());
    std::memcpy(endpoint.bytes.data(), path.data(), path.size());
    return endpoint;
}

inline std::string path_of(const Endpoint& endpoint) {
    return {reinterpret_cast<const char*>(endpoint.bytes.data()), endpoint.size};
}

// A socket that is closed with its scope.
class Owned {
   public:
    explicit Owned(Socket socket) : socket_(socket) {}
    Owned(Poller& poller, Family family)
        : socket_(must(open_datagram(poller, family), "open_datagram")) {}
    Owned(Poller& poller, const Endpoint& address) : Owned(poller, address.family) {
        must(bind(socket_, address), "bind");
    }
    Owned(Owned&& other) noexcept : socket_(std::exchange(other.socket_, Socket{})) {}
    ~Owned() {
        if (socket_) close(socket_);
    }
    operator Socket() const { return socket_; }
    Endpoint address() const { return must(local_endpoint(socket_), "local_endpoint"); }

   private:
    Socket socket_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string text_of(const Incoming& incoming) {
    return {reinterpret_cast<const char*>(incoming.buffer.data()), incoming.size};
}

// One datagram of one part. The error, or success.
inline Error send_text(Socket socket, std::string_view text, const Endpoint* peer,
                       std::uint16_t segment_size = 0, const PacketInfo* info = nullptr) {
    const std::span<const std::byte> part = bytes_of(text);
    const Outgoing outgoing{{&part, 1}, peer, info, segment_size};
    return send(socket, {&outgoing, 1}).error();
}

// Room for several datagrams of any size.
class Inbox {
   public:
    explicit Inbox(std::size_t count, std::size_t size = 65536)
        : memory_(count * size), infos_(count), incoming(count) {
        for (std::size_t i = 0; i < count; i++) {
            incoming[i].buffer = std::span(memory_).subspan(i * size, size);
            incoming[i].info = &infos_[i];
        }
    }

   private:
    std::vector<std::byte> memory_;
    std::vector<PacketInfo> infos_;

   public:
    std::vector<Incoming> incoming;
};

constexpr Token test_token{0x12345678};

// Whether the socket is reported readable before the time is up.
inline bool becomes_readable(Poller& poller, Socket socket, std::int64_t milliseconds = 2000) {
    must(poller.watch(socket, test_token, {true, false}), "watch");
    const Instant deadline = in_milliseconds(poller, milliseconds);
    bool readable = false;
    while (!readable && poller.now() < deadline) {
        const auto events = must(poller.wait(deadline), "wait");
        for (const Event& event : events) readable |= event.token == test_token && event.readable;
    }
    poller.forget(socket, test_token);
    return readable;
}

// How many times in a row wait() has something to tell of the socket, if nobody acts on it.
inline int count_reports(Poller& poller, Socket socket, Interest interest, int at_most) {
    must(poller.watch(socket, test_token, interest), "watch");
    int count = 0;
    while (count < at_most && !must(poller.wait(in_milliseconds(poller, 20)), "wait").empty()) {
        count++;
    }
    poller.forget(socket, test_token);
    return count;
}

// Waits for a datagram and receives it.
inline bool receive_next(Poller& poller, Socket socket, Inbox& inbox) {
    return becomes_readable(poller, socket) && receive(socket, {inbox.incoming.data(), 1});
}

}  // namespace platform
