// How much a socket asks for at once, which its program cannot see: enough for what comes, no call
// that only says "nothing more", and trains in one piece where they are worth it. Seen from the
// system calls, which pass through this program.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <algorithm>
#include <utility>

#include "tests/net/faults.h"
#include "tests/net/trains.h"

namespace {

using net::Datagram;
using net::Type;
using test::Call;
using test::Fault;
using test::Receiver;

// What a piece of a test has called.
struct Calls {
    int many = Fault::calls(Call::recvmmsg);
    int one = Fault::calls(Call::recvmsg);
    int many_since() const { return Fault::calls(Call::recvmmsg) - many; }
    int since() const { return many_since() + Fault::calls(Call::recvmsg) - one; }
};

// In one tick of a loop of its own, so that all wait for the receiver before its loop turns.
void send_at_once(const Receiver& to, Type type, std::string_view path, int count) {
    core::Loop loop;
    Datagram sender(loop, type);
    sender.unref();
    for (int i = 0; i < count; i++) {
        type == Type::unix_dgram ? sender.send("x", path) : sender.send("x", to.address);
    }
    CHECK(test::runs_out(loop));
}

void hear(Receiver& receiver, Type type, std::string_view path, int count) {
    receiver.texts.clear();
    send_at_once(receiver, type, path, count);
    CHECK(receiver.hears(static_cast<std::size_t>(count)));
}

}  // namespace

TEST_CASE("one at a time: a call each, soon the cheapest, and never one that says no more") {
    for (const Type type : {Type::udp4, Type::unix_dgram}) {
        core::Loop loop;
        const test::Path path("reading");
        Receiver udp(loop), local(loop, path.text());
        Receiver& receiver = type == Type::udp4 ? udp : local;
        const Calls calls;
        for (int i = 0; i < 100; i++) hear(receiver, type, path.text(), 1);
        CHECK(calls.since() == 100);
        CHECK(calls.many_since() >= 4);
        CHECK(calls.many_since() <= 14);  // Four to believe it, and one in thirteen after them.
    }
}

TEST_CASE("what comes behind the one that was asked for comes in order, and more is asked for") {
    core::Loop loop;
    const test::Path path("reading");
    Receiver receiver(loop, path.text());
    for (int i = 0; i < 10; i++) hear(receiver, Type::unix_dgram, path.text(), 1);
    for (int i = 0; i < 40; i++) hear(receiver, Type::unix_dgram, path.text(), 9);
    const Calls calls;
    for (int i = 0; i < 20; i++) hear(receiver, Type::unix_dgram, path.text(), 9);
    CHECK(calls.since() < 30);
    CHECK(calls.many_since() == calls.since());
}

TEST_CASE("bursts are read in one call once one has been seen, whatever their size") {
    const test::Path path("reading");
    for (const int count : {2, 3, 5, 8, 10}) {
        CAPTURE(count);
        core::Loop loop;
        Receiver receiver(loop, path.text());
        hear(receiver, Type::unix_dgram, path.text(), count);
        const Calls calls;
        for (int i = 0; i < 20; i++) hear(receiver, Type::unix_dgram, path.text(), count);
        CHECK(calls.since() < 30);  // Less is asked for after a listener that was slow.
    }
}

TEST_CASE("trains in one piece are asked for when datagrams have come together, and not before") {
    test::kernel_has_trains();
    for (const bool wanted : {true, false}) {
        CAPTURE(wanted);
        core::Loop loop;
        Receiver receiver(loop, {.type = Type::udp4, .segmentation = wanted});
        int settings = Fault::calls(Call::setsockopt);
        for (int i = 0; i < 3; i++) hear(receiver, Type::udp4, {}, 1);
        CHECK(Fault::calls(Call::setsockopt) == settings);
        for (int i = 0; i < 3; i++) hear(receiver, Type::udp4, {}, 2);
        settings += wanted ? 1 : 0;
        CHECK(Fault::calls(Call::setsockopt) == settings);
    }
}

TEST_CASE("[4] what one socket may have of a turn counts the datagrams inside trains") {
    const bool trains = test::kernel_has_trains();
    core::Loop loop;
    Receiver receiver(loop);
    test::teach_trains(loop, receiver.socket, receiver.address);
    std::uint64_t tick = 0;
    int in_tick = 0;
    int most_in_tick = 0;
    receiver.socket.on_message([&] {
        if (std::exchange(tick, loop.tick()) != loop.tick()) in_tick = 0;
        most_in_tick = std::max(most_in_tick, ++in_tick);
    });
    hear(receiver, Type::udp4, {}, trains ? 1000 : 200);
    CHECK(most_in_tick < 256 + 128);  // What was read last may be a whole train.
    if (trains) CHECK(most_in_tick > 16);
}

TEST_CASE("a kernel that has no trains is asked for them once, and nobody is told") {
    test::kernel_has_trains();
    core::Loop loop;
    Receiver receiver(loop);
    receiver.socket.on_error([](const net::Failure& failure) { FAIL(failure.text()); });
    const Fault fault(Call::setsockopt, ENOPROTOOPT, 9);
    for (int i = 0; i < 3; i++) hear(receiver, Type::udp4, {}, 5);
    CHECK(fault.hits() == 1);
}

#endif
