// Descriptors that others have opened: whose address and peer they have, which ones are refused and
// why, and who closes them.
#if !defined(_WIN32)

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/net/outcomes.h"

namespace {

using net::Address;
using net::Datagram;
using net::Event;
using net::Failure;
using net::Family;
using net::Type;
using platform::Code;
using test::Audit;
using test::Log;
using test::local_of;
using test::remote_of;
using test::sent;

// A descriptor of the test's own, closed at the end unless it was given away.
class Descriptor {
   public:
    explicit Descriptor(int value) : value_(value) { CHECK(value >= 0); }
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    ~Descriptor() {
        if (value_ >= 0) CHECK(::close(value_) == 0);
    }
    int get() const { return value_; }
    int give() { return std::exchange(value_, -1); }

   private:
    int value_;
};

bool is_open(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }

sockaddr_in loopback(int port = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

template <class Name>
bool bind_to(int descriptor, const Name& name) {
    return ::bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
}

template <class Name>
bool connect_to(int descriptor, const Name& name) {
    return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
}

int port_of(int descriptor) {
    sockaddr_in name{};
    socklen_t size = sizeof name;
    CHECK(getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &size) == 0);
    return ntohs(name.sin_port);
}

Descriptor bound_socket() {
    Descriptor made(::socket(AF_INET, SOCK_DGRAM, 0));
    CHECK(bind_to(made.get(), loopback()));
    return made;
}

std::string refusal_of(core::Loop& loop, Type type, std::intptr_t descriptor) {
    Datagram socket(loop, type);
    Log log;
    test::record(socket, log);
    socket.adopt(descriptor, [&] { log.add("callback"); });
    test::settle(loop);
    CHECK_FALSE(socket.address());
    CHECK(socket.listener_count(Event::listening) == 1);  // The recorder's.
    return log.text();
}

const std::string wrong_type =
    "error(Unsupported fd type: not a datagram socket of this system)";

}  // namespace

// ---- What is adopted -------------------------------------------------------------------------

TEST_CASE("[20] an adopted socket has the descriptor's address; port and address are ignored") {
    const Audit audit;
    core::Loop loop;
    Datagram sender(loop, Type::udp4);
    for (const bool by_options : {false, true}) {
        Descriptor made = bound_socket();
        const int port = port_of(made.get());
        Datagram socket(loop, Type::udp4);
        Log log;
        test::record(socket, log);
        const auto callback = [&] { log.add("callback"); };
        if (by_options) {
            socket.bind({.port = 1, .address = "1.1.1.1", .fd = made.get()}, callback);
        } else {
            socket.adopt(made.get(), callback);
        }
        CHECK(log.text() == "");
        CHECK_FALSE(socket.address());
        test::settle(loop, 1);
        CHECK(log.text() == "listening callback");
        const int descriptor = made.give();
        CHECK(local_of(socket).text() == "127.0.0.1:" + std::to_string(port));
        CHECK_FALSE(socket.remote_address());
        sender.send("hello", port);
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 3; }));
        CHECK(log.lines.back() == "message(hello)");  // And a blocking one does not block.
        socket.close();
        test::settle(loop);
        CHECK(log.lines.back() == "close");
        CHECK_FALSE(is_open(descriptor));
    }
}

TEST_CASE("[20] a connected descriptor is recognised as connected") {
    const Audit audit;
    core::Loop loop;
    Datagram server(loop, Type::udp4);
    Log heard;
    test::record(server, heard);
    const auto to = server.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    Descriptor made = bound_socket();
    // Strangers come first: what lies in the queue before the connect is not the peer's.
    Datagram stranger(loop, Type::udp4);
    stranger.send("stranger", port_of(made.get()));
    test::settle(loop);
    CHECK(connect_to(made.get(), loopback(to->port)));
    const int port = port_of(made.get());
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    socket.adopt(made.give());
    test::settle(loop);
    CHECK(log.text() == "listening");
    CHECK(remote_of(socket).text() == to->text());
    CHECK(socket.counters().strangers == 1);
    socket.send("to the peer", [&](const Failure& failure, std::size_t bytes) {
        log.add(failure ? failure.text() : std::to_string(bytes));
    });
    socket.send("elsewhere", 9, [&](const Failure& failure, std::size_t) {
        log.add(std::string(failure.code()));
    });
    socket.connect(9);
    test::settle(loop);
    CHECK(log.text() == "listening 11 ERR_SOCKET_DGRAM_IS_CONNECTED error(Already connected)");
    CHECK(heard.text() == "listening message(to the peer)");
    CHECK_FALSE(socket.disconnect());
    CHECK(local_of(socket).port == port);
    stranger.send("not strange", port);
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 5; }));
    CHECK(log.lines.back() == "message(not strange)");
}

TEST_CASE("[20] an unbound descriptor is adopted as it is") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp6);
    Log log;
    test::record(socket, log);
    Descriptor made(::socket(AF_INET6, SOCK_DGRAM, 0));
    socket.adopt(made.give());
    test::settle(loop);
    CHECK(log.text() == "listening");
    CHECK(local_of(socket).text() == "[::]:0");
    socket.bind(0);
    test::settle(loop);
    CHECK(log.text() == "listening error(Socket is already bound)");
}

