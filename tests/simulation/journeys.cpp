// What datagrams tell of their journey through the simulated network, and what ICMP says of those
// that do not arrive, as on Linux.
#include "tests/simulation/support.h"

using namespace test;

namespace {

using net::Report;
using platform::Code;

void keep(net::Datagram& socket, std::vector<Report>& reports) {
    socket.on_report([&reports](const Report& report) { reports.push_back(report); });
}

// Beside what a Node has: a socket that hears what ICMP says of everything.
struct Asker {
    explicit Asker(Node& node) : socket(*node.loop, {.errors = net::Errors::all}) {
        CHECK(socket.bind_sync());
        socket.on_error([this](const net::Failure& failure) { errors.push_back(failure.text()); });
        keep(socket, reports);
    }
    void send(std::size_t size, const net::Address& to, bool uncut = false) {
        socket.send(std::string(size, 'x'), to, net::SendOptions{.dont_fragment = uncut},
                    [this](const net::Failure& failure, std::size_t) {
                        outcomes.push_back(failure.error.code);
                    });
    }
    net::Datagram socket;
    std::vector<Report> reports;
    std::vector<Code> outcomes;
    std::vector<std::string> errors;
};

struct Pair {
    explicit Pair(Path path = {})
        : world({.seed = 5}), a(world, "a", "10.0.0.1"), b(world, "b", "10.0.0.2"), asker(a) {
        world.path(a.host, b.host, path);
    }
    void run() { (void)simulation::run_for(world, 1s, *a.loop, *b.loop); }
    World world;
    Node a;
    Node b;
    Asker asker;
};

}  // namespace

TEST_CASE("a narrow path is found by a report, and what may be cut is cut all the same") {
    Pair pair({.mtu = 1280});
    Asker& asker = pair.asker;
    const net::Address to = pair.b.address();
    const auto mtu = [&] {
        const auto known = asker.socket.path_mtu(to);
        return known ? *known : 0;
    };
    CHECK(mtu() == 1500);
    asker.send(1400, to, true);
    pair.run();
    CHECK(pair.b.heard.empty());
    REQUIRE(asker.reports.size() == 1);
    CHECK(asker.reports[0].destination == to);
    CHECK(asker.reports[0].error.code == Code::message_too_big);
    CHECK(asker.reports[0].type == 3);
    CHECK(asker.reports[0].code == 4);
    CHECK(asker.reports[0].mtu == 1280);
    CHECK(mtu() == 1280);
    asker.send(1253, to, true);  // One byte too long, as is known now.
    asker.send(1252, to, true);
    asker.send(1400, to);
    pair.run();
    const std::vector<Code> outcomes{Code::ok, Code::message_too_big, Code::ok, Code::ok};
    CHECK(asker.outcomes == outcomes);
    CHECK(asker.reports.size() == 1);  // What has not left is not reported.
    REQUIRE(pair.b.heard.size() == 2);
    CHECK(pair.b.heard[0].size() == 1252);
    CHECK(pair.b.heard[1].size() == 1400);
    CHECK(asker.errors.empty());
}

TEST_CASE("who refuses is reported with the destination, and another peer's datagrams arrive") {
    Pair pair;
    const auto nobody = net::parse_literal("10.0.0.2", 9);
    REQUIRE(nobody);
    for (int i = 0; i < 20; i++) {
        pair.asker.send(1, *nobody);
        pair.asker.send(2, pair.b.address());
        pair.run();
    }
    CHECK(pair.asker.outcomes == std::vector<Code>(40, Code::ok));
    CHECK(pair.b.heard.size() == 20);
    CHECK(pair.asker.errors.empty());
    REQUIRE(pair.asker.reports.size() == 20);
    for (const Report& report : pair.asker.reports) {
        CHECK(report.destination == *nobody);
        CHECK(report.offender.host() == "10.0.0.2");
        CHECK(report.error.code == Code::connection_refused);
        CHECK(report.type == 3);
        CHECK(report.code == 3);
    }
}

TEST_CASE("a host with two addresses answers from the one that was asked") {
    World world({.seed = 6});
    Node client(world, "client", "10.0.0.1");
    Node server(world.host("server", {simulation::Address("10.0.0.2"),
                                      simulation::Address("10.0.0.3")}), "10.0.0.3");
    net::Datagram everywhere(*server.loop, {.packet_info = true});
    const auto bound = everywhere.bind_sync();
    REQUIRE(bound);
    int hops = 0;
    std::uint32_t drops = 7;
    everywhere.on_message([&](const net::Message& message) {
        hops = message.info->hop_limit;
        drops = message.info->drops;
        everywhere.send("answer", message.sender, net::reply_to(message));
    });
    for (const char* const host : {"10.0.0.2", "10.0.0.3"}) {
        const auto asked = net::parse_literal(host, bound->port);
        REQUIRE(asked);
        client.socket.send("question", *asked, net::SendOptions{.hop_limit = 17});
        (void)simulation::run_for(world, 1s, *client.loop, *server.loop);
        REQUIRE(!client.senders.empty());
        CHECK(client.senders.back() == *asked);
    }
    CHECK(hops > 0);
    CHECK(hops <= 17);
    CHECK(drops == 0);
}

TEST_CASE("what did not fit into the socket's buffer is counted in what comes after") {
    Pair pair;
    net::Datagram small(*pair.b.loop, {.recv_buffer_size = 4096, .packet_info = true});
    const auto to = small.bind_sync(0, "10.0.0.2");
    REQUIRE(to);
    std::vector<std::uint32_t> drops;
    small.on_message([&](const net::Message& message) { drops.push_back(message.info->drops); });
    (void)simulation::run_for(pair.world, 1s, *pair.a.loop, *pair.b.loop);
    for (int i = 0; i < 100; i++) pair.a.socket.send(std::string(1000, 'x'), *to);
    (void)simulation::run_for(pair.world, 1s, *pair.a.loop);  // The other one does not look.
    pair.run();
    const std::size_t heard = drops.size();
    CHECK(heard > 0);
    CHECK(heard < 100);
    pair.a.socket.send("last", *to);
    pair.run();
    REQUIRE(drops.size() == heard + 1);
    CHECK(drops[heard - 1] == 0);
    CHECK(drops[heard] == 100 - heard);
}
