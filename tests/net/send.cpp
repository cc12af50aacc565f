// send: destinations, the order of its checks, implicit binding, outcomes and limits. What its
// overloads accept is in send_forms.cpp, the queue in send_queue.cpp, names in names.cpp.
#include <array>
#include <optional>

#include "net/exchange.h"
#include "tests/net/receiver.h"

namespace {

using namespace std::string_literals;
using net::Address;
using net::Bytes;
using net::Datagram;
using net::Event;
using net::Failure;
using net::Family;
using net::Message;
using net::Options;
using net::Type;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::Told;

std::string about_port(int port) {
    return "Port should be > 0 and < 65536. Received " + std::to_string(port) + ".";
}

}  // namespace

// ---- Destinations -------------------------------------------------------------------------------

TEST_CASE("[28] without an address, or with an empty one, a datagram goes to loopback") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Receiver receiver(loop, type);
        Told told;
        Datagram sender(loop, type);
        sender.send("default", receiver.port(), told.sent());
        sender.send("empty", receiver.port(), "", told.sent());
        sender.send("literal", receiver.port(), test::loopback(type), told.sent());
        sender.send("endpoint", receiver.address, told.sent());
        CHECK(told.count() == 0);
        CHECK(receiver.hears(4));
        CHECK(receiver.text() == "default empty literal endpoint");
        CHECK(told.text() == "7 5 7 8");
    }
}

TEST_CASE("[28] a connected socket sends without a destination") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.connect_sync(receiver.port()));
    sender.send("one", told.sent());
    sender.send("two");
    CHECK(receiver.hears(2));
    CHECK(receiver.text() == "one two");
    CHECK(told.text() == "3");
}

TEST_CASE("[28] a unix socket sends to a path, or to its connected one") {
    const Audit audit;
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("to");
    Receiver receiver(loop, path);
    Told told;
    Datagram sender(loop, Type::unix_dgram);
    sender.send("path", path, told.sent());
    sender.send("endpoint", receiver.address, told.sent());
    CHECK(receiver.hears(2));
    REQUIRE(sender.connect_sync(path));
    sender.send("connected", told.sent());
    CHECK(receiver.hears(3));
    CHECK(receiver.text() == "path endpoint connected");
    CHECK(told.text() == "4 8 9");
    sender.on_error(told.failed());
    sender.send("port", 9);  // Checked as everything is: it is connected.
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(told.lines.back() == "Already connected");
}

TEST_CASE("[28] a unix socket has no ports to send to") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Type::unix_dgram);
    sender.send("x", 9, told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    CHECK(told.text() == "The \"path\" argument must be specified");
}

// ---- Lists --------------------------------------------------------------------------------------

TEST_CASE("[28] a list is one datagram; the list is copied, the bytes are not") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Datagram sender(loop, Type::udp4);
    std::string first = "aaa";
    std::string second = "bbb";
    std::vector<Bytes> parts{first, second};
    sender.send(parts, receiver.port());
    parts.assign(2, "overwritten");
    parts.clear();
    first[1] = 'A';
    second[1] = 'B';
    std::string alone = "ccc";
    sender.send(alone, receiver.port());
    alone[1] = 'C';
    CHECK(receiver.hears(2));
    CHECK(receiver.text() == "aAabBb cCc");
}

TEST_CASE("[28] lists of every length arrive whole") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Datagram sender(loop, Type::udp4);
    std::string letters;
    for (int i = 0; i < 1024; i++) letters += static_cast<char>('a' + i % 26);
    const std::array<std::size_t, 12> counts{0, 1, 2, 3, 4, 6, 7, 32, 255, 256, 257, 1024};
    for (const std::size_t count : counts) {
        std::vector<Bytes> parts;
        for (std::size_t i = 0; i < count; i++) {
            parts.emplace_back(std::string_view(letters).substr(i, 1));
        }
        sender.send(parts, receiver.port());
    }
    CHECK(receiver.hears(counts.size()));
    for (std::size_t i = 0; i < receiver.texts.size() && i < counts.size(); i++) {
        CHECK(receiver.texts[i] == letters.substr(0, counts[i]));
    }
}

