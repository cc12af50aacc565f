// bind on a system that fails: every call on the way to 'listening' may, and afterwards the socket
// is unbound, nothing is left open, and the next bind succeeds.
#if defined(__linux__)

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/net/faults.h"
#include "tests/net/support.h"

namespace {

using net::Datagram;
using net::Event;
using net::Failure;
using net::Type;
using test::Audit;
using test::Call;
using test::Fault;
using test::Log;

struct Step {
    Call call;
    int skipped;  // Calls before the one that fails.
    int error;
    std::string code;
};

}  // namespace

TEST_CASE("[15][16] whatever fails on the way, bind says so, and can be tried again") {
    const Audit audit;
    core::Loop loop;
    const std::vector<Step> steps{
        {Call::socket, 0, EMFILE, "EMFILE"},     {Call::socket, 0, ENFILE, "ENFILE"},
        {Call::setsockopt, 0, ENOMEM, "ENOMEM"}, {Call::setsockopt, 1, ENOPROTOOPT, "ENOPROTOOPT"},
        {Call::bind, 0, EACCES, "EACCES"},       {Call::bind, 0, EPERM, "EPERM"},
        {Call::watch, 0, ENOMEM, "ENOMEM"},
    };
    for (const Step& step : steps) {
        CAPTURE(step.code);
        CAPTURE(static_cast<int>(step.call));
        Datagram socket(loop, {.type = Type::udp4, .reuse_addr = true, .reuse_port = true});
        Log log;
        test::record(socket, log);
        const std::string text = "bind " + step.code + " 127.0.0.1";
        const std::size_t open = test::entries("/proc/self/fd");
        {
            const Fault fault(step.call, step.error, 1, step.skipped);
            socket.bind(0, "127.0.0.1", [&] { log.add("callback"); });
            test::settle(loop);
            CHECK(fault.hits() == 1);
        }
        CHECK(log.text() == "error(" + text + ")");
        CHECK(test::entries("/proc/self/fd") == open);
        CHECK_FALSE(socket.address());
        CHECK(socket.listener_count(Event::listening) == 1);
        {
            const Fault fault(step.call, step.error, 1, step.skipped);
            CHECK(net::text(socket.bind_sync(0, "127.0.0.1").error()) == "bind " + step.code);
            CHECK(fault.hits() == 1);
        }
        CHECK(test::entries("/proc/self/fd") == open);
        socket.bind(0, "127.0.0.1", [&] { log.add("callback"); });
        test::settle(loop);
        CHECK(log.text() == "error(" + text + ") listening callback");
    }
}

TEST_CASE("[16][19] the option for both stacks may fail too") {
    const Audit audit;
    core::Loop loop;
    for (const bool only : {false, true}) {
        Datagram socket(loop, {.type = Type::udp6, .ipv6_only = only});
        Log log;
        test::record(socket, log);
        {
            // The first of these calls is made at birth, for good measure.
            const Fault fault(Call::setsockopt, EINVAL, 1, 1);
            socket.bind();
            test::settle(loop);
            CHECK(fault.hits() == 1);
        }
        CHECK(log.text() == "error(bind EINVAL ::)");
        socket.bind();
        test::settle(loop);
        CHECK(log.lines.back() == "listening");
    }
}

TEST_CASE("[15][50] a path that was made before the bind failed is removed") {
    const Audit audit;
    core::Loop loop;
    const test::Path path("made");
    Datagram socket(loop, Type::unix_dgram);
    Log log;
    test::record(socket, log);
    {
        const Fault fault(Call::watch, ENOMEM);
        socket.bind(path.text());
        test::settle(loop);
        CHECK(fault.hits() == 1);
    }
    CHECK(log.text() == "error(bind ENOMEM " + path.text() + ")");
    CHECK_FALSE(std::filesystem::exists(path.text()));
    socket.bind(path.text());
    test::settle(loop);
    CHECK(log.lines.back() == "listening");
    CHECK(std::filesystem::is_socket(path.text()));
}

TEST_CASE("[20] an adoption that fails leaves the descriptor to its owner") {
    const Audit audit;
    core::Loop loop;
    const int descriptor = ::socket(AF_INET, SOCK_DGRAM, 0);
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    {
        const Fault fault(Call::watch, ENOMEM);
        socket.adopt(descriptor);
        test::settle(loop);
        CHECK(fault.hits() == 1);
    }
    CHECK(log.text() == "error(bind ENOMEM)");
    CHECK(fcntl(descriptor, F_GETFD) >= 0);
    CHECK_FALSE(socket.address());
    socket.adopt(descriptor);
    test::settle(loop);
    CHECK(log.lines.back() == "listening");
}

TEST_CASE("[14][43] an address that the system does not tell is an error of that question") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    CHECK(socket.bind_sync());
    const Fault fault(Call::getsockname, ENOBUFS);
    CHECK(net::text(socket.address().error()) == "getsockname ENOBUFS");
    CHECK(socket.address());
}

TEST_CASE("[30] an implicit bind that fails, for each send and each socket") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::unix_dgram}) {
        const test::Path path("nobody");
        Datagram socket(loop, type);
        Log log;
        test::record(socket, log);
        const auto outcome = [&](const Failure& failure, std::size_t) {
            log.add(std::string(failure.code()));
        };
        const Fault fault(Call::socket, EMFILE);
        for (int i = 0; i < 3; i++) {
            if (type == Type::udp4) socket.send("x", 9, "127.0.0.1", outcome);
            if (type == Type::unix_dgram) socket.send("x", path.text(), outcome);
        }
        test::settle(loop);
        CHECK(fault.hits() == 1);
        // A unix socket is not bound for a send: the error is the sends' own.
        CHECK(log.text() == (type == Type::udp4
                                 ? "error(bind EMFILE 0.0.0.0) EMFILE EMFILE EMFILE"
                                 : "EMFILE EMFILE EMFILE"));
        CHECK(socket.get_send_queue_count() == 0);
    }
}

#endif
