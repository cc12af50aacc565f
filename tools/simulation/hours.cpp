// How fast a world turns: 100 nodes of modest traffic, each asks another one every second and is
// answered, and now and then a datagram is lost. Prints simulated hours a minute of ours.
// Usage: hours.world [--seed=N]
#include <chrono>
#include <cstdio>
#include <deque>
#include <string>

#include "net/datagram.h"
#include "platform/simulation/simulation.h"

namespace {

using namespace std::chrono_literals;
using simulation::World;

constexpr int port = 4000;
constexpr std::size_t node_count = 100;

struct Node {
    Node(World& world, std::size_t index)
        : loop(world.host("node", {address_of(index)})), socket(*loop, net::Type::udp4) {
        socket.bind(port);
        socket.on_message([this](const net::Message& message) {
            if (message.text() == "question") socket.send("answer", message.sender);
        });
        loop->after(std::chrono::milliseconds(index * 10), [this, index] {
            loop->every(1s, [this, to = index]() mutable {
                socket.send("question", peers[to++ % node_count]);
            });
        });
    }
    static std::string address_of(std::size_t index) {
        return "10.0.0." + std::to_string(index + 1);
    }

    static inline std::vector<net::Address> peers;
    simulation::On<core::Loop> loop;
    net::Datagram socket;
};

}  // namespace

int main(int argc, char** argv) {
    World world(simulation::arguments(argc, argv, {.seed = 1}));
    world.default_path({.delay = 10ms, .jitter = 30ms, .loss = 0.01, .duplicate = 0.01});
    std::deque<Node> nodes;
    std::vector<core::Loop*> loops;
    for (std::size_t i = 0; i < node_count; i++) {
        loops.push_back(&*nodes.emplace_back(world, i).loop);
        net::Address address = simulation::Address(Node::address_of(i));
        address.port = port;
        Node::peers.push_back(address);
    }
    const auto start = std::chrono::steady_clock::now();
    constexpr std::chrono::duration<double, std::ratio<3600>> hours = 20min;
    (void)simulation::run_for(world, 20min, loops);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("%.0f simulated hours a minute: %llu datagrams in %.1f s; hash %016llx\n",
                hours.count() * 60 / took.count(),
                static_cast<unsigned long long>(world.counts().sent), took.count(),
                static_cast<unsigned long long>(world.hash()));
}
