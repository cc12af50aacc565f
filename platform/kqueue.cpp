// Readiness on macOS and the BSDs: kqueue for the sockets, a pipe to be woken by.
// Level-triggered (no EV_CLEAR), so that a socket left half read is simply reported again.
// The catch: reading and writing are two filters, whose events are joined again here, and the child
// of a fork has no kqueue any more.
#if !defined(_WIN32) && !defined(VOLLEY_USE_POLL) &&                                           \
    (defined(VOLLEY_USE_KQUEUE) || defined(__APPLE__) || defined(__FreeBSD__) ||               \
     defined(__NetBSD__) || defined(__OpenBSD__) || defined(__DragonFly__))

#include <fcntl.h>
#include <sys/types.h>

#include <sys/event.h>  // After sys/types.h, which it forgets to include on some.
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "platform/posix_clock.h"
#include "platform/posix_error.h"
#include "platform/posix_sockets.h"
#include "platform/posix_wake.h"

namespace platform {

namespace {

constexpr int batch_max = 32;  // Of 32 bytes each. What is ready beyond it: by the next wait.
constexpr std::uint64_t sleep_max = 86'400'000'000'000;  // Some refuse more than a day (EINVAL).

using KernelEvent = struct kevent;  // The function of the same name hides it.

// The systems disagree about the types of nearly all members.
KernelEvent change(int descriptor, int filter, int flags, Token token) {
    KernelEvent event{};
    event.ident = static_cast<decltype(event.ident)>(descriptor);
    event.filter = static_cast<decltype(event.filter)>(filter);
    event.flags = static_cast<decltype(event.flags)>(flags);
    event.udata = (decltype(event.udata))std::uintptr_t{token.value};  // A pointer or a number.
    return event;
}

Token token_of(const KernelEvent& event) {
    return {static_cast<std::uint32_t>((std::uintptr_t)event.udata)};
}

}  // namespace

struct Poller::State {
    int queue = -1;
    WakePipe pipe;
    const pid_t process = getpid();
    KernelEvent ready[batch_max];
    Event events[batch_max];

    // In the child of a fork the number may be another file's by now.
    ~State() {
        if (queue >= 0 && getpid() == process) ::close(queue);
    }

    bool start() {
        if (!pipe.open()) return false;
        queue = kqueue();
        if (queue < 0 || fcntl(queue, F_SETFD, FD_CLOEXEC) < 0) return false;
        return apply(pipe.descriptor(), EVFILT_READ, EV_ADD, {});
    }

    bool apply(int descriptor, int filter, int flags, Token token) {
        const KernelEvent event = change(descriptor, filter, flags, token);
        return uninterrupted([&] { return kevent(queue, &event, 1, nullptr, 0, nullptr); }) == 0;
    }

    // One change a call: of several the first refusal would hide what became of the rest.
    bool want(int descriptor, int filter, bool wanted, Token token) {
        if (wanted) return apply(descriptor, filter, EV_ADD, token);
        // ENOENT: it was not wanted before either.
        return apply(descriptor, filter, EV_DELETE, token) || errno == ENOENT;
    }

    std::size_t translate(int count) {
        std::size_t reported = 0;
        for (int i = 0; i < count; i++) {
            const KernelEvent& event = ready[i];
            if (event.ident == static_cast<decltype(event.ident)>(pipe.descriptor())) {
                pipe.acknowledge();
                continue;
            }
            // EV_EOF: shut down, or hung up, by either side; an error may be waiting as well.
            const bool failed = event.flags & (EV_EOF | EV_ERROR);
            Event* const same = std::find_if(events, events + reported, [&](const Event& earlier) {
                return earlier.token == token_of(event);
            });
            if (same == events + reported) events[reported++] = {token_of(event), false, false};
            same->readable |= failed || event.filter == EVFILT_READ;
            same->writable |= failed || event.filter == EVFILT_WRITE;
        }
        return reported;
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
    const bool done = state_->want(descriptor, EVFILT_READ, interest.readable, token) &&
                      state_->want(descriptor, EVFILT_WRITE, interest.writable, token);
    return done ? Error{} : last_error(Operation::watch);
}

void Poller::forget(Socket socket, Token token) {
    // ENOENT: it was paused, which is forgetting too. EBADF: its owner closed it under us.
    (void)state_->want(descriptor_of(socket), EVFILT_READ, false, token);
    (void)state_->want(descriptor_of(socket), EVFILT_WRITE, false, token);
}

Result<std::span<const Event>> Poller::wait(Instant deadline) {
    const std::uint64_t left = std::min(nanoseconds_until(deadline, *this), sleep_max);
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(left / 1'000'000'000);
    timeout.tv_nsec = static_cast<long>(left % 1'000'000'000);
    const int count = kevent(state_->queue, nullptr, 0, state_->ready, batch_max,
                             deadline == Instant::never() ? nullptr : &timeout);
    if (count < 0 && errno != EINTR) return last_error(Operation::wait);
    return std::span<const Event>(state_->events, state_->translate(count));
}

void Poller::wake() { state_->pipe.wake(); }

Result<std::intptr_t> Poller::handle() const { return std::intptr_t{state_->queue}; }

}  // namespace platform

#endif
