// Readiness on Linux: epoll for the sockets, an eventfd (or a pipe) to be woken by others.
// Level-triggered, so that a socket left half read is simply reported again. The catch: epoll_wait
// counts in milliseconds, hence deadlines are rounded up.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <new>

#include "platform/posix_clock.h"
#include "platform/posix_error.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

constexpr int batch_max = 64;  // What is ready beyond it is reported by the next wait.
constexpr std::uint64_t wake_token = UINT64_MAX;  // Wider than any Token.

std::uint32_t to_epoll(Interest interest) {
    return (interest.readable ? EPOLLIN : 0u) | (interest.writable ? EPOLLOUT : 0u);
}

}  // namespace

struct Poller::State {
    // A wake-up is written only for a thread that sleeps. A busy one looks here before it does,
    // and of several one is enough.
    enum class Thread : std::uint8_t { busy, asleep, called };

    int epoll = -1;
    int wake = -1;
    int waker = -1;  // Where to write: the eventfd itself, or the other end of a pipe.
    std::atomic<Thread> thread{Thread::busy};
    Thread between_waits = Thread::busy;  // Asleep: somebody else polls the epoll meanwhile.
    epoll_event ready[batch_max];
    Event events[batch_max];

    ~State() {
        if (epoll >= 0) ::close(epoll);
        if (wake >= 0) ::close(wake);
        if (waker >= 0 && waker != wake) ::close(waker);
    }

    bool open_wake() {
        wake = waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (wake >= 0) return true;
        int ends[2];
        if (errno != ENOSYS || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
        wake = ends[0];
        waker = ends[1];
        return true;
    }

    // Edge-triggered: nobody has to read the eventfd.
    bool start() {
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0) return false;
        if (!open_wake()) return false;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.u64 = wake_token;
        return epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) == 0;
    }

    // Whoever called before one of these exchanges is seen by it, and so is what he had posted;
    // whoever calls after the first finds the thread asleep, and writes.
    int sleep(int timeout) {
        if (timeout != 0 && thread.exchange(Thread::asleep) == Thread::called) timeout = 0;
        const int count = epoll_wait(epoll, ready, batch_max, timeout);
        if (thread.load(std::memory_order_relaxed) != between_waits) thread.exchange(between_waits);
        return count;
    }

    void ring() {
        const std::uint64_t one = 1;
        (void)!::write(waker, &one, sizeof one);  // 2^64 of them would overflow.
    }

    // A pipe that is full would take no further one.
    void empty_pipe() {
        char bytes[512];
        while (waker != wake && ::read(wake, bytes, sizeof bytes) == sizeof bytes) {
        }
    }
};

Result<std::unique_ptr<Poller>> Poller::open() {
    const Error no_memory{Code::out_of_memory, Operation::open, ENOMEM};
    std::unique_ptr<State> state(new (std::nothrow) State);
    if (!state) return no_memory;
    if (!state->start()) return last_error(Operation::open);
    std::unique_ptr<Poller> poller(new (std::nothrow) Poller(std::move(state)));
    if (!poller) return no_memory;
    return poller;
}

Poller::Poller(std::unique_ptr<State> state) : state_(std::move(state)) {}

Poller::~Poller() = default;

Instant Poller::now() const { return monotonic_now(); }

Error Poller::watch(Socket socket, Token token, Interest interest) {
    const int descriptor = descriptor_of(socket);
    epoll_event event{};
    event.events = to_epoll(interest);
    event.data.u64 = token.value;
    if (epoll_ctl(state_->epoll, EPOLL_CTL_MOD, descriptor, &event) == 0) return {};
    if (errno == ENOENT && epoll_ctl(state_->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0) {
        return {};
    }
    return last_error(Operation::watch);
}

void Poller::forget(Socket socket, Token) {
    // ENOENT: it was paused, which is forgetting too. EBADF: its owner closed it under us.
    epoll_ctl(state_->epoll, EPOLL_CTL_DEL, descriptor_of(socket), nullptr);
}

Result<std::span<const Event>> Poller::wait(Instant deadline) {
    const int timeout = milliseconds_until(deadline, *this);
    const int count = state_->sleep(timeout);
    if (count < 0 && errno != EINTR) return last_error(Operation::wait);
    std::size_t reported = 0;
    for (int i = 0; i < count; i++) {
        const epoll_event event = state_->ready[i];
        if (event.data.u64 == wake_token) {
            state_->empty_pipe();
            continue;
        }
        const bool failed = event.events & (EPOLLERR | EPOLLHUP);
        state_->events[reported++] = {{static_cast<std::uint32_t>(event.data.u64)},
                                      failed || (event.events & EPOLLIN),
                                      failed || (event.events & EPOLLOUT)};
    }
    return std::span<const Event>(state_->events, reported);
}

void Poller::wake() {
    using Thread = State::Thread;
    if (state_->thread.exchange(Thread::called) != Thread::asleep) return;
    const int saved = errno;  // A signal handler must leave it as it was.
    state_->ring();
    errno = saved;
}

// From now on the thread counts as asleep whenever it does not wait here.
Result<std::intptr_t> Poller::handle() const {
    using Thread = State::Thread;
    state_->between_waits = Thread::asleep;
    if (state_->thread.exchange(Thread::asleep) == Thread::called) state_->ring();
    return std::intptr_t{state_->epoll};
}

}  // namespace platform

#endif