TEST_CASE("[28] an empty list, and a list of empty parts, are empty datagrams") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.send({}, receiver.port(), told.sent());
    sender.send(std::vector<Bytes>{}, receiver.port(), told.sent());
    sender.send({"", "", ""}, receiver.port(), told.sent());
    CHECK(receiver.hears(3));
    CHECK(receiver.texts == std::vector{""s, ""s, ""s});
    CHECK(told.text() == "0 0 0");
}

// Several datagrams lie in one batch, whose places in memory are used again in the same tick.
TEST_CASE("[28][3] received bytes may be part of a list") {
    const Audit audit;
    core::Loop loop;
    Datagram server(loop, Type::udp4);
    server.on_message([&](const Message& message) {
        server.send({"<", message.bytes, ">"}, message.sender);
    });
    const Address address = test::bind_loopback(server);
    Receiver client(loop);
    for (int round = 0; round < 3; round++) {
        client.texts.clear();
        std::vector<std::string> sent;
        for (int i = 0; i < 40; i++) sent.push_back(std::to_string(i));
        for (const std::string& text : sent) client.socket.send(text, address);
        CHECK(client.hears(sent.size()));
        for (std::string& text : sent) text = "<" + text + ">";
        CHECK(client.texts == sent);
    }
}

// A message of 65,536 bytes fills its place in the arena: behind its last byte another one begins.
TEST_CASE("[28][29] the empty end of a message is sent without harm to others") {
    const Audit audit;
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("whole");
    Datagram sender(loop, Options{.type = Type::unix_dgram, .send_buffer_size = 1 << 20});
    Datagram server(loop, Type::unix_dgram);
    Receiver receiver(loop);
    Datagram client(loop, Type::udp4);
    Told told;
    server.on_message([&](const Message& message) {
        client.send(message.bytes, message.size(), 0, receiver.address, told.sent());
    });
    REQUIRE(server.bind_sync(path));
    const std::string whole(65536, 'w');
    for (std::size_t i = 1; i <= 8; i++) {
        sender.send(whole, path);
        CHECK(receiver.hears(i));
    }
    CHECK(told.text() == "0 0 0 0 0 0 0 0");
    const net::Exchange* const exchange = net::Exchange::of(loop);
    REQUIRE(exchange);
    if (exchange) CHECK(exchange->arena.free_count() == net::Arena::slot_count);
}

// ---- Offset and length --------------------------------------------------------------------------

TEST_CASE("[28] offset and length are counted in bytes") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    const std::string text = "0123456789";
    sender.send(text, 0, 10, receiver.port(), told.sent());
    sender.send(text, 3, 4, receiver.port(), "127.0.0.1", told.sent());
    sender.send(text, std::size_t{9}, std::size_t{1}, receiver.address, told.sent());
    sender.send(text, 10, 0, receiver.port(), told.sent());
    CHECK(receiver.hears(4));
    CHECK(receiver.texts == std::vector{"0123456789"s, "3456"s, "9"s, ""s});
    CHECK(told.text() == "10 4 1 0");
}

TEST_CASE("[29] bounds are checked, and the argument that breaks them is named") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Type::udp4);
    const std::string text = "0123456789";
    sender.send(text, 11, 0, 9, told.sent());
    sender.send(text, 0, 11, 9, told.sent());
    sender.send(text, 5, 6, 9, told.sent());
    sender.send(text, -1, 1, 9, told.sent());
    sender.send(text, 1, -1, 9, told.sent());
    sender.send(text, SIZE_MAX, 2, 9, told.sent());
    sender.send(text, 2, SIZE_MAX, 9, told.sent());
    sender.send("", 1, 0, 9, [&](const Failure& failure) {
        CHECK(failure.code() == "ERR_BUFFER_OUT_OF_BOUNDS");
        CHECK(failure.detail == "offset");
        told.add("last");
    });
    CHECK(sender.get_send_queue_count() == 0);
    CHECK(told.count() == 0);
    CHECK(run_until(loop, [&] { return told.count() == 8; }));
    const std::string offset = "\"offset\" is outside of buffer bounds";
    const std::string length = "\"length\" is outside of buffer bounds";
    CHECK(told.lines ==
          std::vector{offset, length, length, offset, length, offset, length, "last"s});
    CHECK_FALSE(sender.address());  // Nothing was asked for that would bind it.
}

// ---- The order of the checks --------------------------------------------------------------------

