// Sockets in the turn of a loop: when datagrams leave, when callbacks run and in which order, what
// keeps the loop going, and what may be done to sockets meanwhile.
#ifdef __linux__

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "net/resolver.h"
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
using test::Receiver;
using test::run_until;
using test::runs_out;
using test::settle;
using test::Told;
using test::Wire;

// A custom look-up that answers at once.
void answer_at_once(std::string_view, Family family, LookupAnswer answer) {
    answer(Address::loopback(family));
}

// One that keeps its questions until they are answered.
struct Slow {
    auto lookup() {
        return [this](std::string_view, Family family, LookupAnswer answer) {
            asked.push_back(std::make_unique<Asked>(Asked{family, std::move(answer)}));
        };
    }
    void answer_all() {
        for (const auto& each : asked) each->answer(Address::loopback(each->family));
        asked.clear();
    }
    struct Asked {
        Family family;
        LookupAnswer answer;
    };
    std::vector<std::unique_ptr<Asked>> asked;
};

int system_sends() { return Fault::calls(Call::sendmsg) + Fault::calls(Call::sendmmsg); }

}  // namespace

// ---- The phases ---------------------------------------------------------------------------------

TEST_CASE("[1] timer, message, post, look-up, outcomes in call order, close: all in one tick") {
    const Audit audit;
    Told told;
    core::Loop loop;
    Wire wire;
    Datagram reader(loop, Type::udp4);
    test::bind_loopback(reader);
    settle(loop);
    CHECK(wire.write("x", test::checked(reader.address())));
    Datagram sender(loop, Type::udp4);
    Datagram other(loop, Type::udp4);
    Datagram ended(loop, Type::udp4);
    net::Resolver resolver(loop);
    std::vector<std::uint64_t> ticks;
    const auto tell = [&](const char* what) {
        return [&, what] {
            told.add(what);
            ticks.push_back(loop.tick());
        };
    };
    reader.on_message(tell("message"));
    sender.on_listening(tell("listening"));
    other.on_connect(tell("connect"));
    ended.close(tell("close"));
    sender.send("a", wire.port(), tell("sent"));
    other.connect(wire.port(), tell("connected"));
    sender.send("b", 0, tell("refused"));
    sender.send("c", wire.port(), tell("sent too"));
    resolver.lookup("127.0.0.1", Family::ipv4, tell("look-up"));
    CHECK(loop.post(tell("post")));
    loop.after(0ms, tell("timer"));
    CHECK(told.count() == 0);
    const platform::Error error = loop.turn();
    CHECK_FALSE(error);
    CHECK(told.text() == "timer message post look-up listening sent connect connected refused "
                         "sent too close");
    for (const std::uint64_t tick : ticks) CHECK(tick == loop.tick());
}

TEST_CASE("[1] all binds come before any send: what is sent first reaches who binds later") {
    const Audit audit;
    core::Loop loop;
    Told told;
    const test::Path path("tick");
    Datagram sender(loop, Type::unix_dgram);
    Datagram receiver(loop, Type::unix_dgram);
    receiver.on_message([&](const Message& message) { told.add(std::string(message.text())); });
    sender.send("early", path, told.sent());
    receiver.bind(path, told.word("listening"));
    CHECK_FALSE(loop.turn());
    CHECK(told.text() == "5 listening");  // In the order of the calls.
    CHECK(run_until(loop, [&] { return told.count() == 3; }));
    CHECK(told.lines.back() == "early");
}

TEST_CASE("[1] what one tick sends leaves together, whichever phase asked for it") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Datagram sender(loop, Type::udp4);
    const Address self = test::bind_loopback(sender);
    settle(loop);
    CHECK(wire.write("go", self));
    int calls_before = 0;
    const auto send = [&](std::string_view text) {
        sender.send(text, wire.address());
        CHECK(wire.read() == "nothing");
        CHECK(system_sends() == calls_before);
    };
    sender.on_message([&] { send("3"); });
    loop.after(0ms, [&] { send("2"); });
    CHECK(loop.post([&] { send("4"); }));
    calls_before = system_sends();
    send("1");
    CHECK_FALSE(loop.turn());
    // All of them by one call, where there is one for many, and never more than one each.
    CHECK(system_sends() == calls_before + (test::has_batch_calls() ? 1 : 4));
    for (const char* text : {"1", "2", "3", "4", "nothing"}) CHECK(wire.read() == text);
}

