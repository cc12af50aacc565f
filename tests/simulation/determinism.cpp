// Equal seeds give equal runs, byte for byte, and different seeds do not.
#include "tests/simulation/support.h"

using namespace test;

namespace {

struct Run {
    std::uint64_t hash;
    std::string trace;
    std::string heard;
};

// Everything that is left to chance, all at once.
Run chat(std::uint64_t seed, std::string_view word = "") {
    World world({.seed = seed,
                 .path = {.delay = 5ms,
                          .jitter = 7ms,
                          .loss = 0.2,
                          .duplicate = 0.1,
                          .reorder = 0.1,
                          .bandwidth = 100'000,
                          .queue = 4000},
                 .trace = true});
    Node a(world, "a", "10.0.0.1");
    Node b(world, "b", "10.0.0.2");
    Node c(world, "c", "10.0.0.3");
    b.socket.on_message([&](const net::Message& message) {
        b.socket.send(std::string(message.text()), c.address());
    });
    count(world, a, b.address(), 200);
    world.after(50ms, [&] { world.partition({b.host}, {c.host}); });
    world.after(80ms, [&] { world.heal(); });
    world.after(90ms, [&] { a.socket.send(std::string(word), c.address()); });
    CHECK(simulation::run_for(world, 1s, *a.loop, *b.loop, *c.loop) == simulation::End::late);
    return {world.hash(), world.trace(), b.text() + "|" + c.text()};
}

}  // namespace

TEST_CASE("two runs of one seed are equal, byte for byte") {
    for (const std::uint64_t seed : {1u, 2u, 77u}) {
        const Run first = chat(seed);
        const Run second = chat(seed);
        CHECK(first.hash == second.hash);
        CHECK(first.trace == second.trace);
        CHECK(first.heard == second.heard);
        CHECK(first.trace.size() > 10'000);
        CHECK(simulation::first_difference(first.trace, second.trace) == 0);
    }
}

TEST_CASE("different seeds are different runs, and the first difference can be named") {
    const Run first = chat(1);
    const Run second = chat(2);
    CHECK(first.hash != second.hash);
    CHECK(first.heard != second.heard);
    CHECK(simulation::first_difference(first.trace, second.trace) > 0);
    CHECK(simulation::first_difference("a\nb\nc", "a\nb\nd") == 3);
    CHECK(simulation::first_difference("a\n", "a\nb") == 2);
}

TEST_CASE("the hash is of the bytes too, not only of who sent how many") {
    CHECK(chat(1, "yes").hash != chat(1, "no!").hash);
}

// Fixed on purpose: it must be the same with every compiler, library and machine.
TEST_CASE("a run is the same on every machine") {
    World world({.seed = 7, .path = {.delay = 3ms, .jitter = 1ms, .loss = 0.3}, .trace = true});
    Node a(world, "a", "10.0.0.1");
    Node b(world, "b", "10.0.0.2");
    count(world, a, b.address(), 8);
    (void)simulation::run_for(world, 1s, *a.loop, *b.loop);
    CHECK(b.text() == "0 1 2 3 5 6 7");
    CHECK(world.hash() == 14451511807661599384u);
}

TEST_CASE("the command that replays a run has its seed") {
    char program[] = "./gossip";
    char seed[] = "--seed=42";
    char trace[] = "--trace=a file";
    char* arguments[] = {program, seed, trace};
    simulation::Options options = simulation::arguments(3, arguments);
    CHECK(options.seed == 42);
    CHECK(options.trace);
    CHECK(options.trace_file == "a file");
    options.trace_file.clear();
    CHECK(World(options).replay() == "./gossip --seed=42");
}
