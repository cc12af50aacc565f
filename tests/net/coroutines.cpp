// Sockets in coroutines: what receive, send, connect, close and lookup give, that nothing is lost
// between two awaits, and what a deadline, a token or the end of the socket makes of them.
#include "net/coroutine.h"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/net/support.h"

namespace {

using namespace std::chrono_literals;
using core::sleep;
using core::spawn;
using core::StopSource;
using core::StopToken;
using core::Task;
using net::Address;
using net::Code;
using net::Datagram;
using net::Error;
using net::Message;
using net::Operation;
using net::Options;
using net::Receiver;
using net::Result;
using net::Type;
using test::run_until;
using test::settle;

using Lines = std::vector<std::string>;

Address bound(Datagram& socket) {
    const Result<Address> address = socket.bind_sync(0, "127.0.0.1");
    REQUIRE(address);
    return *address;
}

std::string line_of(const Result<Message>& message) {
    return message ? std::string(message->text()) : net::text(message.error());
}

Task<> receive_all(Receiver& receiver, Lines& lines) {
    for (;;) {
        const Result<Message> message = co_await receiver.receive();
        lines.push_back(line_of(message));
        if (!message && message.error().operation == Operation::receive) co_return;
    }
}

Task<> receive_one(Receiver& receiver, Lines& lines, StopToken token = {},
                   std::chrono::nanoseconds within = 24h) {
    const Result<Message> message =
        co_await receiver.receive().within(within).unless(std::move(token));
    lines.push_back(line_of(message));
}

Task<> echo(Datagram& socket, bool waits) {
    Receiver receiver(socket);
    for (;;) {
        const Result<Message> message = co_await receiver.receive();
        if (!message) co_return;
        if (waits) {
            const Result<std::size_t> sent =
                co_await net::send(socket, message->bytes, message->sender);
            CHECK(sent);
        } else {
            socket.send(message->bytes, message->sender);
        }
    }
}

// Leaves in one tick what two cannot have: so a receiver has to keep some of it.
void send_numbers(Datagram& socket, const Address& to, int count) {
    for (int i = 0; i < count; i++) socket.send(std::to_string(i), to);
}

}  // namespace

TEST_CASE("an echo server and its client, each a coroutine: every size and byte comes back") {
    for (const bool waits : {false, true}) {
        core::Loop loop;
        Datagram server(loop, Type::udp4);
        Datagram client(loop, Type::udp4);
        const Address address = bound(server);
        int answered = 0;
        spawn(loop, echo(server, waits));
        spawn(loop, [](Datagram& socket, Datagram& other, Address to, int& count) -> Task<> {
            Receiver receiver(socket);
            for (const std::size_t size : {0u, 1u, 3u, 1472u, 9000u, 60000u}) {
                const std::string text(size, static_cast<char>('a' + count));
                const Result<std::size_t> sent = co_await net::send(socket, text, to);
                CHECK((sent && *sent == size));
                const Result<Message> answer = co_await receiver.receive().within(5s);
                if (!answer) continue;
                CHECK(answer->text() == text);
                CHECK(answer->sender == to);
                count++;
            }
            CHECK_FALSE(co_await net::close(socket));
            other.close();
        }(client, server, address, answered));
        CHECK_FALSE(loop.run());
        CHECK(answered == 6);
    }
}

TEST_CASE("what arrives together is given one by one, and kept in order while nobody awaits it") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    const Address address = bound(receives);
    Receiver receiver(receives);
    Lines lines;
    spawn(loop, [](Receiver& from, Lines& to) -> Task<> {
        for (int i = 0; i < 100; i++) {
            // Every third time something else is waited for, so that more arrives.
            if (i % 3 == 0) (void)co_await sleep(1ms);
            const Result<Message> message = co_await from.receive();
            to.push_back(line_of(message));
        }
    }(receiver, lines));
    for (int i = 0; i < 5; i++) {
        loop.after(std::chrono::milliseconds(i), [&, i] {
            for (int k = 0; k < 20; k++) sends.send(std::to_string(20 * i + k), address);
        });
    }
    REQUIRE(run_until(loop, [&] { return lines.size() == 100; }));
    for (int i = 0; i < 100; i++) CHECK(lines[static_cast<std::size_t>(i)] == std::to_string(i));
    CHECK(receiver.dropped_count() == 0);
}

