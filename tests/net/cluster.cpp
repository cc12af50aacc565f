// Workers that share a port: what is shared, what is not, what goes wrong, and what a worker's part
// in it is. How they live and die is cluster_life.cpp's matter.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/net/cluster.h"

namespace {

using net::Address;
using net::Datagram;
using net::Failure;
using net::Message;
using net::Type;
using test::Audit;
using test::Role;
using test::Stage;
using test::Troupe;

int number_in(const char* variable) {
    const char* const text = std::getenv(variable);
    return text ? std::atoi(text) : 0;
}

std::string told(const platform::Error& error) { return error ? net::text(error) : "ok"; }

std::vector<std::string> port_variable(int port) {
    return {"VOLLEY_TEST_PORT=" + std::to_string(port)};
}

// A port that was free just now.
int free_port() {
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    const auto local = socket.bind_sync(0, "127.0.0.1");
    return local ? local->port : 0;
}

const Role two_ports("two ports", [](Stage& stage) {
    static Datagram first(stage.loop, Type::udp4);
    static Datagram second(stage.loop, Type::udp4);
    first.bind(0, "127.0.0.1");
    second.bind(0, "127.0.0.1");
});

// Answers one datagram, and lets go of the socket.
const Role one_answer("one answer", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    socket.on_message([&stage](const Message& message) {
        socket.send(std::to_string(stage.worker.id()), message.sender);
        socket.close();
    });
    socket.bind(0, "127.0.0.1");
});

}  // namespace

TEST_CASE("[54] the n-th bind to port 0 is the same port in every worker") {
    const Audit audit;
    Troupe troupe(test::troupe(two_ports, 3));
    CHECK(troupe.until([&] { return troupe.listening.size() == 6; }));
    std::set<std::uint16_t> ports;
    for (net::WorkerId id = 1; id <= 3; id++) {
        std::vector<std::uint16_t> own;
        for (const net::WorkerAddress& where : troupe.listening) {
            if (where.worker != id) continue;
            CHECK(where.type == Type::udp4);
            CHECK(where.address.host() == "127.0.0.1");
            own.push_back(where.address.port);
        }
        REQUIRE(own.size() == 2);
        CHECK(own[0] != own[1]);
        ports.insert(own[0]);
        CHECK(own[0] == troupe.listening[0].address.port);
        ports.insert(own[1]);
    }
    CHECK(ports.size() == 2);
    CHECK(troupe.ends_well());
    CHECK(troupe.errors.empty());
}

TEST_CASE("[54] every worker can be the one that a datagram of the one socket goes to") {
    const Audit audit;
    Troupe troupe(test::troupe(one_answer, 3));
    Datagram client(troupe.loop, Type::udp4);
    std::set<std::string> heard;
    client.on_message([&](const Message& message) { heard.insert(std::string(message.text())); });
    CHECK(troupe.until([&] { return troupe.listening.size() == 3; }));
    REQUIRE(troupe.listening.size() == 3);
    const Address port = troupe.listening[0].address;
    for (std::size_t count = 1; count <= 3; count++) {
        client.send("who?", port);
        CHECK(troupe.until([&] { return heard.size() == count; }));
    }
    CHECK(heard == std::set<std::string>{"1", "2", "3"});
    client.close();
    CHECK(troupe.ends_well());
}

namespace {

const Role differs("differs", [](Stage& stage) {
    static Datagram socket(stage.loop,
                           {.type = Type::udp4, .reuse_addr = stage.worker.id() == 1});
    socket.on_error([&stage](const Failure& failure) { (void)stage.worker.send(failure.text()); });
    socket.bind(number_in("VOLLEY_TEST_PORT"), "127.0.0.1");
});

}  // namespace

TEST_CASE("[54] binds that differ in their options alone are one socket: the first one's count") {
    const Audit audit;
    const int port = free_port();
    Troupe troupe(test::troupe(differs, 2, port_variable(port)));
    CHECK(troupe.until([&] { return troupe.listening.size() + troupe.messages.size() == 2; }));
    CHECK(troupe.messages.empty());
    for (const auto& where : troupe.listening) CHECK(where.address.port == port);
    CHECK(troupe.ends_well());
}

