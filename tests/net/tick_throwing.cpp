// Callbacks of sockets that throw: the exception leaves run(), run() may be called again, and
// nothing is lost or told twice.
#ifdef __linux__

#include <functional>
#include <memory>
#include <optional>

#include "tests/net/faults.h"
#include "tests/net/receiver.h"
#include "tests/net/wire.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Message;
using net::Options;
using net::Type;
using test::Audit;
using test::Call;
using test::Fault;
using test::Told;
using test::Wire;

// Turns until the condition holds, whatever is thrown; how often something was.
template <class F>
int exceptions_until(core::Loop& loop, F condition) {
    int count = 0;
    const std::int64_t end = loop.now().nanoseconds + 5'000'000'000;
    while (!condition() && loop.now().nanoseconds < end) {
        try {
            if (loop.turn({loop.now().nanoseconds + 20'000'000})) return -1;
        } catch (int) {
            count++;
        }
    }
    return condition() ? count : -1;
}

struct Kind {
    const char* name;
    std::function<void(core::Loop&, Datagram&, const Wire&, Told&, std::function<void()>)> ask;
    const char* told;
};
// What is told, when act() throws the first time that it runs.
const Kind kinds[] = {
    {"listening",
     [](core::Loop&, Datagram& s, const Wire& w, Told& told, auto act) {
         s.on_listening(act);
         s.bind();
         s.send("x", w.port(), told.sent());
     },
     "act 1 close"},
    {"bind callback",
     [](core::Loop&, Datagram& s, const Wire& w, Told& told, auto act) {
         s.bind(0, act);
         s.send("x", w.port(), told.sent());
     },
     "act 1 close"},
    {"connect",
     [](core::Loop&, Datagram& s, const Wire& w, Told& told, auto act) {
         s.on_connect(act);
         s.connect(w.port());
         s.send("x", told.sent());
     },
     "act 1 close"},
    {"connect callback",
     [](core::Loop&, Datagram& s, const Wire& w, Told& told, auto act) {
         s.connect(w.port(), act);
         s.send("x", told.sent());
     },
     "act 1 close"},
    {"send callback",
     [](core::Loop&, Datagram& s, const Wire& w, Told& told, auto act) {
         s.send("x", w.port(), told.sent());
         s.send("yy", w.port(), act);
         s.send("zzz", w.port(), told.sent());
     },
     "1 act 3 close"},
    {"refusal",
     [](core::Loop&, Datagram& s, const Wire& w, Told& told, auto act) {
         s.send("x", 0, act);
         s.send("zzz", w.port(), told.sent());
     },
     "act 3 close"},
    {"error",
     [](core::Loop&, Datagram& s, const Wire& w, Told& told, auto act) {
         s.on_error(act);
         s.send("x", 0);
         s.send("zzz", w.port(), told.sent());
     },
     "act 3 close"},
    {"hook",
     [](core::Loop& loop, Datagram& s, const Wire& w, Told& told, auto act) {
         loop.on_unhandled_error(act);
         s.send("x", 0);
         s.send("zzz", w.port(), told.sent());
     },
     "act 3 close"},
    {"custom look-up's answer",
     [](core::Loop&, Datagram& s, const Wire& w, Told& told, auto act) {
         s.send("x", w.port(), "at.once", act);
         s.send("zzz", w.port(), "at.once", told.sent());
     },
     "act 3 close"},
    {"close",
     [](core::Loop&, Datagram& s, const Wire&, Told&, auto act) { s.on_close(act); },
     "act"},
    {"timer",
     [](core::Loop& loop, Datagram& s, const Wire& w, Told& told, auto act) {
         loop.after(0ms, act);
         s.send("x", w.port(), told.sent());
     },
     "act 1 close"},
    {"post",
     [](core::Loop& loop, Datagram& s, const Wire& w, Told& told, auto act) {
         CHECK(loop.post(act));
         s.send("x", w.port(), told.sent());
     },
     "act 1 close"},
};

}  // namespace

