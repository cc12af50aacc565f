// Asking several things to stop at once: Node's AbortSignal, for one thread. (std::stop_token is
// not everywhere, and is made for many threads; from another thread, post() the stop.)
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "core/callback.h"
#include "core/ring.h"

namespace core {

// Told when a source stops; out of the ring when it is destroyed.
class StopListener : private Ring {  // Which is all that a token knows of its listeners.
   public:
    explicit StopListener(Callback<void()> stopped) : stopped_(std::move(stopped)) {}

   private:
    friend class StopToken;
    friend class StopSource;
    Callback<void()> stopped_;
};

// A copyable view of a source. Without a source it never stops.
class StopToken {
   public:
    StopToken() = default;
    StopToken(const StopToken& other) : state_(other.state_), lost_(other.lost_) {
        if (state_) state_->holders++;
    }
    StopToken(StopToken&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)), lost_(other.lost_) {}
    StopToken& operator=(StopToken other) noexcept {
        std::swap(state_, other.state_);
        lost_ = other.lost_;
        return *this;
    }
    ~StopToken() {
        if (state_) let_go(state_);
    }

    explicit operator bool() const { return state_ || lost_; }
    bool stopped() const { return lost_ || (state_ && state_->stopped); }
    void listen(StopListener& listener) const {
        listener.leave();
        if (state_) listener.enter_before(*state_);
    }

   private:
    friend class StopSource;
    struct State : Ring {
        ~State() {
            while (!alone()) next().leave();
        }
        std::size_t holders = 1;
        bool stopped = false;
    };
    explicit StopToken(State* state) : state_(state), lost_(!state) {}
    static void let_go(State*);
    State* state_ = nullptr;
    bool lost_ = false;  // Its source found no memory.
};

// Without memory it is stopped from the start, and so are its tokens, which nobody can miss.
class StopSource {
   public:
    StopSource() : token_(new (std::nothrow) StopToken::State) {}
    StopToken token() const { return token_; }
    bool stopped() const { return token_.stopped(); }

    // Tells every listener, once, in the order in which they came. Those may leave, or come,
    // meanwhile. One that throws keeps the rest for the next call.
    void stop() {
        const StopToken token = token_;  // A listener may end this object.
        if (!token.state_) return;
        token.state_->stopped = true;
        while (!token.state_->alone()) {
            StopListener* listener = static_cast<StopListener*>(&token.state_->next());
            listener->leave();
            Callback<void()> stopped = std::move(listener->stopped_);  // It may end the listener.
            if (stopped) stopped();
        }
    }

   private:
    StopToken token_;
};

}  // namespace core
