// A system that fails on demand: the calls below are defined in the test's own executable, where
// they stand in front of the C library's, and pass through to the kernel unless a Fault says no.
// Catch: for Linux, and for one file of a program only; AddressSanitizer's versions of these calls
// are bypassed with the library's, so it does not see what the kernel writes.
#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <utility>

namespace test {

enum class Call : std::size_t {
    socket,
    bind,
    connect,
    getsockname,
    getpeername,
    setsockopt,
    getsockopt,
    sendmsg,
    sendmmsg,
    recvmsg,
    recvmmsg,
    epoll_create,
    epoll_ctl,
    epoll_wait,
    eventfd,
    count,
};

// As long as it exists, lets the calls after the first `skipped` ones fail, `times` of them.
class Fault {
   public:
    Fault(Call call, int error, int times = 1, int skipped = 0)
        : call_(call), error_(error), times_(times), skipped_(skipped) {
        next_ = std::exchange(newest_, this);
    }
    ~Fault() {
        Fault** link = &newest_;
        while (*link != this) link = &(*link)->next_;
        *link = next_;
    }
    Fault(const Fault&) = delete;
    Fault& operator=(const Fault&) = delete;

    int hits() const { return hits_; }

    // For the calls themselves: counts this one, and sets errno when it is to fail.
    static bool strikes(Call call) {
        calls_[static_cast<std::size_t>(call)]++;
        bool struck = false;
        for (Fault* fault = newest_; fault && !struck; fault = fault->next_) {
            if (fault->call_ != call || fault->skipped_-- > 0 || fault->times_ == 0) continue;
            fault->times_--;
            fault->hits_++;
            errno = fault->error_;
            struck = true;
        }
        return struck;
    }
    static int calls(Call call) { return calls_[static_cast<std::size_t>(call)]; }

   private:
    static inline Fault* newest_ = nullptr;
    static inline std::array<int, static_cast<std::size_t>(Call::count)> calls_{};

    Call call_;
    int error_;
    int times_;
    int skipped_;
    int hits_ = 0;
    Fault* next_;
};

// Lies: each gets to change what the kernel has said. Empty: the truth.
inline std::function<void(msghdr&)> on_received;      // Each message of recvmsg and recvmmsg.
inline std::function<void(sockaddr*)> on_peer_asked;  // What getpeername found.

template <class Result = int, class... Arguments>
Result pass(Call call, long number, Arguments... arguments) {
    if (Fault::strikes(call)) return -1;
    return static_cast<Result>(::syscall(number, arguments...));
}

}  // namespace test

extern "C" {

int socket(int domain, int type, int protocol) noexcept {
    return test::pass(test::Call::socket, SYS_socket, domain, type, protocol);
}

int bind(int descriptor, const sockaddr* address, socklen_t size) noexcept {
    return test::pass(test::Call::bind, SYS_bind, descriptor, address, size);
}

int connect(int descriptor, const sockaddr* address, socklen_t size) {
    return test::pass(test::Call::connect, SYS_connect, descriptor, address, size);
}

int getsockname(int descriptor, sockaddr* address, socklen_t* size) noexcept {
    return test::pass(test::Call::getsockname, SYS_getsockname, descriptor, address, size);
}

int getpeername(int descriptor, sockaddr* address, socklen_t* size) noexcept {
    const int result =
        test::pass(test::Call::getpeername, SYS_getpeername, descriptor, address, size);
    if (result == 0 && test::on_peer_asked) test::on_peer_asked(address);
    return result;
}

int setsockopt(int descriptor, int level, int option, const void* value, socklen_t size) noexcept {
    return test::pass(test::Call::setsockopt, SYS_setsockopt, descriptor, level, option, value,
                      size);
}

int getsockopt(int descriptor, int level, int option, void* value, socklen_t* size) noexcept {
    return test::pass(test::Call::getsockopt, SYS_getsockopt, descriptor, level, option, value,
                      size);
}

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
    return test::pass<ssize_t>(test::Call::sendmsg, SYS_sendmsg, descriptor, message, flags);
}

// Said to be a sendmsg as well: which of the two it is depends on nothing a test looks at.
ssize_t sendto(int descriptor, const void* bytes, std::size_t size, int flags,
               const sockaddr* address, socklen_t address_size) {
    return test::pass<ssize_t>(test::Call::sendmsg, SYS_sendto, descriptor, bytes, size, flags,
                               address, address_size);
}

int sendmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) {
    return test::pass(test::Call::sendmmsg, SYS_sendmmsg, descriptor, messages, count, flags);
}

ssize_t recvmsg(int descriptor, msghdr* message, int flags) {
    const ssize_t result =
        test::pass<ssize_t>(test::Call::recvmsg, SYS_recvmsg, descriptor, message, flags);
    if (result >= 0 && test::on_received) test::on_received(*message);
    return result;
}

int recvmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
    const int result = test::pass(test::Call::recvmmsg, SYS_recvmmsg, descriptor, messages, count,
                                  flags, timeout);
    for (int i = 0; i < result && test::on_received; i++) test::on_received(messages[i].msg_hdr);
    return result;
}

int epoll_create1(int flags) noexcept {
    return test::pass(test::Call::epoll_create, SYS_epoll_create1, flags);
}

int epoll_ctl(int poller, int operation, int descriptor, epoll_event* event) noexcept {
    return test::pass(test::Call::epoll_ctl, SYS_epoll_ctl, poller, operation, descriptor, event);
}

int epoll_wait(int poller, epoll_event* events, int count, int timeout) {
    return test::pass(test::Call::epoll_wait, SYS_epoll_pwait, poller, events, count, timeout,
                      static_cast<void*>(nullptr), std::size_t{0});
}

int eventfd(unsigned value, int flags) noexcept {
    return test::pass(test::Call::eventfd, SYS_eventfd2, value, flags);
}

}  // extern "C"
