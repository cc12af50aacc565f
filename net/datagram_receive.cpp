// Receiving: batches into the loop's arena, one 'message' for each datagram, no copy. After every
// listener the socket is looked at again: it may have been closed, or be gone. See semantics 25,
// 27, 38 to 41.
#include <algorithm>
#include <array>

#include "net/datagram_state.h"

namespace net {

namespace {

// What one socket may take of a turn before the others have theirs.
constexpr int budget_datagrams = 64;
constexpr std::int64_t budget_nanoseconds = 1'000'000;

constexpr std::uint8_t batch_max = Exchange::receive_batch_max;

// Where one batch may lie.
std::span<platform::Incoming> take_slots(Exchange& exchange, std::size_t wanted) {
    std::size_t size = 0;
    while (size < wanted) {
        const Arena::Slot slot = exchange.arena.take();
        if (slot == Arena::no_slot) break;
        exchange.incoming_slots[size] = slot;
        exchange.incoming[size].buffer = exchange.arena.bytes(slot);
        size++;
    }
    return {exchange.incoming.data(), size};
}

// The zone tells peers apart only where addresses are link-local. A unix peer without a name is the
// other end of a pair, which nobody else can write to.
bool same_peer(const Endpoint& a, const Endpoint& b) {
    if (b.family == Family::local && b.size == 0) return true;
    return a.family == b.family && a.size == b.size && a.port == b.port &&
           std::equal(a.bytes.data(), a.bytes.data() + a.size, b.bytes.data()) &&
           (a.scope == b.scope || !Address(a).is_link_local());
}

}  // namespace

void Datagram::State::ready(platform::Event event) {
    if (event.writable && blocked) {
        blocked = false;
        loop->request(*this);
    }
    if (listening_due) return;  // It ends this tick: what has arrived is reported again.
    if (icmp_queue && event.readable && event.writable) drain_errors();
    if (receiving && event.readable) receive();
}

void Datagram::State::receive() {
    hand_on(*exchange);  // What an exception left came first.
    const std::int64_t begin = loop->poller().now().nanoseconds;
    for (int left = budget_datagrams; left > 0 && receiving;) {
        if (!exchange->arena.open()) {
            return emit_error(Failure(Error{Code::out_of_memory, Operation::receive}));
        }
        if (exchange->arena.free_count() == 0) loop->flush_requests();  // Pinned sends leave early.
        const std::size_t wanted = static_cast<std::size_t>(std::min<int>(receive_batch, left));
        const std::span<platform::Incoming> incoming = take_slots(*exchange, wanted);
        const Result<std::size_t> received = platform::receive(socket, incoming);
        for (std::size_t i = incoming.size(); i > (received ? *received : 0);) {
            exchange->arena.release(exchange->incoming_slots[--i]);
        }
        if (!received) {
            if (!receive_failed(received.error())) return;
            left--;
            continue;
        }
        exchange->work = [](core::Service& self) { hand_on(static_cast<Exchange&>(self)); };
        exchange->incoming_owner = this;
        exchange->incoming_next = 0;
        exchange->incoming_size = *received;
        hand_on(*exchange);
        left -= static_cast<int>(*received);
        if (*received < incoming.size()) {  // Drained: no need to hear EAGAIN.
            receive_batch = static_cast<std::uint8_t>(std::max(receive_batch / 2, 1));
            return;
        }
        if (loop->poller().now().nanoseconds - begin > budget_nanoseconds) {
            // Timers wait for a whole batch: listeners that take long get smaller ones.
            receive_batch = static_cast<std::uint8_t>(std::max(receive_batch / 2, 1));
            return;
        }
        receive_batch = static_cast<std::uint8_t>(std::min<int>(receive_batch * 2, batch_max));
    }
}

// Each is taken out before its listener runs, which may throw, close the socket or destroy it.
void Datagram::State::hand_on(Exchange& from) {
    struct Handing {
        ~Handing() { exchange.arena.release(exchange.incoming_slots[index]); }
        Exchange& exchange;
        std::size_t index;
    };
    from.due = true;
    while (from.incoming_next < from.incoming_size) {
        const Handing handing{from, from.incoming_next++};
        State* owner = static_cast<State*>(from.incoming_owner);
        if (owner && owner->receiving) owner->deliver(from.incoming[handing.index]);
    }
    from.due = false;
}

// Whether it is worth another try in this turn: a refusal stands before what can be read.
bool Datagram::State::receive_failed(Error failed) {
    if (failed.code == Code::would_block || failed.code == Code::interrupted) return false;
    const bool refusal = is_refusal(failed.code);
    if (refusal && (connection != Connection::connected || icmp_queue)) return true;
    if (first_in_tick(failed.code)) emit_error(Failure(failed.during(Operation::receive)));
    return refusal;
}

void Datagram::State::deliver(const platform::Incoming& incoming) {
    if (connection == Connection::connected && !same_peer(incoming.peer, exchange->peers[peer])) {
        stranger_count++;
        return;
    }
    if (options.receive_block_list && options.receive_block_list->blocks(incoming.peer)) {
        blocked_count++;
        return;
    }
    if (!listeners) return;
    const Address sender(incoming.peer);
    const Message message{Bytes(incoming.buffer.first(incoming.size)), sender, incoming.truncated};
    listeners->message.emit(message);
}

// What ICMP said of datagrams that left earlier; read until empty, or the poller never sleeps. One
// by one, so that a listener that throws takes no other report along.
void Datagram::State::drain_errors() {
    std::array<platform::Report, 1> reports;
    for (int left = budget_datagrams; left > 0 && icmp_queue; left--) {
        const Result<std::size_t> count = platform::receive_errors(socket, reports);
        if (!count || *count == 0) return;
        const platform::Report& report = reports[0];
        const bool local = report.offender.family == Family::none;  // The send has said it.
        if (!receiving || local || !report.error || !first_in_tick(report.error.code)) continue;
        emit_error(Failure(report.error.during(Operation::receive)));
    }
}

std::uint64_t Datagram::blocked_count() const {
    return state_ ? state_->blocked_count : 0;
}

std::uint64_t Datagram::stranger_count() const {
    return state_ ? state_->stranger_count : 0;
}

}  // namespace net
