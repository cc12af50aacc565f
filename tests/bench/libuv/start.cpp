// Row coldstart_cycle with uv_loop_t and uv_udp_t, which is not asked to receive: that is left out
// in libuv's favour.
#ifndef _WIN32

#include <uv.h>

#include "tests/bench/libuv/sockets.h"
#include "tests/bench/starts.h"

namespace {

void cycle() {
    uv_loop_t loop;
    bench::require(uv_loop_init(&loop));
    uv_udp_t socket;
    bool closed = false;
    socket.data = &closed;
    bench::require(uv_udp_init(&loop, &socket));
    sockaddr_in address;
    bench::require(uv_ip4_addr("127.0.0.1", 0, &address));
    bench::require(uv_udp_bind(&socket, reinterpret_cast<sockaddr*>(&address), 0));
    int size = sizeof address;
    bench::require(uv_udp_getsockname(&socket, reinterpret_cast<sockaddr*>(&address), &size));
    if (address.sin_port == 0) bench::fail("a socket was not bound");
    uv_close(reinterpret_cast<uv_handle_t*>(&socket),
             [](uv_handle_t* handle) { *static_cast<bool*>(handle->data) = true; });
    uv_run(&loop, UV_RUN_DEFAULT);
    bench::require(uv_loop_close(&loop));
    if (!closed) bench::fail("a socket was not closed");
}

const bench::StartRow<cycle> row;

}  // namespace

#endif
