// What a 'message' listener gets, when it gets nothing more, and failures to receive.
#ifdef __linux__

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "tests/net/faults.h"
#include "tests/net/receiver.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
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

constexpr int for_ever = 1 << 30;

// Datagrams that lie in the receiver's queue before the loop turns, so that they come as a batch.
void queue_up(core::Loop&, const Address& to, int count) {
    core::Loop other;
    Datagram sender(other, {.segmentation = false});
    std::vector<std::string> texts;
    for (int i = 0; i < count; i++) texts.push_back(std::to_string(i));
    for (const std::string& text : texts) sender.send(text, to);
    sender.close();
    CHECK(runs_out(other));
}

}  // namespace

TEST_CASE("[39] a message is its bytes, their number, and the sender") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Datagram sender(loop, type);
        const Address from = test::bind_loopback(sender, type);
        int heard = 0;
        Datagram receiver(loop, type, [&](const Message& message) {
            heard++;
            CHECK(message.text() == "hello");
            CHECK(message.size() == 5);
            CHECK(message.bytes.size() == 5);
            CHECK(message.bytes[1] == std::byte{'e'});
            CHECK(message.sender == from);
            CHECK(message.sender.host() == test::loopback(type));
            CHECK(message.sender.port == from.port);
            CHECK(message.sender.family_name() == (type == Type::udp4 ? "IPv4" : "IPv6"));
            CHECK(message.sender.text() == from.text());
            CHECK_FALSE(message.truncated);
        });
        sender.send("hello", test::bind_loopback(receiver, type));
        CHECK(run_until(loop, [&] { return heard == 1; }));
    }
}

TEST_CASE("[39] a unix sender is seen by its path, or as nobody") {
    const Audit audit;
    core::Loop loop;
    const test::Path to("to");
    const test::Path from("from");
    std::vector<std::string> senders;
    Datagram receiver(loop, Type::unix_dgram, [&](const Message& message) {
        CHECK(message.sender.family_name() == "unix");
        senders.push_back(message.sender.host());
    });
    REQUIRE(receiver.bind_sync(to));
    Datagram named(loop, Type::unix_dgram);
    REQUIRE(named.bind_sync(from));
    Datagram nameless(loop, Type::unix_dgram);
    named.send("x", to);
    nameless.send("x", to);
    CHECK(run_until(loop, [&] { return senders.size() == 2; }));
    CHECK(senders == std::vector{from.text(), ""s});
}

TEST_CASE("[39] a unix datagram of more than 65,536 bytes is its beginning, and says so") {
    const Audit audit;
    core::Loop loop;
    const test::Path path("large");
    std::vector<std::pair<std::size_t, bool>> heard;
    const std::string large(100'000, 'L');
    Datagram receiver(loop, Type::unix_dgram, [&](const Message& message) {
        heard.emplace_back(message.size(), message.truncated);
        CHECK(message.text() == std::string_view(large).substr(0, message.size()));
    });
    REQUIRE(receiver.bind_sync(path));
    Datagram sender(loop, Options{.type = Type::unix_dgram, .send_buffer_size = 1 << 20});
    Told told;
    for (const int size : {65535, 65536, 65537, 100'000}) {
        sender.send(large, 0, size, path, told.sent());
    }
    CHECK(run_until(loop, [&] { return heard.size() == 4; }));
    CHECK(told.text() == "65535 65536 65537 100000");
    const std::vector<std::pair<std::size_t, bool>> expected{
        {65535, false}, {65536, false}, {65536, true}, {65536, true}};
    CHECK(heard == expected);
    sender.send(large, 0, 10, path);
    CHECK(run_until(loop, [&] { return heard.size() == 5; }));
    CHECK(heard.back() == std::pair<std::size_t, bool>{10, false});
    CHECK(receiver.counters().truncated == 2);
}

TEST_CASE("[33][39] empty datagrams are messages, alone and among others") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Datagram sender(loop, Type::udp4);
    for (const char* text : {"", "a", "", "", "b", ""}) sender.send(text, receiver.address);
    CHECK(receiver.hears(6));
    CHECK(receiver.texts == std::vector{""s, "a"s, ""s, ""s, "b"s, ""s});
}

TEST_CASE("[39] batches of every size arrive whole, in order, and as single messages") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    for (const int count : {1, 2, 15, 16, 17, 63, 64, 65, 150}) {
        queue_up(loop, receiver.address, count);
        CHECK(receiver.hears(static_cast<std::size_t>(count)));
        settle(loop, 2);
        CHECK(receiver.texts.size() == static_cast<std::size_t>(count));
        for (int i = 0; i < count; i++) {
            CHECK(receiver.texts[static_cast<std::size_t>(i)] == std::to_string(i));
        }
        receiver.texts.clear();
    }
}

