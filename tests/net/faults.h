// A system that fails on demand: the calls below are defined in the test's own executable, where
// they stand in front of the C library's, and pass through to the kernel unless a Fault says no.
// Catch: for Linux (whatever poller it was told to use), and for one file of a program only;
// AddressSanitizer's versions of these calls are bypassed with the library's, so it does not see
// what the kernel writes.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
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
    // Whatever the poller makes of these: epoll_create1, eventfd, kqueue, pipe2; epoll_ctl, kevent,
    // or poll's question whether the descriptor is open; epoll_wait, kevent, poll.
    open_poller,
    watch,
    forget,
    wait,
    count,
    // For a Fault: either of two.
    any_send,
    any_receive,
};

inline bool is_one_of(Call made, Call named) {
    if (named == Call::any_send) return made == Call::sendmsg || made == Call::sendmmsg;
    if (named == Call::any_receive) return made == Call::recvmsg || made == Call::recvmmsg;
    return made == named;
}

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
            if (!is_one_of(call, fault->call_)) continue;
            if (fault->skipped_-- > 0 || fault->times_ == 0) continue;
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

// Asked of each message before it leaves, batches message by message: 0 lets it leave, an errno
// refuses it, and `cut_short` ends a batch in front of it, as the kernel may at any time.
inline constexpr int cut_short = -1;
inline std::function<int(const msghdr&)> on_sending;

// What has left. A train is one message.
struct Traffic {
    int calls = 0;
    int trains = 0;
    int singles = 0;
};
inline Traffic traffic;

inline bool has_item(const msghdr& message, int level, int type) {
    msghdr& all = const_cast<msghdr&>(message);
    for (cmsghdr* item = CMSG_FIRSTHDR(&all); item; item = CMSG_NXTHDR(&all, item)) {
        if (item->cmsg_level == level && item->cmsg_type == type) return true;
    }
    return false;
}
inline bool is_train(const msghdr& sent) { return has_item(sent, IPPROTO_UDP, UDP_SEGMENT); }
inline bool is_joined(const msghdr& received) { return has_item(received, IPPROTO_UDP, UDP_GRO); }

inline void count_traffic(const msghdr& message) {
    (is_train(message) ? traffic.trains : traffic.singles)++;
}

// How many of a batch may leave; why the next one may not.
inline unsigned count_allowed(const mmsghdr* messages, unsigned count, int& refusal) {
    for (unsigned i = 0; i < count && on_sending; i++) {
        refusal = on_sending(messages[i].msg_hdr);
        if (refusal == cut_short && i == 0) refusal = 0;
        if (refusal != 0) return i;
    }
    return count;
}

// For a time that does not pass by itself: what epoll_wait does. Null: it waits.
inline int (*wait_instead)(int poller, epoll_event* events, int count, int timeout) = nullptr;

// A kqueue on Linux is made of epoll, whose calls are not ours then.
inline bool kqueue_is_ours = false;

// Changing what is not there is no call of its own: the next one adds it. Asked without a trace.
inline bool is_watched(int poller, int descriptor) {
    epoll_event nothing{};
    if (::syscall(SYS_epoll_ctl, poller, EPOLL_CTL_ADD, descriptor, &nothing) < 0) {
        return errno == EEXIST;
    }
    ::syscall(SYS_epoll_ctl, poller, EPOLL_CTL_DEL, descriptor, nullptr);
    return false;
}

// The library's own version of a call, for what is no system call.
template <class Function>
Function* next_version(const char* name) {
    void* const found = dlsym(RTLD_NEXT, name);
    return reinterpret_cast<Function*>(reinterpret_cast<std::uintptr_t>(found));
}

// Whether the library uses the calls for many datagrams at all; known when one was received.
inline bool has_batch_calls() { return Fault::calls(Call::recvmmsg) > 0; }

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
    test::traffic.calls++;
    if (const int refusal = test::on_sending ? test::on_sending(*message) : 0; refusal > 0) {
        errno = refusal;
        return -1;
    }
    const ssize_t result =
        test::pass<ssize_t>(test::Call::sendmsg, SYS_sendmsg, descriptor, message, flags);
    if (result >= 0) test::count_traffic(*message);
    return result;
}

// Said to be a sendmsg as well: which of the two it is depends on nothing a test looks at.
ssize_t sendto(int descriptor, const void* bytes, std::size_t size, int flags,
               const sockaddr* address, socklen_t address_size) {
    iovec part{const_cast<void*>(bytes), size};
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(address);
    message.msg_namelen = address_size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return sendmsg(descriptor, &message, flags);
}

int sendmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) {
    test::traffic.calls++;
    int refusal = 0;
    const unsigned allowed = test::count_allowed(messages, count, refusal);
    if (allowed == 0 && refusal > 0) {
        errno = refusal;
        return -1;
    }
    const int result =
        test::pass(test::Call::sendmmsg, SYS_sendmmsg, descriptor, messages, allowed, flags);
    for (int i = 0; i < result; i++) test::count_traffic(messages[i].msg_hdr);
    return result;
}

ssize_t recvmsg(int descriptor, msghdr* message, int flags) {
    const ssize_t result =
        test::pass<ssize_t>(test::Call::recvmsg, SYS_recvmsg, descriptor, message, flags);
    if (result >= 0 && test::on_received) test::on_received(*message);
    return result;
}

// Said to be a recvmsg as well, for the same reason.
ssize_t recvfrom(int descriptor, void* bytes, std::size_t size, int flags, sockaddr* address,
                 socklen_t* address_size) {
    iovec part{bytes, size};
    msghdr message{};
    message.msg_name = address;
    message.msg_namelen = *address_size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t result = recvmsg(descriptor, &message, flags);
    *address_size = message.msg_namelen;
    return result;
}

int recvmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
    const int result = test::pass(test::Call::recvmmsg, SYS_recvmmsg, descriptor, messages, count,
                                  flags, timeout);
    for (int i = 0; i < result && test::on_received; i++) test::on_received(messages[i].msg_hdr);
    return result;
}

int epoll_create1(int flags) noexcept {
    if (test::kqueue_is_ours) return static_cast<int>(::syscall(SYS_epoll_create1, flags));
    return test::pass(test::Call::open_poller, SYS_epoll_create1, flags);
}

int eventfd(unsigned value, int flags) noexcept {
    if (test::kqueue_is_ours) return static_cast<int>(::syscall(SYS_eventfd2, value, flags));
    return test::pass(test::Call::open_poller, SYS_eventfd2, value, flags);
}

int pipe2(int* ends, int flags) noexcept {
    return test::pass(test::Call::open_poller, SYS_pipe2, ends, flags);
}

int epoll_ctl(int poller, int operation, int descriptor, epoll_event* event) noexcept {
    const test::Call call = operation == EPOLL_CTL_DEL ? test::Call::forget : test::Call::watch;
    const bool counts = operation != EPOLL_CTL_MOD || test::is_watched(poller, descriptor);
    const bool struck = !test::kqueue_is_ours && counts && test::Fault::strikes(call);
    if (struck && call == test::Call::watch) return -1;
    const int error = errno;
    const long result = ::syscall(SYS_epoll_ctl, poller, operation, descriptor, event);
    if (!struck) return static_cast<int>(result);
    errno = error;  // What is not forgotten was not there.
    return -1;
}

int epoll_wait(int poller, epoll_event* events, int count, int timeout) {
    if (!test::kqueue_is_ours && test::Fault::strikes(test::Call::wait)) return -1;
    if (test::wait_instead) return test::wait_instead(poller, events, count, timeout);
    return static_cast<int>(::syscall(SYS_epoll_pwait, poller, events, count, timeout,
                                      static_cast<void*>(nullptr), std::size_t{0}));
}

int poll(pollfd* descriptors, nfds_t count, int timeout) {
    return test::pass(test::Call::wait, SYS_poll, descriptors, count, timeout);
}

int fcntl(int descriptor, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    const long argument = va_arg(arguments, long);
    va_end(arguments);
    if (command == F_GETFD && test::Fault::strikes(test::Call::watch)) return -1;
    return static_cast<int>(::syscall(SYS_fcntl, descriptor, command, argument));
}

int kqueue() {
    static const auto next = test::next_version<int()>("kqueue");
    test::kqueue_is_ours = true;
    return test::Fault::strikes(test::Call::open_poller) ? -1 : next();
}

// Its changes and events are nobody's business here.
int kevent(int queue, const void* changes, int change_count, void* events, int event_count,
           const timespec* timeout) {
    static const auto next =
        test::next_version<int(int, const void*, int, void*, int, const timespec*)>("kevent");
    const test::Call call = change_count > 0 ? test::Call::watch : test::Call::wait;
    if (test::Fault::strikes(call)) return -1;
    return next(queue, changes, change_count, events, event_count, timeout);
}

}  // extern "C"
