// Row coldstart_cycle with an io_context, without locks; closing a socket tells nobody.
#ifndef _WIN32

#include <asio.hpp>

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

const bench::StartRow<cycle> row;

}  // namespace

#endif
