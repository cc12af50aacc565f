// Coroutines that end where they wait: frames destroyed at each await, sockets and receivers that
// go first, loops that end, sends that are given up and taken back. Nothing is called afterwards,
// nothing touched, nothing left: half of this is for the sanitizers.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/coroutine.h"
#include "tests/net/support.h"

namespace {

using namespace std::chrono_literals;
using core::sleep;
using core::spawn;
using core::Spawned;
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
using test::Audit;
using test::run_until;
using test::settle;

// Looks names up and never answers, as long as it lives.
struct Silence {
    std::vector<net::LookupAnswer> unanswered;
    net::Lookup lookup() {
        return [this](std::string_view, net::Family, net::LookupAnswer answer) {
            unanswered.push_back(std::move(answer));
        };
    }
};

struct Held {
    explicit Held(int& frames) : count(frames) { count++; }
    ~Held() { count--; }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    int& count;
};

constexpr int kinds = 7;

// A coroutine of its own socket and receiver, waiting for one thing that does not come.
Task<> wait_for(int kind, core::Loop& loop, Silence& silence, int& frames) {
    const Held held(frames);
    Datagram socket(loop, Options{.type = Type::udp4, .lookup = silence.lookup()});
    Receiver receiver(socket);
    CHECK(socket.bind_sync(0, "127.0.0.1"));
    const std::string text(1000, 'x');  // In the frame, unless it is taken back.
    const std::array<net::Bytes, 2> parts{text, text};
    core::StopSource source;
    switch (kind) {
        case 0: (void)co_await receiver.receive(); break;
        case 1: (void)co_await receiver.receive().within(1h).unless(source.token()); break;
        case 2: (void)co_await net::send(socket, text, 9, "name"); break;
        case 3: (void)co_await net::send(socket, parts, 9, "name").within(1h); break;
        case 4: (void)co_await net::connect(socket, 9, "name").unless(source.token()); break;
        case 5:
            socket.send("waits", 9, "name");
            (void)co_await net::close(socket);
            break;
        case 6: (void)co_await sleep(1h).within(2h).unless(source.token()); break;
    }
    FAIL_CHECK("nothing comes");
}

}  // namespace

TEST_CASE("a frame destroyed at any await leaves nothing behind, and the loop goes on") {
    const Audit audit;
    Silence silence;
    core::Loop loop;
    int frames = 0;
    for (int kind = 0; kind < kinds; kind++) {
        CAPTURE(kind);
        Spawned spawned = spawn(loop, wait_for(kind, loop, silence, frames));
        settle(loop, 3);
        CHECK(frames == 1);
        CHECK(spawned.active());
        spawned.cancel();
        CHECK(frames == 0);
        CHECK_FALSE(loop.run());  // Nothing holds it.
    }
    silence.unanswered.clear();
    CHECK_FALSE(loop.run());
}

TEST_CASE("a frame destroyed in the tick in which it asked leaves nothing behind either") {
    const Audit audit;
    Silence silence;
    core::Loop loop;
    int frames = 0;
    for (int kind = 0; kind < kinds; kind++) {
        CAPTURE(kind);
        Spawned spawned = spawn(loop, wait_for(kind, loop, silence, frames));
        loop.post([&] { loop.post([&] { spawned.cancel(); }); });
        settle(loop, 3);
        CHECK(frames == 0);
        CHECK_FALSE(loop.run());
    }
}

TEST_CASE("a loop that ends takes its coroutines along, whatever they wait for") {
    const Audit audit;
    Silence silence;
    int frames = 0;
    for (int kind = 0; kind < kinds; kind++) {
        core::Loop loop;
        spawn(loop, wait_for(kind, loop, silence, frames));
        settle(loop, 3);
        CHECK(frames == 1);
    }
    CHECK(frames == 0);
}

TEST_CASE("a socket that is destroyed ends what is awaited of it with ECANCELED, and not inside") {
    const Audit audit;
    Silence silence;
    core::Loop loop;
    std::optional<Datagram> socket;
    std::vector<Code> codes;
    for (int kind = 0; kind < 4; kind++) {
        socket.emplace(loop, Options{.type = Type::udp4, .lookup = silence.lookup()});
        Receiver receiver(*socket);
        spawn(loop, [](int which, Datagram& of, Receiver& from, std::vector<Code>& to) -> Task<> {
            Code code = Code::ok;
            if (which == 0) code = (co_await from.receive()).error().code;
            if (which == 1) code = (co_await net::send(of, "x", 9, "name")).error().code;
            if (which == 2) code = (co_await net::connect(of, 9, "name")).code;
            if (which == 3) {
                of.send("waits", 9, "name");
                code = (co_await net::close(of)).code;
            }
            to.push_back(code);
            const Result<Message> after = co_await from.receive();
            CHECK(after.error().code == Code::canceled);
        }(kind, *socket, receiver, codes));
        settle(loop, 3);
        CHECK(codes.size() == static_cast<std::size_t>(kind));
        socket.reset();
        CHECK(codes.size() == static_cast<std::size_t>(kind));
        settle(loop, 2);
        CHECK(codes.size() == static_cast<std::size_t>(kind) + 1);
        silence.unanswered.clear();
    }
    for (const Code code : codes) CHECK(code == Code::canceled);
}