TEST_CASE("[20][50] adopted unix sockets: the path stays, and the ends of a pair are connected") {
    const Audit audit;
    core::Loop loop;
    const test::Path path("adopted");
    {
        Descriptor made(::socket(AF_UNIX, SOCK_DGRAM, 0));
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        path.text().copy(name.sun_path, sizeof name.sun_path - 1);
        CHECK(bind_to(made.get(), name));
        Datagram socket(loop, Type::unix_dgram);
        Log log;
        test::record(socket, log);
        socket.adopt(made.give());
        test::settle(loop);
        CHECK(local_of(socket).host() == path.text());
        socket.close();
        test::settle(loop);
        CHECK(log.text() == "listening close");
        CHECK(std::filesystem::exists(path.text()));
    }
    int pair[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    Datagram left(loop, Type::unix_dgram);
    Datagram right(loop, Type::unix_dgram);
    Log log;
    test::record(right, log);
    left.adopt(pair[0]);
    right.adopt(pair[1]);
    left.on_message([&](const net::Message& message) {
        CHECK(message.sender.host() == "");
        left.send(message.bytes);
    });
    test::settle(loop);
    CHECK(right.remote_address());
    CHECK(remote_of(right).host() == "");
    right.send("there and back");
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    CHECK(log.text() == "listening message(there and back)");
}

TEST_CASE("[20][25] the other end of a pair may get a name, and is no stranger for that") {
    const Audit audit;
    core::Loop loop;
    const test::Path path("end");
    int pair[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    const Descriptor other(pair[1]);
    Datagram socket(loop, Type::unix_dgram);
    Log log;
    test::record(socket, log);
    socket.adopt(pair[0]);
    test::settle(loop);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.text().copy(name.sun_path, sizeof name.sun_path - 1);
    CHECK(bind_to(other.get(), name));
    CHECK(::send(other.get(), "named", 5, 0) == 5);
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    CHECK(log.text() == "listening message(named)");
}

TEST_CASE("[20] a unix socket that has sent gives up its descriptor for the adopted one") {
    const Audit audit;
    core::Loop loop;
    const test::Path path("receiver");
    Datagram receiver(loop, Type::unix_dgram);
    CHECK(receiver.bind_sync(path.text()));
    Datagram socket(loop, Type::unix_dgram);
    Log log;
    test::record(socket, log);
    socket.send("first", path.text());
    test::settle(loop);
    int pair[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    const Descriptor other(pair[1]);
    socket.adopt(pair[0]);
    test::settle(loop);
    CHECK(::send(other.get(), "second", 6, 0) == 6);
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    CHECK(log.text() == "listening message(second)");
}

// ---- What is refused -------------------------------------------------------------------------

TEST_CASE("[20] what is no datagram socket of this type is refused, and stays the caller's") {
    const Audit audit;
    core::Loop loop;
    const Descriptor tcp(::socket(AF_INET, SOCK_STREAM, 0));
    const Descriptor six(::socket(AF_INET6, SOCK_DGRAM, 0));
    const Descriptor local(::socket(AF_UNIX, SOCK_DGRAM, 0));
    const Descriptor stream(::socket(AF_UNIX, SOCK_STREAM, 0));
    const Descriptor file(::open("/dev/null", O_RDONLY));
    int ends[2] = {-1, -1};
    REQUIRE(::pipe(ends) == 0);
    const Descriptor input(ends[0]);
    const Descriptor output(ends[1]);
    for (const Descriptor* each : {&tcp, &six, &local, &stream, &file, &input, &output}) {
        CHECK(refusal_of(loop, Type::udp4, each->get()) == wrong_type);
        CHECK(is_open(each->get()));
    }
    const Descriptor four = bound_socket();
    CHECK(refusal_of(loop, Type::udp6, four.get()) == wrong_type);
    CHECK(refusal_of(loop, Type::unix_dgram, four.get()) == wrong_type);
    CHECK(refusal_of(loop, Type::unix_dgram, stream.get()) == wrong_type);
    for (const std::intptr_t none : {-1, -2, INT32_MIN}) {
        CHECK(refusal_of(loop, Type::udp4, none) == wrong_type);
    }
    int closed = 0;
    {
        const Descriptor gone = bound_socket();
        closed = gone.get();
    }
    CHECK(refusal_of(loop, Type::udp4, closed) == "error(bind EBADF)");
    CHECK(refusal_of(loop, Type::udp4, INT32_MAX) == "error(bind EBADF)");
}

TEST_CASE("[20] a descriptor that the loop has already is EEXIST") {
    const Audit audit;
    core::Loop loop;
    const Descriptor made = bound_socket();
    {
        const auto watch = loop.watch(made.get(), {true, false}, [](platform::Interest) {});
        CHECK(watch);
        CHECK(refusal_of(loop, Type::udp4, made.get()) == "error(bind EEXIST)");
    }
    Descriptor given = bound_socket();
    const int descriptor = given.give();
    Datagram first(loop, Type::udp4);
    Log log;
    test::record(first, log);
    Datagram second(loop, Type::udp4);
    test::record(second, log);
    first.adopt(descriptor);
    second.adopt(descriptor);
    test::settle(loop);
    CHECK(log.text() == "listening error(bind EEXIST)");
    CHECK(first.address());
    CHECK_FALSE(loop.watch(descriptor, {true, false}, [](platform::Interest) {}));
    CHECK_FALSE(second.address());
    // The loser of that is closed: the winner keeps its descriptor.
    second.close();
    test::settle(loop);
    CHECK(is_open(descriptor));
}

TEST_CASE("[20] after a failure the socket is unbound, and may be bound in whatever way") {
    const Audit audit;
    core::Loop loop;
    const Descriptor file(::open("/dev/null", O_RDONLY));
    Datagram socket(loop, Type::udp4);
    int failures = 0;
    int listening = 0;
    socket.on_error([&](const Failure& failure) {
        CHECK(failure.code() == "ERR_INVALID_FD_TYPE");
        CHECK(failure.syscall() == "bind");
        CHECK(socket.listener_count(Event::listening) == 0);
        failures++;
        if (failures < 20) socket.adopt(file.get(), [&] { listening++; });
        if (failures == 20) socket.adopt(bound_socket().give(), [&] { listening++; });
    });
    socket.adopt(file.get(), [&] { listening++; });
    CHECK(test::run_until(loop, [&] { return listening > 0; }));
    CHECK(failures == 20);
    CHECK(socket.address());
}

TEST_CASE("[20] sends that wait for a failing adoption get its error") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    const Descriptor file(::open("/dev/null", O_RDONLY));
    socket.adopt(file.get());
    socket.send("x", 9, [&](const Failure& failure, std::size_t) { log.add(failure.text()); });
    test::settle(loop);
    CHECK(log.text() == wrong_type + " Unsupported fd type: not a datagram socket of this system");
}

// ---- Who closes it ---------------------------------------------------------------------------

TEST_CASE("[17][20] handed over is handed over: closed with its socket, at whatever time") {
    const Audit audit;
    core::Loop loop;
    enum class End { close, abort, destroy };
    for (const End end : {End::close, End::abort, End::destroy}) {
        for (const int turns : {0, 1, 3}) {
            CAPTURE(static_cast<int>(end));
            CAPTURE(turns);
            Descriptor made = bound_socket();
            const int descriptor = made.give();
            auto socket = std::make_unique<Datagram>(loop, Type::udp4);
            Log log;
            test::record(*socket, log);
            socket->adopt(descriptor);
            if (turns) test::settle(loop, turns);
            log.lines.clear();
            if (end == End::close) socket->close();
            if (end == End::abort) socket->abort();
            if (end == End::destroy) socket.reset();
            test::settle(loop);
            CHECK(log.text() == (end == End::destroy ? "" : "close"));
            CHECK_FALSE(is_open(descriptor));
        }
    }
}

TEST_CASE("[17][20] a refused descriptor is not closed, not even with its socket") {
    const Audit audit;
    core::Loop loop;
    const Descriptor file(::open("/dev/null", O_RDONLY));
    for (const bool destroys : {false, true}) {
        Datagram socket(loop, Type::udp4);
        Log log;
        test::record(socket, log);
        socket.adopt(file.get());
        if (!destroys) {
            socket.close();
            test::settle(loop);
            CHECK(log.text() == "close");
        }
    }
    CHECK(is_open(file.get()));
}

TEST_CASE("[20] each callback of an adoption may close, destroy or bind the socket") {
    const Audit audit;
    core::Loop loop;
    enum class Deed { close, destroy, bind };
    for (const Deed deed : {Deed::close, Deed::destroy, Deed::bind}) {
        for (const bool fails : {false, true}) {
            CAPTURE(static_cast<int>(deed));
            CAPTURE(fails);
            const Descriptor file(::open("/dev/null", O_RDONLY));
            auto socket = std::make_unique<Datagram>(loop, Type::udp4);
            Log log;
            const auto act = [&](const char* name) {
                log.add(name);
                if (log.lines.size() > 1) return;
                if (deed == Deed::close) socket->close();
                if (deed == Deed::bind) socket->bind(0, "127.0.0.1", [&] { log.add("bound"); });
                if (deed == Deed::destroy) socket.reset();
            };
            socket->on_error([&](const Failure&) { act("error"); });
            socket->on_close([&] { log.add("close"); });
            socket->adopt(fails ? file.get() : bound_socket().give(), [&] { act("listening"); });
            test::settle(loop);
            std::string expected = fails ? "error" : "listening";
            if (deed == Deed::close) expected += " close";
            if (deed == Deed::bind) expected += fails ? " bound" : " error";
            CHECK(log.text() == expected);
        }
    }
}

#endif
