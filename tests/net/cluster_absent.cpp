// A cluster where there can be none: a system that hands no sockets to other processes says so, and
// a program that no cluster has started is a primary, whose binds are its own.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "net/cluster.h"
#include "tests/net/support.h"

namespace {

using net::Datagram;
using net::Failure;
using net::Type;

// Whether this system has what a cluster is made of.
bool hands_sockets_on(core::Loop& loop) {
    const auto socket = platform::open_datagram(loop.poller(), net::Family::ipv4);
    REQUIRE(socket);
    const auto twin = platform::duplicate(*socket);
    platform::close(*socket);
    if (twin) platform::close(*twin);
    if (!twin) CHECK(twin.error().code == platform::Code::not_supported);
    return static_cast<bool>(twin);
}

}  // namespace

TEST_CASE("[59] workers that cannot be are an 'error' that says why; nothing is left to stop") {
    const test::Audit audit;
    core::Loop loop;
    const bool can = hands_sockets_on(loop);
    net::Cluster cluster(loop, {.program = "/nonexistent/volley", .workers = 2});
    std::vector<std::string> errors;
    cluster.on_error([&](const Failure& failure) { errors.push_back(failure.text()); });
    CHECK_FALSE(static_cast<bool>(loop.run()));
    const std::string reason = can ? "spawn ENOENT /nonexistent/volley"
                                   : "spawn ENOTSUP /nonexistent/volley (this system hands no "
                                     "sockets to other processes)";
    CHECK(errors == std::vector<std::string>(2, reason));
    CHECK(cluster.worker_count() == 0);
    CHECK(cluster.send(1, "x").code == platform::Code::not_connected);
    bool stopped = false;
    cluster.stop([&] { stopped = true; });
    CHECK_FALSE(stopped);
    CHECK_FALSE(static_cast<bool>(loop.run()));
    CHECK(stopped);
}

TEST_CASE("a program that no cluster has started is a primary, and binds for itself") {
    const test::Audit audit;
    core::Loop loop;
    net::ClusterWorker worker(loop);
    CHECK(worker.is_primary());
    CHECK_FALSE(worker.is_worker());
    CHECK(worker.id() == 0);
    CHECK_FALSE(worker.connected());
    CHECK(worker.on_message([](net::Bytes) {}) == 0);
    CHECK(worker.on_disconnect([] {}) == 0);
    CHECK_FALSE(worker.off(0));
    CHECK(worker.send("x").code == platform::Code::not_connected);
    worker.disconnect();
    worker.unref().ref();
    Datagram socket(loop, Type::udp4);
    bool bound = false;
    socket.bind(0, "127.0.0.1", [&] {
        bound = true;
        socket.close();
    });
    CHECK_FALSE(static_cast<bool>(loop.run()));
    CHECK(bound);
}