TEST_CASE("[1] outcomes come in the order of the calls, across sockets") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Wire wire;
    Datagram a(loop, Type::udp4);
    Datagram b(loop, Type::udp4);
    Datagram c(loop, Type::udp4);
    b.send("", wire.port(), told.word("1"));
    a.send("", wire.port(), told.word("2"));
    a.send("", 0, told.word("3"));  // Refused.
    b.bind(0, told.word("never"));  // Refused: the send has bound it.
    b.on_error(told.word("4"));
    c.connect(wire.port(), told.word("5"));
    a.send(std::string(70000, 'x'), wire.port(), told.word("6"));  // Too big for the system.
    b.send("", wire.port(), told.word("7"));
    c.send("", told.word("8"));
    a.send("", wire.port(), told.word("9"));
    CHECK(run_until(loop, [&] { return told.count() == 9; }));
    settle(loop, 2);
    CHECK(told.text() == "1 2 3 4 5 6 7 8 9");
}

TEST_CASE("[1] what waited for a look-up was asked for first, and is told first") {
    const Audit audit;
    Told told;
    Slow slow;
    core::Loop loop;
    Wire wire;
    Options options{.type = Type::udp4};
    options.lookup = slow.lookup();
    Datagram a(loop, std::move(options));
    Datagram b(loop, Type::udp4);
    a.send("", wire.port(), "name.test", told.word("1"));
    a.send("", wire.port(), "name.test", told.word("2"));
    settle(loop);
    CHECK(slow.asked.size() == 2);
    b.send("", wire.port(), told.word("4"));
    a.send("", wire.port(), told.word("5"));
    b.send("", wire.port(), told.word("6"));
    a.send("", wire.port(), told.word("7"));
    slow.answer_all();
    CHECK(told.count() == 0);
    CHECK_FALSE(loop.turn());
    CHECK(told.text() == "1 2 4 5 6 7");
}

// ---- When datagrams leave -----------------------------------------------------------------------

TEST_CASE("[3] to a literal: at the end of the tick; to a name: a tick later at least") {
    const Audit audit;
    for (const char* host : {"127.0.0.1", "", "at.once"}) {
        CAPTURE(host);
        core::Loop loop;
        Wire wire;
        Options options{.type = Type::udp4};
        options.lookup = answer_at_once;
        Datagram socket(loop, std::move(options));
        test::bind_loopback(socket);
        settle(loop);
        bool sent = false;
        loop.after(0ms, [&] {
            socket.send("x", wire.port(), host, [&] { sent = true; });
            CHECK(wire.read() == "nothing");
        });
        CHECK_FALSE(loop.turn());
        const bool name = host == "at.once"s;
        CHECK(wire.read() == (name ? "nothing" : "x"));
        CHECK(sent == !name);
        CHECK_FALSE(loop.turn());
        CHECK(wire.read() == (name ? "x" : "nothing"));
        CHECK(sent);
    }
}

TEST_CASE("[3] a name is looked up on a thread; the loop goes on meanwhile") {
    core::Loop loop;
    Wire wire;
    Datagram socket(loop, Type::udp4);
    std::uint64_t sent = 0;
    const std::uint64_t asked = loop.tick();
    socket.send("x", wire.port(), "localhost", [&](const Failure& failure) {
        CHECK_FALSE(failure);
        sent = loop.tick();
    });
    CHECK_FALSE(loop.turn());
    CHECK(wire.read() == "nothing");
    CHECK(run_until(loop, [&] { return sent > 0; }));
    CHECK(sent >= asked + 2);
    CHECK(wire.read() == "x");
}

TEST_CASE("[3] the caller's bytes are not copied; moved in, they are nobody else's to keep") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Slow slow;
    Options options{.type = Type::udp4};
    options.lookup = slow.lookup();
    Datagram socket(loop, std::move(options));
    std::string bytes = "before";
    socket.send(bytes, wire.port());
    socket.send({net::Bytes(bytes), net::Bytes(bytes)}, wire.port());
    socket.send(bytes, wire.port(), "slow");
    {
        std::string moved = "moved in and forgotten, though too long to lie inside a string";
        socket.send(std::move(moved), wire.port());
        moved = "something else";
    }
    bytes = "behind";
    CHECK_FALSE(loop.turn());
    CHECK(wire.read() == "behind");
    CHECK(wire.read() == "behindbehind");
    CHECK(wire.read() == "moved in and forgotten, though too long to lie inside a string");
    bytes = "at end";
    slow.answer_all();
    CHECK_FALSE(loop.turn());
    CHECK(wire.read() == "at end");
}

