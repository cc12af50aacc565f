// A rumour among 1,000 nodes: each tells three others, chosen at random, what it knows, twice a
// second. The network is parted, both halves learn something new, and after it heals all know all.
// Usage: gossip.world [--seed=N] [--trace=FILE]
#include <cstdio>
#include <deque>
#include <random>
#include <string>

#include "net/datagram.h"
#include "platform/simulation/simulation.h"

namespace {

using namespace std::chrono_literals;
using simulation::World;

constexpr int port = 7946;
constexpr std::size_t node_count = 1000;

std::string address_of(std::size_t index) {
    return "10.0." + std::to_string(index / 250) + "." + std::to_string(index % 250 + 1);
}

// Two registers, each with the highest value seen: whoever hears of a higher one takes it over.
class Node {
   public:
    Node(World& world, std::size_t index)
        : host(world.host("node" + std::to_string(index), {address_of(index)})),
          loop(host),
          socket_(*loop, net::Type::udp4),
          random_(static_cast<unsigned>(index + 1)) {
        socket_.bind(port, address_of(index));
        socket_.on_message([this](const net::Message& message) {
            for (std::size_t i = 0; i < 2 && i < message.size(); i++) {
                known[i] = std::max(known[i], static_cast<int>(message.text()[i]));
            }
        });
        loop->after(std::chrono::milliseconds(index % 500), [this] {
            loop->every(500ms, [this] { tell(); });
        });
    }

    simulation::Host host;
    simulation::On<core::Loop> loop;
    int known[2] = {};

   private:
    void tell() {
        const char text[] = {static_cast<char>(known[0]), static_cast<char>(known[1])};
        for (int i = 0; i < 3; i++) {
            socket_.send(std::string(text, 2), port, address_of(random_() % node_count));
        }
    }

    net::Datagram socket_;
    std::minstd_rand random_;  // An engine that the standard fixes; distributions it does not.
};

struct Cluster {
    explicit Cluster(World& its_world) : world(its_world) {
        for (std::size_t i = 0; i < node_count; i++) {
            loops.push_back(&*nodes.emplace_back(world, i).loop);
            (i % 2 == 0 ? even : odd).push_back(nodes.back().host);
        }
    }
    std::size_t count(int first, int second) const {
        std::size_t found = 0;
        for (const Node& node : nodes) found += node.known[0] == first && node.known[1] == second;
        return found;
    }
    // Until all know this, in steps of a tenth of a second; not longer than a minute.
    void spread(const char* what, int first, int second, std::size_t wanted) {
        const simulation::Duration start = world.now();
        while (count(first, second) < wanted && world.now() - start < 1min) {
            (void)simulation::run_for(world, 100ms, loops);
        }
        std::printf("%s: %zu of %zu know it after %.1f s\n", what, count(first, second), node_count,
                    static_cast<double>((world.now() - start).count()) / 1e9);
        if (count(first, second) < wanted) world.fail("the rumour has died");
    }

    World& world;
    std::deque<Node> nodes;
    std::vector<core::Loop*> loops;
    std::vector<simulation::Host> even;
    std::vector<simulation::Host> odd;
};

}  // namespace

int main(int argc, char** argv) {
    World world(simulation::arguments(argc, argv, {.seed = 1}));
    world.default_path({.delay = 10ms, .jitter = 40ms, .loss = 0.1});
    Cluster cluster(world);

    cluster.nodes[0].known[0] = 1;
    cluster.spread("a rumour", 1, 0, node_count);

    world.partition(cluster.even, cluster.odd);
    cluster.nodes[0].known[0] = 2;
    cluster.nodes[1].known[1] = 2;
    cluster.spread("parted, the one half's", 2, 0, node_count / 2);
    cluster.spread("and the other half's", 1, 2, node_count / 2);
    (void)simulation::run_for(world, 10s, cluster.loops);
    if (cluster.count(2, 2) != 0) world.fail("a partition that lets rumours pass");

    world.heal();
    cluster.spread("healed, both", 2, 2, node_count);
    std::printf("%llu datagrams in %.1f s of the world; hash %016llx\n",
                static_cast<unsigned long long>(world.counts().sent),
                static_cast<double>(world.now().count()) / 1e9,
                static_cast<unsigned long long>(world.hash()));
}
