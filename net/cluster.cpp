// The primary of a cluster: its life, and the user's object. See cluster.h.
//
// Its places are the loop's to keep until the last process in them has ended, also when the user's
// object has gone before: somebody has to reap them.
#include "net/cluster.h"

#include <new>
#include <utility>

#include "net/cluster_state.h"

namespace net {

namespace {

// A listener's id tells its event, so that off() needs no more.
constexpr ListenerId event_bits = 3;
constexpr ListenerId event_mask = (1u << event_bits) - 1;

}  // namespace

const core::Source::Operations Cluster::State::phases{
    [](core::Source&, platform::Event) {},
    [](core::Source& self) { static_cast<State&>(self).prepare(); },
    [](core::Source&) {},
    [](core::Source& self) { static_cast<State&>(self).conclude(); },
    [](core::Source&) {},
    [](core::Source& self) { static_cast<State&>(self).orphan(); },
    [](core::Source& self) { delete static_cast<State*>(&self); },
};

// ---- Life --------------------------------------------------------------------------------------

Cluster::State::~State() {
    for (std::size_t i = 0; i < place_count; i++) sockets.release_all(places[i].holdings);
}

Cluster::State* Cluster::State::make(core::Loop& loop, ClusterOptions&& options) {
    std::unique_ptr<State> state(new (std::nothrow) State(loop, std::move(options)));
    Error error = loop.open_error();
    if (!error && state) {
        state->places.reset(new (std::nothrow) Place[state->options.workers]);
        if (state->places) state->place_count = state->options.workers;
    }
    if (!error && (!state || !state->places)) error = {Code::out_of_memory, Operation::spawn};
    if (!error) error = loop.attach(*state);
    if (!error) return state.release();
    loop.fail(error);
    return nullptr;
}

void Cluster::State::prepare() {
    if (std::exchange(begun, true)) return;
    for (std::size_t i = 0; i < place_count && !stopping; i++) start(places[i]);
}

void Cluster::State::conclude() {
    for (std::size_t i = 0; i < place_count; i++) {
        const Error error = std::exchange(places[i].start_error, {});
        if (!error) continue;
        Failure failure = Failure::of_text(error, options.program);
        if (error.code == Code::not_supported) {
            failure.detail = "this system hands no sockets to other processes";
        }
        if (!destroyed && !failed.emit(failure)) loop->unhandled_error(error, failure.text());
        return;
    }
    if (stopping && count() == 0) stopped.emit();
}

std::size_t Cluster::State::count() const {
    std::size_t running = 0;
    for (std::size_t i = 0; i < place_count; i++) running += places[i].process.id != 0;
    return running;
}

// Those that are left then are killed. (Where nobody tells of an end, it is asked for.)
void Cluster::State::kill_after(std::chrono::nanoseconds limit) {
    const auto kill = [this] {
        for (std::size_t i = 0; i < place_count; i++) {
            if (places[i].process.id == 0) continue;
            platform::end_process(places[i].process, true);
            if (!places[i].told_of_end && !places[i].timer.active()) ask_later(places[i]);
        }
    };
    killer.cancel();
    killer = loop->after(limit, kill);
    if (!killer.active()) kill();  // No memory to wait with.
    if (!referenced || destroyed) killer.unref();
}

void Cluster::State::stop() {
    if (!std::exchange(stopping, true)) {
        for (std::size_t i = 0; i < place_count; i++) {
            Place& place = places[i];
            if (place.process.id == 0) place.timer.cancel();  // There will be no successor.
            if (place.link) tell(place, {.kind = Notice::Kind::stop});
        }
        if (count() > 0) kill_after(options.stop_limit);
    }
    if (count() == 0) loop->owe(*this);
}

void Cluster::State::let_go() {
    stopping = true;
    for (std::size_t i = 0; i < place_count; i++) {
        Place& place = places[i];
        if (place.process.id == 0) place.timer.cancel();
        place.channel.stop();
        place.link.close();
        sockets.release_all(place.holdings);
    }
}

void Cluster::State::destroy() {
    destroyed = true;
    if (!loop) {
        delete this;
        return;
    }
    for (const Event event : {Event::online, Event::listening, Event::message, Event::disconnect,
                              Event::exit, Event::error}) {
        signal_of(event).clear();
    }
    stopped.clear();
    let_go();
    set_referenced(false);
    if (count() > 0) {
        for (std::size_t i = 0; i < place_count; i++) {
            if (places[i].process.id != 0 && !places[i].told_of_end) ask_later(places[i]);
        }
        return kill_after(options.stop_limit);
    }
    killer.cancel();
    loop->detach(*this);
    loop->bury(*this);
}

// Nobody will reap what is left, but this process's own end.
void Cluster::State::orphan() {
    let_go();
    killer.cancel();
    for (std::size_t i = 0; i < place_count; i++) {
        Place& place = places[i];
        place.timer.cancel();
        place.end.stop();
        if (place.process.id != 0) (void)platform::reap(place.process);
        if (place.process.id != 0) platform::release_process(place.process);
    }
    core::Loop& owner = *loop;
    owner.detach(*this);
    loop = nullptr;
    if (destroyed) owner.bury(*this);
}

void Cluster::State::set_referenced(bool wanted) {
    referenced = wanted;
    const auto set = [wanted](auto& each) { wanted ? each.ref() : each.unref(); };
    set(killer);
    for (std::size_t i = 0; i < place_count; i++) {
        set(places[i].channel);
        set(places[i].end);
        set(places[i].timer);
    }
}

// ---- Listeners ---------------------------------------------------------------------------------

core::AnySignal& Cluster::State::signal_of(Event event) {
    switch (event) {
        case Event::online: return online;
        case Event::listening: return listening;
        case Event::message: return message;
        case Event::disconnect: return disconnected;
        case Event::exit: return exited;
        case Event::error: break;
    }
    return failed;
}

ListenerId Cluster::State::listen(State* state, Event event, core::AnyCallback& listener) {
    if (!state) return 0;
    const core::ListenerId id = state->signal_of(event).add(listener, false);
    return id ? ListenerId{id} << event_bits | static_cast<ListenerId>(event) : 0;
}

ListenerId Cluster::on_online(core::Callback<void(WorkerId)> listener) {
    return State::listen(state_, State::Event::online, listener);
}
ListenerId Cluster::on_listening(core::Callback<void(const WorkerAddress&)> listener) {
    return State::listen(state_, State::Event::listening, listener);
}
ListenerId Cluster::on_message(core::Callback<void(WorkerId, Bytes)> listener) {
    return State::listen(state_, State::Event::message, listener);
}
ListenerId Cluster::on_disconnect(core::Callback<void(WorkerId)> listener) {
    return State::listen(state_, State::Event::disconnect, listener);
}
ListenerId Cluster::on_exit(core::Callback<void(const WorkerEnd&)> listener) {
    return State::listen(state_, State::Event::exit, listener);
}
ListenerId Cluster::on_error(core::Callback<void(const Failure&)> listener) {
    return State::listen(state_, State::Event::error, listener);
}

bool Cluster::off(ListenerId id) {
    const auto event = static_cast<State::Event>(id & event_mask);
    if (!state_ || event > State::Event::error) return false;
    return state_->signal_of(event).off(static_cast<core::ListenerId>(id >> event_bits));
}

// ---- The user's object -------------------------------------------------------------------------

Cluster::Cluster(core::Loop& loop, ClusterOptions options)
    : state_(State::make(loop, std::move(options))) {
    if (state_) loop.request(*state_);
}

Cluster::~Cluster() {
    if (state_) state_->destroy();
}

Error Cluster::send(WorkerId worker, std::span<const std::byte> bytes) {
    for (std::size_t i = 0; state_ && state_->loop && i < state_->place_count; i++) {
        Place& place = state_->places[i];
        if (worker == 0 || place.id != worker || !place.link) continue;
        const Error error = place.link.send({.kind = Notice::Kind::text, .bytes = bytes});
        state_->watch(place);
        return error;
    }
    return {Code::not_connected, Operation::send};
}

void Cluster::stop(core::Callback<void()> done) {
    if (!state_ || !state_->loop) return;
    if (done) (void)state_->stopped.once(std::move(done));
    state_->stop();
}

std::size_t Cluster::worker_count() const { return state_ ? state_->count() : 0; }

Cluster& Cluster::ref() {
    if (state_ && state_->loop) state_->set_referenced(true);
    return *this;
}

Cluster& Cluster::unref() {
    if (state_ && state_->loop) state_->set_referenced(false);
    return *this;
}

}  // namespace net
