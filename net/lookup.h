// A name on its way to an address: who waits for it, and Node's `lookup` option, a function of the
// user's that is asked instead of the resolver. Nothing is allocated here.
#pragma once

#include <string_view>
#include <utility>

#include "core/callback.h"
#include "net/address.h"

namespace net {

// Waits for one answer; part of the object that asked. Destroying it is cancelling.
class LookupWaiter {
   public:
    using Answered = void (*)(LookupWaiter&, Result<Address>);
    using Detach = void (*)(LookupWaiter&);

    explicit LookupWaiter(Answered answered) : answered_(answered) {}
    ~LookupWaiter() { cancel(); }
    LookupWaiter(const LookupWaiter&) = delete;
    LookupWaiter& operator=(const LookupWaiter&) = delete;

    bool waiting() const { return detach_; }
    void cancel() {
        if (detach_) std::exchange(detach_, nullptr)(*this);
    }

    // For whoever will answer: how to be told that nobody waits any more.
    void wait(void* answerer, Detach detach) {
        answerer_ = answerer;
        detach_ = detach;
    }
    void* answerer() const { return answerer_; }
    void move_answerer(void* to) { answerer_ = to; }
    void answer(Result<Address> result) {  // Once; the waiter may be gone afterwards.
        detach_ = nullptr;
        answered_(*this, std::move(result));
    }
    LookupWaiter* next = nullptr;  // The answerer's, as the other one.
    LookupWaiter* previous = nullptr;

   private:
    Answered answered_;
    Detach detach_ = nullptr;
    void* answerer_ = nullptr;
};

// How a custom look-up answers: once, at once or on a later tick, in the loop's thread. One that is
// destroyed unused answers ECANCELED. Harmless when nobody waits any more.
class LookupAnswer {
   public:
    explicit LookupAnswer(LookupWaiter& waiter) : waiter_(&waiter) {
        waiter.wait(this, [](LookupWaiter& gone) {
            static_cast<LookupAnswer*>(gone.answerer())->waiter_ = nullptr;
        });
    }
    LookupAnswer(LookupAnswer&& other) noexcept : waiter_(std::exchange(other.waiter_, nullptr)) {
        if (waiter_) waiter_->move_answerer(this);
    }
    LookupAnswer& operator=(LookupAnswer&&) = delete;
    ~LookupAnswer() { (*this)(Error{Code::canceled, Operation::lookup}); }

    void operator()(Result<Address> result) {  // The port is ignored.
        if (LookupWaiter* waiter = std::exchange(waiter_, nullptr)) {
            waiter->answer(std::move(result));
        }
    }

   private:
    LookupWaiter* waiter_;
};

// Gets names only, never literals; the family is the socket's. Called once a name and request.
using Lookup = core::Callback<void(std::string_view host, Family, LookupAnswer)>;

}  // namespace net
