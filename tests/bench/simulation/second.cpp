// Row simulated_second: what a second of 100 simulated nodes takes, each of which asks another one
// every second and is answered, on paths that lose and double one datagram in a hundred.
// The goal of 24 simulated hours a minute is 694 us for a second.
#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "net/datagram.h"
#include "platform/simulation/simulation.h"
#include "tests/bench/meter.h"

namespace {

using namespace std::chrono_literals;

constexpr int port = 4000;
constexpr std::size_t node_count = 100;

class Node {
   public:
    Node(simulation::World& world, std::size_t index, const std::vector<net::Address>& peers)
        : loop(world.host("node", {address_of(index)})), socket_(*loop, net::Type::udp4) {
        socket_.bind(port);
        socket_.on_message([this](const net::Message& message) {
            message.text() == "question" ? socket_.send("answer", message.sender)
                                         : static_cast<void>(answers++);
        });
        loop->after(std::chrono::milliseconds(index * 10), [this, index, &peers] {
            loop->every(1s, [this, to = index, &peers]() mutable {
                socket_.send("question", peers[to++ % node_count]);
            });
        });
    }
    static std::string address_of(std::size_t index) {
        return "10.0.0." + std::to_string(index + 1);
    }

    simulation::On<core::Loop> loop;
    std::uint64_t answers = 0;

   private:
    net::Datagram socket_;
};

bench::Outcome measure(const bench::Settings& settings) {
    simulation::World world;
    world.default_path({.delay = 10ms, .jitter = 30ms, .loss = 0.01, .duplicate = 0.01});
    std::vector<net::Address> peers;
    for (std::size_t i = 0; i < node_count; i++) {
        peers.push_back(simulation::Address(Node::address_of(i)));
        peers.back().port = port;
    }
    std::deque<Node> nodes;
    std::vector<core::Loop*> loops;
    for (std::size_t i = 0; i < node_count; i++) {
        loops.push_back(&*nodes.emplace_back(world, i, peers).loop);
    }
    bench::Meter meter(settings);
    std::uint64_t seconds = 0;
    do {
        (void)simulation::run_for(world, 10s, loops);
        seconds += 10;
    } while (meter.again(10));
    std::uint64_t answers = 0;
    for (const Node& node : nodes) answers += node.answers;
    if (answers < (seconds - 3) * node_count * 9 / 10) bench::fail("answers are missing");
    return meter.outcome(1000);
}

const bench::Row row{"simulated_second", "us", measure};

}  // namespace