TEST_CASE("a receiver that is destroyed ends what is awaited of it with ECANCELED") {
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    CHECK(socket.bind_sync(0, "127.0.0.1"));
    auto receiver = std::make_unique<Receiver>(socket);
    std::optional<Error> error;
    spawn(loop, [](Receiver& from, std::optional<Error>& to) -> Task<> {
        to = (co_await from.receive()).error();
    }(*receiver, error));
    CHECK_FALSE(loop.turn());
    receiver.reset();
    CHECK_FALSE(error);
    settle(loop, 2);
    CHECK(error == Error{Code::canceled, Operation::receive});
    CHECK(socket.listener_count(net::Event::message) == 0);
    CHECK(socket.listener_count(net::Event::error) == 0);
    CHECK(socket.listener_count(net::Event::close) == 0);
}

TEST_CASE("a coroutine may end socket and receiver inside the datagram that it was given") {
    const Audit audit;
    core::Loop loop;
    Datagram sends(loop, Type::udp4);
    int frames = 0;
    for (const bool kept : {false, true}) {
        int ended = 0;
        std::optional<Address> address;
        spawn(loop, [](core::Loop& inside, bool late, std::optional<Address>& to, int& count,
                       int& alive) -> Task<> {
            const Held held(alive);
            Datagram socket(inside, Type::udp4);
            Receiver receiver(socket);
            const Result<Address> bound = socket.bind_sync(0, "127.0.0.1");
            CHECK(bound);
            if (bound) to = *bound;
            if (late) (void)co_await sleep(5ms);
            const Result<Message> message = co_await receiver.receive().within(5s);
            CHECK((message && message->text() == "first"));
            count++;
        }(loop, kept, address, ended, frames));
        CHECK_FALSE(loop.turn());
        REQUIRE(address);
        for (const char* text : {"first", "second", "third"}) sends.send(text, *address);
        CHECK(run_until(loop, [&] { return ended == 1; }));
        settle(loop, 3);
        CHECK(frames == 0);
    }
}

TEST_CASE("a send that is given up is taken back: it never leaves, and its bytes are free") {
    core::Loop loop;
    Silence silence;
    Datagram receives(loop, Type::udp4);
    const Result<Address> address = receives.bind_sync(0, "127.0.0.1");
    REQUIRE(address);
    std::vector<std::string> heard;
    receives.on_message([&](const Message& message) { heard.emplace_back(message.text()); });
    Datagram sends(loop, Options{.type = Type::udp4, .lookup = silence.lookup()});
    std::vector<Code> codes;
    spawn(loop, [](Datagram& socket, int port, std::vector<Code>& to) -> Task<> {
        for (int i = 0; i < 3; i++) {
            const auto text = std::make_unique<std::string>(100, 'x');
            const Result<std::size_t> sent =
                co_await net::send(socket, *text, port, "name").within(2ms);
            to.push_back(sent.error().code);
        }
    }(sends, address->port, codes));
    CHECK(run_until(loop, [&] { return codes.size() == 3; }));
    for (const Code code : codes) CHECK(code == Code::timed_out);
    settle(loop, 2);
    CHECK(sends.get_send_queue_count() == 0);
    CHECK(sends.get_send_queue_size() == 0);
    for (net::LookupAnswer& answer : silence.unanswered) answer(*address);
    sends.send("after", *address);
    CHECK(run_until(loop, [&] { return !heard.empty(); }));
    CHECK(heard == std::vector<std::string>{"after"});
}

TEST_CASE("a send that has left when it is given up has left") {
    core::Loop loop;
    Datagram receives(loop, Type::udp4);
    const Result<Address> address = receives.bind_sync(0, "127.0.0.1");
    REQUIRE(address);
    std::vector<std::string> heard;
    Datagram sends(loop, Type::udp4);
    Spawned spawned = spawn(loop, [](Datagram& socket, Address to) -> Task<> {
        const std::string text = "left";
        (void)co_await net::send(socket, text, to);
        FAIL_CHECK("canceled before its outcome");
    }(sends, *address));
    receives.on_message([&](const Message& message) { heard.emplace_back(message.text()); });
    sends.send("in front of it", *address, [&] { spawned.cancel(); });
    CHECK(run_until(loop, [&] { return heard.size() == 2; }));
    CHECK(heard[1] == "left");
}