TEST_CASE("a receiver keeps from its beginning on, awaited or not") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    Receiver receiver(receives);
    const Address address = bound(receives);
    send_numbers(sends, address, 3);
    sends.send("", address);
    settle(loop);
    Lines lines;
    spawn(loop, receive_all(receiver, lines));
    CHECK(run_until(loop, [&] { return lines.size() == 4; }));
    CHECK(lines == Lines{"0", "1", "2", ""});
    CHECK(receives.listener_count(net::Event::message) == 1);
}

TEST_CASE("what is kept tells of its journey too") {
    core::Loop loop;
    Datagram socket(loop, {.packet_info = true});
    const Address address = bound(socket);
    Receiver receiver(socket);
    Datagram sends(loop, Type::udp4);
    send_numbers(sends, address, 3);
    settle(loop);  // Nobody awaits.
    std::vector<Address> asked;
    spawn(loop, [](Receiver& from, std::vector<Address>& all) -> Task<> {
        for (int i = 0; i < 3; i++) {
            const Result<Message> message = co_await from.receive();
            REQUIRE(message);
            CHECK(message->text() == std::to_string(i));
            REQUIRE(message->info);
            all.push_back(message->info->local);
        }
    }(receiver, asked));
    settle(loop);
    REQUIRE(asked.size() == 3);
    for (const Address& each : asked) CHECK(each.host() == "127.0.0.1");
}

TEST_CASE("what is kept is bounded, the newest is dropped, and counted") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    Receiver receiver(receives);
    const Address address = bound(receives);
    int arrived = 0;
    receives.on_message([&] { arrived++; });
    for (int i = 0; i < 24; i++) {
        send_numbers(sends, address, 50);
        REQUIRE(run_until(loop, [&] { return arrived == 50 * (i + 1); }));
    }
    CHECK(receiver.dropped_count() == 1200 - net::Backlog::count_max);
    Lines lines;
    spawn(loop, receive_all(receiver, lines));
    CHECK(run_until(loop, [&] { return lines.size() == net::Backlog::count_max; }));
    for (std::size_t i = 0; i < lines.size(); i++) CHECK(lines[i] == std::to_string(i % 50));
    sends.send("again", address);
    CHECK(run_until(loop, [&] { return lines.back() == "again"; }));
}

TEST_CASE("bytes that were kept may be sent on as they are, awaited or not") {
    core::Loop loop;
    Datagram server(loop, Type::udp4);
    Datagram client(loop, Type::udp4);
    const Address address = bound(server);
    Lines lines;
    client.on_message([&](const Message& message) { lines.emplace_back(message.text()); });
    spawn(loop, [](Datagram& socket) -> Task<> {
        Receiver receiver(socket);
        for (;;) {
            (void)co_await sleep(2ms);
            for (int i = 0; i < 2; i++) {
                const Result<Message> first = co_await receiver.receive();
                if (!first) co_return;
                const Address sender = first->sender;
                socket.send(first->bytes, sender);
                const Result<Message> second = co_await receiver.receive();
                if (!second) co_return;
                (void)co_await net::send(socket, second->bytes, second->sender);
            }
        }
    }(server));
    for (int round = 0; round < 3; round++) send_numbers(client, address, 12);
    REQUIRE(run_until(loop, [&] { return lines.size() == 36; }));
    for (std::size_t i = 0; i < lines.size(); i++) CHECK(lines[i] == std::to_string(i % 12));
}