namespace {

// Closes what it had and binds the same again: a worker that does so shares with the others again.
const Role again("again", [](Stage& stage) {
    static std::optional<Datagram> socket;
    socket.emplace(stage.loop, Type::udp4);
    socket->bind(0, "127.0.0.1");
    stage.worker.on_message([&stage] {
        socket.emplace(stage.loop, Type::udp4);
        socket->bind(0, "127.0.0.1", [&stage] {
            (void)stage.worker.send(std::to_string(socket->address()->port));
        });
    });
});

const Role by_descriptor("by descriptor", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    static Datagram other(stage.loop, Type::udp6);
    static Datagram none(stage.loop, Type::udp4);
    const auto tell = [&stage](const Failure& failure) { (void)stage.worker.send(failure.text()); };
    other.on_error(tell);
    none.on_error(tell);
    const int number = number_in("VOLLEY_TEST_PORT");
    socket.bind({.fd = number});
    other.bind({.fd = number});
    none.bind({.fd = 99'999});
});

const Role by_path("by path", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::unix_dgram);
    socket.on_message([&stage] { (void)stage.worker.send("heard"); });
    socket.on_error([&stage](const Failure& failure) { (void)stage.worker.send(failure.text()); });
    socket.bind(std::string_view(std::getenv("VOLLEY_TEST_PATH")));
    stage.worker.on_message([] { socket.close(); });
});

}  // namespace

TEST_CASE("[54] the index of a closed socket is given to the next equal bind") {
    const Audit audit;
    Troupe troupe(test::troupe(again, 2));
    CHECK(troupe.until([&] { return troupe.listening.size() == 2; }));
    REQUIRE(troupe.listening.size() == 2);
    const std::string port = std::to_string(troupe.listening[0].address.port);
    CHECK(!troupe.cluster.send(1, "again"));
    CHECK(troupe.until([&] { return troupe.count(port) == 1; }));
    CHECK(!troupe.cluster.send(2, "again"));
    CHECK(troupe.until([&] { return troupe.count(port) == 2; }));
    CHECK(troupe.ends_well());
}

TEST_CASE("[54] a descriptor of the primary's is shared by its number") {
    const Audit audit;
    core::Loop first;
    const auto given = platform::open_datagram(first.poller(), net::Family::ipv4);
    REQUIRE(given);
    if (!given) return;
    REQUIRE(!platform::bind(*given, Address::loopback(net::Family::ipv4)));
    const auto local = platform::local_endpoint(*given);
    REQUIRE(local);
    if (!local) return;
    {
        Troupe troupe(test::troupe(by_descriptor, 2, port_variable(static_cast<int>(
                                                         given->handle))));
        CHECK(troupe.until([&] {
            return troupe.listening.size() == 2 && troupe.messages.size() == 4;
        }));
        for (const auto& where : troupe.listening) CHECK(where.address == Address(*local));
        CHECK(troupe.count("Unsupported fd type: not a datagram socket of this system") == 2);
        CHECK(troupe.count("bind EBADF") == 2);
        CHECK(troupe.ends_well());
    }
    CHECK(platform::local_endpoint(*given));  // It stays the primary's.
    platform::close(*given);
}

TEST_CASE("[54] a unix path is shared too, and goes with the last worker that has it") {
    const Audit audit;
    const test::Path path("shared");
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    Troupe troupe(test::troupe(by_path, 2, {"VOLLEY_TEST_PATH=" + path.text()}));
    Datagram client(troupe.loop, Type::unix_dgram);
    CHECK(troupe.until([&] { return troupe.listening.size() == 2; }));
    client.send("hello", path.text());
    CHECK(troupe.until([&] { return troupe.count("heard") == 1; }));
    CHECK(!troupe.cluster.send(1, "close"));
    client.send("hello", path.text());
    CHECK(troupe.until([&] { return troupe.count("heard") == 2; }));
    test::settle(troupe.loop);
    CHECK(std::filesystem::is_socket(path.text()));
    CHECK(!troupe.cluster.send(2, "close"));
    CHECK(troupe.until([&] { return !std::filesystem::exists(path.text()); }));
    client.close();
    CHECK(troupe.ends_well());
}

namespace {

const Role exclusive("exclusive", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    stage.worker.on_disconnect([] { socket.close(); });
    socket.on_error([&stage](const Failure& failure) { (void)stage.worker.send(failure.text()); });
    socket.bind({.port = number_in("VOLLEY_TEST_PORT"), .address = "127.0.0.1", .exclusive = true},
                [&stage] { (void)stage.worker.send("bound"); });
});

const Role apart("apart", [](Stage& stage) {
    static Datagram socket(stage.loop, {.type = Type::udp4, .reuse_port = true});
    stage.worker.on_disconnect([] { socket.close(); });
    socket.on_error([&stage](const Failure& failure) { (void)stage.worker.send(failure.text()); });
    socket.on_message([&stage] { (void)stage.worker.send("heard"); });
    socket.bind(number_in("VOLLEY_TEST_PORT"), "127.0.0.1",
                [&stage] { (void)stage.worker.send("bound"); });
});

