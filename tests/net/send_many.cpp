// send_many: as many sends, and one callback that tells the first failure, how many left, and their
// bytes; whatever becomes of each of them.
#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "tests/net/outcomes.h"
#include "tests/net/receiver.h"

namespace {

using net::Addressed;
using net::Bytes;
using net::Datagram;
using net::Failure;
using net::Options;
using net::Type;
using test::Audit;
using test::Log;
using test::Receiver;
using test::run_until;
using test::runs_out;
using test::settle;

// "3 of 7 bytes", or "send EMSGSIZE 127.0.0.1:9, 3 of 7 bytes".
auto noting(Log& log) {
    return [&log](const Failure& first, std::size_t sent, std::size_t bytes) {
        log.add((first ? first.text() + ", " : "") + std::to_string(sent) + " of " +
                std::to_string(bytes) + " bytes");
    };
}

bool told(core::Loop& loop, const Log& log, std::size_t count = 1) {
    return run_until(loop, [&] { return log.lines.size() >= count; });
}

std::string numbers(int begin, int end) {
    std::string all;
    for (int i = begin; i < end; i++) all += (all.empty() ? "" : " ") + std::to_string(i);
    return all;
}

}  // namespace

TEST_CASE("[3][30] many to many: each arrives at its own, in order; one callback, later") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Log log;
        Receiver a(loop, type);
        Receiver b(loop, type);
        Datagram sender(loop, type);
        {
            const std::vector<Addressed> datagrams{{.bytes = "1", .destination = a.address},
                                                   {.bytes = "22", .destination = b.address},
                                                   {.bytes = "", .destination = a.address},
                                                   {.bytes = "333", .destination = a.address},
                                                   {.bytes = "4444", .destination = b.address}};
            sender.send_many(datagrams, noting(log));
        }  // The list was needed for the call only.
        CHECK(log.text().empty());
        CHECK(sender.get_send_queue_count() == 5);
        CHECK(told(loop, log));
        CHECK(a.hears(3));
        CHECK(b.hears(2));
        CHECK(a.text() == "1  333");
        CHECK(b.text() == "22 4444");
        settle(loop);
        CHECK(log.text() == "5 of 10 bytes");
    }
}

TEST_CASE("[30] to one destination, and to the connected peer; beside other sends, in call order") {
    const Audit audit;
    core::Loop loop;
    for (const bool connected : {false, true}) {
        Log log;
        Receiver receiver(loop);
        Datagram sender(loop, Type::udp4);
        if (connected) CHECK(sender.connect_sync(receiver.port(), "127.0.0.1"));
        const std::array<Bytes, 3> texts{Bytes("1"), Bytes("2"), Bytes("3")};
        const auto send = [&](std::string_view text) {
            connected ? sender.send(text, test::sent(log, "single"))
                      : sender.send(text, receiver.address, test::sent(log, "single"));
        };
        send("0");
        connected ? sender.send_many(texts, noting(log))
                  : sender.send_many(texts, receiver.address, noting(log));
        send("4");
        CHECK(receiver.hears(5));
        CHECK(receiver.text() == numbers(0, 5));
        CHECK(told(loop, log, 3));
        CHECK(log.text() == "single(1) 3 of 3 bytes single(1)");
    }
}

TEST_CASE("none at all has its outcome too, and later") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Datagram sender(loop, Type::udp4);
    sender.send_many(std::span<const Addressed>{}, noting(log));
    sender.send_many(std::span<const Bytes>{}, noting(log));
    CHECK(log.text().empty());
    CHECK(told(loop, log, 2));
    settle(loop);
    CHECK(log.text() == "0 of 0 bytes 0 of 0 bytes");
    CHECK_FALSE(sender.address());  // Nothing was sent: nothing is bound.
}

TEST_CASE("[31] a failure is its datagram's, and holds up no other; the first one is told") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Receiver receiver(loop);
    Datagram sender(loop, Type::udp4);
    const std::string much(65508, 'x');
    net::Address nowhere = receiver.address;
    nowhere.port = 0;
    const Addressed datagrams[] = {
        {"1", receiver.address},
        {much, receiver.address},                             // EMSGSIZE, when it leaves.
        {"2", net::Address::loopback(net::Family::ipv6, 9)},  // EINVAL, at once.
        {"3", nowhere},                                       // ERR_SOCKET_BAD_PORT
        {"4", receiver.address}};
    sender.send_many(datagrams, noting(log));
    CHECK(told(loop, log));
    CHECK(log.text() == "send EMSGSIZE " + receiver.address.text() + ", 2 of 2 bytes");
    CHECK(receiver.hears(2));
    CHECK(receiver.text() == "1 4");
    CHECK(sender.counters().sent == 2);
    CHECK(sender.counters().failed == 2);
}