TEST_CASE("[3] received bytes are sent on as they are, and copied only if they have to wait") {
    const Audit audit;
    Slow slow;
    core::Loop loop;
    Wire wire;
    Options options{.type = Type::udp4};
    options.lookup = slow.lookup();
    Datagram echo(loop, std::move(options));
    const Address local = test::bind_loopback(echo);
    std::vector<std::string> seen;
    echo.on_message([&](const Message& message) {
        seen.emplace_back(message.text());
        echo.send(message.bytes, message.sender);
        echo.send({message.bytes, net::Bytes("!")}, wire.port(), "slow");
        echo.send(message.bytes, wire.port(), "slow");
    });
    settle(loop);
    for (const char* text : {"one", "two", "three"}) CHECK(wire.write(text, local));
    CHECK(run_until(loop, [&] { return seen.size() == 3; }));
    for (const std::string& text : seen) CHECK(wire.read() == text);
    // Others lie where they were received by the time that they leave.
    for (int i = 0; i < 100; i++) CHECK(wire.write("XXXXX", local));
    CHECK(run_until(loop, [&] { return seen.size() == 103; }));
    while (wire.read() != "nothing") {
    }
    slow.answer_all();
    CHECK_FALSE(loop.turn());
    for (const char* text : {"one!", "one", "two!", "two", "three!", "three", "XXXXX!"}) {
        CHECK(wire.read() == text);
    }
}

TEST_CASE("[3] a tick that echoes more than the arena holds loses nothing and mixes nothing up") {
    const Audit audit;
    core::Loop loop;
    constexpr int sockets = 4;
    constexpr int each = 50;  // Of 64 places for all of them.
    std::vector<std::unique_ptr<Datagram>> echoes;
    Wire wire;
    int echoed = 0;
    for (int i = 0; i < sockets; i++) {
        echoes.push_back(std::make_unique<Datagram>(loop, Type::udp4));
        Datagram& echo = *echoes.back();
        test::bind_loopback(echo);
        echo.on_message([&](const Message& message) {
            echo.send(message.bytes, message.sender, [&](const Failure& failure) {
                CHECK_FALSE(failure);
                echoed++;
            });
        });
    }
    settle(loop);
    std::vector<std::string> expected;
    for (int i = 0; i < sockets * each; i++) {
        expected.push_back("datagram " + std::to_string(i));
        const Datagram& echo = *echoes[static_cast<std::size_t>(i) % sockets];
        CHECK(wire.write(expected.back(), test::checked(echo.address())));
    }
    CHECK(run_until(loop, [&] { return echoed == sockets * each; }));
    std::vector<std::string> received;
    for (std::string text; (text = wire.read()) != "nothing";) received.push_back(text);
    std::sort(expected.begin(), expected.end());
    std::sort(received.begin(), received.end());
    CHECK(received == expected);
}

// ---- Chains -------------------------------------------------------------------------------------

TEST_CASE("[4] a send asked for in a send's callback is the next tick's, and timers come between") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Datagram socket(loop, Type::udp4);
    std::vector<std::uint64_t> sends;
    std::vector<std::uint64_t> timers;
    bool inside = false;
    std::function<void()> send = [&] {
        CHECK_FALSE(inside);
        inside = true;
        sends.push_back(loop.tick());
        if (sends.size() < 50) socket.send("x", wire.address(), send);
        inside = false;
    };
    std::function<void()> tick = [&] {
        timers.push_back(loop.tick());
        if (timers.size() < 50) loop.after(0ms, tick);
    };
    loop.after(0ms, tick);
    send();
    CHECK(run_until(loop, [&] { return sends.size() == 50; }));
    for (std::size_t i = 1; i < sends.size(); i++) CHECK(sends[i] == sends[0] + i);
    for (std::size_t i = 1; i < timers.size(); i++) CHECK(timers[i] == timers[0] + i);
}

