// Exceptions on the way to 'close' and in it: what is owed still comes, once, and in order.
#include <memory>
#include <optional>

#include "tests/net/receiver.h"
#include "tests/net/throwing.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Datagram;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Options;
using net::Type;
using test::Audit;
using test::Receiver;
using test::settle;
using test::Told;

struct Thrown {};

}  // namespace

TEST_CASE("[7][42] 'close' throws: it is not emitted again, and the socket is closed") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram socket(loop, Type::udp4);
    REQUIRE(socket.bind_sync());
    socket.on_close([&] {
        told.add("first");
        throw Thrown();
    });
    socket.close(told.word("callback"));
    CHECK(test::runs_that_throw<Thrown>(loop) == 1);
    CHECK(told.text() == "first");  // As in Node, who throws ends the emit.
    CHECK_FALSE(socket.address());
    settle(loop);
    CHECK(told.count() == 1);
}

TEST_CASE("[7][42] of many sockets that close together each gets its 'close', whoever throws") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    std::vector<Datagram> sockets;
    for (int i = 0; i < 5; i++) {
        Datagram& socket = sockets.emplace_back(loop, Type::udp4);
        socket.send("x", receiver.port(), [&, i] {
            told.add("sent" + std::to_string(i));
            if (i % 2 == 0) throw Thrown();
        });
        socket.close([&, i] {
            told.add("close" + std::to_string(i));
            if (i < 3) throw Thrown();
        });
    }
    CHECK(test::runs_that_throw<Thrown>(loop) == 6);
    CHECK(told.count() == 10);
    for (int i = 0; i < 5; i++) {
        int sent = -1;
        int close = -1;
        for (int at = 0; at < 10 && at < static_cast<int>(told.count()); at++) {
            const std::string& line = told.lines[static_cast<std::size_t>(at)];
            if (line == "sent" + std::to_string(i)) sent = at;
            if (line == "close" + std::to_string(i)) close = at;
        }
        CHECK(sent >= 0);
        CHECK(close > sent);
    }
    CHECK(receiver.hears(5));
}

TEST_CASE("[7][34] throwing after close(), in the callback that asked for it") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    for (const std::string how : {"close", "abort"}) {
        Told told;
        Datagram socket(loop, Type::udp4);
        socket.on_close(told.word("close"));
        socket.send("a", receiver.port(), [&] {
            told.add("a");
            socket.send("b", receiver.port(), told.sent());
            how == "close" ? socket.close() : socket.abort();
            throw Thrown();
        });
        CHECK(test::runs_that_throw<Thrown>(loop) == 1);
        CHECK(told.lines.front() == "a");
        CHECK(told.count() == 3);
        CHECK(told.lines.back() == "close");
    }
}

TEST_CASE("[7][34] cancelled sends throw, one by one, and then comes 'close'") {
    const Audit audit;
    core::Loop loop;
    Told told;
    std::vector<LookupAnswer> answers;
    Datagram socket(loop, Options{.type = Type::udp4,
                                  .lookup =
                                      [&](std::string_view, Family, LookupAnswer answer) {
                                          answers.push_back(std::move(answer));
                                      },
                                  .linger = 5ms});
    const auto send = [&] {
        socket.send("x", 9, "name", [&](const Failure& failure) {
            told.add(std::string(failure.code()));
            throw Thrown();
        });
    };
    for (int i = 0; i < 3; i++) send();
    socket.close(told.word("close"));
    CHECK(test::runs_that_throw<Thrown>(loop) == 3);
    CHECK(told.text() == "ETIMEDOUT ETIMEDOUT ETIMEDOUT close");
    answers.clear();
    told.lines.clear();
    socket = Datagram(loop, Type::udp4);
    for (int i = 0; i < 3; i++) send();
    socket.abort(told.word("close"));
    CHECK(test::runs_that_throw<Thrown>(loop) == 3);
    CHECK(told.text() == "ECANCELED ECANCELED ECANCELED close");
}

TEST_CASE("[7][42] what a closed socket refuses may throw out of the loop's hook") {
    const Audit audit;
    core::Loop loop;
    int thrown = 0;
    loop.on_unhandled_error([&](net::Error error, std::string_view text) {
        CHECK(platform::name(error.code) == "ERR_SOCKET_DGRAM_NOT_RUNNING");
        CHECK(text == "Not running");
        thrown++;
        throw Thrown();
    });
    Datagram socket(loop, Type::udp4);
    socket.close();
    socket.close();
    socket.send("x", 9);
    CHECK(test::runs_that_throw<Thrown>(loop) == 2);
    socket.bind();
    CHECK(test::runs_that_throw<Thrown>(loop) == 1);
    CHECK(thrown == 3);
}

TEST_CASE("[7][42] destroyed inside 'close', which then throws") {
    const Audit audit;
    core::Loop loop;
    Told told;
    std::vector<std::optional<Datagram>> sockets(3);
    for (std::optional<Datagram>& socket : sockets) {
        socket.emplace(loop, Type::udp4);
        socket->on_close([&] {
            told.add("close");
            socket.reset();
            throw Thrown();
        });
        socket->on_close(told.word("never"));
        socket->close();
    }
    CHECK(test::runs_that_throw<Thrown>(loop) == 3);
    CHECK(told.text() == "close close close");
}

TEST_CASE("[7][42] the loop may end with what an exception left undone") {
    const Audit audit;
    const std::shared_ptr<int> captured = std::make_shared<int>(0);
    Told told;
    {
        core::Loop loop;
        Receiver receiver(loop);
        Datagram socket(loop, Type::udp4);
        socket.send("x", receiver.port(), [] { throw Thrown(); });
        for (int i = 0; i < 3; i++) {
            socket.send("x", receiver.port(), [&told, captured] { told.add("never"); });
        }
        socket.close([&told, captured] { told.add("never"); });
        CHECK_THROWS_AS((void)loop.run(), Thrown);
        CHECK(captured.use_count() == 5);
    }
    CHECK(captured.use_count() == 1);
    CHECK(told.count() == 0);
}
