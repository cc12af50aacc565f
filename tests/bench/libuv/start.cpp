// Rows coldstart_* with uv_loop_t and uv_udp_t, which a cycle does not ask to receive: that is left
// out in libuv's favour. An echo leaves at once (uv_udp_try_send), as it does at libuv's best.
#ifndef _WIN32

#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "tests/bench/libuv/sockets.h"
#include "tests/bench/starts.h"

namespace {

class Server {
   public:
    Server() {
        bench::require(uv_loop_init(&loop_));
        bench::require(uv_udp_init(&loop_, &socket_));
        socket_.data = this;
        sockaddr_in address;
        bench::require(uv_ip4_addr("127.0.0.1", 0, &address));
        bench::require(uv_udp_bind(&socket_, reinterpret_cast<sockaddr*>(&address), 0));
        int size = sizeof address;
        bench::require(uv_udp_getsockname(&socket_, reinterpret_cast<sockaddr*>(&address), &size));
        port_ = ntohs(address.sin_port);
        if (port_ == 0) bench::fail("a socket was not bound");
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const { return port_; }
    void receive() { bench::require(uv_udp_recv_start(&socket_, lend, answer)); }

    void close() {
        uv_close(reinterpret_cast<uv_handle_t*>(&socket_), [](uv_handle_t* handle) {
            static_cast<Server*>(handle->data)->closed_ = true;
        });
    }

    void run() {
        uv_run(&loop_, UV_RUN_DEFAULT);
        bench::require(uv_loop_close(&loop_));
        if (!closed_) bench::fail("a socket was not closed");
    }

   private:
    static void lend(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        Server& self = *static_cast<Server*>(handle->data);
        *buffer = uv_buf_init(self.bytes_.data(), static_cast<unsigned>(self.bytes_.size()));
    }

    static void answer(uv_udp_t* socket, ssize_t size, const uv_buf_t* buffer,
                       const sockaddr* sender, unsigned) {
        if (size < 0) bench::require(static_cast<int>(size));
        if (!sender) return;
        const uv_buf_t bytes = uv_buf_init(buffer->base, static_cast<unsigned>(size));
        bench::require(uv_udp_try_send(socket, &bytes, 1, sender));
        static_cast<Server*>(socket->data)->close();
    }

    uv_loop_t loop_;
    uv_udp_t socket_;
    std::array<char, 2048> bytes_;
    std::uint16_t port_ = 0;
    bool closed_ = false;
};

void cycle() {
    Server server;
    server.close();
    server.run();
}

void echo(bench::Client& client) {
    Server server;
    server.receive();
    client.ask(server.port());
    server.run();
}

const bench::StartRows<cycle, echo> rows;

}  // namespace

#endif
