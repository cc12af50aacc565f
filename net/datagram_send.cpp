// send: what is asked for, checked and queued until the end of the tick. datagram_flush.cpp lets it
// leave. See semantics 28 to 34 and 36.
#include <algorithm>
#include <limits>
#include <new>

#include "net/datagram_state.h"
#include "net/directed.h"
#include "net/name.h"

namespace net {

namespace {

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
    if (!request) return;
    if (state_->connection == State::Connection::none) {  // Its connect failed, to make room.
        state_->fail(*request, Failure::of_argument({Code::bad_port, Operation::send},
                                                    "no destination"));
    }
    state_->ask_send(*request);
}

// A request that holds the payload and counts as queued.
Request* Datagram::State::make_send(Payload& payload, const Endpoint* destination,
                                    Outcome&& outcome) {
    const std::size_t size = payload.size();
    if (!has_room(size) && !make_room(size)) {
        refused_full = true;
        tally().refused++;
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
    flush_now();
    return has_room(size);
}

bool Datagram::State::has_room(std::size_t size) const {
    const Options& bounds = options();
    return queued_count == 0 || (queued_count < bounds.send_queue_datagrams_max &&
                                 queued_bytes + size <= bounds.send_queue_bytes_max);
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
    const void* const bytes = named              ? request.name->storage
                              : request.directed ? request.keeper->bytes.data()
                                                 : request.bytes;
    const Bytes received(std::span(static_cast<const std::byte*>(bytes), request.size));
    Keeper* const keeper = copy_of({&received, 1});
    if (!keeper) return false;
    unpin(request);
    request.storage = Request::Storage::kept;
    if (named) {
        request.name->storage = keeper;
    } else if (request.directed) {
        static_cast<Directed*>(request.keeper)->inner = keeper;
        request.keeper->bytes = keeper->bytes;
    } else {
        request.keeper = keeper;
    }
    return true;
}

}  // namespace net
