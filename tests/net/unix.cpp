// Unix-domain datagrams: who is seen as whom, order without loss, a full peer that holds up nobody
// else and makes nobody spin, connections by path.
#if !defined(_WIN32)

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/net/outcomes.h"

namespace {

using namespace std::string_literals;
using net::Address;
using net::Datagram;
using net::Event;
using net::Failure;
using net::Message;
using net::Type;
using platform::Code;
using test::Audit;
using test::Log;
using test::Path;
using test::local_of;
using test::outcome;
using test::remote_of;
using test::sent;
using namespace std::chrono_literals;

// A socket with a path of its own, which writes down what it hears.
struct Server {
    Server(core::Loop& loop, const std::string& name) : path(name), socket(loop, Type::unix_dgram) {
        test::record(socket, log);
        CHECK(socket.bind_sync(path.text()));
    }
    Path path;
    Datagram socket;
    Log log;
};

// Milliseconds of processor time while the loop waits.
long busy_in(core::Loop& loop, std::chrono::milliseconds time) {
    const std::clock_t begin = std::clock();
    bool over = false;
    loop.after(time, [&] { over = true; });
    CHECK(test::run_until(loop, [&] { return over; }));
    return (std::clock() - begin) * 1000 / CLOCKS_PER_SEC;
}

std::vector<std::string> numbered(int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; i++) texts.push_back("message(" + std::to_string(i) + ")");
    return texts;
}

}  // namespace

// ---- Names -----------------------------------------------------------------------------------

TEST_CASE("[51] an unbound sender has no address, a bound one its path, and can be answered") {
    const Audit audit;
    core::Loop loop;
    const Path path("server");
    Datagram server(loop, Type::unix_dgram);
    std::vector<std::string> senders;
    bool by_text = false;
    server.on_message([&](const Message& message) {
        senders.push_back(message.sender.host());
        CHECK(message.sender.family_name() == "unix");
        CHECK(message.sender.port == 0);
        if (message.sender.host().empty()) return;
        if (by_text) server.send(message.bytes, message.sender.host());
        if (!by_text) server.send(message.bytes, message.sender);
        by_text = !by_text;
    });
    CHECK(server.bind_sync(path.text()));
    Datagram nobody(loop, Type::unix_dgram);
    Log quiet;
    test::record(nobody, quiet);
    nobody.send("from nobody", path.text(), sent(quiet, "send"));
    CHECK(test::run_until(loop, [&] { return senders.size() == 1; }));
    CHECK(senders.back() == "");
    CHECK(quiet.text() == "send(11)");  // No 'listening': it has not been bound.
    CHECK(net::text(nobody.address().error()) == "getsockname EBADF");

    const Path own("client");
    const std::string abstract = "@volley-" + own.text().substr(own.text().rfind('/') + 1);
    for (const std::string& name : {own.text(), abstract}) {
        Datagram client(loop, Type::unix_dgram);
        Log log;
        test::record(client, log);
        client.bind(name);
        client.send("one", path.text());
        client.send("two", path.text());
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 3; }));
        CHECK(log.text() == "listening message(one) message(two)");
        CHECK(senders.back() == name);
    }
    CHECK(senders.size() == 5);
}

TEST_CASE("[51] address() has only the path") {
    const Audit audit;
    core::Loop loop;
    Server server(loop, "address");
    const auto address = server.socket.address();
    REQUIRE(address);
    if (!address) return;
    CHECK(address->host() == server.path.text());
    CHECK(address->text() == server.path.text());
    CHECK(address->port == 0);
    CHECK(address->family_name() == "unix");
}

TEST_CASE("[51] who has sent without a name may get one, and sends under it from then on") {
    const Audit audit;
    core::Loop loop;
    const Path path("later");
    Server server(loop, "server");
    Datagram client(loop, Type::unix_dgram);
    std::vector<std::string> senders;
    server.socket.on_message([&](const Message& message) {
        senders.push_back(message.sender.host());
    });
    Log log;
    test::record(client, log);
    client.send("unnamed", server.path.text());
    CHECK(test::run_until(loop, [&] { return senders.size() == 1; }));
    client.bind("/nowhere/at/all");  // That this fails costs it nothing.
    test::settle(loop);
    client.send("unnamed", server.path.text());
    CHECK(test::run_until(loop, [&] { return senders.size() == 2; }));
    client.bind(path.text());
    client.send("named", server.path.text());
    CHECK(test::run_until(loop, [&] { return senders.size() == 3; }));
    CHECK(senders == std::vector<std::string>{"", "", path.text()});
    CHECK(log.text() == "error(bind ENOENT /nowhere/at/all) listening");
}

