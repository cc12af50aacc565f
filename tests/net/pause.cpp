// pause() and resume(): nothing is heard in between, nothing that had been read is lost, and the
// order stays; whatever else happens to the socket while it is paused.
#include <memory>
#include <optional>

#include "tests/net/outcomes.h"
#include "tests/net/receiver.h"

namespace {

using net::Counters;
using net::Datagram;
using net::Message;
using net::Messages;
using net::Options;
using net::Type;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::settle;

// A receiver that has read many at once before, so that it asks for many; and who sends to it.
struct Fixture {
    explicit Fixture(Options options = {})
        : sender(loop, Type::udp4), socket(loop, std::move(options)) {
        to = test::bind_loopback(socket);
        from = test::bind_loopback(sender);
        int taught = 0;
        const net::ListenerId teacher = socket.on_message([&] { taught++; });
        for (int i = 0; i < 64; i++) sender.send("x", to);
        CHECK(run_until(loop, [&] { return taught == 64; }));
        socket.off(teacher);
        before = socket.counters();
    }

    // "0 1 2", all there before any is read.
    void send(int first, int end) {
        const bool was_paused = socket.paused();
        socket.pause();
        for (int i = first; i < end; i++) sender.send(std::to_string(i), to);
        settle(loop);
        if (!was_paused) socket.resume();
    }
    auto noting() {
        return [this](const Message& message) { log.add(std::string(message.text())); };
    }
    std::uint64_t received() const { return socket.counters().received - before.received; }
    std::uint64_t unheard() const { return socket.counters().unheard - before.unheard; }
    bool hears(std::string_view all) {
        const bool heard = run_until(loop, [&] { return log.text().size() >= all.size(); });
        settle(loop);
        return heard && log.text() == all;
    }

    Audit audit;
    core::Loop loop;
    Datagram sender;
    Datagram socket;
    net::Address from;
    net::Address to;
    Counters before;
    test::Log log;
};

std::string numbers(int begin, int end) {
    std::string all;
    for (int i = begin; i < end; i++) all += (all.empty() ? "" : " ") + std::to_string(i);
    return all;
}

}  // namespace

TEST_CASE("paused: nothing is heard and nothing read; resumed: all that came meanwhile, in order") {
    Fixture f;
    f.socket.on_message(f.noting());
    CHECK_FALSE(f.socket.paused());
    f.socket.pause();
    f.socket.pause();
    CHECK(f.socket.paused());
    f.send(0, 20);
    settle(f.loop);
    CHECK(f.log.text().empty());
    CHECK(f.received() == 0);  // It lies in the kernel.
    f.socket.resume();
    f.socket.resume();
    CHECK_FALSE(f.socket.paused());
    CHECK(f.log.text().empty());  // Never inside the call.
    CHECK(f.hears(numbers(0, 20)));
}

TEST_CASE("a pause before bind is remembered; so is a resume") {
    const Audit audit;
    core::Loop loop;
    for (const bool resumed : {false, true}) {
        Datagram socket(loop, Type::udp4);
        int heard = 0;
        socket.on_message([&] { heard++; });
        socket.pause();
        if (resumed) socket.resume();
        const net::Address to = test::bind_loopback(socket);
        Datagram sender(loop, Type::udp4);
        sender.send("x", to);
        settle(loop);
        if (resumed) {
            CHECK(run_until(loop, [&] { return heard == 1; }));
            continue;
        }
        CHECK(heard == 0);
        CHECK(socket.paused());
        socket.resume();
        CHECK(run_until(loop, [&] { return heard == 1; }));
    }
}

TEST_CASE("inside a listener it takes effect at once; the rest of the batch comes after resume") {
    for (const bool again : {false, true}) {
        Fixture f;
        f.socket.on_message([&](const Message& message) {
            f.log.add(std::string(message.text()));
            if (message.text() == "3" || (again && message.text() == "6")) f.socket.pause();
        });
        f.send(0, 30);
        CHECK(run_until(f.loop, [&] { return f.socket.paused(); }));
        settle(f.loop);
        CHECK(f.log.text() == numbers(0, 4));
        f.send(30, 40);  // What comes later stays later.
        settle(f.loop);
        CHECK(f.log.text() == numbers(0, 4));
        f.socket.resume();
        if (again) {
            CHECK(run_until(f.loop, [&] { return f.socket.paused(); }));
            settle(f.loop);
            CHECK(f.log.text() == numbers(0, 7));
            f.socket.resume();
        }
        CHECK(f.hears(numbers(0, 40)));
        CHECK(f.received() == 40);
        CHECK(f.unheard() == 0);
    }
}

