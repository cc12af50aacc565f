// Rows coldstart_*, the limit: an epoll that watches one socket, and nothing to wake it by.
#ifdef __linux__

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "tests/bench/starts.h"

namespace {

void require(bool done) {
    if (!done) bench::fail("a system call has failed");
}

class Server {
   public:
    Server() {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        require(bind(descriptor_, address(), size_) == 0);
        require(getsockname(descriptor_, address(), &size_) == 0);
        require(address_.sin_port != 0);
        epoll_event interest{.events = EPOLLIN, .data = {.fd = descriptor_}};
        require(epoll_ctl(loop_, EPOLL_CTL_ADD, descriptor_, &interest) == 0);
    }
    ~Server() {
        require(close(descriptor_) == 0);
        require(close(loop_) == 0);
    }

    std::uint16_t port() const { return ntohs(address_.sin_port); }

    void echo() {
        epoll_event event;
        require(epoll_wait(loop_, &event, 1, -1) == 1);
        std::array<std::byte, 2048> bytes;
        const ssize_t count =
            recvfrom(descriptor_, bytes.data(), bytes.size(), 0, address(), &size_);
        require(count > 0);
        const auto size = static_cast<std::size_t>(count);
        require(sendto(descriptor_, bytes.data(), size, 0, address(), size_) == count);
    }

   private:
    sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }

    const int loop_ = epoll_create1(EPOLL_CLOEXEC);
    const int descriptor_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address_{};
    socklen_t size_ = sizeof address_;
};

void cycle() { const Server server; }

void echo(bench::Client& client) {
    Server server;
    client.ask(server.port());
    server.echo();
}

const bench::StartRows<cycle, echo> rows;

}  // namespace

#endif