const Role implicit("implicit", [](Stage& stage) {
    static Datagram sender(stage.loop, Type::udp4);
    static Datagram at_once(stage.loop, Type::udp4);
    stage.worker.on_disconnect([] {
        sender.close();
        at_once.close();
    });
    const auto bound = at_once.bind_sync(number_in("VOLLEY_TEST_PORT"), "127.0.0.1");
    (void)stage.worker.send(bound ? "bound" : net::text(bound.error()));
    sender.send("x", number_in("VOLLEY_TEST_PORT"), "127.0.0.1", [&stage] {
        (void)stage.worker.send(sender.address() ? "sent" : "not sent");
    });
});

}  // namespace

TEST_CASE("[55] of exclusive binds to one port the second is refused") {
    const Audit audit;
    const int port = free_port();
    Troupe troupe(test::troupe(exclusive, 3, port_variable(port)));
    CHECK(troupe.until([&] { return troupe.messages.size() == 3; }));
    CHECK(troupe.count("bound") == 1);
    CHECK(troupe.count("bind EADDRINUSE 127.0.0.1:" + std::to_string(port)) == 2);
    CHECK(troupe.listening.empty());
    CHECK(troupe.ends_well());
}

TEST_CASE("[55][21] with reuse_port each worker has a socket of its own, and some of the senders") {
    const Audit audit;
    const int port = free_port();
    Troupe troupe(test::troupe(apart, 2, port_variable(port)));
    CHECK(troupe.until([&] { return troupe.messages.size() == 2; }));
    const std::string lacking = "bind ENOTSUP 127.0.0.1:" + std::to_string(port);
    if (troupe.count(lacking) == 2) {
        MESSAGE("the rest of the case: this system spreads no senders");
        CHECK(troupe.ends_well());
        return;
    }
    CHECK(troupe.count("bound") == 2);
    CHECK(troupe.listening.empty());
    std::vector<std::unique_ptr<Datagram>> senders;
    for (int i = 0; i < 64; i++) {
        senders.push_back(std::make_unique<Datagram>(troupe.loop, Type::udp4));
        senders.back()->send("x", port, "127.0.0.1");
    }
    CHECK(troupe.until([&] { return troupe.count("heard") == 64; }));
    for (const net::WorkerId id : {1u, 2u}) {
        CHECK(std::count(troupe.messages.begin(), troupe.messages.end(),
                         std::pair{id, std::string("heard")}) > 0);
    }
    senders.clear();
    CHECK(troupe.ends_well());
}

TEST_CASE("[55] implicit binds and bind_sync are each worker's own") {
    const Audit audit;
    const int port = free_port();
    Troupe troupe(test::troupe(implicit, 2, port_variable(port)));
    CHECK(troupe.until([&] { return troupe.messages.size() == 4; }));
    CHECK(troupe.count("bound") == 1);
    CHECK(troupe.count("bind EADDRINUSE") == 1);
    CHECK(troupe.count("sent") == 2);
    CHECK(troupe.listening.empty());
    CHECK(troupe.ends_well());
}

namespace {

const Role options("options", [](Stage& stage) {
    static Datagram sharing(stage.loop, {.type = Type::udp4, .reuse_addr = true});
    static Datagram refused(stage.loop, Type::udp4);
    static Datagram six(stage.loop, {.type = Type::udp6, .ipv6_only = true});
    static Datagram four(stage.loop, Type::udp4);
    static Datagram both(stage.loop, {.type = Type::udp4, .ipv6_only = true});
    const int port = number_in("VOLLEY_TEST_PORT");
    const auto tell = [&stage](const std::string& text) { (void)stage.worker.send(text); };
    sharing.bind(port, "127.0.0.1", [tell] { tell("reuse_addr"); });
    refused.once_error([tell](const Failure& failure) {
        tell(failure.text());
        refused.bind(0, "127.0.0.1", [tell] { tell("bound again"); });
    });
    refused.bind(port, "127.0.0.1");
    six.bind(0, "::", [tell] {
        const int own = six.address()->port;
        four.bind(own, "0.0.0.0", [tell] { tell("both families"); });
    });
    both.on_error([tell](const Failure& failure) { tell(failure.text()); });
    both.bind(0);
});

}  // namespace

TEST_CASE("[56] options reach the primary; a failed bind is 'error', and the next one works") {
    const Audit audit;
    core::Loop outside;
    Datagram holder(outside, {.type = Type::udp4, .reuse_addr = true});
    const auto local = holder.bind_sync(0, "127.0.0.1");
    REQUIRE(local);
    if (!local) return;
    Troupe troupe(test::troupe(options, 2, port_variable(local->port)));
    CHECK(troupe.until([&] { return troupe.messages.size() == 10; }));
    CHECK(troupe.count("reuse_addr") == 2);
    CHECK(troupe.count("bind EADDRINUSE 127.0.0.1:" + std::to_string(local->port)) == 2);
    CHECK(troupe.count("bound again") == 2);
    CHECK(troupe.count("both families") == 2);
    CHECK(troupe.count("bind EINVAL 0.0.0.0") == 2);
    CHECK(troupe.listening.size() == 8);
    CHECK(troupe.ends_well());
}

