// Who listens to a socket's events. The table comes into being with the first listener.
#include <new>

#include "net/datagram_state.h"

namespace net {

namespace {

// A listener's id tells its event, so that off() needs no more.
constexpr ListenerId event_bits = 3;

// Zero when the listener is empty or memory is out; run() tells of the latter.
template <class State, class... Arguments>
ListenerId add(State* state, Event event, core::Signal<Arguments...> Listeners::*signal,
               core::Callback<void(Arguments...)> listener, bool once) {
    if (!state || !listener) return 0;
    if (!state->listeners) state->listeners = new (std::nothrow) Listeners;
    core::ListenerId id = 0;
    if (state->listeners) {
        core::Signal<Arguments...>& listeners = state->listeners->*signal;
        id = once ? listeners.once(std::move(listener)) : listeners.on(std::move(listener));
    }
    if (!id && state->loop) state->loop->fail({Code::out_of_memory, Operation::open});
    return id ? ListenerId{id} << event_bits | static_cast<ListenerId>(event) : 0;
}

// Calls f with the signal that belongs to the event.
template <class Table, class F>
auto with_signal(Table& table, Event event, F f) {
    switch (event) {
        case Event::message: return f(table.message);
        case Event::messages: return f(table.messages);
        case Event::listening: return f(table.listening);
        case Event::connect: return f(table.connect);
        case Event::error: return f(table.error);
        case Event::close: return f(table.close);
        case Event::drain: break;
    }
    return f(table.drain);
}

}  // namespace

ListenerId Datagram::on_message(MessageListener listener) {
    return add(state_, Event::message, &Listeners::message, std::move(listener), false);
}
ListenerId Datagram::on_messages(MessagesListener listener) {
    return add(state_, Event::messages, &Listeners::messages, std::move(listener), false);
}
ListenerId Datagram::on_listening(Listener listener) {
    return add(state_, Event::listening, &Listeners::listening, std::move(listener), false);
}
ListenerId Datagram::on_connect(Listener listener) {
    return add(state_, Event::connect, &Listeners::connect, std::move(listener), false);
}
ListenerId Datagram::on_error(ErrorListener listener) {
    return add(state_, Event::error, &Listeners::error, std::move(listener), false);
}
ListenerId Datagram::on_close(Listener listener) {
    return add(state_, Event::close, &Listeners::close, std::move(listener), false);
}
ListenerId Datagram::on_drain(Listener listener) {
    return add(state_, Event::drain, &Listeners::drain, std::move(listener), false);
}

ListenerId Datagram::once_message(MessageListener listener) {
    return add(state_, Event::message, &Listeners::message, std::move(listener), true);
}
ListenerId Datagram::once_messages(MessagesListener listener) {
    return add(state_, Event::messages, &Listeners::messages, std::move(listener), true);
}
ListenerId Datagram::once_listening(Listener listener) {
    return add(state_, Event::listening, &Listeners::listening, std::move(listener), true);
}
ListenerId Datagram::once_connect(Listener listener) {
    return add(state_, Event::connect, &Listeners::connect, std::move(listener), true);
}
ListenerId Datagram::once_error(ErrorListener listener) {
    return add(state_, Event::error, &Listeners::error, std::move(listener), true);
}
ListenerId Datagram::once_close(Listener listener) {
    return add(state_, Event::close, &Listeners::close, std::move(listener), true);
}
ListenerId Datagram::once_drain(Listener listener) {
    return add(state_, Event::drain, &Listeners::drain, std::move(listener), true);
}

// What a bind is given: its outcome removes the listener, so the request remembers it.
core::ListenerId Datagram::State::listen_once(Listener listener) {
    return static_cast<core::ListenerId>(
        add(this, Event::listening, &Listeners::listening, std::move(listener), true) >>
        event_bits);
}

bool Datagram::off(ListenerId id) {
    if (!state_ || !state_->listeners) return false;
    const Event event = static_cast<Event>(id & ((1u << event_bits) - 1));
    const core::ListenerId listener = static_cast<core::ListenerId>(id >> event_bits);
    return with_signal(*state_->listeners, event,
                       [&](auto& signal) { return signal.off(listener); });
}

std::size_t Datagram::listener_count(Event event) const {
    if (!state_ || !state_->listeners) return 0;
    return with_signal(*state_->listeners, event, [](auto& signal) { return signal.count(); });
}

}  // namespace net