TEST_CASE("one at a time: paused by each datagram, resumed by a timer, all come and in order") {
    Fixture f;
    f.socket.on_message([&](const Message& message) {
        f.log.add(std::string(message.text()));
        f.socket.pause();
    });
    f.send(0, 50);
    f.loop.every(std::chrono::milliseconds(1), [&] { f.socket.resume(); });
    CHECK(f.hears(numbers(0, 50)));
    CHECK(f.received() == 50);
}

TEST_CASE("paused and resumed inside one listener: nothing has happened") {
    Fixture f;
    f.socket.on_message([&](const Message& message) {
        f.log.add(std::string(message.text()));
        f.socket.pause();
        f.socket.resume();
    });
    f.send(0, 30);
    CHECK(f.hears(numbers(0, 30)));
}

TEST_CASE("all listeners hear the datagram that one of them pauses at, of either kind") {
    Fixture f;
    std::string together;
    int second = 0;
    f.socket.on_messages([&](Messages messages) {
        for (const Message& message : messages) together += message.text();
        f.socket.pause();
    });
    f.send(0, 4);
    CHECK(run_until(f.loop, [&] { return f.socket.paused(); }));
    // What was handed over with this call has been handed over.
    const std::size_t heard = together.size();
    CHECK(heard > 0);
    settle(f.loop);
    CHECK(together.size() == heard);
    f.socket.on_message([&] { second++; });
    f.socket.resume();
    for (std::size_t i = heard + 1; i <= 4; i++) {
        CHECK(run_until(f.loop, [&] { return together.size() == i; }));
        CHECK(f.socket.paused());
        CHECK(second == static_cast<int>(i - heard));
        f.socket.resume();
    }
    CHECK(together == "0123");
}

TEST_CASE("another socket of the loop goes on meanwhile, and gets all of the arena") {
    Fixture f;
    std::vector<std::unique_ptr<Datagram>> paused;
    for (int i = 0; i < 8; i++) {  // Each leaves what it has read.
        paused.push_back(std::make_unique<Datagram>(f.loop, Type::udp4));
        Datagram& socket = *paused.back();
        const net::Address to = test::bind_loopback(socket);
        socket.on_message([&] { socket.pause(); });
        socket.pause();
        for (int k = 0; k < 20; k++) f.sender.send("x", to);
        settle(f.loop);
        socket.resume();
        CHECK(run_until(f.loop, [&] { return socket.paused(); }));
    }
    f.socket.on_message(f.noting());
    f.send(0, 100);
    CHECK(f.hears(numbers(0, 100)));
    int left = 0;
    for (const auto& socket : paused) {
        socket->on_message([&left, &socket] {
            left++;
            socket->resume();
        });
        socket->resume();
    }
    CHECK(run_until(f.loop, [&] { return left == 8 * 19; }));
}

TEST_CASE("while it is paused nobody spins, and sends leave") {
    Fixture f;
    f.socket.on_message([&] { f.socket.pause(); });
    f.send(0, 10);
    CHECK(run_until(f.loop, [&] { return f.socket.paused(); }));
    CHECK(test::ticks_in(f.loop, std::chrono::milliseconds(50)) < 20);
    int sent = 0;
    for (int i = 0; i < 3; i++) f.socket.send("x", f.from, [&] { sent++; });
    CHECK(run_until(f.loop, [&] { return sent == 3; }));
    CHECK(f.socket.paused());
    CHECK(test::ticks_in(f.loop, std::chrono::milliseconds(50)) < 20);
}

TEST_CASE("a socket that is closed or destroyed while paused hears no more, and says how many") {
    for (const bool closes : {true, false}) {
        Fixture f;
        std::optional<Datagram> socket(std::move(f.socket));
        int heard = 0;
        socket->on_message([&] {
            heard++;
            socket->pause();
        });
        socket->pause();
        for (int i = 0; i < 10; i++) f.sender.send("x", f.to);
        settle(f.loop);
        socket->resume();
        CHECK(run_until(f.loop, [&] { return socket->paused(); }));
        const std::uint64_t read = socket->counters().received - f.before.received;
        if (closes) {
            bool closed = false;
            socket->close([&] { closed = true; });
            CHECK_FALSE(socket->paused());
            socket->pause();
            socket->resume();
            CHECK(run_until(f.loop, [&] { return closed; }));
        } else {
            socket.reset();
        }
        settle(f.loop);
        CHECK(heard == 1);
        CHECK(net::counters(f.loop).unheard - f.before.unheard == read - 1);
    }
}

