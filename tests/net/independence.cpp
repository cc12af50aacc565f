// What one request's failure, or a change of the socket, must not do to another request: each case
// is a bug that a review found.
#ifdef __linux__

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/net/support.h"

using namespace net;
using test::Audit;
using test::run_until;

namespace {

// Answers on the next tick, whatever the name.
void answer_later(core::Loop& loop, LookupAnswer answer, Family family) {
    loop.after({}, [answer = std::move(answer), family]() mutable {
        answer(Address::loopback(family));
    });
}

}  // namespace

TEST_CASE("[31] a send to a name does not fall with a connect that fails meanwhile") {
    const Audit audit;
    core::Loop loop;
    Datagram receiver(loop, Type::udp4);
    const Result<Address> bound = receiver.bind_sync(0, "127.0.0.1");
    REQUIRE(static_cast<bool>(bound));
    if (!bound) return;
    std::string received;
    receiver.on_message([&](const Message& message) { received = message.text(); });

    Options options{.type = Type::udp4};
    options.lookup = [&](std::string_view, Family family, LookupAnswer answer) {
        answer_later(loop, std::move(answer), family);
    };
    Datagram sender(loop, std::move(options));
    std::string sent;
    std::string connected;
    sender.send("named", bound->port, "name.test",
                [&](const Failure& failure) { sent = failure ? failure.text() : "left"; });
    sender.connect(9, "::1", [&](const Failure& failure) { connected = failure.text(); });
    CHECK(run_until(loop, [&] { return !received.empty() && !sent.empty(); }));
    CHECK(sent == "left");
    CHECK(received == "named");
    CHECK(connected == "connect EINVAL ::1:9");
}

TEST_CASE("[32] a send whose name is never found does not report the connected peer") {
    const Audit audit;
    core::Loop loop;
    LookupAnswer* never = nullptr;
    Options options{.type = Type::udp4};
    options.linger = std::chrono::milliseconds(20);
    options.lookup = [&](std::string_view, Family, LookupAnswer answer) {
        never = new LookupAnswer(std::move(answer));
    };
    Datagram sender(loop, std::move(options));
    std::string sent;
    sender.send("x", 53, "name.test", [&](const Failure& failure) { sent = failure.text(); });
    sender.connect(9, "127.0.0.1", [&] { sender.close(); });
    CHECK(run_until(loop, [&] { return !sent.empty(); }));
    CHECK(sent.find("ETIMEDOUT") != std::string::npos);
    CHECK(sent.find("127.0.0.1:9") == std::string::npos);
    delete never;
}

TEST_CASE("[20] adopting a descriptor lets what was asked for before leave to the old peer") {
    const Audit audit;
    core::Loop loop;
    const test::Path server_path("server");
    Datagram server(loop, Type::unix_dgram);
    std::string received;
    server.on_message([&](const Message& message) { received = message.text(); });
    REQUIRE(static_cast<bool>(server.bind_sync(server_path)));

    Datagram client(loop, Type::unix_dgram);
    bool sent = false;
    client.connect(server_path, [&](const Failure& failed) {
        CHECK_FALSE(static_cast<bool>(failed));
        client.send("before", [&](const Failure& failure) { sent = !failure; });
        client.adopt(::socket(AF_UNIX, SOCK_DGRAM, 0));
    });
    CHECK(run_until(loop, [&] { return sent && !received.empty(); }));
    CHECK(received == "before");
    client.close();
    server.close();
    CHECK_FALSE(static_cast<bool>(loop.run()));
}

TEST_CASE("[23] a bind_sync that fails does not forget a connect that is under way") {
    const Audit audit;
    core::Loop loop;
    const test::Path server_path("server");
    Datagram server(loop, Type::unix_dgram);
    REQUIRE(static_cast<bool>(server.bind_sync(server_path)));
    Datagram client(loop, Type::unix_dgram);
    bool connected = false;
    std::string again;
    client.connect(server_path, [&](const Failure& failure) { connected = !failure; });
    CHECK_FALSE(static_cast<bool>(client.bind_sync("/nonexistent/x")));
    client.connect(server_path, [&](const Failure& failure) { again = failure.code(); });
    CHECK(run_until(loop, [&] { return connected && !again.empty(); }));
    CHECK(again == "ERR_SOCKET_DGRAM_IS_CONNECTED");
}

TEST_CASE("[15] a failed bind that is told late does not let a message pass 'listening'") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Datagram sender(loop, Type::udp4);
    std::string order;
    socket.on_error([&] { order += "error "; });
    socket.on_listening([&] { order += "listening "; });
    socket.on_message([&] { order += "message "; });
    sender.send("x", 9, "127.0.0.1", [&] {  // Told before the error, in the same tick.
        const Result<Address> bound = socket.bind_sync(0, "127.0.0.1");
        REQUIRE(static_cast<bool>(bound));
        if (!bound) return;
        sender.send("hello", *bound);
    });
    socket.bind(0, "::1");
    CHECK(run_until(loop, [&] { return order.find("message") != std::string::npos; }));
    CHECK(order == "error listening message ");
}

TEST_CASE("[42] destruction binds nothing that no send needs") {
    const Audit audit;
    core::Loop loop;
    const test::Path path("never");
    {
        Datagram socket(loop, Type::unix_dgram);
        socket.bind(path);
    }
    CHECK_FALSE(std::filesystem::exists(path.text()));
    const std::filesystem::path folder = std::filesystem::path(path.text()).parent_path();
    CHECK(std::filesystem::exists(folder));
}

TEST_CASE("[51] a unix sender does not fall with a bind that it does not need") {
    const Audit audit;
    core::Loop loop;
    const test::Path server_path("server");
    Datagram server(loop, Type::unix_dgram);
    std::string received;
    server.on_message([&](const Message& message) { received = message.text(); });
    REQUIRE(static_cast<bool>(server.bind_sync(server_path)));
    Datagram client(loop, Type::unix_dgram);
    std::string error;
    std::string sent;
    client.on_error([&](const Failure& failure) { error = failure.code(); });
    client.send("x", server_path,
                [&](const Failure& failure) { sent = failure ? failure.text() : "left"; });
    client.bind("/nonexistent/x");
    CHECK(run_until(loop, [&] { return !received.empty() && !error.empty(); }));
    CHECK(sent == "left");
    CHECK(error == "ENOENT");
}

TEST_CASE("[32] a path on a UDP socket is of the other family, not a bad port") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    std::string sent;
    std::string connected;
    socket.send("x", "/p", [&](const Failure& failure) { sent = failure.text(); });
    socket.connect("/p", [&](const Failure& failure) { connected = failure.text(); });
    CHECK(run_until(loop, [&] { return !sent.empty() && !connected.empty(); }));
    CHECK(sent == "send EINVAL /p");
    CHECK(connected == "connect EINVAL /p");
}

TEST_CASE("[13] bind takes options with a port alone, and a callback alone") {
    const Audit audit;
    core::Loop loop;
    Datagram first(loop, Type::udp4);
    Datagram second(loop, Type::udp4);
    int listening = 0;
    first.bind({.port = 0}, [&] { listening++; });
    second.bind([&] { listening++; });
    CHECK(run_until(loop, [&] { return listening == 2; }));
}

#endif
