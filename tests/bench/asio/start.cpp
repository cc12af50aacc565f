// Rows coldstart_* with an io_context, without locks; closing a socket tells nobody.
#ifndef _WIN32

#include <asio.hpp>

#include <array>
#include <cstddef>

#include "tests/bench/starts.h"

namespace {

using Protocol = asio::ip::udp;

void cycle() {
    asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
    Protocol::socket socket(context, {asio::ip::address_v4::loopback(), 0});
    if (socket.local_endpoint().port() == 0) bench::fail("a socket was not bound");
    socket.close();
    context.run();
}

void echo(bench::Client& client) {
    asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
    Protocol::socket socket(context, {asio::ip::address_v4::loopback(), 0});
    std::array<std::byte, 2048> bytes;
    Protocol::endpoint sender;
    socket.async_receive_from(asio::buffer(bytes), sender,
                              [&](const asio::error_code& error, std::size_t size) {
                                  if (error) bench::fail(error.message());
                                  socket.send_to(asio::buffer(bytes.data(), size), sender);
                                  socket.close();
                              });
    client.ask(socket.local_endpoint().port());
    context.run();
}

const bench::StartRows<cycle, echo> rows;

}  // namespace

#endif
