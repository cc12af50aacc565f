// What cuts hosts off from each other: partitions, one-way cuts, interfaces that are down.
#include "tests/simulation/support.h"

using namespace test;

namespace {

struct Trio {
    World world{{.seed = 5}};
    Node a{world, "a", "10.0.0.1"};
    Node b{world, "b", "10.0.0.2"};
    Node c{world, "c", "10.0.0.3"};

    // Everybody says one word to everybody else; what each hears.
    std::string exchange(const std::string& word) {
        Node* const all[] = {&a, &b, &c};
        for (Node* from : all) {
            from->heard.clear();
            for (const Node* to : all) {
                if (to != from) from->socket.send(word + std::string(from->host.name()),
                                                  to->address());
            }
        }
        (void)simulation::run_for(world, 100ms, *a.loop, *b.loop, *c.loop);
        std::string text;
        for (Node* node : all) text += "[" + node->text() + "]";
        return text;
    }
};

}  // namespace

TEST_CASE("a partition parts, and heals") {
    Trio trio;
    CHECK(trio.exchange("1") == "[1b 1c][1a 1c][1a 1b]");
    trio.world.partition({trio.a.host}, {trio.b.host, trio.c.host});
    CHECK(trio.exchange("2") == "[][2c][2b]");
    CHECK(trio.world.counts().dropped == 4);
    trio.world.heal();
    CHECK(trio.exchange("3") == "[3b 3c][3a 3c][3a 3b]");
}

TEST_CASE("a cut is one way") {
    Trio trio;
    trio.world.cut({trio.a.host}, {trio.b.host});
    CHECK(trio.exchange("") == "[b c][c][a b]");
}

TEST_CASE("who is down neither sends nor hears, and comes back") {
    Trio trio;
    trio.b.host.down();
    trio.a.socket.send("to b", trio.b.address());
    trio.c.socket.send("to a", trio.a.address());
    trio.b.socket.send("to a", trio.a.address());
    (void)simulation::run_for(trio.world, 100ms, *trio.a.loop, *trio.b.loop, *trio.c.loop);
    CHECK(trio.a.text() == "to a");
    CHECK(trio.b.heard.empty());
    REQUIRE(trio.b.errors.size() == 1);
    CHECK(trio.b.errors[0].find("ENETUNREACH") != std::string::npos);
    trio.b.host.up();
    CHECK(trio.exchange("") == "[b c][a c][a b]");
}

TEST_CASE("loopback needs no interface, and hosts have one each") {
    World world;
    Node a(world.host("a", {"10.0.0.1"}), "127.0.0.1");
    Node b(world.host("b", {"10.0.0.2"}), "127.0.0.1");  // The same address and port.
    a.host.down();
    a.socket.send("here", a.address());
    (void)simulation::run_for(world, 1ms, *a.loop, *b.loop);
    CHECK(a.text() == "here");
    CHECK(b.heard.empty());
}