TEST_CASE("[4] a custom look-up that sends for ever does not keep the others from their turn") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Datagram* self = nullptr;
    constexpr int asked_max = 1'000'000;  // Far more than a millisecond has time for.
    int asked = 0;
    Options options{.type = Type::udp4};
    options.lookup = [&](std::string_view, Family family, LookupAnswer answer) {
        answer(Address::loopback(family));
        if (++asked < asked_max) self->send("x", wire.port(), "again");
    };
    Datagram socket(loop, std::move(options));
    self = &socket;
    socket.send("x", wire.port(), "name");
    CHECK_FALSE(loop.turn());
    CHECK(asked == 1);
    CHECK_FALSE(loop.turn());
    CHECK(asked == 2);
    bool fired = false;
    loop.after(1ms, [&] { fired = true; });
    CHECK(run_until(loop, [&] { return fired; }));
    CHECK(asked < asked_max);
}

// ---- What keeps the loop going ------------------------------------------------------------------

TEST_CASE("[6] a bound socket holds the loop until it is closed, destroyed or unreferenced") {
    for (int end = 0; end < 3; end++) {
        CAPTURE(end);
        const Audit audit;
        core::Loop loop;
        std::optional<Datagram> socket(std::in_place, loop, Type::udp4);
        socket->bind();
        bool ended = false;
        loop.after(5ms, [&] {
            ended = true;
            if (end == 0) socket->close();
            if (end == 1) socket.reset();
            if (end == 2) CHECK(&socket->unref() == &*socket);
        }).unref();
        CHECK(runs_out(loop));
        CHECK(ended);
    }
}

TEST_CASE("[6] ref and unref are idempotent, return the socket, and are legal at any time") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    CHECK(&socket.ref().ref() == &socket);
    CHECK(runs_out(loop));  // Unbound: there is nothing to hold.
    socket.unref().unref().ref().unref();
    bool listening = false;
    socket.bind(0, [&] { listening = true; });
    CHECK(runs_out(loop));  // It was accepted, so it was done; then it did not hold.
    CHECK(listening);
    socket.ref().ref();
    bool fired = false;
    loop.after(5ms, [&] {
        fired = true;
        socket.unref();
    }).unref();
    CHECK(runs_out(loop));
    CHECK(fired);
    socket.ref();
    bool closed = false;
    socket.close([&] { closed = true; });
    socket.unref().ref();
    CHECK(runs_out(loop));
    CHECK(closed);
    CHECK(&socket.ref().unref().ref() == &socket);
    CHECK(runs_out(loop));
}

TEST_CASE("[6] accepted sends and look-ups hold the loop, referenced or not") {
    const Audit audit;
    Slow slow;
    Told told;
    core::Loop loop;
    Wire wire;
    Options options{.type = Type::udp4};
    options.lookup = slow.lookup();
    Datagram socket(loop, std::move(options));
    socket.unref();
    socket.send("1", wire.port(), told.sent());
    CHECK(runs_out(loop));
    CHECK(told.text() == "1");
    socket.send("2", wire.port(), "slow", told.sent());
    loop.after(5ms, [&] { slow.answer_all(); }).unref();
    CHECK(runs_out(loop));
    CHECK(told.text() == "1 1");
    CHECK(wire.read() == "1");
    CHECK(wire.read() == "2");

    Datagram system(loop, Type::udp4);
    system.unref();
    system.send("33", wire.port(), "localhost", told.sent());
    CHECK(runs_out(loop));
    CHECK(told.text() == "1 1 2");
    bool connected = false;
    system.connect(wire.port(), "localhost", [&] { connected = true; });
    CHECK(runs_out(loop));
    CHECK(connected);
}

TEST_CASE("[6] the loop's end does not wait for look-ups, and closes what is there") {
    const Audit audit;
    Slow slow;
    Wire wire;
    const auto held = std::make_shared<int>();
    std::optional<core::Loop> loop(std::in_place);
    Options options{.type = Type::udp4};
    options.lookup = slow.lookup();
    Datagram slow_one(*loop, std::move(options));
    Datagram system(*loop, Type::udp4);
    const auto never = [held] { CHECK(false); };
    slow_one.send("x", wire.port(), "slow", never);
    system.send("x", wire.port(), "localhost", never);
    system.on_close(never);
    CHECK_FALSE(loop->turn());
    slow_one.send("y", wire.port(), never);
    loop.reset();
    CHECK(wire.read() == "y");  // It was offered to the kernel.
    CHECK(held.use_count() == 3);  // Those of the listener and of `never`.
    slow.answer_all();  // Nobody waits any more.
    CHECK(system.address().error().code == platform::Code::bad_descriptor);
}

// ---- Sockets and listeners come and go ----------------------------------------------------------

