// What only other processes can show: ports shared or taken across them, and the socket file of a
// server that was killed.
#if !defined(_WIN32)

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/net/support.h"

namespace {

using net::Datagram;
using net::Failure;
using net::Message;
using net::Options;
using net::Type;
using platform::Code;
using test::Audit;
using test::Log;

// A child that runs a function and ends with what that returns. Killed at the latest with this.
class Child {
   public:
    explicit Child(const std::function<int()>& life) : id_(::fork()) {
        CHECK(id_ >= 0);
        if (id_ == 0) ::_exit(life());
    }
    ~Child() {
        if (id_ > 0) (void)kill();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // What it returned; minus one when a signal ended it.
    int wait() {
        int status = 0;
        CHECK(::waitpid(std::exchange(id_, 0), &status, 0) > 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    int kill() {
        CHECK(::kill(id_, SIGKILL) == 0);
        return wait();
    }
    bool running() const { return id_ > 0; }
    void forget(pid_t ended) {
        if (id_ == ended) id_ = 0;
    }

   private:
    pid_t id_;
};

constexpr int bound = 1;
constexpr int in_use = 2;
constexpr int other = 3;

// In a child: binds, and says how that went.
int try_port(Options options, int port) {
    core::Loop loop;
    Datagram socket(loop, std::move(options));
    int result = other;
    socket.on_error([&](const Failure& failure) {
        result = failure.code() == "EADDRINUSE" ? in_use : other;
    });
    socket.bind(port, "127.0.0.1", [&] {
        result = bound;
        socket.close();
    });
    return loop.run() ? other : result;
}

}  // namespace

TEST_CASE("[16][21] a port that another process has, with and without reuse_port") {
    const Audit audit;
    core::Loop loop;
    for (const bool here : {false, true}) {
        for (const bool there : {false, true}) {
            Datagram socket(loop, {.type = Type::udp4, .reuse_port = here});
            const auto own = socket.bind_sync(0, "127.0.0.1");
            REQUIRE(own);
            if (!own) return;
            Child child([&] {
                return try_port({.type = Type::udp4, .reuse_port = there}, own->port);
            });
            CHECK(child.wait() == (here && there ? bound : in_use));
        }
    }
}

TEST_CASE("[21] the kernel spreads senders over processes") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, {.type = Type::udp4, .reuse_port = true});
    int heard = 0;
    socket.on_message([&](const Message&) { heard++; });
    const auto own = socket.bind_sync(0, "127.0.0.1");
    Datagram reports(loop, Type::udp4);
    int ready = 0;
    int heard_there = 0;
    reports.on_message([&](const Message& message) {
        message.text() == "ready" ? ready++ : heard_there++;
    });
    const auto to = reports.bind_sync(0, "127.0.0.1");
    REQUIRE(own);
    REQUIRE(to);
    if (!own || !to) return;
    Child child([&] {
        core::Loop its_loop;
        Datagram its_socket(its_loop, {.type = Type::udp4, .reuse_port = true});
        Datagram reporter(its_loop, Type::udp4);
        its_socket.on_message([&](const Message&) { reporter.send("heard", *to); });
        its_socket.bind(own->port, "127.0.0.1", [&] { reporter.send("ready", *to); });
        return its_loop.run() ? other : bound;
    });
    CHECK(test::run_until(loop, [&] { return ready == 1; }));
    std::vector<std::unique_ptr<Datagram>> senders;
    for (int i = 0; i < 64; i++) {
        senders.push_back(std::make_unique<Datagram>(loop, Type::udp4));
        senders.back()->send("x", *own);
    }
    CHECK(test::run_until(loop, [&] { return heard + heard_there == 64; }));
    CHECK(heard > 0);
    CHECK(heard_there > 0);
    CHECK(child.kill() == -1);
}

TEST_CASE("[49] the path of a server that was killed is taken over, that of a living one is not") {
    const Audit audit;
    core::Loop loop;
    const test::Path path("killed");
    const test::Path back("back");
    Datagram reports(loop, Type::unix_dgram);
    int ready = 0;
    reports.on_message([&](const Message&) { ready++; });
    CHECK(reports.bind_sync(back.text()));
    Child child([&] {
        core::Loop its_loop;
        Datagram server(its_loop, Type::unix_dgram);
        server.bind(path.text(), [&] { server.send("ready", back.text()); });
        return its_loop.run() ? other : bound;
    });
    CHECK(test::run_until(loop, [&] { return ready == 1; }));
    Datagram heir(loop, Type::unix_dgram);
    CHECK(heir.bind_sync(path.text()).error().code == Code::address_in_use);
    CHECK(child.kill() == -1);
    CHECK(std::filesystem::is_socket(path.text()));
    CHECK(heir.bind_sync(path.text()));
    int heard = 0;
    heir.on_message([&](const Message&) { heard++; });
    reports.send("hello", path.text());
    CHECK(test::run_until(loop, [&] { return heard == 1; }));
}

TEST_CASE("[49] of processes starting at once exactly one wins") {
    const Audit audit;
    const test::Path path("contested");
    for (int round = 0; round < 5; round++) {
        int gate[2] = {-1, -1};
        REQUIRE(::pipe(gate) == 0);
        int ends[2] = {-1, -1};
        REQUIRE(::pipe(ends) == 0);
        std::vector<std::unique_ptr<Child>> children;
        for (int i = 0; i < 4; i++) {
            children.push_back(std::make_unique<Child>([&] {
                core::Loop loop;
                Datagram socket(loop, Type::unix_dgram);
                ::close(gate[1]);
                ::close(ends[1]);
                char byte;
                if (::read(gate[0], &byte, 1) != 0) return other;  // Opened by being closed.
                const auto own = socket.bind_sync(path.text());
                if (!own) return own.error().code == Code::address_in_use ? in_use : other;
                (void)!::read(ends[0], &byte, 1);  // Alive until all have tried.
                ::_exit(bound);                    // And gone without a word: the path stays.
            }));
        }
        ::close(gate[0]);
        ::close(gate[1]);
        ::close(ends[0]);
        int winners = 0;
        int losers = 0;
        const auto count = [&](int result) {
            winners += result == bound;
            losers += result == in_use;
        };
        // All but one end by themselves.
        for (int i = 0; i < 3; i++) {
            int status = 0;
            const pid_t id = ::waitpid(-1, &status, 0);
            CHECK(id > 0);
            for (auto& child : children) child->forget(id);
            count(WEXITSTATUS(status));
        }
        ::close(ends[1]);
        for (auto& child : children) {
            if (child->running()) count(child->wait());
        }
        CHECK(winners == 1);
        CHECK(losers == 3);
        CHECK(std::filesystem::is_socket(path.text()));  // Stale, for the next round.
    }
}

#endif