TEST_CASE("[7] a message listener that throws loses none of the datagrams that were read with it") {
    for (const Type type : {Type::udp4, Type::unix_dgram}) {
        for (const int throws_every : {1, 3, 7}) {
            CAPTURE(throws_every);
            const Audit audit;
            core::Loop loop;
            const test::Path path("throwing");
            Datagram reader(loop, type);
            const net::Result<Address> local =
                type == Type::udp4 ? reader.bind_sync(0, "127.0.0.1") : reader.bind_sync(path);
            REQUIRE(local);
            Datagram sender(loop, type);
            sender.unref();
            std::vector<std::string> heard;
            std::vector<std::string> sent;
            int thrown = 0;
            reader.on_message([&](const Message& message) {
                heard.emplace_back(message.text());
                if (heard.size() % static_cast<std::size_t>(throws_every) == 0) {
                    thrown++;
                    throw 1;
                }
            });
            for (int round = 0; round < 4; round++) {  // The batches grow.
                for (int i = 0; i < 8; i++) {
                    sent.push_back(std::to_string(round) + "." + std::to_string(i));
                    sender.send(std::string(sent.back()), *local);
                }
                CHECK(exceptions_until(loop, [&] { return heard.size() == sent.size(); }) >= 0);
            }
            CHECK(heard == sent);
            CHECK(thrown == static_cast<int>(sent.size()) / throws_every);
        }
    }
}

TEST_CASE("[7] what an exception left of a batch comes before what arrives later, and is dropped "
          "with its socket") {
    for (int end = 0; end < 4; end++) {
        CAPTURE(end);
        const Audit audit;
        core::Loop loop;
        Wire wire;
        Told told;
        std::optional<Datagram> reader(std::in_place, loop, Type::udp4);
        Datagram other(loop, Type::udp4);
        const Address local = test::bind_loopback(*reader);
        const Address elsewhere = test::bind_loopback(other);
        const auto tell = [&](const Message& message) {
            told.add(std::string(message.text()));
            if (message.text() == "throw") throw 1;
        };
        reader->on_message(tell);
        other.on_message(tell);
        test::settle(loop);
        for (int i = 0; i < 15; i++) CHECK(wire.write("warm", local));  // Batches grow up to 8.
        CHECK(exceptions_until(loop, [&] { return told.count() == 15; }) == 0);
        told.lines.clear();
        for (const char* text : {"throw", "1", "2"}) CHECK(wire.write(text, local));
        CHECK_THROWS_AS((void)loop.turn(core::Instant::never()), int);
        CHECK(told.text() == "throw");
        CHECK(loop.next_deadline() == core::Instant{});
        for (const Address& each : {elsewhere, local}) CHECK(wire.write("later", each));
        if (end == 1) reader->close();
        if (end == 2) reader.reset();
        if (end == 3) reader.emplace(loop, Type::udp4);
        CHECK(exceptions_until(loop, [&] { return told.count() >= (end == 0 ? 5u : 2u); }) == 0);
        test::settle(loop);
        CHECK(told.text() == (end == 0 ? "throw 1 2 later later" : "throw later"));
    }
}

TEST_CASE("[7] received bytes that were sent on before an exception still leave") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Datagram echo(loop, Type::udp4);
    const Address local = test::bind_loopback(echo);
    int count = 0;
    echo.on_message([&](const Message& message) {
        echo.send(message.bytes, message.sender);
        if (++count % 2 == 1) throw 1;
    });
    test::settle(loop);
    for (int i = 0; i < 40; i++) CHECK(wire.write(std::to_string(i), local));
    CHECK(exceptions_until(loop, [&] { return count == 40; }) == 20);
    test::settle(loop, 1);
    for (int i = 0; i < 40; i++) CHECK(wire.read() == std::to_string(i));
}

TEST_CASE("[7] each kind of callback may throw: it was told once, and so is all that follows") {
    for (const Kind& kind : kinds) {
        const std::string name = kind.name;
        CAPTURE(name);
        const Audit audit;
        core::Loop loop;
        const Wire wire;
        Told told;
        Options options{.type = Type::udp4};
        options.lookup = [](std::string_view, Family family, LookupAnswer answer) {
            answer(Address::loopback(family));
        };
        Datagram socket(loop, std::move(options));
        kind.ask(loop, socket, wire, told, [&] {
            told.add("act");
            throw 1;
        });
        socket.on_close(told.word("close"));
        loop.after(50ms, [&] { socket.close(); });  // At once, it would silence some of them.
        int exceptions = 0;
        for (int runs = 0; runs < 3; runs++) {
            try {
                const platform::Error error = loop.run();
                CHECK_FALSE(error);
                break;
            } catch (int) {
                exceptions++;
            }
        }
        CHECK(exceptions == 1);
        CHECK(told.text() == kind.told);
        const platform::Error error = loop.run();
        CHECK_FALSE(error);
        CHECK(told.text() == kind.told);
    }
}