TEST_CASE("[52] a path that does not fit is ENAMETOOLONG; the longest that fits is bound") {
    const Audit audit;
    core::Loop loop;
    const Path base("p");
    std::string longest = base.text();
    longest.resize(107, 'x');
    const std::string too_long = longest + "x";
    Datagram socket(loop, Type::unix_dgram);
    Log log;
    test::record(socket, log);
    socket.bind(too_long);
    socket.connect(too_long, outcome(log, "connect"));
    socket.send("x", too_long, sent(log, "send"));
    CHECK(net::text(socket.bind_sync(too_long).error()) == "bind ENAMETOOLONG");
    CHECK(net::text(socket.connect_sync(too_long).error()) == "connect ENAMETOOLONG");
    test::settle(loop);
    CHECK(log.text() == "error(bind ENAMETOOLONG " + too_long + ") connect(connect ENAMETOOLONG " +
                            too_long + ") send(send ENAMETOOLONG " + too_long + ")");
    log.lines.clear();
    socket.bind(longest);
    test::settle(loop);
    CHECK(log.text() == "listening");
    CHECK(local_of(socket).host() == longest);
    CHECK(std::filesystem::is_socket(longest));
    socket.send("to myself", longest);
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    socket.close();
    test::settle(loop);
    CHECK_FALSE(std::filesystem::exists(longest));
}

TEST_CASE("[52] a path with a NUL in it is no path, and an empty one neither") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::unix_dgram);
    std::vector<std::string> codes;
    const auto note = [&](const Failure& failure) { codes.emplace_back(failure.code()); };
    socket.on_error(note);
    for (const std::string& path : {"/tmp/volley\0never"s, ""s}) {
        socket.bind(path);
        socket.connect(path, note);
        socket.send("x", path, note);
    }
    test::settle(loop);
    CHECK(codes == std::vector<std::string>(6, "EINVAL"));
    CHECK_FALSE(std::filesystem::exists("/tmp/volley"));
}

// ---- Order, and full queues ------------------------------------------------------------------

TEST_CASE("[53] a full receiver makes the sender wait: nothing is dropped, and order is kept") {
    const Audit audit;
    for (const bool connected : {false, true}) {
        CAPTURE(connected);
        core::Loop loop;
        core::Loop elsewhere;  // Its turn does not come for a while.
        Server server(elsewhere, "full");
        test::settle(elsewhere);
        server.log.lines.clear();
        constexpr int count = 1000;
        Datagram client(loop, {.type = Type::unix_dgram, .send_queue_datagrams_max = count});
        if (connected) CHECK(client.connect_sync(server.path.text()));
        int done = 0;
        for (int i = 0; i < count; i++) {
            const auto callback = [&done, i](const Failure& failure, std::size_t) {
                CHECK_FALSE(failure);
                CHECK(done == i);
                done++;
            };
            const std::string text = std::to_string(i);
            if (connected) client.send(std::string(text), callback);
            if (!connected) client.send(std::string(text), server.path.text(), callback);
            if (i % 250 == 249) test::settle(loop, 1);
        }
        const std::uint64_t before = loop.tick();
        CHECK(busy_in(loop, connected ? 100ms : 300ms) < 30);
        CHECK(loop.tick() - before < 200);
        CHECK(done > 0);
        CHECK(done < count);
        CHECK(client.get_send_queue_count() == static_cast<std::size_t>(count - done));
        const auto end = loop.now().nanoseconds + 5'000'000'000;
        while (server.log.lines.size() < count && loop.now().nanoseconds < end) {
            test::settle(elsewhere, 1);
            test::settle(loop, 1);
        }
        CHECK(done == count);
        CHECK(server.log.lines == numbered(count));
        CHECK(client.get_send_queue_size() == 0);
    }
}

