// Paths of unix sockets: made with the mode that was asked for, stale ones replaced, anything else
// left alone, gone when their socket closes, unless they are somebody else's by then.
#if !defined(_WIN32)

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/net/outcomes.h"

namespace {

using namespace std::string_literals;
using net::Datagram;
using net::Failure;
using net::Message;
using net::Type;
using platform::Code;
using test::Audit;
using test::Log;
using test::Path;
using test::local_of;

namespace files = std::filesystem;

// A socket file without a socket: what a server that crashed leaves behind.
void leave_behind(const std::string& path) {
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    CHECK(::bind(descriptor, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    CHECK(::close(descriptor) == 0);
    CHECK(files::is_socket(path));
}

std::string bind_outcome(core::Loop& loop, const std::string& path) {
    Datagram socket(loop, Type::unix_dgram);
    Log log;
    test::record(socket, log);
    socket.bind(path);
    test::settle(loop, 2);
    return log.text();
}

unsigned mode_of(const std::string& path) {
    return static_cast<unsigned>(files::status(path).permissions()) & 0777;
}

// The process's umask while it exists.
struct Umask {
    explicit Umask(mode_t mask) : before(::umask(mask)) {}
    ~Umask() { ::umask(before); }
    mode_t before;
};

}  // namespace

// ---- bind ------------------------------------------------------------------------------------

TEST_CASE("[49] bind to a path, then 'listening', later") {
    const Audit audit;
    core::Loop loop;
    const Path first("first");
    const Path second("second");
    Datagram socket(loop, Type::unix_dgram);
    Datagram by_options(loop, Type::unix_dgram);
    Log log;
    test::record(socket, log);
    socket.bind(first.text(), [&] { log.add("callback"); });
    by_options.bind({.address = second.text()}, [&] { log.add("options"); });
    CHECK(log.text() == "");
    CHECK_FALSE(files::exists(first.text()));
    test::settle(loop, 1);
    CHECK(log.text() == "listening callback options");
    CHECK(files::is_socket(first.text()));
    CHECK(files::is_socket(second.text()));
    CHECK(local_of(socket).host() == first.text());
    CHECK(local_of(by_options).host() == second.text());
}

TEST_CASE("[49] a path that is in use by a live socket is EADDRINUSE, and goes on being served") {
    const Audit audit;
    core::Loop loop;
    const Path path("live");
    Datagram server(loop, Type::unix_dgram);
    Log heard;
    test::record(server, heard);
    CHECK(server.bind_sync(path.text()));
    for (int i = 0; i < 3; i++) {
        CHECK(bind_outcome(loop, path.text()) == "error(bind EADDRINUSE " + path.text() + ")");
        CHECK(files::is_socket(path.text()));  // And its end has not taken the path along.
    }
    Datagram client(loop, Type::unix_dgram);
    client.send("still there", path.text());
    CHECK(test::run_until(loop, [&] { return heard.lines.size() == 2; }));
    CHECK(heard.text() == "listening message(still there)");
}

TEST_CASE("[49] a live socket is live, also when it is full, connected to another, or a stream") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    const Path full("full");
    const Path taken("taken");
    const Path stream("stream");
    Datagram server(elsewhere, Type::unix_dgram);
    CHECK(server.bind_sync(full.text()));
    Datagram client(loop, Type::unix_dgram);
    for (int i = 0; i < 600; i++) client.send("x", full.text());
    test::settle(loop, 2);
    CHECK(client.get_send_queue_count() > 0);
    CHECK(bind_outcome(loop, full.text()) == "error(bind EADDRINUSE " + full.text() + ")");
    Datagram other(loop, Type::unix_dgram);
    CHECK(other.bind_sync(taken.text()));
    CHECK(other.connect_sync(full.text()));
    CHECK(bind_outcome(loop, taken.text()) == "error(bind EADDRINUSE " + taken.text() + ")");
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    stream.text().copy(name.sun_path, sizeof name.sun_path - 1);
    CHECK(::bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    CHECK(bind_outcome(loop, stream.text()) == "error(bind EADDRINUSE " + stream.text() + ")");
    CHECK(::close(listener) == 0);
    CHECK(files::is_socket(stream.text()));
}

TEST_CASE("[49] a stale socket file is replaced") {
    const Audit audit;
    core::Loop loop;
    const Path path("stale");
    for (int i = 0; i < 3; i++) {
        leave_behind(path.text());
        Datagram server(loop, Type::unix_dgram);
        Log log;
        test::record(server, log);
        server.bind(path.text());
        test::settle(loop);
        CHECK(log.text() == "listening");
        Datagram client(loop, Type::unix_dgram);
        client.send("hello", path.text());
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
        server.close();
        test::settle(loop);
        CHECK_FALSE(files::exists(path.text()));
        leave_behind(path.text());
        CHECK(Datagram(loop, Type::unix_dgram).bind_sync(path.text()));
        CHECK_FALSE(files::exists(path.text()));
    }
}

TEST_CASE("[49] what is no socket is left alone, whatever it is") {
    const Audit audit;
    core::Loop loop;
    const Path path("other");
    const Path target("target");
    const std::string in_use = "error(bind EADDRINUSE " + path.text() + ")";

    std::ofstream(path.text()) << "precious";
    CHECK(bind_outcome(loop, path.text()) == in_use);
    std::string content;
    std::ifstream(path.text()) >> content;
    CHECK(content == "precious");
    files::remove(path.text());

    files::create_directory(path.text());
    CHECK(bind_outcome(loop, path.text()) == in_use);
    CHECK(files::is_directory(path.text()));
    files::remove(path.text());

    CHECK(::mkfifo(path.text().c_str(), 0600) == 0);
    CHECK(bind_outcome(loop, path.text()) == in_use);
    CHECK(files::is_fifo(path.text()));
    files::remove(path.text());

    files::create_symlink(target.text(), path.text());  // To nothing.
    CHECK(bind_outcome(loop, path.text()) == in_use);
    CHECK(files::is_symlink(path.text()));
    leave_behind(target.text());  // To a stale socket.
    CHECK(bind_outcome(loop, path.text()) == in_use);
    CHECK(files::is_symlink(path.text()));
    CHECK(files::is_socket(target.text()));
}

TEST_CASE("[49] a path that leads nowhere") {
    const Audit audit;
    core::Loop loop;
    const Path path("parent");
    CHECK(bind_outcome(loop, path.text() + "/child") ==
          "error(bind ENOENT " + path.text() + "/child)");
    std::ofstream(path.text()) << "a file";
    CHECK(bind_outcome(loop, path.text() + "/child") ==
          "error(bind ENOTDIR " + path.text() + "/child)");
}

TEST_CASE("[49] of two servers in one loop the first wins a stale path") {
    const Audit audit;
    core::Loop loop;
    const Path path("contested");
    leave_behind(path.text());
    Datagram one(loop, Type::unix_dgram);
    Datagram two(loop, Type::unix_dgram);
    Log log;
    test::record(one, log);
    test::record(two, log);
    one.bind(path.text());
    two.bind(path.text());
    test::settle(loop);
    CHECK(log.text() == "listening error(bind EADDRINUSE " + path.text() + ")");
    CHECK(one.address());
}

TEST_CASE("[49] of servers starting at once exactly one wins, and can be reached") {
    const Audit audit;
    constexpr int count = 6;
    for (int round = 0; round < 10; round++) {
        const Path path("race");
        if (round % 2 == 0) leave_behind(path.text());
        std::atomic<int> ready{0};
        std::atomic<int> winners{0};
        std::atomic<int> losers{0};
        std::atomic<int> heard{0};
        std::atomic<bool> over{false};
        std::vector<std::thread> servers;
        for (int i = 0; i < count; i++) {
            servers.emplace_back([&] {
                core::Loop loop;
                Datagram socket(loop, Type::unix_dgram);
                socket.on_message([&](const Message&) { heard++; });
                ready++;
                while (ready < count) std::this_thread::yield();
                const auto bound = socket.bind_sync(path.text());
                if (bound) winners++;
                if (!bound && bound.error().code == Code::address_in_use) losers++;
                while (!over) (void)loop.turn({loop.now().nanoseconds + 1'000'000});
            });
        }
        core::Loop loop;
        CHECK(test::run_until(loop, [&] { return winners + losers == count; }));
        CHECK(winners == 1);
        Datagram client(loop, Type::unix_dgram);
        client.send("x", path.text(), [](const Failure& failure, std::size_t) {
            CHECK_FALSE(failure);
        });
        CHECK(test::run_until(loop, [&] { return heard == 1; }));
        over = true;
        for (std::thread& server : servers) server.join();
        CHECK_FALSE(files::exists(path.text()));
    }
}

TEST_CASE("[49] a directory that somebody keeps locked costs a moment, not for ever") {
    const Audit audit;
    core::Loop loop;
    const Path folder("locked");
    files::create_directory(folder.text());
    const int descriptor = ::open(folder.text().c_str(), O_RDONLY);
    CHECK(::flock(descriptor, LOCK_EX) == 0);
    const std::string path = folder.text() + "/socket";
    const auto begin = loop.now().nanoseconds;
    {
        Datagram socket(loop, Type::unix_dgram);
        CHECK(socket.bind_sync(path));  // Where nothing is in the way, none is needed.
        CHECK(files::is_socket(path));
    }
    CHECK_FALSE(files::exists(path));
    CHECK(loop.now().nanoseconds - begin < 2'000'000'000);
    CHECK(::close(descriptor) == 0);
}

// ---- close -----------------------------------------------------------------------------------

TEST_CASE("[50] close removes the path, and 'close' finds it gone") {
    const Audit audit;
    core::Loop loop;
    const Path path("closing");
    enum class End { close, abort, destroy };
    for (const End end : {End::close, End::abort, End::destroy}) {
        auto socket = std::make_unique<Datagram>(loop, Type::unix_dgram);
        bool existed = true;
        socket->on_close([&] {
            existed = files::exists(path.text());
            CHECK(Datagram(loop, Type::unix_dgram).bind_sync(path.text()));  // Free again.
        });
        CHECK(socket->bind_sync(path.text()));
        test::settle(loop);
        CHECK(files::is_socket(path.text()));
        if (end == End::close) socket->close();
        if (end == End::abort) socket->abort();
        if (end == End::destroy) socket.reset();
        test::settle(loop);
        CHECK(existed == (end == End::destroy));
        CHECK_FALSE(files::exists(path.text()));
    }
    std::unique_ptr<Datagram> survivor;
    {
        core::Loop ending;
        survivor = std::make_unique<Datagram>(ending, Type::unix_dgram);
        CHECK(survivor->bind_sync(path.text()));
    }
    CHECK_FALSE(files::exists(path.text()));
}

TEST_CASE("[50] a path that is another's by then is left alone") {
    const Audit audit;
    core::Loop loop;
    const Path path("usurped");
    const Path aside("aside");
    Datagram first(loop, Type::unix_dgram);
    CHECK(first.bind_sync(path.text()));
    files::remove(path.text());
    Datagram second(loop, Type::unix_dgram);
    Log heard;
    test::record(second, heard);
    CHECK(second.bind_sync(path.text()));
    first.close();
    test::settle(loop);
    CHECK(files::is_socket(path.text()));
    Datagram client(loop, Type::unix_dgram);
    client.send("hello", path.text());
    CHECK(test::run_until(loop, [&] { return heard.lines.size() == 2; }));

    files::rename(path.text(), aside.text());
    std::ofstream(path.text()) << "a file";
    second.close();
    test::settle(loop);
    CHECK(files::is_regular_file(path.text()));
    CHECK(files::exists(aside.text()));

    files::remove(path.text());
    Datagram third(loop, Type::unix_dgram);
    CHECK(third.bind_sync(path.text()));
    files::remove(path.text());
    third.close();  // Nothing to remove, and nothing to complain of.
    test::settle(loop);
    CHECK_FALSE(files::exists(path.text()));
}

TEST_CASE("[17][50] closed before it was bound: no path, and none of another's is removed") {
    const Audit audit;
    core::Loop loop;
    const Path path("never");
    Datagram owner(loop, Type::unix_dgram);
    for (const bool taken : {false, true}) {
        if (taken) CHECK(owner.bind_sync(path.text()));
        Datagram socket(loop, Type::unix_dgram);
        Log log;
        test::record(socket, log);
        socket.bind(path.text());
        socket.close();
        test::settle(loop);
        CHECK(log.text() == "close");
        CHECK(files::exists(path.text()) == taken);
    }
}

TEST_CASE("[15][50] each callback of a path's bind may close, destroy or bind the socket") {
    const Audit audit;
    core::Loop loop;
    enum class Deed { close, destroy, bind };
    for (const Deed deed : {Deed::close, Deed::destroy, Deed::bind}) {
        for (const bool fails : {false, true}) {
            CAPTURE(static_cast<int>(deed));
            CAPTURE(fails);
            const Path path("deed");
            const Path other("other");
            Datagram owner(loop, Type::unix_dgram);
            if (fails) CHECK(owner.bind_sync(path.text()));
            auto socket = std::make_unique<Datagram>(loop, Type::unix_dgram);
            Log log;
            const auto act = [&](const char* name) {
                log.add(name);
                if (log.lines.size() > 1) return;
                if (deed == Deed::close) socket->close();
                if (deed == Deed::destroy) socket.reset();
                if (deed == Deed::bind) socket->bind(other.text(), [&] { log.add("bound"); });
            };
            socket->on_error([&](const Failure&) { act("error"); });
            socket->on_close([&] { log.add("close"); });
            socket->bind(path.text(), [&] { act("listening"); });
            test::settle(loop);
            std::string expected = fails ? "error" : "listening";
            if (deed == Deed::close) expected += " close";
            if (deed == Deed::bind) expected += fails ? " bound" : " error";
            CHECK(log.text() == expected);
            CHECK(files::exists(path.text()) == (fails || deed == Deed::bind));
            CHECK(files::exists(other.text()) == (fails && deed == Deed::bind));
        }
    }
}

// ---- Modes -----------------------------------------------------------------------------------

TEST_CASE("[53] a path is private unless told otherwise, whatever the umask is") {
    const Audit audit;
    core::Loop loop;
    for (const mode_t mask : std::initializer_list<mode_t>{0, 022, 077}) {
        CAPTURE(mask);
        const Umask umask(mask);
        const Path path("mode");
        {
            Datagram socket(loop, Type::unix_dgram);
            CHECK(socket.bind_sync(path.text()));
            CHECK(mode_of(path.text()) == 0600);
        }
        for (const unsigned mode : {0666u, 0660u, 0777u, 0200u, 0u}) {
            CAPTURE(mode);
            Datagram socket(loop, {.type = Type::unix_dgram, .path_mode = mode});
            CHECK(socket.bind_sync(path.text()));
            CHECK(mode_of(path.text()) == mode);
            socket.close();
            test::settle(loop);
            CHECK_FALSE(files::exists(path.text()));
        }
    }
}

#endif
