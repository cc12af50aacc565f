// Names to addresses by the system's getaddrinfo, in a small pool of threads that starts with the
// first name. Identical look-ups in flight are one call; literals never reach a thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/callback.h"
#include "core/loop.h"
#include "net/address.h"
#include "net/failure.h"
#include "net/lookup.h"

namespace net {

// One a loop, made by the first use. For the loop's thread.
class Resolver {
   public:
    // The addresses in the system's order, at most sixteen, ports 0; valid until it returns.
    using Callback = core::Callback<void(const Failure&, std::span<const Address>)>;

    // Stays unique when its place is used again.
    struct Id {
        std::uint32_t index = 0;
        std::uint32_t generation = 0;
        explicit operator bool() const { return generation != 0; }
        bool operator==(const Id&) const = default;
    };

    explicit Resolver(core::Loop& loop) : loop_(loop) {}

    // Answers on a later tick, also for literals. Family::none: any. Holds run() until then. What
    // no resolver may see (an embedded NUL, over 253 octets, "127.1") is refused, later too:
    // ENOTFOUND, EINVAL; a literal of the other family: EINVAL; over 256 names in flight: ENOBUFS.
    // No Id when memory is out: the callback is gone, and run() returns ENOMEM.
    Id lookup(std::string_view host, Family, Callback);
    bool cancel(Id);  // The callback is destroyed; the thread, if there is one, runs on unheard.

   private:
    core::Loop& loop_;
};

// The same for one waiter and its first address: what Datagram's text addresses use. The waiter
// holds run() until it is answered or cancelled. At once only when memory is out: ENOMEM.
void resolve(core::Loop&, LookupWaiter&, std::string_view host, Family);

}  // namespace net