TEST_CASE("[29] bounds come before the connection, that before the port, that before closing") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram connected(loop, Type::udp4);
    REQUIRE(connected.connect_sync(9));
    connected.send("x", 2, 1, 70000, told.sent());
    connected.send("x", 70000, told.sent());
    connected.send("x", 9, "::1", told.sent());
    connected.send("x", Address::loopback(Family::ipv4, 9), told.sent());
    Datagram closed(loop, Type::udp4);
    closed.close();
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(told.lines == std::vector{"\"offset\" is outside of buffer bounds"s,
                                    "Already connected"s, "Already connected"s,
                                    "Already connected"s});
    told.lines.clear();
    closed.send("x", 2, 1, 70000, told.sent());
    closed.send("x", 70000, told.sent());
    closed.send("x", 70000, "::1", told.sent());
    closed.send("x", 9, told.sent());
    closed.send("x", 9, "name.example", told.sent());
    closed.send("x", told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 6; }));
    CHECK(told.lines == std::vector{"\"offset\" is outside of buffer bounds"s, about_port(70000),
                                    about_port(70000), "Not running"s, "Not running"s,
                                    "Not running"s});
}

TEST_CASE("[29] a port has to lie in 1..65535, in every form") {
    const Audit audit;
    core::Loop loop;
    Datagram sender(loop, Type::udp4);
    for (const int port : {0, -1, 65536, 70000, INT32_MAX, INT32_MIN}) {
        Told told;
        std::string code;
        sender.send("x", port, told.sent());
        sender.send("x", port, "127.0.0.1", told.sent());
        sender.send("x", 0, 1, port, "localhost", told.sent());
        sender.send("x", port, [&](const Failure& failure) {
            code = failure.code();
            CHECK(failure.value == port);
        });
        CHECK(run_until(loop, [&] { return !code.empty(); }));
        CHECK(told.lines == std::vector{about_port(port), about_port(port), about_port(port)});
        CHECK(code == "ERR_SOCKET_BAD_PORT");
    }
    Told told;
    sender.send("x", Address::loopback(Family::ipv4), told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    CHECK(told.text() == about_port(0));
}

TEST_CASE("[29] a refusal is reported later, queues nothing and binds nothing") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_error(told.failed());
    sender.on_listening(told.word("listening"));
    sender.send("x", 0);
    sender.send("x", 70000, "127.0.0.1");
    sender.send("x");
    CHECK(told.count() == 0);
    CHECK(sender.get_send_queue_count() == 0);
    CHECK(sender.get_send_queue_size() == 0);
    CHECK_FALSE(loop.run());  // Ends: nothing holds it.
    CHECK(told.lines.size() == 3);
    CHECK(told.lines.front() == about_port(0));
    CHECK_FALSE(sender.address());
}

TEST_CASE("[29] without a destination: a bad port, or while connecting the peer to come") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    std::string code;
    Datagram sender(loop, Type::udp4);
    sender.send("early", [&](const Failure& failure) {
        code = failure.code();
        CHECK(failure.text() == "Port should be > 0 and < 65536. Received no destination.");
    });
    sender.connect(receiver.port(), told.connected());
    sender.send("queued", told.sent());
    CHECK(sender.get_send_queue_count() == 1);
    CHECK(sender.get_send_queue_size() == 6);
    CHECK(receiver.hears(1));
    CHECK(code == "ERR_SOCKET_BAD_PORT");
    CHECK(receiver.text() == "queued");
    CHECK(told.text() == "connected 6");
    CHECK(sender.get_send_queue_count() == 0);
    CHECK(sender.get_send_queue_size() == 0);
}

// ---- Implicit binding and order -----------------------------------------------------------------

TEST_CASE("[30] the first send binds, and 'listening' comes before any send callback") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_listening([&] {
        const net::Result<Address> local = sender.address();
        CHECK(local);
        if (local) CHECK(local->port != 0);
        if (local) CHECK(local->host() == "0.0.0.0");
        told.add("listening");
    });
    sender.send("1", receiver.port(), told.sent());
    sender.send("22", receiver.port(), told.sent());
    CHECK_FALSE(sender.address());
    CHECK(receiver.hears(2));
    CHECK(told.text() == "listening 1 2");
}