TEST_CASE("[39] a message is heard by every listener, or by none") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram receiver(loop, Type::udp4);
    const Address address = test::bind_loopback(receiver);
    queue_up(loop, address, 3);
    settle(loop);  // Nobody listens: they are gone.
    const net::ListenerId first = receiver.on_message([&](const Message& message) {
        told.add("first " + std::string(message.text()));
    });
    receiver.once_message(told.word("once"));
    receiver.on_message(told.word("second"));
    queue_up(loop, address, 1);
    CHECK(run_until(loop, [&] { return told.count() == 3; }));
    CHECK(told.text() == "first 0 once second");
    CHECK(receiver.off(first));
    queue_up(loop, address, 1);
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    settle(loop);
    CHECK(told.count() == 4);
    CHECK(told.lines.back() == "second");
}

// ---- After close --------------------------------------------------------------------------------

TEST_CASE("[40] after close in a listener no message follows, even out of the same batch") {
    const Audit audit;
    core::Loop loop;
    for (const std::string how : {"close", "abort", "destroy", "move"}) {
        for (const int last : {0, 1, 7, 20}) {
            int heard = 0;
            Told told;
            std::optional<Datagram> receiver(std::in_place, loop, Type::udp4);
            receiver->on_close(told.word("close"));
            receiver->on_message([&](const Message& message) {
                CHECK(message.text() == std::to_string(heard));
                if (heard++ < last) return;
                if (how == "close") receiver->close();
                if (how == "abort") receiver->abort();
                if (how == "destroy") receiver.reset();
                if (how == "move") receiver.emplace(loop, Type::udp4);
            });
            const Address address = test::bind_loopback(*receiver);
            queue_up(loop, address, 40);
            CHECK(run_until(loop, [&] { return heard == last + 1; }));
            settle(loop);
            CHECK(heard == last + 1);
            CHECK(told.count() == (how == "close" || how == "abort" ? 1 : 0));
        }
    }
}

TEST_CASE("[40] nor after close from elsewhere, though sends are still waited for") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram receiver(loop, Type::udp4);
    receiver.on_message(told.word("message"));
    const Address address = test::bind_loopback(receiver);
    {
        test::on_sending = [](const msghdr& message) {
            const auto* const to = static_cast<const sockaddr_in*>(message.msg_name);
            return to && to->sin_port == htons(9) ? EAGAIN : 0;
        };
        receiver.send("waits", 9);
        settle(loop);
        queue_up(loop, address, 10);
        receiver.close(told.word("close"));
        const std::uint64_t tick = loop.tick();
        settle(loop, 10);
        CHECK(loop.tick() - tick == 10);
        CHECK(told.count() == 0);
        test::on_sending = nullptr;
    }
    CHECK(runs_out(loop));
    CHECK(told.text() == "close");
}

TEST_CASE("[40] a message listener may close and destroy others") {
    const Audit audit;
    core::Loop loop;
    Told told;
    std::optional<Datagram> sockets[2];
    for (int i = 0; i < 2; i++) {
        std::optional<Datagram>& other = sockets[1 - i];
        sockets[i].emplace(loop, Type::udp4, [&told, &other] {
            told.add("message");
            other.reset();
        });
        queue_up(loop, test::bind_loopback(*sockets[i]), 5);
    }
    CHECK(run_until(loop, [&] { return told.count() == 5; }));
    settle(loop);
    CHECK(told.count() == 5);
    CHECK(sockets[0].has_value() != sockets[1].has_value());
}

