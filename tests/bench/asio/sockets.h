// Asio's sockets and its context, as the rows of datagrams want them. At its best: without locks,
// as one thread is all there is. It has no batches; each datagram is an operation.
#pragma once

#include <asio.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "tests/bench/plain.h"

namespace bench {

template <class Protocol, class Handler>
class AsioSockets {
   public:
    using Peer = typename Protocol::endpoint;

    AsioSockets(Handler& handler, const Settings& settings)
        : handler_(handler),
          context_(settings.standard ? ASIO_CONCURRENCY_HINT_DEFAULT
                                     : ASIO_CONCURRENCY_HINT_UNSAFE) {}

    std::size_t open(const Place& place) {
        sockets_.push_back(std::make_unique<Socket>(context_, peer(place).protocol(),
                                                    open_socket(place), sockets_.size()));
        receive(*sockets_.back());
        return sockets_.size() - 1;
    }

    Place place(std::size_t index) const {
        return place_of(sockets_[index]->socket.native_handle());
    }

    Peer peer(const Place& place) const {
        Peer peer;
        std::memcpy(peer.data(), place.address(), place.size);
        peer.resize(place.size);
        return peer;
    }

    void send(std::size_t index, Bytes bytes, const Peer& peer) {
        sockets_[index]->socket.async_send_to(
            asio::buffer(bytes.data(), bytes.size()), peer,
            [this](const asio::error_code& error, std::size_t) {
                if (error) fail(error.message());
                handler_.sent();
            });
    }

    void watch(int descriptor) {
        watched_ = std::make_unique<asio::posix::stream_descriptor>(context_, dup(descriptor));
        wait();
    }

    void run() { context_.run(); }
    void stop() { context_.stop(); }

   private:
    struct Socket {
        Socket(asio::io_context& context, const Protocol& protocol, int descriptor, std::size_t at)
            : socket(context, protocol, descriptor), index(at) {}
        typename Protocol::socket socket;
        std::size_t index;
        Peer sender;
        std::array<std::byte, 2048> buffer;
    };

    void receive(Socket& socket) {
        socket.socket.async_receive_from(
            asio::buffer(socket.buffer), socket.sender,
            [this, &socket](const asio::error_code& error, std::size_t size) {
                if (error) fail(error.message());
                handler_.delivered(socket.index, Bytes(socket.buffer).first(size), socket.sender);
                receive(socket);
            });
    }

    void wait() {
        watched_->async_wait(asio::posix::stream_descriptor::wait_read,
                             [this](const asio::error_code& error) {
                                 if (error) fail(error.message());
                                 handler_.ticked();
                                 wait();
                             });
    }

    Handler& handler_;
    asio::io_context context_;
    std::unique_ptr<asio::posix::stream_descriptor> watched_;
    std::vector<std::unique_ptr<Socket>> sockets_;
};

template <class Handler>
using AsioUdpSockets = AsioSockets<asio::ip::udp, Handler>;
template <class Handler>
using AsioUnixSockets = AsioSockets<asio::local::datagram_protocol, Handler>;

}  // namespace bench
