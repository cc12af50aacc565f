// No await allocates, once the loop is warm: not the receive, nor the send, with their deadlines
// and tokens. What a receiver has to keep costs memory once, and where there is none it is counted.
// Replaces operator new, to count and to refuse.
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "net/coroutine.h"
#include "tests/net/support.h"

namespace {

int allocations = 0;
bool scarce = false;
int granted = 0;  // So many, when it is scarce.

}  // namespace

// Not inlined, or the compiler takes each pair for a mismatched one.
[[gnu::noinline]] void* operator new(std::size_t size) {
    allocations++;
    void* const memory = std::malloc(size ? size : 1);
    if (!memory) std::abort();
    return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return scarce && granted-- <= 0 ? nullptr : operator new(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }

namespace {

using namespace std::chrono_literals;
using core::spawn;
using core::StopSource;
using core::StopToken;
using core::Task;
using net::Address;
using net::Code;
using net::Datagram;
using net::Message;
using net::Receiver;
using net::Result;
using net::Type;
using test::run_until;

Task<> echo(Datagram& socket) {
    Receiver receiver(socket);
    for (;;) {
        const Result<Message> message = co_await receiver.receive();
        if (!message) co_return;
        (void)co_await net::send(socket, message->bytes, message->sender);
    }
}

}  // namespace

TEST_CASE("a conversation of a thousand awaits allocates nothing") {
    core::Loop loop;
    Datagram server(loop, Type::udp4), client(loop, Type::udp4);
    const Result<Address> address = server.bind_sync(0, "127.0.0.1");
    REQUIRE(address);
    StopSource source;
    int cost = -1;
    spawn(loop, echo(server));
    spawn(loop, [](Datagram& socket, Address to, StopToken token, int& count) -> Task<> {
        Receiver receiver(socket);
        int answers = 0;
        int before = 0;
        for (int i = 0; i < 200; i++) {
            if (i == 100) before = allocations;
            for (int k = 0; k < 4; k++) socket.send("more", to);  // For the other one to keep.
            (void)co_await net::send(socket, "text", to).within(1h).unless(token);
            for (int k = 0; k < 5; k++) {
                const Result<Message> answer =
                    co_await receiver.receive().within(1h).unless(token);
                answers += answer ? 1 : 0;
            }
            (void)co_await core::sleep(0ms);
        }
        count = allocations - before;
        CHECK(answers == 1000);
    }(client, *address, source.token(), cost));
    CHECK(run_until(loop, [&] { return cost >= 0; }));
    CHECK(cost == 0);
}

TEST_CASE("no memory to keep a datagram: it is dropped and counted; none for a receiver: ENOMEM") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4), sends(loop, Type::udp4);
    const Result<Address> address = receives.bind_sync(0, "127.0.0.1");
    REQUIRE(address);
    Receiver receiver(receives);
    bool sent = false;
    sends.send("warms up", *address, [&] { sent = true; });
    CHECK(run_until(loop, [&] { return sent; }));
    const std::string large(50'000, 'x');  // More than there is room for.
    sends.send(large, *address);
    CHECK_FALSE(loop.turn());
    scarce = true;
    for (int i = 0; i < 5; i++) CHECK_FALSE(loop.turn({loop.now().nanoseconds + 2'000'000}));
    scarce = false;
    CHECK(receiver.dropped_count() == 1);

    Datagram other(loop, Type::udp4);
    scarce = true;
    Receiver without(other);
    scarce = false;
    std::optional<Code> code;
    spawn(loop, [](Receiver& from, std::optional<Code>& to) -> Task<> {
        to = (co_await from.receive()).error().code;
    }(without, code));
    CHECK(loop.run().code == Code::out_of_memory);
    CHECK(run_until(loop, [&] { return code.has_value(); }));
    CHECK(code == Code::out_of_memory);
}

// Found by the fault walk. It lies where something else has been before, as in a coroutine's frame.
TEST_CASE("a receiver without one of its listeners has none: it says ENOMEM, and leaves no trace") {
    for (int listeners = 0; listeners < 4; listeners++) {
        CAPTURE(listeners);
        core::Loop loop;
        Datagram socket(loop, Type::udp4);
        CHECK(socket.on_message([] {}) != 0);  // The list of them all is there.
        alignas(Receiver) std::byte room[sizeof(Receiver)];
        std::memset(room, 0xbe, sizeof room);
        granted = listeners;
        scarce = true;
        Receiver* const receiver = ::new (room) Receiver(socket);
        scarce = false;
        const bool whole = granted >= 0;
        CHECK(socket.listener_count(net::Event::message) == (whole ? 2 : 1));
        CHECK(socket.listener_count(net::Event::close) == (whole ? 1 : 0));
        std::optional<Code> code;
        spawn(loop, [](Receiver& from, std::optional<Code>& to) -> Task<> {
            to = (co_await from.receive()).error().code;
        }(*receiver, code));
        CHECK(loop.run().code == (whole ? Code::ok : Code::out_of_memory));
        CHECK(run_until(loop, [&] { return whole || code.has_value(); }));
        if (!whole) CHECK(code == Code::out_of_memory);
        std::destroy_at(receiver);
        std::memset(room, 0xbe, sizeof room);
        CHECK(socket.listener_count(net::Event::error) == 0);
        CHECK(socket.on_error([] {}) != 0);
        socket.bind(70'000);  // Nobody hears of it who is gone.
        socket.close();
        CHECK_FALSE(loop.run());
    }
}
