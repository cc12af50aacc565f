// send: a queue for each socket that leaves at the end of the tick, in batches; what the kernel
// does not take waits its turn. See semantics 28 to 38.
#include <algorithm>
#include <limits>
#include <new>

#include "net/datagram_state.h"
#include "net/name.h"

namespace net {

namespace {

constexpr std::uint8_t retries_max = 5;  // After 1, 2, 4, 8 and 16 ms.

// How often a send is tried again because of news of those before it, which may come faster than
// the retries. No datagram is refused before it has left; all else may be its own fault, and stays.
int trips_max(Code code) {
    switch (code) {
        case Code::connection_refused:
        case Code::connection_reset: return 64;
        case Code::host_unreachable:
        case Code::network_unreachable:
        case Code::message_too_big:
        case Code::access_denied: return 8;
        default: return 0;
    }
}

// One copy of all parts, in front of which lies its owner. Null when memory is out.
Keeper* copy_of(std::span<const Bytes> parts) {
    std::size_t size = 0;
    for (const Bytes& part : parts) size += part.size();
    void* memory = ::operator new(sizeof(Keeper) + size, std::nothrow);
    if (!memory) return nullptr;
    std::byte* const copy = static_cast<std::byte*>(memory) + sizeof(Keeper);
    std::byte* end = copy;
    for (const Bytes& part : parts) end = std::copy_n(part.data(), part.size(), end);
    return ::new (memory) Keeper{[](Keeper& self) { ::operator delete(&self); }, {copy, size}};
}

}  // namespace

// ---- Asking ----------------------------------------------------------------------------------

Error Datagram::State::check_send(const Payload& payload, bool has_destination, int port) const {
    if (payload.outside()) return {Code::buffer_out_of_bounds, Operation::send};
    if (has_destination && connection == Connection::connected) {
        return {Code::already_connected, Operation::send};
    }
    if (has_destination && (port < 1 || port > port_max)) return {Code::bad_port, Operation::send};
    if (!has_destination && connection == Connection::none) {
        // A closed socket has lost its peer, and that is what has to be said.
        return {running() ? Code::bad_port : Code::not_running, Operation::send};
    }
    if (!running()) return {Code::not_running, Operation::send};
    if (payload.lost()) return {Code::out_of_memory, Operation::send};
    return {};
}

void Datagram::State::refuse_send(Error refusal, const Payload& payload, int port,
                                  Outcome outcome) {
    if (refusal.code == Code::buffer_out_of_bounds) {
        refuse_number(refusal, payload.outside() == std::string_view("length"), std::move(outcome));
    } else if (refusal.code == Code::bad_port) {
        refuse_number(refusal, port, std::move(outcome));
    } else {
        refuse(refusal, std::move(outcome));
    }
}

void Datagram::send(Payload payload, const Endpoint& destination, SendCallback callback) {
    if (!state_ || !state_->loop) return;
    const int port = destination.family == Family::local ? 1 : destination.port;
    if (const Error refusal = state_->check_send(payload, true, port)) {
        return state_->refuse_send(refusal, payload, port, std::move(callback));
    }
    Request* request = state_->make_send(payload, &destination, std::move(callback));
    if (!request) return;
    (void)state_->accept(*request, destination);  // A refused one has failed: that is its outcome.
    state_->ask_send(*request);
}

void Datagram::send(Payload payload, int port, SendCallback callback) {
    if (!state_ || !state_->loop) return;
    Error refusal = state_->check_send(payload, true, port);
    if (!refusal && state_->is_local()) refusal = {Code::missing_argument, Operation::send};
    if (refusal) return state_->refuse_send(refusal, payload, port, std::move(callback));
    send(std::move(payload),
         Address::loopback(state_->family(), static_cast<std::uint16_t>(port)),
         std::move(callback));
}

void Datagram::send(Payload payload, std::string_view path, SendCallback callback) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_send(payload, true, 1)) {
        return state_->refuse_send(refusal, payload, 0, std::move(callback));
    }
    const Result<Address> destination = parse_path(path);
    if (!destination) {
        return state_->refuse_failure(
            Failure::of_text(destination.error().during(Operation::send), path),
            std::move(callback));
    }
    send(std::move(payload), *destination, std::move(callback));
}