TEST_CASE("[7] outcomes of several sockets: each that throws costs the others nothing") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    std::vector<std::unique_ptr<Datagram>> sockets;
    std::string order;
    for (int i = 0; i < 5; i++) {
        sockets.push_back(std::make_unique<Datagram>(loop, Type::udp4));
        for (int k = 0; k < 3; k++) {
            sockets.back()->send("x", wire.port(), [&order, i, k] {
                order += static_cast<char>('a' + i * 3 + k);
                if (k == 1) throw 1;
            });
        }
    }
    CHECK(exceptions_until(loop, [&] { return order.size() == 15; }) == 5);
    CHECK(order == "abcdefghijklmno");
    CHECK(exceptions_until(loop, [&] { return wire.read() == "nothing"; }) == 0);
}

TEST_CASE("[7] 'close' of several sockets: each that throws costs the others nothing") {
    const Audit audit;
    core::Loop loop;
    std::vector<std::unique_ptr<Datagram>> sockets;
    std::string order;
    for (int i = 0; i < 6; i++) {
        sockets.push_back(std::make_unique<Datagram>(loop, Type::udp4));
        sockets.back()->close([&, i] {
            order += static_cast<char>('a' + i);
            if (i == 0) sockets[5].reset();  // The last in line.
            if (i % 2 == 0) throw 1;
        });
    }
    CHECK(exceptions_until(loop, [&] { return order.size() == 5; }) == 3);
    CHECK(order == "abcde");
}

TEST_CASE("[7][11] a custom look-up that throws fails its own send, and no other") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Told told;
    int asked = 0;
    Options options{.type = Type::udp4};
    options.lookup = [&](std::string_view, Family family, LookupAnswer answer) {
        if (++asked == 2) throw 1;
        answer(Address::loopback(family));
    };
    Datagram socket(loop, std::move(options));
    for (const char* host : {"one", "two", "three"}) {
        socket.send("x", wire.port(), host, told.sent());
    }
    CHECK(exceptions_until(loop, [&] { return told.count() == 3; }) == 1);
    CHECK(told.text() == "1 getaddrinfo ECANCELED two 1");
    CHECK(asked == 3);
}

TEST_CASE("[7] a listener that destroys the socket and throws") {
    for (int kind = 0; kind < 4; kind++) {
        CAPTURE(kind);
        const Audit audit;
        core::Loop loop;
        Wire wire;
        std::optional<Datagram> socket(std::in_place, loop, Type::udp4);
        int told = 0;
        const auto act = [&] {
            told++;
            socket.reset();
            throw 1;
        };
        const Address local = test::bind_loopback(*socket);
        if (kind == 0) socket->on_message(act);
        if (kind == 1) socket->on_listening(act);
        if (kind == 2) socket->send("x", wire.port(), act);
        if (kind == 3) socket->close(act);
        if (kind == 0) {
            test::settle(loop);
            for (int i = 0; i < 5; i++) CHECK(wire.write("x", local));
        }
        CHECK(exceptions_until(loop, [&] { return told > 0; }) == 1);
        test::settle(loop);
        CHECK(told == 1);
        const platform::Error error = loop.run();
        CHECK_FALSE(error);
    }
}

TEST_CASE("[7] an exception does not cost a closing socket its 'close'") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Told told;
    Datagram socket(loop, Type::udp4);
    socket.send("x", wire.port(), [&] {
        told.add("sent");
        throw 1;
    });
    socket.close(told.word("close"));
    CHECK(exceptions_until(loop, [&] { return told.count() == 2; }) == 1);
    CHECK(told.text() == "sent close");
}

TEST_CASE("[7] what waits for room survives an exception") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Told told;
    Datagram socket(loop, Type::udp4);
    test::bind_loopback(socket);
    test::settle(loop);
    const Fault one(Call::sendmsg, EAGAIN, 1);
    const Fault many(Call::sendmmsg, EAGAIN, 1);
    for (int i = 0; i < 3; i++) socket.send("x", wire.port(), told.sent());
    loop.after(0ms, [] { throw 1; });
    CHECK(loop.post([] { throw 1; }));
    CHECK(exceptions_until(loop, [&] { return told.count() == 3; }) == 2);
    CHECK(told.text() == "1 1 1");
}

#endif