TEST_CASE("[7] listeners may remove and add listeners while they are told") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Wire wire;
    Datagram socket(loop, Type::udp4);
    const Address local = test::bind_loopback(socket);
    net::ListenerId second = 0;
    net::ListenerId first = socket.on_message([&] {
        told.add("first");
        CHECK(socket.off(second));
        CHECK_FALSE(socket.off(second));
        CHECK(socket.off(first));
        socket.once_message(told.word("added"));
    });
    second = socket.on_message(told.word("second"));
    socket.on_message(told.word("third"));
    for (int i = 0; i < 3; i++) CHECK(wire.write("x", local));
    CHECK(run_until(loop, [&] { return told.count() == 5; }));
    settle(loop);
    CHECK(told.text() == "first third third added third");
    CHECK(socket.listener_count(net::Event::message) == 1);
}

TEST_CASE("[7] a stale event never reaches a socket that got the same descriptor") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    std::optional<Datagram> sockets[2];
    std::optional<Datagram> successor;
    Address addresses[2];
    std::uint64_t replaced = 0;
    std::uint64_t heard = 0;
    std::uint64_t listening = 0;
    for (std::size_t i = 0; i < 2; i++) {
        sockets[i].emplace(loop, Type::udp4);
        addresses[i] = test::bind_loopback(*sockets[i]);
        sockets[i]->on_message([&, i] {
            if (replaced > 0) return;
            replaced = loop.tick();
            const Address freed = addresses[1 - i];
            sockets[1 - i].reset();  // Its event has been fetched already.
            successor.emplace(loop, Type::udp4);
            successor->on_listening([&] { listening = loop.tick(); });
            successor->on_message([&](const Message& message) {
                CHECK(message.text() == "later");
                heard = loop.tick();
            });
            CHECK(successor->bind_sync(freed.port, "127.0.0.1"));
            CHECK(wire.write("later", freed));  // It could be read at once.
        });
    }
    settle(loop);
    for (const Address& address : addresses) CHECK(wire.write("x", address));
    CHECK(run_until(loop, [&] { return heard > 0; }));
    CHECK(heard > replaced);
    CHECK(listening == replaced);
}

TEST_CASE("[7] sockets that hold themselves through their callbacks end with the loop") {
    const Audit audit;
    Slow slow;
    const auto held = std::make_shared<int>();
    {
        core::Loop loop;
        Wire wire;
        struct Session {
            Session(core::Loop& loop, Options options, std::shared_ptr<int> what)
                : socket(loop, std::move(options)), token(std::move(what)) {}
            Datagram socket;
            std::shared_ptr<int> token;
        };
        std::shared_ptr<Session> last;
        for (int i = 0; i < 3; i++) {
            Options options{.type = Type::udp4};
            options.lookup = slow.lookup();
            auto session = std::make_shared<Session>(loop, std::move(options), held);
            // Each holds itself and the one before, and asks for more when it ends.
            session->socket.send("x", wire.port(), "slow", [session, last] {});
            session->socket.send("y", wire.port(), [session] {});
            if (i == 1) session->socket.close();
            last = session;
        }
        last.reset();
        if (held.use_count() == 4) CHECK_FALSE(loop.turn());
        CHECK(held.use_count() == 4);
    }
    CHECK(held.use_count() == 1);
}

TEST_CASE("[7] what dies with the loop may ask it for more, and gets nothing") {
    const Audit audit;
    struct Asks {
        explicit Asks(core::Loop& owner) : loop(&owner) {}
        Asks(Asks&& other) noexcept : loop(std::exchange(other.loop, nullptr)) {}
        ~Asks() {
            if (!loop) return;
            Datagram socket(*loop, Type::udp4, [] {});
            socket.send("x", 9, [] { CHECK(false); });
            CHECK_FALSE(socket.bind_sync());
            CHECK(loop->turn().code == platform::Code::canceled);
            loop->after(0ms, [] { CHECK(false); });
        }
        core::Loop* loop;
    };
    std::optional<core::Loop> loop(std::in_place);
    Wire wire;
    Datagram first(*loop, Type::udp4);
    Datagram second(*loop, Type::udp4);
    first.send("x", wire.port(), [asks = Asks(*loop)] {});
    second.send("x", wire.port(), [asks = Asks(*loop)] {});
    loop->after(1h, [asks = Asks(*loop)] {});
    CHECK(loop->post([asks = Asks(*loop)] {}));
    loop.reset();
}

#endif