void Datagram::send(Payload payload, SendCallback callback) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_send(payload, false, 0)) {
        if (refusal.code != Code::bad_port) {
            return state_->refuse_send(refusal, payload, 0, std::move(callback));
        }
        return state_->refuse_failure(Failure::of_argument(refusal, "no destination"),
                                      std::move(callback));
    }
    Request* request = state_->make_send(payload, nullptr, std::move(callback));
    if (request) state_->ask_send(*request);
}

// A request that holds the payload and counts as queued.
Request* Datagram::State::make_send(Payload& payload, const Endpoint* destination,
                                    Outcome outcome) {
    std::size_t size = 0;
    for (const Bytes& part : payload.parts()) size += part.size();
    if (!make_room(size)) {
        refused_full = true;
        if (!destination && peer != PeerTable::none) destination = &exchange->peers[peer];
        refuse({Code::no_buffer_space, Operation::send}, std::move(outcome), destination);
        return nullptr;
    }
    bind_implicitly();
    Request* request = make_request(Request::Kind::send, std::move(outcome));
    if (!request) return nullptr;
    request->size = static_cast<std::uint32_t>(
        std::min<std::size_t>(size, std::numeric_limits<std::uint32_t>::max()));
    queued_count++;
    queued_bytes += request->size;
    const bool unbound = !is_local() && binding == Binding::unbound;  // No memory for that.
    if (unbound || !store(*request, payload)) {
        fail(*request, Error{Code::out_of_memory, Operation::send});
    }
    return request;
}

// At its bound the queue leaves early; what the kernel does not take then leaves no room.
bool Datagram::State::make_room(std::size_t size) {
    const auto fits = [&] {
        return queued_count == 0 || (queued_count < options.send_queue_datagrams_max &&
                                     queued_bytes + size <= options.send_queue_bytes_max);
    };
    if (!fits()) flush_now();
    return fits();
}

bool Datagram::State::store(Request& request, Payload& payload) {
    const std::span<const Bytes> parts = payload.parts();
    if (Keeper* keeper = payload.release()) {
        request.storage = Request::Storage::kept;
        request.keeper = keeper;
        return true;
    }
    const auto slot_of = [&](const Bytes& part) {  // Nothing lies nowhere.
        return part.empty() ? Arena::no_slot : exchange->arena.slot_of(part.data());
    };
    if (parts.size() == 1) {
        request.bytes = parts[0].data();
        request.slot = slot_of(parts[0]);
        if (request.slot != Arena::no_slot) {
            exchange->arena.hold(request.slot);
            pinned++;
        }
        return true;
    }
    if (std::any_of(parts.begin(), parts.end(),
                    [&](const Bytes& part) { return slot_of(part) != Arena::no_slot; })) {
        request.keeper = copy_of(parts);  // A request keeps one place in the arena, not several.
        if (request.keeper) request.storage = Request::Storage::kept;
        return request.keeper;
    }
    request.storage = Request::Storage::list;
    request.list = nullptr;
    PartList** link = &request.list;
    for (std::size_t i = 0; i < parts.size();) {
        void* block = exchange->blocks.take();
        if (!block) return false;
        PartList* list = *link = ::new (block) PartList;
        link = &list->next;
        while (i < parts.size() && list->count < PartList::parts_max) {
            list->parts[list->count++] = parts[i++];
        }
    }
    return true;
}

void Datagram::State::ask_send(Request& request) {
    ask(request);
    if (!unsent) unsent = &request;
}

std::size_t Datagram::get_send_queue_size() const {
    return state_ ? state_->queued_bytes : 0;
}

std::size_t Datagram::get_send_queue_count() const {
    return state_ ? state_->queued_count : 0;
}