TEST_CASE("[29] what is refused at once: no destination, one too many, a closed socket") {
    const Audit audit;
    core::Loop loop;
    Log log;
    const std::array<Bytes, 2> texts{Bytes("1"), Bytes("2")};
    Datagram sender(loop, Type::udp4);
    sender.send_many(texts, [&](const Failure& first) { log.add(std::string(first.code())); });
    CHECK(told(loop, log));
    CHECK(log.lines.back() == "ERR_SOCKET_BAD_PORT");
    const net::Address nobody = net::Address::loopback(net::Family::ipv4, 9);
    CHECK(sender.connect_sync(9));
    sender.send_many(texts, nobody, [&](const Failure& first, std::size_t sent) {
        CHECK(sent == 0);
        log.add(std::string(first.code()));
    });
    CHECK(told(loop, log, 2));
    CHECK(log.lines.back() == "ERR_SOCKET_DGRAM_IS_CONNECTED");
    sender.close();
    sender.send_many(texts, [&](const Failure& first) { log.add(std::string(first.code())); });
    CHECK(told(loop, log, 3));
    CHECK(log.lines.back() == "ERR_SOCKET_DGRAM_NOT_RUNNING");
}

TEST_CASE("[31] without a callback each failure is 'error'") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Receiver receiver(loop);
    Datagram sender(loop, Type::udp4);
    sender.on_error([&](const Failure& failure) { log.add(std::string(failure.code())); });
    const std::string much(65508, 'x');
    const std::vector<Bytes> texts{"1", much, "2", much};
    sender.send_many(texts, receiver.address);
    CHECK(receiver.hears(2));
    settle(loop);
    CHECK(log.text() == "EMSGSIZE EMSGSIZE");
}

TEST_CASE("[36] the queue's bounds hold: at the bound it leaves early; without room is a failure") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Receiver receiver(loop);
    Datagram sender(loop, Options{.type = Type::udp4, .send_queue_datagrams_max = 10});
    std::vector<Bytes> texts(60, Bytes("x"));
    sender.send_many(texts, receiver.address, noting(log));
    CHECK(receiver.hears(60));
    CHECK(told(loop, log));
    CHECK(log.text() == "60 of 60 bytes");
    // One that waits for a connect that waits for a name cannot leave.
    test::Names names;
    Datagram waiting(loop, Options{.type = Type::udp4, .lookup = names.lookup(),
                                   .send_queue_datagrams_max = 10});
    int drained = 0;
    waiting.on_drain([&] { drained++; });
    waiting.connect(receiver.port(), "later");
    waiting.send_many(texts, noting(log));
    settle(loop);
    CHECK(log.lines.size() == 1);  // Not before all have their outcome.
    CHECK(waiting.counters().refused == 50);
    names.answer();
    CHECK(told(loop, log, 2));
    CHECK(log.lines.back() == "send ENOBUFS, 10 of 10 bytes");
    CHECK(receiver.hears(70));
    CHECK(run_until(loop, [&] { return drained == 1; }));
}

TEST_CASE("[30] a bind that fails fails them all, and is told once; a name that is not found too") {
    const Audit audit;
    core::Loop loop;
    Log log;
    test::Names names;
    const std::array<Bytes, 3> texts{Bytes("1"), Bytes("2"), Bytes("3")};
    Datagram sender(loop, Options{.type = Type::udp4, .lookup = names.lookup()});
    sender.on_error([&](const Failure& failure) { log.add("error " + failure.text()); });
    sender.connect(9, "unheard.of", [&](const Failure&) { log.add("connect"); });
    sender.send_many(texts, noting(log));
    CHECK(told(loop, log, 2));
    settle(loop);
    CHECK(log.lines.size() == 2);
    CHECK(log.lines[0] == "connect");
    CHECK(log.lines[1].find("ENOTFOUND") != std::string::npos);
    CHECK(log.lines[1].find("0 of 0 bytes") != std::string::npos);
}

