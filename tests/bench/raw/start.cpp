// Row coldstart_cycle, the limit: an epoll that watches one socket, and nothing to wake it by.
#ifdef __linux__

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/starts.h"

namespace {

void require(bool done) {
    if (!done) bench::fail("a system call has failed");
}

void cycle() {
    const int loop = epoll_create1(EPOLL_CLOEXEC);
    const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    require(bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0);
    require(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    require(address.sin_port != 0);
    epoll_event interest{.events = EPOLLIN, .data = {.fd = descriptor}};
    require(epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &interest) == 0);
    require(close(descriptor) == 0);
    require(close(loop) == 0);
}

const bench::StartRow<cycle> row;

}  // namespace

#endif