// ---- Leaving -----------------------------------------------------------------------------------

// Not a named one, which has no destination yet.
bool Datagram::State::for_connected_peer(const Request& request) {
    return request.kind == Request::Kind::send && request.peer == PeerTable::none &&
           request.stage != Request::Stage::named && !request.has_number;
}

bool Datagram::State::eligible(const Request& request) const {
    if (request.kind != Request::Kind::send || request.stage != Request::Stage::ready) return false;
    if (request.peer == PeerTable::none) return connection == Connection::connected;
    return !exchange->peers.blocked(request.peer, exchange->flush);
}

// The first at or after `at` that could leave; null at the end, or at `until`.
Request* Datagram::State::next_unsent(const Request* at, const Request* until) const {
    while (at && at != until && !eligible(*at)) {
        at = at->next || !at->waiting ? at->next : unsent;
    }
    return at == until ? nullptr : const_cast<Request*>(at);
}

// Fills the arrays for one call of the system; `from` moves to what comes after.
std::size_t Datagram::State::gather(Request*& from, const Request* until) {
    Exchange& to = *exchange;
    std::array<std::size_t, Exchange::send_batch_max> first_part;
    std::size_t count = 0;
    to.parts.clear();
    while (from && count < Exchange::send_batch_max) {
        const Request& request = *from;
        first_part[count] = to.parts.size();
        bool room = true;
        if (request.storage == Request::Storage::list) {
            for (const PartList* list = request.list; list && room; list = list->next) {
                for (std::uint32_t i = 0; i < list->count && room; i++) {
                    room = to.parts.push(list->parts[i]);
                }
            }
        } else if (request.storage == Request::Storage::kept) {
            room = to.parts.push(request.keeper->bytes);
        } else {
            room = to.parts.push({request.bytes, request.size});
        }
        if (!room && count > 0) break;  // No memory for so many at once.
        if (!room) {
            fail(*from, Error{Code::out_of_memory, Operation::send});
            from = next_unsent(from, until);
            continue;
        }
        to.outgoing_requests[count++] = from;
        Request* const next = request.next || !request.waiting ? request.next : unsent;
        from = next_unsent(next, until);
    }
    for (std::size_t i = 0; i < count; i++) {
        const std::size_t end = i + 1 < count ? first_part[i + 1] : to.parts.size();
        const Request& request = *to.outgoing_requests[i];
        to.outgoing[i].parts = {to.parts.data() + first_part[i], end - first_part[i]};
        to.outgoing[i].peer =
            request.peer == PeerTable::none ? nullptr : &to.peers[request.peer];
    }
    return count;
}

void Datagram::State::flush_now() {
    if (!loop || (queued_count == 0 && steps == 0)) return;
    take_steps();
    flush();
}

void Datagram::State::flush(const Request* until) {
    if (queued_count > 0 && socket && !blocked && !(retries > 0 && !is_local() && retry.active())) {
        Request* first = waiting.first ? waiting.first : unsent;
        exchange->flush++;
        send_from(next_unsent(first, until), until);
        while (unsent && (unsent->kind != Request::Kind::send ||
                          unsent->stage == Request::Stage::done)) {
            unsent = unsent->next;
        }
    }
    if (until) return;
    if (pinned > 0) copy_pinned();
    if (socket && update_interest() && blocked) {
        blocked = false;  // The poller cannot tell when there is room: a timer does.
        const Error lost{Code::out_of_memory, Operation::send};
        if (!retry_later()) fail_sends(Failure(lost));
    }
    collect();
    if (queued_count > 0) return;
    retries = 0;
    exhausted = false;
    if (std::exchange(refused_full, false) && life == Life::open) announce(Request::Kind::drain);
}