TEST_CASE("[30][31] order is kept for each destination, and every callback comes once, in order") {
    const Audit audit;
    core::Loop loop;
    Receiver first(loop);
    Receiver second(loop);
    Datagram sender(loop, Type::udp4);
    constexpr int count = 200;
    std::vector<std::string> texts;
    std::vector<int> told;
    for (int i = 0; i < count; i++) texts.push_back(std::to_string(i));
    for (int i = 0; i < count; i++) {
        sender.send(texts[static_cast<std::size_t>(i)], (i % 3 == 0 ? second : first).address,
                    [&told, i, &texts](const Failure& failure, std::size_t bytes) {
                        CHECK_FALSE(failure);
                        CHECK(bytes == texts[static_cast<std::size_t>(i)].size());
                        told.push_back(i);
                    });
    }
    CHECK(run_until(loop, [&] { return first.texts.size() + second.texts.size() == count; }));
    std::vector<std::string> expected[2];
    for (int i = 0; i < count; i++) {
        CHECK(told[static_cast<std::size_t>(i)] == i);
        expected[i % 3 == 0].push_back(texts[static_cast<std::size_t>(i)]);
    }
    CHECK(told.size() == count);
    CHECK(first.texts == expected[0]);
    CHECK(second.texts == expected[1]);
}

// ---- Outcomes -----------------------------------------------------------------------------------

TEST_CASE("[31] without a callback a failure is 'error', a success nothing") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_error(told.failed());
    const std::string big(65508, 'x');
    sender.send("fine", receiver.port());
    sender.send(big, receiver.port());
    sender.send("fine too", receiver.port());
    CHECK(receiver.hears(2));
    CHECK(told.text() == "send EMSGSIZE " + receiver.address.text());
    told.lines.clear();
    sender.send(big, receiver.port(), told.sent());  // To the callback, and only to it.
    CHECK(run_until(loop, [&] { return told.count() > 0; }));
    test::settle(loop);
    CHECK(told.text() == "send EMSGSIZE " + receiver.address.text());
}

TEST_CASE("[31] a failure that nobody hears goes to the loop's hook") {
    const Audit audit;
    core::Loop loop;
    std::string heard;
    loop.on_unhandled_error([&](net::Error, std::string_view text) { heard = text; });
    Datagram sender(loop, Type::udp4);
    sender.send("x", 70000);
    CHECK(run_until(loop, [&] { return !heard.empty(); }));
    CHECK(heard == about_port(70000));
}

TEST_CASE("[31] inside its callback a socket may send, close, and be destroyed") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    std::optional<Datagram> sender(std::in_place, loop, Type::udp4);
    sender->on_close(told.word("close"));
    sender->send("a", receiver.port(), [&] {
        told.add("a");
        sender->send("b", receiver.port(), [&] {
            told.add("b");
            sender->close();
            sender->send("c", receiver.port(), [&](const Failure& failure) {
                told.add(failure.text());
            });
        });
        CHECK(told.lines.back() == "a");
    });
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(told.lines[0] == "a");
    CHECK(told.lines[1] == "b");
    CHECK(told.text().find("Not running") != std::string::npos);
    CHECK(told.text().find("close") != std::string::npos);
    sender.emplace(loop, Type::udp4);
    sender->send("d", receiver.port(), [&] { sender.reset(); });
    sender->send("e", receiver.port(), [&] { told.add("never"); });
    CHECK(receiver.hears(4));
    test::settle(loop);
    CHECK_FALSE(sender.has_value());
    CHECK(receiver.text() == "a b d e");  // It had left; only its callback has gone.
    CHECK(told.count() == 4);
}

// ---- Limits -------------------------------------------------------------------------------------

TEST_CASE("[32] a send error has code, number, system call, address and port") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    const std::string big(65508, 'x');
    const auto check = [&](const Failure& failure) {
        CHECK(failure.code() == "EMSGSIZE");
        CHECK(failure.syscall() == "send");
        CHECK(failure.native() != 0);
        CHECK(failure.address.host() == "127.0.0.1");
        CHECK(failure.address.port == receiver.port());
        CHECK(failure.text() == "send EMSGSIZE 127.0.0.1:" + std::to_string(receiver.port()));
    };
    int called = 0;
    const auto callback = [&](const Failure& failure, std::size_t bytes) {
        called++;
        CHECK(bytes == 0);
        check(failure);
    };
    Datagram sender(loop, Type::udp4);
    sender.send(big, receiver.port(), callback);  // Defaulted
    sender.send(big, receiver.port(), "127.0.0.1", callback);
    sender.send(big, receiver.address, callback);
    Datagram connected(loop, Type::udp4);
    REQUIRE(connected.connect_sync(receiver.port()));
    connected.send(big, callback);
    CHECK(run_until(loop, [&] { return called == 4; }));
    // The peer at the time of the send, also when the socket has none by the time of the callback.
    Told told;
    connected.send(big, told.sent());
    CHECK_FALSE(connected.disconnect());
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    CHECK(told.text() == "send EMSGSIZE " + receiver.address.text());
}

