// One co_await on a loop: what it waits for, or its deadline, or a stop, whichever comes first. And
// the plainest of them, sleep(). All of it lies in the coroutine's frame: no await allocates.
//     co_await core::sleep(1h).within(5s).unless(token)       // ETIMEDOUT, or ECANCELED
// Catch: of two things that happen in one tick the earlier phase wins, so a deadline beats a
// datagram; and a token that has stopped already beats everything.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <optional>
#include <utility>

#include "core/loop.h"
#include "core/stop.h"
#include "core/task.h"

namespace core {

using platform::Code;
using platform::Operation;

// What all awaits have. Deadline and token are looked at from the co_await on.
class Await {
   public:
    Await(const Await&) = delete;
    Await& operator=(const Await&) = delete;

   protected:
    explicit Await(Operation operation) : error_{Code::ok, operation, 0} {}
    ~Await() { disarm(); }

    bool waiting() const { return strand_; }
    Strand& strand() const { return *strand_; }  // While it waits.
    Loop& loop() const;

    // The outcome, of which only the first one counts.
    void complete(Error = {});            // In a phase of the loop: the coroutine goes on inside.
    void complete_later(Error) noexcept;  // From anywhere: it goes on in a phase of its own.

    void cancel() noexcept { complete_later(because(Code::canceled)); }

    Error because(Code code) const { return {code, error_.operation, 0}; }
    Error error() const { return error_.code == Code::ok ? Error{} : error_; }

    bool arm(Strand&, std::coroutine_handle<>);  // False: it has ended already.
    bool begun() {  // Whether there is anything to wait for.
        beginning_ = false;
        return waiting();
    }

   private:
    template <class Self>
    friend class Awaitable;
    void disarm();

    Strand* strand_ = nullptr;
    std::coroutine_handle<> coroutine_;
    std::optional<std::chrono::nanoseconds> within_;
    Timer deadline_;
    StopToken token_;
    std::optional<StopListener> stopping_;
    Error error_;
    bool beginning_ = false;
};

// What Self derives from. It has begin(), which asks for what is awaited and may fail at once, by
// complete_later(); what comes of it ends in complete(); and outcome() is the answer.
template <class Self>
class Awaitable : public Await {
   public:
    // From the co_await on; what takes longer is given up: ETIMEDOUT.
    Self&& within(std::chrono::nanoseconds duration) && {
        within_ = duration;
        return static_cast<Self&&>(*this);
    }
    // Given up as soon as the token stops: ECANCELED. The coroutine goes on in a later phase, not
    // inside the call that stops.
    Self&& unless(StopToken token) && {
        token_ = std::move(token);
        return static_cast<Self&&>(*this);
    }

    // By reference: g++ 12 would copy what within() and unless() return.
    auto operator co_await() && noexcept { return Awaiter{static_cast<Self&>(*this)}; }

   protected:
    using Await::Await;
    ~Awaitable() = default;

   private:
    struct Awaiter {
        bool await_ready() const noexcept { return false; }
        template <std::derived_from<AnyPromise> P>
        bool await_suspend(std::coroutine_handle<P> coroutine) const {
            if (!self.arm(*coroutine.promise().strand, coroutine)) return false;
            self.begin();
            return self.begun();
        }
        decltype(auto) await_resume() const { return self.outcome(); }
        Self& self;
    };
};

// Stands in a callback for whoever waits for it, and knows where that is. A callback that is
// destroyed instead of called tells so, like one of a socket that goes; a waiter that goes first
// leaves an empty claim behind.
class Claim {
   public:
    class Owner;
    explicit Claim(Owner&);
    Claim(Claim&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) { settle(); }
    Claim& operator=(Claim&&) = delete;
    ~Claim();

    // Null when nobody waits any more. The first one ends the claim.
    template <class Whoever>
    Whoever* take() {
        Owner* const owner = std::exchange(owner_, nullptr);
        if (owner) owner->claim_ = nullptr;
        return static_cast<Whoever*>(owner);
    }
    template <class Whoever>
    Whoever* owner() const {
        return static_cast<Whoever*>(owner_);
    }

    class Owner {
       public:
        Owner(const Owner&) = delete;
        Owner& operator=(const Owner&) = delete;

       protected:
        using Dropped = void (*)(Owner&);
        explicit Owner(Dropped dropped) : dropped_(dropped) {}
        ~Owner() { renounce(); }
        const Claim* claim() const { return claim_; }  // Where it is; null when it is not any more.
        void renounce() {
            if (claim_) std::exchange(claim_, nullptr)->owner_ = nullptr;
        }

       private:
        friend class Claim;
        Claim* claim_ = nullptr;
        Dropped dropped_;
    };

   private:
    void settle() {
        if (owner_) owner_->claim_ = this;
    }
    Owner* owner_;
};

inline Claim::Claim(Owner& owner) : owner_(&owner) { settle(); }

inline Claim::~Claim() {
    Owner* const owner = take<Owner>();
    if (owner) owner->dropped_(*owner);
}

// No failure but ECANCELED, and ENOMEM where there is none for a timer.
class [[nodiscard]] Sleeping : public Awaitable<Sleeping> {
   public:
    explicit Sleeping(std::chrono::nanoseconds duration)
        : Awaitable(Operation::wait), duration_(duration) {}
    ~Sleeping() { timer_.cancel(); }

   private:
    friend class Awaitable<Sleeping>;
    void begin();
    Error outcome() const { return error(); }
    std::chrono::nanoseconds duration_;
    Timer timer_;
};

// As loop.after(): never early, whole milliseconds; zero is the next tick.
inline Sleeping sleep(std::chrono::nanoseconds duration) { return Sleeping(duration); }

}  // namespace core