void Datagram::State::send_from(Request* first, const Request* until) {
    const Request* tripped = nullptr;  // Has met what may not be its own fault,
    int trips = 0;                     // so many times.
    while (first) {
        Request* after = first;
        const std::size_t count = gather(after, until);
        if (count == 0) return;
        const std::array<Request*, Exchange::send_batch_max>& batch = exchange->outgoing_requests;
        const Result<std::size_t> sent =
            platform::send(socket, {exchange->outgoing.data(), count});
        if (sent) {
            for (std::size_t i = 0; i < *sent; i++) complete(*batch[i]);
            retries = 0;
            exhausted = false;
            first = *sent < count ? batch[*sent] : after;
            continue;
        }
        trips = tripped == batch[0] ? trips + 1 : 0;
        tripped = batch[0];
        first = next_unsent(judge(*batch[0], sent.error(), trips), until);
    }
}

// What an error means for the one it was reported of, and where to go on: there again (unless it
// has been tried too often), behind it, or not at all.
Request* Datagram::State::judge(Request& request, Error failed, int trips) {
    Request* const next = request.next || !request.waiting ? request.next : unsent;
    const bool own_peer = request.peer != PeerTable::none;
    switch (failed.code) {
        case Code::interrupted: return &request;
        case Code::would_block:
            if (is_local() && own_peer) {
                // The poller calls an unconnected sender writable whoever is full: a timer it is.
                exchange->peers.block(request.peer, exchange->flush);
                if (!retry_later()) break;
                return next;
            }
            blocked = true;
            return nullptr;
        case Code::no_buffer_space:
            // Nothing tells when there is room again. After its retries the first one gets the
            // error, and those behind it one try each until one succeeds.
            if (!exhausted && retries < retries_max && retry_later()) return nullptr;
            exhausted = true;
            break;
        default:
            const bool connected = connection == Connection::connected;
            const bool refused = is_refusal(failed.code);
            if (!is_local() && (connected || refused) && trips < trips_max(failed.code)) {
                if (connected && refused && !icmp_queue) note_refusal(failed);
                return &request;
            }
    }
    fail(request, failed.during(Operation::send));
    return next;
}

// False when memory is out.
bool Datagram::State::retry_later() {
    if (retry.active()) return true;
    const std::uint8_t step = std::min<std::uint8_t>(retries, retries_max - 1);
    if (retries < retries_max) retries++;
    retry = loop->after(std::chrono::milliseconds(1 << step), [this] { loop->request(*this); });
    return retry.active();
}

// ---- What has to wait --------------------------------------------------------------------------

// Bytes in the receive arena are good for this tick only.
void Datagram::State::copy_pinned() {
    each_undone([this](Request& request) {
        if (request.kind != Request::Kind::send || copy_out(request)) return;
        fail(request, Error{Code::out_of_memory, Operation::send});
    });
}

bool Datagram::State::copy_out(Request& request) {
    if (request.slot == Arena::no_slot) return true;
    const bool named = request.stage == Request::Stage::named;
    const void* const bytes = named ? request.name->storage : request.bytes;
    const Bytes received(std::span(static_cast<const std::byte*>(bytes), request.size));
    Keeper* const keeper = copy_of({&received, 1});
    if (!keeper) return false;
    exchange->arena.release(std::exchange(request.slot, Arena::no_slot));
    pinned--;
    request.storage = Request::Storage::kept;
    if (named) {
        request.name->storage = keeper;
    } else {
        request.keeper = keeper;
    }
    return true;
}

// ---- Refusals ----------------------------------------------------------------------------------

// 'error' for a datagram that left earlier, by way of the outcomes: this is inside a call.
void Datagram::State::note_refusal(Error refusal) {
    if (life == Life::open && first_in_tick(refusal.code)) {
        refuse(refusal.during(Operation::receive), {});
    }
}

// At most one 'error' a tick for each code.
bool Datagram::State::first_in_tick(Code code) {
    const std::uint64_t bit = std::uint64_t{1} << (static_cast<unsigned>(code) % 64);
    if (std::exchange(refusals_tick, loop->tick()) != loop->tick()) refusals = 0;
    const bool first = !(refusals & bit);
    refusals |= bit;
    return first;
}

}  // namespace net