TEST_CASE("send gives the count or the error, in every form that Datagram has") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    const Address address = bound(receives);
    Receiver receiver(receives);
    Lines lines;
    spawn(loop, receive_all(receiver, lines));
    spawn(loop, [](Datagram& socket, Address to) -> Task<> {
        const int port = to.port;
        std::string text = "moved";
        CHECK(*co_await net::send(socket, "port", port) == 4);
        CHECK(*co_await net::send(socket, "name", port, "localhost") == 4);
        CHECK(*co_await net::send(socket, "literal", port, "127.0.0.1") == 7);
        const std::array<net::Bytes, 3> parts{"li", "", "st"};
        CHECK(*co_await net::send(socket, parts, to) == 4);
        CHECK(*co_await net::send(socket, std::move(text), to) == 5);
        const Result<std::size_t> no_port = co_await net::send(socket, "x", 0);
        CHECK(no_port.error().code == Code::bad_port);
        const Result<std::size_t> no_peer = co_await net::send(socket, "x");
        CHECK(no_peer.error().code == Code::bad_port);
        const std::string large(70'000, 'x');
        const Result<std::size_t> too_large = co_await net::send(socket, large, to);
        CHECK(too_large.error().code == Code::message_too_big);
        CHECK_FALSE(co_await net::connect(socket, port, "localhost").within(5s));
        CHECK(*co_await net::send(socket, "peer") == 4);
        const Error again = co_await net::connect(socket, port);
        CHECK(again.code == Code::already_connected);
        CHECK_FALSE(co_await net::close(socket));
        const Result<std::size_t> closed = co_await net::send(socket, "x");
        CHECK(closed.error().code == Code::not_running);
    }(sends, address));
    CHECK(run_until(loop, [&] { return lines.size() == 6; }));
    CHECK(lines == Lines{"port", "name", "literal", "list", "moved", "peer"});
}

TEST_CASE("lookup gives addresses, an error, or gives up") {
    core::Loop loop;
    bool done = false;
    StopSource stopped;
    spawn(loop, [](bool& end, StopSource& stop) -> Task<> {
        const auto literal = co_await net::lookup("192.0.2.1");
        CHECK((literal && literal->size() == 1 && (*literal)[0].host() == "192.0.2.1"));
        const auto name = co_await net::lookup("localhost", net::Family::ipv4).within(5s);
        CHECK((name && (*name)[0].host() == "127.0.0.1"));
        const auto wrong = co_await net::lookup("127.1");
        CHECK(wrong.error().code == Code::invalid_argument);
        stop.stop();
        const auto canceled = co_await net::lookup("localhost").unless(stop.token());
        CHECK(canceled.error() == Error{Code::canceled, Operation::lookup});
        const auto late = co_await net::lookup("localhost").within(0ms);
        CHECK((late || late.error().code == Code::timed_out));
        end = true;
    }(done, stopped));
    CHECK_FALSE(loop.run());
    CHECK(done);
}

TEST_CASE("a receive gives up with ETIMEDOUT or ECANCELED, and the next one gets what came") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    const Address address = bound(receives);
    Receiver receiver(receives);
    StopSource source;
    Lines lines;
    spawn(loop, [](Receiver& from, StopSource& stop, Lines& to) -> Task<> {
        co_await receive_one(from, to, {}, 5ms);
        co_await receive_one(from, to, stop.token());
        co_await receive_one(from, to, stop.token());
        co_await receive_one(from, to, {}, 5s);
    }(receiver, source, lines));
    loop.after(20ms, [&] {
        source.stop();
        sends.send("kept", address);
    });
    CHECK(run_until(loop, [&] { return lines.size() == 4; }));
    CHECK(lines == Lines{"recvmsg ETIMEDOUT", "recvmsg ECANCELED", "recvmsg ECANCELED", "kept"});
}

TEST_CASE("of a deadline and a datagram in one tick the deadline wins, and the datagram is kept") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    const Address address = bound(receives);
    Receiver receiver(receives);
    Lines lines;
    bool sent = false;
    sends.send("late", address, [&] { sent = true; });
    REQUIRE(run_until(loop, [&] { return sent; }));
    spawn(loop, [](Receiver& from, Lines& to) -> Task<> {
        co_await receive_one(from, to, {}, 1ms);
        co_await receive_one(from, to);
    }(receiver, lines));
    receives.on_message([&] { CHECK(lines.empty()); });
    while (sent) {  // Both are due when the loop looks again.
        std::this_thread::sleep_for(5ms);
        CHECK_FALSE(loop.turn());
        sent = lines.size() < 2;
    }
    CHECK(lines.back() == "late");
}

