// Who listens to a socket's events. The table comes into being with the first listener.
#include <new>

#include "net/datagram_state.h"

namespace net {

namespace {

// A listener's id tells its event, so that off() needs no more.
constexpr ListenerId event_bits = 3;

template <class Table, class... Arguments>
ListenerId add(Table* table, Event event, core::Signal<Arguments...> Table::*signal,
               core::Callback<void(Arguments...)> listener, bool once) {
    if (!table) return 0;
    core::Signal<Arguments...>& listeners = table->*signal;
    const core::ListenerId id =
        once ? listeners.once(std::move(listener)) : listeners.on(std::move(listener));
    return id ? id << event_bits | static_cast<ListenerId>(event) : 0;
}

// Calls f with the signal that belongs to the event.
template <class Table, class F>
auto with_signal(Table& table, Event event, F f) {
    switch (event) {
        case Event::message: return f(table.message);
        case Event::listening: return f(table.listening);
        case Event::connect: return f(table.connect);
        case Event::error: return f(table.error);
        case Event::close: return f(table.close);
        case Event::drain: break;
    }
    return f(table.drain);
}

}  // namespace

// Null when memory is out; run() says so.
Listeners* Datagram::listen() {
    if (!state_) return nullptr;
    if (!state_->listeners) state_->listeners = new (std::nothrow) Listeners;
    if (!state_->listeners && state_->loop) {
        state_->loop->fail({Code::out_of_memory, Operation::open});
    }
    return state_->listeners;
}

ListenerId Datagram::on_message(MessageListener listener) {
    return add(listen(), Event::message, &Listeners::message, std::move(listener), false);
}
ListenerId Datagram::on_listening(Listener listener) {
    return add(listen(), Event::listening, &Listeners::listening, std::move(listener), false);
}
ListenerId Datagram::on_connect(Listener listener) {
    return add(listen(), Event::connect, &Listeners::connect, std::move(listener), false);
}
ListenerId Datagram::on_error(ErrorListener listener) {
    return add(listen(), Event::error, &Listeners::error, std::move(listener), false);
}
ListenerId Datagram::on_close(Listener listener) {
    return add(listen(), Event::close, &Listeners::close, std::move(listener), false);
}
ListenerId Datagram::on_drain(Listener listener) {
    return add(listen(), Event::drain, &Listeners::drain, std::move(listener), false);
}

ListenerId Datagram::once_message(MessageListener listener) {
    return add(listen(), Event::message, &Listeners::message, std::move(listener), true);
}
ListenerId Datagram::once_listening(Listener listener) {
    return add(listen(), Event::listening, &Listeners::listening, std::move(listener), true);
}
ListenerId Datagram::once_connect(Listener listener) {
    return add(listen(), Event::connect, &Listeners::connect, std::move(listener), true);
}
ListenerId Datagram::once_error(ErrorListener listener) {
    return add(listen(), Event::error, &Listeners::error, std::move(listener), true);
}
ListenerId Datagram::once_close(Listener listener) {
    return add(listen(), Event::close, &Listeners::close, std::move(listener), true);
}
ListenerId Datagram::once_drain(Listener listener) {
    return add(listen(), Event::drain, &Listeners::drain, std::move(listener), true);
}

bool Datagram::off(ListenerId id) {
    if (!state_ || !state_->listeners) return false;
    const Event event = static_cast<Event>(id & ((1u << event_bits) - 1));
    return with_signal(*state_->listeners, event,
                       [&](auto& signal) { return signal.off(id >> event_bits); });
}

std::size_t Datagram::listener_count(Event event) const {
    if (!state_ || !state_->listeners) return 0;
    return with_signal(*state_->listeners, event, [](auto& signal) { return signal.count(); });
}

}  // namespace net