// ---- Failures -----------------------------------------------------------------------------------

TEST_CASE("[41] a receive failure is 'error', and the socket lives on") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    receiver.socket.on_error(told.failed());
    const std::pair<int, const char*> errors[] = {
        {ENOMEM, "ENOMEM"}, {EIO, "EIO"}, {ENOBUFS, "ENOBUFS"}, {EINVAL, "EINVAL"}};
    for (const auto& [error, code] : errors) {
        const Fault one(Call::recvmsg, error);
        const Fault many(Call::recvmmsg, error);
        queue_up(loop, receiver.address, 40);
        CHECK(receiver.hears(40));
        CHECK(told.count() == static_cast<std::size_t>(one.hits() + many.hits()));
        CHECK(one.hits() + many.hits() > 0);
        for (const std::string& line : told.lines) CHECK(line == "recvmsg "s + code);
        for (int i = 0; i < 40; i++) {
            CHECK(receiver.texts[static_cast<std::size_t>(i)] == std::to_string(i));
        }
        told.lines.clear();
        receiver.texts.clear();
    }
}

TEST_CASE("[41] to be readable and have nothing to read, or be interrupted, is no failure") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    for (const int error : {EAGAIN, EINTR}) {
        const Fault one(Call::recvmsg, error, 3);
        const Fault many(Call::recvmmsg, error, 3);
        queue_up(loop, receiver.address, 40);
        CHECK(receiver.hears(40));
        receiver.texts.clear();
    }
}

TEST_CASE("[41] a lasting failure is one 'error' a tick, and timers go on") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    int errors = 0;
    receiver.socket.on_error([&] { errors++; });
    const Fault fault(Call::any_receive, EIO, for_ever);
    queue_up(loop, receiver.address, 1);
    const std::uint64_t tick = loop.tick();
    bool fired = false;
    loop.after(5ms, [&] { fired = true; });
    CHECK(run_until(loop, [&] { return fired; }));
    CHECK(errors > 0);
    CHECK(static_cast<std::uint64_t>(errors) <= loop.tick() - tick);
}

TEST_CASE("[41] an 'error' that nobody listens to goes to the loop's hook") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    loop.on_unhandled_error([&](net::Error error, std::string_view text) {
        CHECK(platform::name(error.code) == "EIO");
        CHECK(platform::name(error.operation) == "recvmsg");
        told.add(std::string(text));
    });
    const Fault fault(Call::any_receive, EIO);
    queue_up(loop, receiver.address, 1);
    CHECK(receiver.hears(1));
    CHECK(told.text() == "recvmsg EIO");
}

// In a process of its own, which is not to come back.
TEST_CASE("[41] without a hook it is one line on stderr, and the end of the program") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);
        ::dup2(ends[1], STDERR_FILENO);
        core::Loop loop;
        Datagram socket(loop, Type::udp4);
        socket.send("x", 70000);
        (void)loop.run();
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string said;
    char buffer[256];
    for (ssize_t size; (size = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
        said.append(buffer, static_cast<std::size_t>(size));
    }
    ::close(ends[0]);
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(said == "Port should be > 0 and < 65536. Received 70000.\n");
}

TEST_CASE("[41] inside the 'error' of a failed receive: close, destroy, replace") {
    const Audit audit;
    core::Loop loop;
    for (const std::string how : {"close", "destroy", "replace"}) {
        Told told;
        std::optional<Datagram> receiver(std::in_place, loop, Type::udp4);
        receiver->on_message(told.word("message"));
        receiver->on_close(told.word("close"));
        receiver->on_error([&] {
            told.add("error");
            if (how == "close") receiver->close();
            if (how == "destroy") receiver.reset();
            if (how == "replace") receiver.emplace(loop, Type::udp4);
        });
        const Address address = test::bind_loopback(*receiver);
        const Fault fault(Call::any_receive, EIO);
        queue_up(loop, address, 3);
        CHECK(run_until(loop, [&] { return told.count() > 0; }));
        settle(loop);
        CHECK(told.text() == (how == "close" ? "error close" : "error"));
    }
}

#endif