TEST_CASE("of a stop and a datagram in one tick the stop wins, and the datagram is kept") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    const Address address = bound(receives);
    Receiver receiver(receives);
    StopSource source;
    Lines lines;
    bool sent = false;
    spawn(loop, [](Receiver& from, StopToken token, Lines& to) -> Task<> {
        co_await receive_one(from, to, token);
        co_await receive_one(from, to);
    }(receiver, source.token(), lines));
    CHECK_FALSE(loop.turn());
    sends.send("kept", address, [&] {
        sent = true;
        source.stop();
    });
    REQUIRE(run_until(loop, [&] { return lines.size() == 2; }));
    CHECK(sent);
    CHECK(lines == Lines{"recvmsg ECANCELED", "kept"});
}

TEST_CASE("one awaits at a time: a second gets EALREADY, the first is not disturbed") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    const Address address = bound(receives);
    Receiver receiver(receives);
    Lines lines;
    spawn(loop, receive_one(receiver, lines));
    spawn(loop, receive_one(receiver, lines));
    CHECK_FALSE(loop.turn());
    CHECK(lines == Lines{"recvmsg EALREADY"});
    sends.send("first", address);
    CHECK(run_until(loop, [&] { return lines.size() == 2; }));
    CHECK(lines.back() == "first");
}

TEST_CASE("errors that would be 'error' come out of receive, in their order, waited for or kept") {
    core::Loop loop;
    Datagram holds(loop, Type::udp4);
    const Address taken = bound(holds);
    Datagram socket(loop, Type::udp4);
    Receiver receiver(socket);
    Lines lines;
    socket.bind(taken.port, "127.0.0.1");
    settle(loop);
    spawn(loop, receive_all(receiver, lines));
    CHECK(run_until(loop, [&] { return lines.size() == 1; }));
    socket.bind(70'000);
    CHECK(run_until(loop, [&] { return lines.size() == 2; }));
    CHECK(lines[0] == "bind EADDRINUSE");
    CHECK(lines[1] == net::text(Error{Code::bad_port, Operation::bind}));
    CHECK(socket.listener_count(net::Event::error) == 1);
}

TEST_CASE("a closed socket ends a receive with ERR_SOCKET_DGRAM_NOT_RUNNING, kept ones first") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    (void)bound(receives);
    std::optional<Receiver> receiver(std::in_place, receives);
    Lines lines;
    spawn(loop, receive_one(*receiver, lines));
    CHECK_FALSE(loop.turn());
    receives.close();
    CHECK(lines.empty());  // Not inside the call.
    CHECK(run_until(loop, [&] { return lines.size() == 1; }));
    spawn(loop, receive_one(*receiver, lines));
    CHECK(run_until(loop, [&] { return lines.size() == 2; }));
    receiver.emplace(receives);  // Made of a closed one.
    spawn(loop, receive_one(*receiver, lines));
    CHECK(run_until(loop, [&] { return lines.size() == 3; }));
    for (const std::string& line : lines) CHECK(line == "Not running");

    Datagram again(loop, Type::udp4);
    const Address second = bound(again);
    receiver.emplace(again);
    send_numbers(sends, second, 2);
    settle(loop);
    again.close();
    settle(loop);
    lines.clear();
    spawn(loop, receive_all(*receiver, lines));
    CHECK(run_until(loop, [&] { return lines.size() == 3; }));
    CHECK(lines == Lines{"0", "1", "Not running"});
}

TEST_CASE("a socket that moves keeps its receiver, and a send that is under way") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    Datagram sends(loop, Type::udp4);
    const Address address = bound(receives);
    Receiver receiver(receives);
    Lines lines;
    spawn(loop, receive_all(receiver, lines));
    CHECK_FALSE(loop.turn());
    Datagram moved = std::move(receives);
    sends.send("moved", address);
    CHECK(run_until(loop, [&] { return lines.size() == 1; }));
    CHECK(lines == Lines{"moved"});
    moved.close();
    CHECK(run_until(loop, [&] { return lines.size() == 2; }));
    CHECK(lines[1] == "Not running");
}
