// Row coldstart_cycle: the socket's close is asked for and told, as libuv's is.
#include "core/loop.h"
#include "net/datagram.h"
#include "tests/bench/starts.h"

namespace {

void cycle() {
    core::Loop loop;
    net::Datagram socket(loop, net::Type::udp4);
    const auto bound = socket.bind_sync(0, "127.0.0.1");
    if (!bound || bound->port == 0) bench::fail("a socket was not bound");
    bool closed = false;
    socket.close([&closed] { closed = true; });
    if (loop.run() || !closed) bench::fail("a socket was not closed");
}

const bench::StartRow<cycle> row;

}  // namespace
