// Who listens to a socket's events. The table comes into being with the first listener.
#include <new>

#include "net/datagram_state.h"

namespace net {

namespace {

// A listener's id tells its event, so that off() needs no more.
constexpr ListenerId event_bits = 4;

core::AnySignal& signal_of(Listeners& table, Event event) {
    switch (event) {
        case Event::message: return table.message;
        case Event::messages: return table.messages;
        case Event::listening: return table.listening;
        case Event::connect: return table.connect;
        case Event::error: return table.error;
        case Event::close: return table.close;
        case Event::report: return table.report;
        case Event::drain: break;
    }
    return table.drain;
}

}  // namespace

// Zero when the listener is empty or memory is out; run() tells of the latter.
ListenerId Datagram::State::listen(State* state, Event event, core::AnyCallback& listener,
                                   bool once) {
    if (!state || !listener) return 0;
    if (!state->listeners) state->listeners = new (std::nothrow) Listeners;
    core::ListenerId id = 0;
    if (state->listeners) id = signal_of(*state->listeners, event).add(listener, once);
    if (!id && state->loop) state->loop->fail({Code::out_of_memory, Operation::open});
    return id ? ListenerId{id} << event_bits | static_cast<ListenerId>(event) : 0;
}

ListenerId Datagram::State::listen_to_batches(State* state, core::AnyCallback& listener,
                                              bool once) {
    if (state && state->exchange) {
        state->exchange->seldom.deliver_batch = [](State& self) { self.deliver_batch(); };
    }
    return listen(state, Event::messages, listener, once);
}

ListenerId Datagram::on_message(MessageListener listener) {
    return State::listen(state_, Event::message, listener, false);
}
ListenerId Datagram::on_messages(MessagesListener listener) {
    return State::listen_to_batches(state_, listener, false);
}
ListenerId Datagram::on_listening(Listener listener) {
    return State::listen(state_, Event::listening, listener, false);
}
ListenerId Datagram::on_connect(Listener listener) {
    return State::listen(state_, Event::connect, listener, false);
}
ListenerId Datagram::on_error(ErrorListener listener) {
    return State::listen(state_, Event::error, listener, false);
}
ListenerId Datagram::on_close(Listener listener) {
    return State::listen(state_, Event::close, listener, false);
}
ListenerId Datagram::on_drain(Listener listener) {
    return State::listen(state_, Event::drain, listener, false);
}

ListenerId Datagram::once_message(MessageListener listener) {
    return State::listen(state_, Event::message, listener, true);
}
ListenerId Datagram::once_messages(MessagesListener listener) {
    return State::listen_to_batches(state_, listener, true);
}
ListenerId Datagram::once_listening(Listener listener) {
    return State::listen(state_, Event::listening, listener, true);
}
ListenerId Datagram::once_connect(Listener listener) {
    return State::listen(state_, Event::connect, listener, true);
}
ListenerId Datagram::once_error(ErrorListener listener) {
    return State::listen(state_, Event::error, listener, true);
}
ListenerId Datagram::once_close(Listener listener) {
    return State::listen(state_, Event::close, listener, true);
}
ListenerId Datagram::once_drain(Listener listener) {
    return State::listen(state_, Event::drain, listener, true);
}

// What a bind is given: its outcome removes the listener, so the request remembers it.
core::ListenerId Datagram::State::listen_once(Listener listener) {
    return static_cast<core::ListenerId>(listen(this, Event::listening, listener, true) >>
                                         event_bits);
}

bool Datagram::State::off(State* state, ListenerId id) {
    if (!state || !state->listeners) return false;
    const Event event = static_cast<Event>(id & ((1u << event_bits) - 1));
    const core::ListenerId listener = static_cast<core::ListenerId>(id >> event_bits);
    return signal_of(*state->listeners, event).off(listener);
}

bool Datagram::off(ListenerId id) { return State::off(state_, id); }

std::size_t Datagram::listener_count(Event event) const {
    if (!state_ || !state_->listeners) return 0;
    return signal_of(*state_->listeners, event).count();
}

}  // namespace net
