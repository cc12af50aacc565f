// Readiness on Linux: epoll for the sockets, an eventfd (or a pipe) to be woken by others.
// Level-triggered, so that a socket left half read is simply reported again. The catch: epoll_wait
// counts in milliseconds, hence deadlines are rounded up.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "platform/linux_wake.h"
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
    int newest = -1;  // The greatest descriptor that was ever watched: what is beyond it is new.
    LinuxWake call;
    std::atomic<Thread> thread{Thread::busy};
    Thread between_waits = Thread::busy;  // Asleep: somebody else polls the epoll meanwhile.
    epoll_event ready[batch_max];
    Event events[batch_max];

    ~State() {
        if (epoll >= 0) ::close(epoll);
    }

    bool start() {
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0 || !call.open()) return false;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.u64 = wake_token;
        return epoll_ctl(epoll, EPOLL_CTL_ADD, call.descriptor(), &event) == 0;
    }

    bool control(int operation, int descriptor, epoll_event& event) {
        return epoll_ctl(epoll, operation, descriptor, &event) == 0;
    }

    // Whoever called before one of these exchanges is seen by it, and so is what he had posted;
    // whoever calls after the first finds the thread asleep, and writes.
    int sleep(int timeout) {
        if (timeout != 0 && thread.exchange(Thread::asleep) == Thread::called) timeout = 0;
        const int count = epoll_wait(epoll, ready, batch_max, timeout);
        if (thread.load(std::memory_order_relaxed) != between_waits) thread.exchange(between_waits);
        return count;
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
    // What is new is added at once; anything else was most probably watched before.
    const bool is_new = descriptor > state_->newest;
    state_->newest = std::max(state_->newest, descriptor);
    if (!is_new && state_->control(EPOLL_CTL_MOD, descriptor, event)) return {};
    if ((is_new || errno == ENOENT) && state_->control(EPOLL_CTL_ADD, descriptor, event)) return {};
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
            state_->call.hear();
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
    state_->call.ring();
}

// From now on the thread counts as asleep whenever it does not wait here.
Result<std::intptr_t> Poller::handle() const {
    using Thread = State::Thread;
    state_->between_waits = Thread::asleep;
    if (state_->thread.exchange(Thread::asleep) == Thread::called) state_->call.ring();
    return std::intptr_t{state_->epoll};
}

}  // namespace platform

#endif
