// Readiness by poll(2) and a pipe to be woken by: for every Unix without a better call, and where
// VOLLEY_USE_POLL asks for it. The catch: each wait costs as much as there are sockets, and no
// other loop can wait for this one, because there is no descriptor that stands for all.
#if !defined(_WIN32) &&                                                                        \
    (defined(VOLLEY_USE_POLL) ||                                                               \
     !(defined(VOLLEY_USE_KQUEUE) || defined(__linux__) || defined(__APPLE__) ||               \
       defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) ||                  \
       defined(__DragonFly__)))

#include <fcntl.h>
#include <poll.h>

#include <new>

#include "platform/poll_set.h"
#include "platform/posix_clock.h"
#include "platform/posix_error.h"
#include "platform/posix_sockets.h"
#include "platform/posix_wake.h"

namespace platform {

namespace {

constexpr std::size_t batch_max = 64;  // What is ready beyond it is reported by the next wait.

short to_poll(Interest interest) {
    const int events = (interest.readable ? POLLIN : 0) | (interest.writable ? POLLOUT : 0);
    return static_cast<short>(events);
}

}  // namespace

struct Poller::State {
    WakePipe pipe;
    PollSet set;
    std::size_t first = 1;  // Whose turn it is to be looked at first; the pipe is before all.
    Event events[batch_max];

    bool start() {
        if (!pipe.open()) return false;
        pollfd* const own = set.find_or_add(pipe.descriptor(), {});
        if (own) own->events = POLLIN;
        return own != nullptr;
    }

    // What poll has found, a batch at most. Whoever does not fit is the first of the next time.
    std::size_t collect() {
        std::size_t reported = 0;
        const std::size_t sockets = set.size() - 1;
        for (std::size_t looked = 0; looked < sockets && reported < batch_max; looked++) {
            if (first >= set.size()) first = 1;
            pollfd& each = set.data()[first];
            const int found = each.revents;
            const bool failed = found & (POLLERR | POLLHUP);
            if (found & POLLNVAL) {
                set.ignore(first);  // Its owner closed it under us.
            } else if (found != 0) {
                events[reported++] = {set.token(first), failed || (found & POLLIN),
                                      failed || (found & POLLOUT)};
            }
            first++;
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
    if (fcntl(descriptor, F_GETFD) < 0) return last_error(Operation::watch);
    pollfd* const entry = state_->set.find_or_add(descriptor, token);
    if (!entry) return last_error(Operation::watch);
    entry->events = to_poll(interest);
    return {};
}

void Poller::forget(Socket socket, Token) { state_->set.remove(descriptor_of(socket)); }

Result<std::span<const Event>> Poller::wait(Instant deadline) {
    const int timeout = milliseconds_until(deadline, *this);
    const int ready = ::poll(state_->set.data(), static_cast<nfds_t>(state_->set.size()), timeout);
    if (ready < 0 && errno != EINTR) return last_error(Operation::wait);
    if (ready <= 0) return std::span<const Event>();
    if (state_->set.data()[0].revents != 0) state_->pipe.acknowledge();
    return std::span<const Event>(state_->events, state_->collect());
}

void Poller::wake() { state_->pipe.wake(); }

Result<std::intptr_t> Poller::handle() const { return to_error(ENOTSUP, Operation::none); }

}  // namespace platform

#endif
