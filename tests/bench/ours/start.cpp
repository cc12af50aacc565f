// Rows coldstart_*: the socket's close is asked for and told, as libuv's is.
#ifdef __linux__

#include <cstdint>

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

void echo(bench::Client& client) {
    core::Loop loop;
    net::Datagram socket(loop, net::Type::udp4);
    const auto bound = socket.bind_sync(0, "127.0.0.1");
    if (!bound) bench::fail("a socket was not bound");
    socket.on_message([&socket](const net::Message& message) {
        socket.send(message.bytes, message.sender);
        socket.close();
    });
    client.ask(static_cast<std::uint16_t>(bound->port));
    if (loop.run()) bench::fail("the loop has failed");
}

const bench::StartRows<cycle, echo> rows;

}  // namespace

#endif