TEST_CASE("[35][53] a full path holds up only its own datagrams") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    Server full(elsewhere, "full");
    Server free(loop, "free");
    test::settle(elsewhere);
    full.log.lines.clear();
    test::settle(loop);
    free.log.lines.clear();
    Datagram client(loop, Type::unix_dgram);
    constexpr int count = 300;
    int to_full = 0;
    int to_free = 0;
    for (int i = 0; i < count; i++) {
        client.send(std::to_string(i), full.path.text(), [&](const Failure&, std::size_t) {
            to_full++;
        });
        client.send(std::to_string(i), free.path.text(), [&](const Failure&, std::size_t) {
            to_free++;
        });
    }
    CHECK(test::run_until(loop, [&] { return free.log.lines.size() == count; }));
    CHECK(free.log.lines == numbered(count));
    CHECK(to_free == count);
    CHECK(to_full < count);
    // What comes later overtakes as well, and a third path has no part in it.
    Server third(loop, "third");
    client.send("late", third.path.text());
    CHECK(test::run_until(loop, [&] { return third.log.lines.size() == 2; }));
    CHECK(to_full < count);
    while (full.log.lines.size() < count) {
        test::settle(elsewhere, 1);
        if (loop.turn({loop.now().nanoseconds + 20'000'000})) break;
    }
    CHECK(full.log.lines == numbered(count));
    CHECK(to_full == count);
}

TEST_CASE("[34][53] close waits for a full peer, for as long as linger says") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    Server server(elsewhere, "full");
    test::settle(elsewhere);
    for (const bool drains : {true, false}) {
        CAPTURE(drains);
        const auto linger = drains ? std::chrono::milliseconds(10s) : 60ms;
        Datagram client(loop, {.type = Type::unix_dgram, .linger = linger});
        int well = 0;
        int late = 0;
        bool closed = false;
        for (int i = 0; i < 600; i++) {
            client.send("x", server.path.text(), [&](const Failure& failure, std::size_t) {
                CHECK_FALSE(closed);
                CHECK((!failure || failure.text() == "send ETIMEDOUT " + server.path.text()));
                failure ? late++ : well++;
            });
        }
        client.close([&] { closed = true; });
        CHECK(busy_in(loop, 30ms) < 30);
        CHECK_FALSE(closed);
        const auto end = loop.now().nanoseconds + 5'000'000'000;
        while (!closed && loop.now().nanoseconds < end) {
            if (drains) test::settle(elsewhere, 1);
            test::settle(loop, 1);
        }
        CHECK(closed);
        CHECK(well + late == 600);
        CHECK((late > 0) == !drains);
    }
}

TEST_CASE("[35][53] a full peer that dies fails what waits for it, one by one") {
    const Audit audit;
    for (const bool connected : {false, true}) {
        CAPTURE(connected);
        core::Loop loop;
        core::Loop elsewhere;
        auto server = std::make_unique<Server>(elsewhere, "dying");
        const std::string path = server->path.text();
        test::settle(elsewhere);
        Datagram client(loop, Type::unix_dgram);
        if (connected) CHECK(client.connect_sync(path));
        int well = 0;
        int failed = 0;
        for (int i = 0; i < 600; i++) {
            const auto callback = [&](const Failure& failure, std::size_t) {
                if (failure) CHECK(failure.address.host() == path);
                failure ? failed++ : well++;
            };
            if (connected) client.send("x", callback);
            if (!connected) client.send("x", path, callback);
        }
        test::settle(loop);
        CHECK(failed == 0);
        server.reset();
        CHECK(test::run_until(loop, [&] { return well + failed == 600; }));
        CHECK(well > 0);
        CHECK(failed > 0);
        CHECK(client.get_send_queue_count() == 0);
    }
}

TEST_CASE("[53] a whole datagram or none: the largest that the kernel takes arrives whole") {
    const Audit audit;
    core::Loop loop;
    Server server(loop, "large");
    Datagram client(loop, Type::unix_dgram);
    Log log;
    std::size_t size = 0;
    server.socket.on_message([&](const Message& message) {
        size = message.size();
        CHECK_FALSE(message.truncated);
    });
    const std::string large(65536, 'x');
    client.send(large, server.path.text(), sent(log, "send"));
    CHECK(test::run_until(loop, [&] { return size > 0; }));
    CHECK(size == large.size());
    const std::string huge(64u << 20, 'x');
    client.send(huge, server.path.text(), sent(log, "huge"));
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    CHECK(log.text() == "send(65536) huge(send EMSGSIZE " + server.path.text() + ")");
}

// ---- Errors ----------------------------------------------------------------------------------

