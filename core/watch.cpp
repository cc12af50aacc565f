// Watching a descriptor of the user's own: a source whose readiness is a callback.
#include <new>
#include <utility>

#include "core/loop.h"

namespace core {

struct Watch::State : Source {
    State(Loop& owner, platform::Socket watched, Callback<void(Interest)> callback)
        : Source(phases), loop(&owner), ready(std::move(callback)) {
        socket = watched;
    }

    static void on_ready(Source& source, platform::Event event) {
        State& self = static_cast<State&>(source);
        // Masked: another callback of this turn may have changed what is asked for.
        const Interest seen{event.readable && self.interest.readable,
                            event.writable && self.interest.writable};
        if (seen == Interest{} || !self.ready) return;
        self.ready(seen);
    }

    void set_held(bool wanted) {
        if (!loop || held == wanted) return;
        held = wanted;
        wanted ? loop->hold() : loop->release();
    }

    void stop() {
        if (!loop) return;
        if (interest != Interest{}) loop->poller().forget(socket, token);
        interest = {};
        set_held(false);
        loop->detach(*this);
        loop = nullptr;
    }

    static const Operations phases;

    Loop* loop;  // Null once stopped, or when the loop has gone.
    Callback<void(Interest)> ready;
    Interest interest;  // None: paused, which the poller calls forgotten.
    bool held = false;
};

const Source::Operations Watch::State::phases{
    on_ready,
    [](Source&) {},
    [](Source&) {},
    [](Source&) {},
    [](Source&) {},
    [](Source& source) { static_cast<State&>(source).stop(); },
    [](Source& source) { delete static_cast<State*>(&source); },
};

Result<Watch> Loop::watch(std::intptr_t handle, Interest interest,
                          Callback<void(Interest)> callback) {
    if (open_error_) return open_error_;
    const platform::Socket socket{handle};
    if (attached(socket)) return Error{platform::Code::exists, platform::Operation::watch};
    Watch::State* state = new (std::nothrow) Watch::State(*this, socket, std::move(callback));
    if (!state) return Error{platform::Code::out_of_memory, platform::Operation::watch};
    if (const Error error = attach(*state)) {
        delete state;
        return error;
    }
    Watch watch(*state);
    state->set_held(true);
    if (const Error error = watch.change(interest)) return error;
    return watch;
}

Watch::Watch(Watch&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Watch& Watch::operator=(Watch&& other) noexcept {
    if (this != &other) {
        stop();
        state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
}

Watch::~Watch() {
    stop();
}

Error Watch::change(Interest interest) {
    if (!state_ || !state_->loop) {
        return {platform::Code::bad_descriptor, platform::Operation::watch};
    }
    platform::Poller& poller = state_->loop->poller();
    if (interest == Interest{}) {
        if (state_->interest != interest) poller.forget(state_->socket, state_->token);
    } else if (const Error error = poller.watch(state_->socket, state_->token, interest)) {
        return error;
    }
    state_->interest = interest;
    return {};
}

// The state may be what is running: it goes with the turn, or with the loop.
void Watch::stop() {
    State* state = std::exchange(state_, nullptr);
    if (!state) return;
    Loop* loop = state->loop;
    state->stop();
    loop ? loop->bury(*state) : delete state;
}

Watch& Watch::ref() {
    if (state_) state_->set_held(true);
    return *this;
}

Watch& Watch::unref() {
    if (state_) state_->set_held(false);
    return *this;
}

}  // namespace core
