// What the tests of bind and connect share: addresses that are there even when the socket has none,
// callbacks that write down what they are told, a port that refuses, names that the test answers, a
// count of ticks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/net/support.h"

namespace test {

// Of no family, and with an empty text, when there is none.
inline net::Address local_of(const net::Datagram& socket) {
    const auto address = socket.address();
    return address ? *address : net::Address::any(net::Family::none);
}

inline net::Address remote_of(const net::Datagram& socket) {
    const auto address = socket.remote_address();
    return address ? *address : net::Address::any(net::Family::none);
}

// "name(ok)", "name(connect ENOENT /x)": for connect.
inline auto outcome(Log& log, std::string name) {
    return [&log, name](const net::Failure& failure) {
        log.add(name + "(" + (failure ? failure.text() : "ok") + ")");
    };
}

// "name(5)" bytes, "name(send EMSGSIZE 127.0.0.1:9)": for send.
inline auto sent(Log& log, std::string name) {
    return [&log, name](const net::Failure& failure, std::size_t bytes) {
        log.add(name + "(" + (failure ? failure.text() : std::to_string(bytes)) + ")");
    };
}

// A port that refuses: taken, so that nobody else gets it, but by a socket that is connected to
// itself and hears nobody else.
struct Dead {
    explicit Dead(core::Loop& loop, net::Type type = net::Type::udp4) : socket(loop, type) {
        const auto bound = socket.bind_sync(0, type == net::Type::udp4 ? "127.0.0.1" : "::1");
        CHECK(bound);
        if (bound) address = *bound;
        CHECK(socket.connect_sync(address.port));
        socket.unref();
    }
    net::Datagram socket;
    net::Address address = net::Address::any(net::Family::ipv4);
};

// A look-up that says at once that "here" is loopback, keeps the answer to "later", and has never
// heard of any other name.
struct Names {
    net::Lookup lookup() {
        return [this](std::string_view host, net::Family family, net::LookupAnswer answer) {
            asked.emplace_back(host);
            if (host == "later") {
                kept = std::make_unique<net::LookupAnswer>(std::move(answer));
            } else if (host == "here") {
                answer(net::Address::loopback(family));
            } else {
                answer(platform::Error{platform::Code::lookup_not_found,
                                       platform::Operation::lookup});
            }
        };
    }
    void answer(net::Family family = net::Family::ipv4) {
        CHECK(kept);
        if (kept) (*kept)(net::Address::loopback(family));
    }
    std::vector<std::string> asked;
    std::unique_ptr<net::LookupAnswer> kept;
};

// How many ticks the loop makes by itself in a while: a few for timers, thousands when it spins.
inline std::uint64_t ticks_in(core::Loop& loop, std::chrono::milliseconds time) {
    const std::uint64_t before = loop.tick();
    bool over = false;
    loop.after(time, [&] { over = true; });
    CHECK(run_until(loop, [&] { return over; }));
    return loop.tick() - before;
}

// Taken by a socket that hears only itself.
inline net::Address make_dead(net::Datagram& socket) {
    const auto bound = socket.bind_sync(0, "127.0.0.1");
    CHECK(bound);
    if (!bound) return {};
    CHECK(socket.connect_sync(bound->port));
    socket.unref();
    return *bound;
}

}  // namespace test
