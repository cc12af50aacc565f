// What tests/size/size.sh compares tools/examples/echo.cpp with: the same server in system calls.
// It does what that one does and no more: one datagram at a time, a line for the address and for
// errors, an end at SIGINT or SIGTERM. The catch: it drops what the kernel does not take at once.
//     raw_echo [port]          41234 unless told otherwise; 0 for any
#ifdef __linux__

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

char buffer[65536];

int fail(const char* what) {
    std::fprintf(stderr, "%s %s\n", what, std::strerror(errno));
    return 1;
}

bool watch(int poller, int descriptor) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = descriptor;
    return epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &interest) == 0;
}

void answer_all(int server) {
    while (true) {
        sockaddr_in peer;
        socklen_t size = sizeof peer;
        sockaddr* const address = reinterpret_cast<sockaddr*>(&peer);
        const ssize_t length = recvfrom(server, buffer, sizeof buffer, 0, address, &size);
        if (length < 0) {
            if (errno != EAGAIN && errno != EINTR) (void)fail("recvfrom");
            return;
        }
        const auto bytes = static_cast<std::size_t>(length);
        if (sendto(server, buffer, bytes, 0, address, size) < 0) (void)fail("sendto");
    }
}

}  // namespace

int main(int count, char** arguments) {
    const int server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server < 0) return fail("socket");
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_port = htons(static_cast<std::uint16_t>(count > 1 ? std::atoi(arguments[1]) : 41234));
    socklen_t size = sizeof local;
    sockaddr* const address = reinterpret_cast<sockaddr*>(&local);
    if (bind(server, address, size) < 0) return fail("bind");
    if (getsockname(server, address, &size) < 0) return fail("getsockname");
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &local.sin_addr, text, sizeof text);
    std::printf("listening on %s:%u\n", text, unsigned{ntohs(local.sin_port)});
    std::fflush(stdout);

    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    const int interrupt = signalfd(-1, &ends, SFD_CLOEXEC);
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    if (interrupt < 0 || poller < 0) return fail("epoll");
    if (!watch(poller, server) || !watch(poller, interrupt)) return fail("epoll_ctl");
    while (true) {
        epoll_event event;
        const int ready = epoll_wait(poller, &event, 1, -1);
        if (ready < 0 && errno != EINTR) return fail("epoll_wait");
        if (ready <= 0) continue;
        if (event.data.fd == interrupt) return 0;
        answer_all(server);
    }
}

#endif
