// libuv's sockets and loop, as the rows of datagrams want them. At its best: one buffer of 1.25 MiB
// shared by all sockets, from which recvmmsg gets 20 places; what one tick asks to send beyond its
// first datagram leaves by sendmmsg. The catch: requests are pooled here, as libuv leaves that to
// its users.
#pragma once

#include <uv.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/bench/plain.h"

namespace bench {

inline void require(int status) {
    if (status < 0) fail(uv_strerror(status));
}

template <class Handler>
class UvSockets {
   public:
    using Peer = sockaddr_storage;

    UvSockets(Handler& handler, const Settings& settings)
        : handler_(handler), settings_(settings), requests_(requests_max),
          buffer_(settings.standard ? slot_size : slots * slot_size) {
        require(uv_loop_init(&loop_));
        for (uv_udp_send_t& request : requests_) free_.push_back(&request);
    }
    UvSockets(const UvSockets&) = delete;
    UvSockets& operator=(const UvSockets&) = delete;

    ~UvSockets() {
        uv_walk(&loop_, [](uv_handle_t* handle, void*) { uv_close(handle, nullptr); }, nullptr);
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }

    std::size_t open(const Place& place) {
        sockets_.push_back(std::make_unique<Socket>());
        Socket& socket = *sockets_.back();
        socket.index = sockets_.size() - 1;
        const unsigned batching = settings_.standard ? 0u : static_cast<unsigned>(UV_UDP_RECVMMSG);
        require(uv_udp_init_ex(&loop_, &socket.handle, AF_UNSPEC | batching));
        socket.handle.data = this;
        require(uv_udp_open(&socket.handle, open_socket(place)));
        require(uv_udp_recv_start(&socket.handle, lend, receive));
        return socket.index;
    }

    Place place(std::size_t index) const {
        uv_os_fd_t descriptor;
        require(uv_fileno(reinterpret_cast<uv_handle_t*>(&sockets_[index]->handle), &descriptor));
        return place_of(descriptor);
    }

    Peer peer(const Place& place) const { return place.storage; }

    void send(std::size_t index, Bytes bytes, const Peer& peer) {
        send(index, bytes, reinterpret_cast<const sockaddr&>(peer));
    }

    void watch(int descriptor) {
        require(uv_poll_init(&loop_, &poll_, descriptor));
        poll_.data = this;
        require(uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
            static_cast<UvSockets*>(handle->data)->handler_.ticked();
        }));
    }

    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
    void stop() { uv_stop(&loop_); }

   private:
    static constexpr std::size_t slot_size = 64 << 10;
    static constexpr std::size_t slots = 20;
    static constexpr std::size_t requests_max = 2048;

    struct Socket {
        uv_udp_t handle;
        std::size_t index;
    };

    void send(std::size_t index, Bytes bytes, const sockaddr& peer) {
        if (free_.empty()) fail("more sends than the workload knows of");
        uv_udp_send_t* const request = free_.back();
        free_.pop_back();
        const uv_buf_t buffer =
            uv_buf_init(reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data())),
                        static_cast<unsigned>(bytes.size()));
        require(uv_udp_send(request, &sockets_[index]->handle, &buffer, 1, &peer, finish));
    }

    static void finish(uv_udp_send_t* request, int status) {
        require(status);
        UvSockets& self = *static_cast<UvSockets*>(request->handle->data);
        self.free_.push_back(request);
        self.handler_.sent();
    }

    static void lend(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        UvSockets& self = *static_cast<UvSockets*>(handle->data);
        *buffer = uv_buf_init(self.buffer_.data(), static_cast<unsigned>(self.buffer_.size()));
    }

    static void receive(uv_udp_t* handle, ssize_t size, const uv_buf_t* buffer,
                        const sockaddr* sender, unsigned) {
        if (size < 0) require(static_cast<int>(size));
        if (!sender) return;  // Nothing more there, or the buffer is given back.
        UvSockets& self = *static_cast<UvSockets*>(handle->data);
        Socket& socket = *reinterpret_cast<Socket*>(handle);
        self.handler_.delivered(socket.index,
                                std::as_bytes(std::span(buffer->base,
                                                        static_cast<std::size_t>(size))),
                                reinterpret_cast<const Peer&>(*sender));
    }

    Handler& handler_;
    const Settings settings_;
    uv_loop_t loop_;
    uv_poll_t poll_;
    std::vector<uv_udp_send_t> requests_;
    std::vector<uv_udp_send_t*> free_;
    std::vector<char> buffer_;
    std::vector<std::unique_ptr<Socket>> sockets_;
};

}  // namespace bench
