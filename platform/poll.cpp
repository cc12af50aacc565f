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

#include <algorithm>
#include <new>

#include "platform/posix_clock.h"
#include "platform/posix_error.h"
#include "platform/posix_sockets.h"
#include "platform/posix_wake.h"

namespace platform {

namespace {

constexpr std::size_t batch_max = 64;  // What is ready beyond it is reported by the next wait.

// An array of so many values at least, the old ones first; false when memory is out.
template <class Value>
bool grow(std::unique_ptr<Value[]>& values, std::size_t size, std::size_t wanted) {
    std::unique_ptr<Value[]> larger(new (std::nothrow) Value[wanted]{});
    if (!larger) return false;
    std::copy_n(values.get(), size, larger.get());
    values = std::move(larger);
    return true;
}

short to_poll(Interest interest) {
    const int events = (interest.readable ? POLLIN : 0) | (interest.writable ? POLLOUT : 0);
    return static_cast<short>(events);
}

}  // namespace

struct Poller::State {
    WakePipe pipe;
    std::unique_ptr<pollfd[]> watched;     // The pipe first, then the sockets in any order.
    std::unique_ptr<Token[]> tokens;       // Of those in `watched`.
    std::unique_ptr<std::size_t[]> places; // In `watched`, by descriptor; zero: nowhere.
    std::size_t count = 0;
    std::size_t capacity = 0;
    std::size_t descriptors = 0;  // How many `places` there are.
    std::size_t first = 1;        // Whose turn it is to be looked at first.
    Event events[batch_max];

    bool start() {
        if (!pipe.open() || !reserve(0)) return false;
        watched[count++] = {pipe.descriptor(), POLLIN, 0};
        return true;
    }

    // Room for one more, which has this descriptor.
    bool reserve(std::size_t descriptor) {
        if (count == capacity) {
            const std::size_t wanted = std::max<std::size_t>(16, capacity * 2);
            if (!grow(watched, count, wanted) || !grow(tokens, count, wanted)) return no_memory();
            capacity = wanted;
        }
        if (descriptor >= descriptors) {
            const std::size_t wanted = std::max(descriptor + 1, descriptors * 2);
            if (!grow(places, descriptors, wanted)) return no_memory();
            descriptors = wanted;
        }
        return true;
    }

    static bool no_memory() {
        errno = ENOMEM;
        return false;
    }

    void remove(std::size_t descriptor) {
        const std::size_t place = descriptor < descriptors ? places[descriptor] : 0;
        if (place == 0) return;
        count--;
        const int moved = watched[count].fd;
        places[static_cast<std::size_t>(moved < 0 ? ~moved : moved)] = place;
        watched[place] = watched[count];
        tokens[place] = tokens[count];
        places[descriptor] = 0;
    }

    // What poll has found, a batch at most. Whoever does not fit is the first of the next time.
    std::size_t collect() {
        std::size_t reported = 0;
        const std::size_t sockets = count - 1;
        for (std::size_t looked = 0; looked < sockets && reported < batch_max; looked++) {
            if (first >= count) first = 1;
            pollfd& each = watched[first];
            const int found = each.revents;
            const bool failed = found & (POLLERR | POLLHUP);
            if (found & POLLNVAL) {
                each.fd = ~each.fd;  // Its owner closed it under us: not to be looked at any more.
            } else if (found != 0) {
                events[reported++] = {tokens[first], failed || (found & POLLIN),
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
    const auto index = static_cast<std::size_t>(descriptor);
    if (!state_->reserve(index)) return last_error(Operation::watch);
    std::size_t& place = state_->places[index];
    if (place == 0) place = state_->count++;
    state_->watched[place] = {descriptor, to_poll(interest), 0};
    state_->tokens[place] = token;
    return {};
}

void Poller::forget(Socket socket, Token) {
    // A negative one is greater than any there is.
    state_->remove(static_cast<std::size_t>(descriptor_of(socket)));
}

Result<std::span<const Event>> Poller::wait(Instant deadline) {
    const int timeout = milliseconds_until(deadline, *this);
    const int ready = ::poll(state_->watched.get(), static_cast<nfds_t>(state_->count), timeout);
    if (ready < 0 && errno != EINTR) return last_error(Operation::wait);
    if (ready <= 0) return std::span<const Event>();
    if (state_->watched[0].revents != 0) state_->pipe.acknowledge();
    return std::span<const Event>(state_->events, state_->collect());
}

void Poller::wake() { state_->pipe.wake(); }

Result<std::intptr_t> Poller::handle() const { return to_error(ENOTSUP, Operation::none); }

}  // namespace platform

#endif