namespace {

// Closed in the tick that binds, in the next one, and with a datagram that has to leave before.
const Role hasty("hasty", [](Stage& stage) {
    static Datagram at_once(stage.loop, Type::udp4);
    static Datagram later(stage.loop, Type::udp4);
    static Datagram sending(stage.loop, Type::udp4);
    static std::optional<Datagram> gone;
    static test::Log log;
    for (Datagram* const socket : {&at_once, &later}) {
        socket->on_listening([] { log.add("listening"); });
        socket->on_error([] { log.add("error"); });
        socket->on_close([] { log.add("close"); });
        socket->bind(0, "127.0.0.1");
    }
    at_once.close();
    gone.emplace(stage.loop, Type::udp4);
    gone->bind(0, "127.0.0.1");
    sending.on_listening([] { log.add("listening"); });
    sending.bind(0, "127.0.0.1");
    sending.send("left", number_in("VOLLEY_TEST_PORT"), "127.0.0.1");
    sending.close();
    stage.loop.after({}, [&stage] {  // The primary has been asked, and has not answered yet.
        later.close([&stage] {
            (void)stage.worker.send(log.text());
        });
        gone.reset();
    });
});

const Role unheld("unheld", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    socket.unref();
    stage.worker.unref();
    static core::Timer hold = stage.loop.after(test::patience, [] {});  // Until it is bound.
    socket.bind(0, "127.0.0.1", [&stage] {
        (void)stage.worker.send("bound");
        hold.cancel();
    });
});

}  // namespace

TEST_CASE("[57] closed before the primary's answer: no 'error', no 'listening'; sends leave") {
    const Audit audit;
    core::Loop outside;
    Datagram receiver(outside, Type::udp4);
    const auto local = receiver.bind_sync(0, "127.0.0.1");
    REQUIRE(local);
    if (!local) return;
    std::size_t heard = 0;
    receiver.on_message([&] { heard++; });
    Troupe troupe(test::troupe(hasty, 2, port_variable(local->port)));
    CHECK(troupe.until([&] { return troupe.messages.size() == 2; }));
    CHECK(troupe.count("close close") == 2);
    CHECK(test::run_until(outside, [&] { return heard == 2; }, test::patience));
    CHECK(troupe.ends_well());
}

TEST_CASE("[57] unref before the bind persists on a shared socket") {
    const Audit audit;
    Troupe troupe(test::troupe(unheld, 1));
    CHECK(troupe.until([&] { return troupe.ends.size() == 1; }));
    CHECK(troupe.count("bound") == 1);
    REQUIRE(troupe.ends.size() == 1);
    CHECK(troupe.ends[0].status == 0);
    CHECK_FALSE(troupe.ends[0].voluntary);
    CHECK(troupe.listening.size() == 1);
}

namespace {

// The example of both of Node's pages.
const Role member("member", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    socket.bind(number_in("VOLLEY_TEST_PORT"), [&stage] {
        (void)stage.worker.send(told(socket.add_membership("224.0.0.114", "127.0.0.1")));
    });
});

}  // namespace

TEST_CASE("[58] the second addMembership of one group on the shared socket is EADDRINUSE") {
    const Audit audit;
    Troupe troupe(test::troupe(member, 2, port_variable(free_port())));
    CHECK(troupe.until([&] { return troupe.messages.size() == 2; }));
    REQUIRE(troupe.messages.size() == 2);
    CHECK(troupe.count("ok") == 1);  // Which of them is heard first is chance.
    CHECK(troupe.count("addMembership EADDRINUSE") == 1);
    CHECK(troupe.messages[0].first != troupe.messages[1].first);
    CHECK(troupe.ends_well());
}

namespace {

const Role many("many", [](Stage& stage) {
    static std::vector<std::unique_ptr<Datagram>> sockets;
    for (int i = 0; i < 100; i++) {
        sockets.push_back(std::make_unique<Datagram>(stage.loop, Type::udp4));
        sockets.back()->bind(0, "127.0.0.1");
    }
});

}  // namespace

TEST_CASE("[54] a hundred sockets of each worker, asked for in one tick, are a hundred in all") {
    const Audit audit;
    Troupe troupe(test::troupe(many, 2));
    CHECK(troupe.until([&] { return troupe.listening.size() == 200; }));
    std::set<std::uint16_t> ports;
    for (const net::WorkerAddress& where : troupe.listening) ports.insert(where.address.port);
    CHECK(ports.size() == 100);
    CHECK(troupe.ends_well());
}