TEST_CASE("[32][51] sends that fail name the path") {
    const Audit audit;
    core::Loop loop;
    Datagram client(loop, Type::unix_dgram);
    Log log;
    test::record(client, log);
    const Path nothing("nothing");
    client.send("x", nothing.text(), sent(log, "1"));
    client.send("x", nothing.text());
    client.send("x", 9, sent(log, "2"));
    client.send("x", 9, "127.0.0.1", sent(log, "3"));
    test::settle(loop);
    const std::string text = "send ENOENT " + nothing.text();
    CHECK(log.text() == "1(" + text + ") error(" + text +
                            ") 2(The \"path\" argument must be specified) "
                            "3(send EINVAL 127.0.0.1)");
}

// ---- connect ---------------------------------------------------------------------------------

TEST_CASE("[23][51] a unix socket connects to a path, without a name of its own") {
    const Audit audit;
    core::Loop loop;
    Server server(loop, "server");
    Datagram client(loop, Type::unix_dgram);
    Log log;
    test::record(client, log);
    const Path nothing("nothing");
    client.connect(nothing.text(), outcome(log, "first"));
    test::settle(loop);
    CHECK(log.text() == "first(connect ENOENT " + nothing.text() + ")");
    log.lines.clear();
    client.connect(server.path.text(), outcome(log, "second"));
    client.send("queued", sent(log, "send"));
    client.connect(server.path.text(), outcome(log, "third"));
    CHECK(test::run_until(loop, [&] { return server.log.lines.size() == 2; }));
    CHECK(log.text() == "connect second(ok) send(6) third(Already connected)");
    CHECK(server.log.text() == "listening message(queued)");
    CHECK(remote_of(client).host() == server.path.text());
    client.send("x", server.path.text(), sent(log, "elsewhere"));
    test::settle(loop);
    CHECK(log.lines.back() == "elsewhere(Already connected)");
    // A bind that fails costs the connection nothing; one that does not adds a name.
    client.bind(server.path.text());
    test::settle(loop);
    CHECK(log.lines.back() == "error(bind EADDRINUSE " + server.path.text() + ")");
    client.send("still");
    CHECK(test::run_until(loop, [&] { return server.log.lines.size() == 3; }));
    CHECK_FALSE(client.disconnect());
    CHECK(net::text(client.remote_address().error()) == "Not connected");
}

TEST_CASE("[25] a connected unix socket delivers its peer's datagrams only, by path") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    Server server(loop, "server");
    Server peer(elsewhere, "peer");
    Server stranger(elsewhere, "stranger");
    Datagram nobody(elsewhere, Type::unix_dgram);
    stranger.socket.send("stranger", server.path.text());
    peer.socket.send("friend", server.path.text());
    nobody.send("nobody", server.path.text());
    peer.socket.send("friend again", server.path.text());
    test::settle(elsewhere);
    CHECK(server.socket.connect_sync(peer.path.text()));
    test::settle(loop);
    CHECK(server.log.text() == "listening connect message(friend) message(friend again)");
    CHECK(server.socket.counters().strangers == 2);
    Log log;
    stranger.socket.send("too late", server.path.text(), sent(log, "send"));
    test::settle(elsewhere);
    CHECK(log.text() == "send(send EPERM " + server.path.text() + ")");  // The kernel's own doing.
    CHECK_FALSE(server.socket.disconnect());
    CHECK(local_of(server.socket).host() == server.path.text());
    stranger.socket.send("welcome", server.path.text());
    nobody.send("welcome too", server.path.text());
    test::settle(elsewhere);
    CHECK(test::run_until(loop, [&] { return server.log.lines.size() == 6; }));
    CHECK(server.log.lines[4] == "message(welcome)");
    CHECK(server.log.lines[5] == "message(welcome too)");
}

TEST_CASE("[26] what waits for a full peer at the disconnect is still for that peer") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    Server one(elsewhere, "one");
    Server two(elsewhere, "two");
    test::settle(elsewhere);
    one.log.lines.clear();
    two.log.lines.clear();
    Datagram client(loop, Type::unix_dgram);
    CHECK(client.connect_sync(one.path.text()));
    for (int i = 0; i < 700; i++) client.send(std::to_string(i));
    CHECK_FALSE(client.disconnect());
    CHECK(client.get_send_queue_count() > 0);
    CHECK(client.connect_sync(two.path.text()));
    client.send("0");
    const auto end = loop.now().nanoseconds + 5'000'000'000;
    while (one.log.lines.size() < 700 && loop.now().nanoseconds < end) {
        test::settle(elsewhere, 1);
        test::settle(loop, 1);
    }
    CHECK(one.log.lines == numbered(700));
    CHECK(two.log.lines == numbered(1));
}

#endif
