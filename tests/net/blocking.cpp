// Block lists at work: what a socket sends to, connects to and hears. Which address a rule matches
// is block_list.cpp's matter; here is shown that the real address is judged, and where.
#include <initializer_list>
#include <memory>

#include "tests/net/receiver.h"

namespace {

using namespace std::string_literals;
using net::Address;
using net::BlockList;
using net::Datagram;
using net::Failure;
using net::Options;
using net::Type;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::settle;
using test::Told;

std::shared_ptr<const BlockList> blocking(std::initializer_list<const char*> addresses) {
    auto list = std::make_shared<BlockList>();
    for (const char* address : addresses) CHECK_FALSE(list->add_address(address));
    return list;
}

std::string refusal(const std::string& address) {
    return "IP(" + address + ") is blocked by net.BlockList";
}

// Every way of writing an IPv4 address inside an IPv6 one that a router might undo.
const std::initializer_list<const char*> disguises{
    "::ffff:192.0.2.7",     // Mapped
    "::192.0.2.7",          // Compatible
    "2002:c000:207::1",     // 6to4
    "64:ff9b::192.0.2.7"};  // NAT64

}  // namespace

TEST_CASE("[38] a blocked address is not sent to, in any form of the call") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram socket(loop, Options{.type = Type::udp4, .send_block_list = blocking({"127.0.0.1"})});
    socket.on_error(told.failed());
    socket.send("x", receiver.port(), told.sent());
    socket.send("x", receiver.port(), "127.0.0.1", told.sent());
    socket.send("x", receiver.address, [&](const Failure& failure, std::size_t bytes) {
        CHECK(failure.code() == "ERR_IP_BLOCKED");
        CHECK(failure.address == receiver.address);
        CHECK(failure.native() == 0);
        CHECK(bytes == 0);
        told.add("endpoint");
    });
    socket.send("x", receiver.port());
    socket.send("fine", receiver.port(), "127.0.0.2", told.sent());  // Not blocked, and not there.
    CHECK(told.count() == 0);
    CHECK(run_until(loop, [&] { return told.count() == 5; }));
    const std::string blocked = refusal("127.0.0.1");
    CHECK(told.lines == std::vector{blocked, blocked, "endpoint"s, blocked, "4"s});
    settle(loop);
    CHECK(receiver.texts.empty());
}

TEST_CASE("[38] nor connected to, and the socket may connect elsewhere") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram socket(loop, Options{.type = Type::udp4, .send_block_list = blocking({"127.0.0.1"})});
    socket.on_error(told.failed());
    socket.connect(9, told.connected());
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    socket.connect(9, "127.0.0.1", told.connected());
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    socket.connect(9);
    CHECK(run_until(loop, [&] { return told.count() == 3; }));
    CHECK(told.lines == std::vector(3, refusal("127.0.0.1")));
    const net::Result<Address> at_once = socket.connect_sync(9);
    CHECK_FALSE(at_once);
    CHECK(platform::name(at_once.error().code) == "ERR_IP_BLOCKED");
    CHECK_FALSE(socket.remote_address());
    Receiver receiver(loop, Options{.type = Type::udp4});
    CHECK(socket.connect_sync(9, "127.0.0.2"));
    CHECK(socket.remote_address());
}

TEST_CASE("[38] a send that relies on a blocked connect gets its error") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram socket(loop, Options{.type = Type::udp4, .send_block_list = blocking({"127.0.0.1"})});
    socket.on_error(told.failed());
    socket.connect(9, told.connected());
    socket.send("x", told.sent());
    socket.send("x");
    CHECK(socket.get_send_queue_count() == 2);
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    settle(loop);
    CHECK(told.lines == std::vector(2, refusal("127.0.0.1")));
}

TEST_CASE("[38] no IPv6 form of a blocked IPv4 address gets through") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram socket(loop, Options{.type = Type::udp6, .send_block_list = blocking({"192.0.2.7"})});
    for (const char* disguise : disguises) {
        socket.send("x", 9, disguise, told.sent());
        CHECK(run_until(loop, [&] { return told.count() == 1; }));
        socket.connect(9, disguise, told.connected());
        CHECK(run_until(loop, [&] { return told.count() == 2; }));
        for (const std::string& line : told.lines) {
            CHECK(line.find("is blocked by net.BlockList") != std::string::npos);
        }
        CHECK_FALSE(socket.connect_sync(9, disguise));
        told.lines.clear();
    }
}

TEST_CASE("[38] what comes from a blocked address is dropped and counted") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop, Options{.type = Type::udp4,
                                    .receive_block_list = blocking({"127.0.0.1"})});
    Datagram blocked(loop, Type::udp4);
    Datagram welcome(loop, Type::udp4);
    REQUIRE(blocked.bind_sync(0, "127.0.0.1"));
    REQUIRE(welcome.bind_sync(0, "127.0.0.2"));
    CHECK(receiver.socket.counters().blocked == 0);
    for (int i = 0; i < 3; i++) blocked.send("blocked", receiver.address);
    blocked.send("", receiver.address);
    welcome.send("welcome", receiver.address);
    CHECK(receiver.hears(1));
    CHECK(receiver.text() == "welcome");
    CHECK(run_until(loop, [&] { return receiver.socket.counters().blocked == 4; }));
    receiver.socket.send("sending is not judged by it", blocked.address()->port);
    settle(loop);
    CHECK(receiver.socket.counters().blocked == 4);
}

TEST_CASE("[38] on a dual-stack socket an IPv4 sender is recognised in its mapped form") {
    const Audit audit;
    core::Loop loop;
    Datagram receiver(loop, Options{.type = Type::udp6,
                                    .receive_block_list = blocking({"127.0.0.1"})});
    int heard = 0;
    receiver.on_message([&] { heard++; });
    const net::Result<Address> local = receiver.bind_sync();
    REQUIRE(local);
    if (!local) return;
    Datagram sender(loop, Type::udp4);
    sender.send("x", local->port, "127.0.0.1");
    CHECK(run_until(loop, [&] { return receiver.counters().blocked == 1; }));
    CHECK(heard == 0);
    Datagram other(loop, Type::udp6);
    other.send("x", local->port, "::1");
    CHECK(run_until(loop, [&] { return heard == 1; }));
    CHECK(receiver.counters().blocked == 1);
}

TEST_CASE("[38] a list that is changed later is judged as it is then; paths are never blocked") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    auto list = std::make_shared<BlockList>();
    Datagram socket(loop, Options{.type = Type::udp4, .send_block_list = list});
    socket.send("a", receiver.port(), told.sent());
    CHECK(receiver.hears(1));
    CHECK_FALSE(list->add_subnet("127.0.0.0", 8));
    socket.send("b", receiver.port(), told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.text() == "1 " + refusal("127.0.0.1"));
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("never-blocked");
    Receiver local(loop, path);
    Datagram sender(loop, Options{.type = Type::unix_dgram, .send_block_list = list,
                                  .receive_block_list = list});
    sender.send("c", path, told.sent());
    CHECK(local.hears(1));
}
