// See await.h.
#include "core/await.h"

#include "core/strand.h"

namespace core {

Loop& Await::loop() const { return strand_->loop(); }

bool Await::arm(Strand& strand, std::coroutine_handle<> coroutine) {
    if (token_.stopped()) {
        error_.code = Code::canceled;
        return false;
    }
    strand_ = &strand;
    coroutine_ = coroutine;
    beginning_ = true;
    if (within_) {
        deadline_ = loop().after(*within_, [this] { complete(because(Code::timed_out)); });
        if (!deadline_.active()) complete_later(because(Code::out_of_memory));
    }
    if (token_ && waiting()) {
        token_.listen(stopping_.emplace([this] { cancel(); }));
    }
    return waiting();
}

void Await::disarm() {
    strand_ = nullptr;
    deadline_.cancel();
    stopping_.reset();
}

void Await::complete(Error error) {
    if (!waiting()) return;
    if (error) error_ = error;
    Strand& goes_on = *strand_;
    disarm();
    goes_on.resume(coroutine_);
}

// While it begins the coroutine has not suspended yet, and does not; the last word counts.
void Await::complete_later(Error error) noexcept {
    if (!waiting() && !beginning_) return;
    if (error) error_ = error;
    Strand* const goes_on = strand_;
    disarm();
    if (!beginning_) goes_on->hand_on(coroutine_);
}

void Sleeping::begin() {
    timer_ = loop().after(duration_, [this] { complete(); });
    if (!timer_.active()) complete_later(because(Code::out_of_memory));
}

}  // namespace core