TEST_CASE("a loop that ends frees what paused sockets had kept") {
    const Audit audit;
    auto loop = std::make_unique<core::Loop>();
    Datagram socket(*loop, Type::udp4);
    const net::Address to = test::bind_loopback(socket);
    socket.on_message([&] { socket.pause(); });
    Datagram sender(*loop, Type::udp4);
    for (int i = 0; i < 20; i++) sender.send(std::string(1000, 'x'), to);
    CHECK(run_until(*loop, [&] { return socket.paused(); }));
    settle(*loop);
    loop.reset();
    socket.pause();
    socket.resume();
}

TEST_CASE("what was kept is judged when it is heard: by the peer, and by the listeners of then") {
    Fixture f;
    Datagram peer(f.loop, Type::udp4);
    const net::Address of_peer = test::bind_loopback(peer);
    const net::ListenerId first = f.socket.on_message([&] { f.socket.pause(); });
    f.socket.pause();
    for (int i = 0; i < 8; i++) {
        (i % 2 ? peer : f.sender).send(std::to_string(i), f.to);
        settle(f.loop, 1);  // In this order.
    }
    f.socket.resume();
    CHECK(run_until(f.loop, [&] { return f.socket.paused(); }));
    CHECK(f.socket.connect_sync(of_peer.port, "127.0.0.1"));
    f.socket.off(first);
    f.socket.on_message(f.noting());
    f.socket.resume();
    CHECK(f.hears("1 3 5 7"));
    CHECK(f.socket.counters().strangers == 3);
}

TEST_CASE("resumed with nothing to hear, resumed from the outside, resumed by a post") {
    Fixture f;
    f.socket.on_message(f.noting());
    f.socket.pause();
    settle(f.loop);
    f.socket.resume();
    settle(f.loop);
    f.send(0, 3);
    CHECK(f.hears(numbers(0, 3)));
    f.socket.pause();
    f.send(3, 6);
    CHECK(f.loop.post([&] { f.socket.resume(); }));
    CHECK(f.hears(numbers(0, 6)));
}

TEST_CASE("what finds the buffer full meanwhile is counted, where the system tells") {
    const Audit audit;
    core::Loop loop;
    std::uint64_t overflowed = 0;
    {
        Receiver receiver(loop);
        receiver.socket.pause();
        CHECK_FALSE(receiver.socket.set_recv_buffer_size(4096));
        Datagram sender(loop, Options{.type = Type::udp4, .segmentation = false});
        const std::string text(1000, 'x');
        for (int i = 0; i < 100; i++) sender.send(text, receiver.address);
        settle(loop);
        overflowed = receiver.socket.counters().overflowed;
        receiver.socket.resume();
        settle(loop);
        const std::size_t heard = receiver.texts.size();
        CHECK(heard < 100);
        CHECK(receiver.socket.counters().received == heard);
        if (overflowed > 0) CHECK(heard + overflowed == 100);
        CHECK(net::counters(loop).overflowed == overflowed);
        receiver.socket.close();
        settle(loop);
        CHECK(receiver.socket.counters().overflowed == overflowed);
    }
    CHECK(net::counters(loop).overflowed == overflowed);
}

TEST_CASE("a unix receiver that is paused makes its senders wait, and loses nothing") {
    const Audit audit;
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("paused");
    Receiver receiver(loop, path);
    receiver.socket.pause();
    Datagram sender(loop, Type::unix_dgram);
    int sent = 0;
    for (int i = 0; i < 900; i++) {
        sender.send(std::to_string(i), std::string_view(path), [&](const net::Failure& failure) {
            CHECK_FALSE(failure);
            sent++;
        });
    }
    settle(loop, 20);
    CHECK(sent < 900);
    CHECK(sender.get_send_queue_count() == static_cast<std::size_t>(900 - sent));
    receiver.socket.resume();
    CHECK(receiver.hears(900));
    CHECK(receiver.text() == numbers(0, 900));
}