TEST_CASE("[32] 65,507 bytes are the most on IPv4, and 65,508 one too many") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    const std::string bytes(65508, 'x');
    sender.send(bytes, 0, 65507, receiver.port(), told.sent());
    sender.send(bytes, receiver.port(), told.sent());
    sender.send({bytes, "and another"}, receiver.port(), told.sent());
    CHECK(receiver.hears(1));
    CHECK(receiver.texts.front().size() == 65507);
    const std::string refusal = "send EMSGSIZE " + receiver.address.text();
    CHECK(told.lines == std::vector{"65507"s, refusal, refusal});
}

// Loopback's own broadcast address needs no network.
TEST_CASE("[32][44] broadcasting wants setBroadcast") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync());
    sender.send("x", 9, "127.255.255.255", told.sent());
    sender.send("x", 9, "255.255.255.255", told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.lines[0] == "send EACCES 127.255.255.255:9");
    // Where there is no network there is no way to it, and that is said first.
    const bool lonely = told.lines[1] == "send ENETUNREACH 255.255.255.255:9";
    CHECK((lonely || told.lines[1] == "send EACCES 255.255.255.255:9"));
    CHECK_FALSE(sender.set_broadcast(true));
    sender.send("x", 9, "127.255.255.255", told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 3; }));
    CHECK(told.lines.back() == "1");
    CHECK_FALSE(sender.set_broadcast(false));
    sender.send("x", 9, "127.255.255.255", told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(told.lines.back() == "send EACCES 127.255.255.255:9");
}

TEST_CASE("[32] a literal of the other family is EINVAL") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram ipv4(loop, Type::udp4);
    Datagram ipv6(loop, Type::udp6);
    ipv4.send("x", 9, "::1", told.sent());
    ipv4.send("x", Address::loopback(Family::ipv6, 9), told.sent());
    ipv6.send("x", 9, "127.0.0.1", told.sent());
    ipv6.send("x", Address::loopback(Family::ipv4, 9), told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(told.lines == std::vector{"send EINVAL ::1:9"s, "send EINVAL ::1:9"s,
                                    "send EINVAL 127.0.0.1:9"s, "send EINVAL 127.0.0.1:9"s});
    Datagram local(loop, Type::unix_dgram);
    local.send("x", Address::loopback(Family::ipv4, 9), told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 5; }));
    CHECK(told.lines.back() == "send EINVAL 127.0.0.1:9");
}

TEST_CASE("[33] empty messages are datagrams") {
    const Audit audit;
    core::Loop loop;
    std::vector<std::size_t> sizes;
    Datagram receiver(loop, Type::udp4, [&](const Message& message) {
        sizes.push_back(message.size());
        CHECK(message.text().empty());
        CHECK_FALSE(message.truncated);
        CHECK(message.sender.port != 0);
    });
    const Address address = test::bind_loopback(receiver);
    Told told;
    Datagram sender(loop, Type::udp4);
    const std::vector<std::byte> nothing;
    sender.send("", address, told.sent());
    sender.send(nothing, address, told.sent());
    sender.send(Bytes(), address, told.sent());
    sender.send(std::string(), address, told.sent());
    sender.send("gone", 4, 0, address, told.sent());
    CHECK(run_until(loop, [&] { return sizes.size() == 5; }));
    CHECK(sizes == std::vector<std::size_t>(5, 0));
    CHECK(told.text() == "0 0 0 0 0");
    REQUIRE(sender.connect_sync(address.port));
    sender.send("", told.sent());
    CHECK(run_until(loop, [&] { return sizes.size() == 6; }));
    CHECK(told.lines.back() == "0");
}
