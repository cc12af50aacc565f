// What the tests of the simulation share: a host with a loop, and a socket that keeps what it hears
// and does not hold its loop.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "net/datagram.h"
#include "platform/simulation/simulation.h"

namespace test {

using namespace std::chrono_literals;
using simulation::Host;
using simulation::Path;
using simulation::World;

constexpr std::uint16_t port = 1000;

struct Node {
    Node(Host where, std::string_view address, net::Type type = net::Type::udp4)
        : host(where), loop(where), socket(*loop, type) {
        CHECK(socket.bind_sync(port, address));
        CHECK(socket.set_broadcast(true) == net::Error{});
        socket.on_message([this](const net::Message& message) {
            heard.emplace_back(message.text());
            senders.push_back(message.sender);
            when.push_back(loop->now().nanoseconds);
        });
        socket.on_error([this](const net::Failure& failure) { errors.push_back(failure.text()); });
    }
    Node(World& world, std::string_view name, std::string_view address)
        : Node(world.host(name, {simulation::Address(address)}), address) {}
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    net::Address address() const {
        const auto bound = socket.address();
        return bound ? *bound : net::Address{};
    }
    std::string text() const {
        std::string all;
        for (const std::string& each : heard) all += (all.empty() ? "" : " ") + each;
        return all;
    }

    Host host;
    simulation::On<core::Loop> loop;
    net::Datagram socket;
    std::vector<std::string> heard;
    std::vector<net::Address> senders;
    std::vector<std::int64_t> when;
    std::vector<std::string> errors;
};

// Numbers, one every millisecond, from the one to the other.
inline void count(World& world, Node& from, const net::Address& to, int numbers,
                  std::size_t size = 0) {
    for (int i = 0; i < numbers; i++) {
        world.after(std::chrono::milliseconds(i), [&from, to, i, size] {
            std::string text = std::to_string(i);
            if (text.size() < size) text.resize(size, ' ');
            from.socket.send(std::move(text), to);
        });
    }
}

}  // namespace test