TEST_CASE("[34][42] close waits for them, abort cancels, and the destructor tells nobody") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Receiver receiver(loop);
    const std::array<Bytes, 3> texts{Bytes("1"), Bytes("2"), Bytes("3")};
    Datagram closing(loop, Type::udp4);
    closing.send_many(texts, receiver.address, noting(log));
    closing.close([&] { log.add("close"); });
    CHECK(told(loop, log, 2));
    CHECK(log.text() == "3 of 3 bytes close");
    Datagram aborted(loop, Type::udp4);
    aborted.send_many(texts, receiver.address, noting(log));
    aborted.abort();
    CHECK(told(loop, log, 3));
    CHECK(log.lines.back() == "send ECANCELED " + receiver.address.text() + ", 0 of 0 bytes");
    const auto witness = std::make_shared<int>();
    {
        Datagram gone(loop, Type::udp4);
        gone.send_many(texts, receiver.address, [witness, &log] { log.add("never"); });
    }
    settle(loop);
    CHECK(witness.use_count() == 1);
    CHECK(log.lines.size() == 3);
}

TEST_CASE("[42] what is asked for after close() does not put 'close' off") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    const std::array<Bytes, 1> texts{Bytes("x")};
    int outcomes = 0;
    int outcomes_at_close = 0;
    std::function<void()> again = [&] {
        if (++outcomes > 20) return;
        const std::size_t count = outcomes % 2 == 0 ? 0 : 1;  // None, or one that is refused.
        socket.send_many(std::span<const Bytes>(texts).first(count), [&] { again(); });
    };
    for (int i = 0; i < 3; i++) again();
    socket.close();
    socket.on_close([&] { outcomes_at_close = outcomes; });
    CHECK(runs_out(loop));
    CHECK(outcomes == 23);
    CHECK(outcomes_at_close == 6);
}

TEST_CASE("[42] the callback may destroy the socket, or send again, or its loop may have gone") {
    const Audit audit;
    Log log;
    const auto witness = std::make_shared<int>();
    {
        core::Loop loop;
        Receiver receiver(loop);
        const std::vector<Bytes> texts(5, Bytes("x"));
        std::optional<Datagram> sender(std::in_place, loop, Type::udp4);
        int left = 3;
        std::function<void()> again = [&] {
            if (left-- == 0) return sender.reset();
            sender->send_many(texts, receiver.address, [&](const Failure& first) {
                CHECK_FALSE(first);
                again();
            });
        };
        again();
        CHECK(run_until(loop, [&] { return !sender; }));
        CHECK(receiver.hears(15));
        sender.emplace(loop, Type::udp4);
        sender->send_many(texts, receiver.address, [witness, &log] { log.add("never"); });
    }
    CHECK(witness.use_count() == 1);
    CHECK(log.text().empty());
}

TEST_CASE("[3] the bytes of a message may be sent on, many at once") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Receiver first(loop);
    Receiver second(loop);
    Datagram relay(loop, Type::udp4);
    const net::Address to = test::bind_loopback(relay);
    relay.on_message([&](const net::Message& message) {
        const Addressed both[] = {{message.bytes, first.address}, {message.bytes, second.address}};
        relay.send_many(both, noting(log));
    });
    Datagram sender(loop, Type::udp4);
    for (const std::string_view text : {"a", "b", "c"}) sender.send(text, to);
    CHECK(first.hears(3));
    CHECK(second.hears(3));
    CHECK(first.text() == "a b c");
    CHECK(second.text() == "a b c");
}

TEST_CASE("unix receivers: what is full holds up its own only") {
    const Audit audit;
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    Log log;
    const test::Path full_path("many-full");
    const test::Path path("many");
    Receiver full(loop, full_path);
    Receiver quick(loop, path);
    full.socket.pause();
    Datagram sender(loop, Type::unix_dgram);
    std::vector<Addressed> datagrams;
    for (int i = 0; i < 800; i++) {
        datagrams.push_back({"x", i % 2 ? quick.address : full.address});
    }
    sender.send_many(datagrams, noting(log));
    CHECK(quick.hears(400));
    settle(loop);
    CHECK(log.text().empty());
    full.socket.resume();
    CHECK(full.hears(400));
    CHECK(told(loop, log));
    CHECK(log.text() == "800 of 800 bytes");
}
