// Back-pressure: a paused socket is forgotten by the poller, and what arrives waits in the kernel.
// What a listener that pauses leaves of a batch is copied out of the arena, which all sockets of
// the loop need, and back into it when its turn has come: only those who pause pay.
#include <cstring>
#include <new>

#include "net/datagram_state.h"

namespace net {

// A buffer that was read and not handed on; its packet information, if any, lies behind it, and
// then its bytes.
struct alignas(PacketInfo) alignas(void*) Parked {
    Parked* next;
    core::Source* owner;
    platform::Incoming incoming;

    PacketInfo* info() { return reinterpret_cast<PacketInfo*>(this + 1); }
    std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1) + info_size(incoming); }
    static std::size_t info_size(const platform::Incoming& incoming) {
        return incoming.info ? sizeof(PacketInfo) : 0;
    }
};

namespace {

// Null when memory is out.
Parked* copy_of(const platform::Incoming& incoming, std::span<const std::byte> rest) {
    const std::size_t size = sizeof(Parked) + Parked::info_size(incoming) + rest.size();
    void* const memory = ::operator new(size, std::nothrow);
    if (!memory) return nullptr;
    Parked* const parked = ::new (memory) Parked{nullptr, nullptr, incoming};
    parked->incoming.size = rest.size();
    if (incoming.info) ::new (parked->info()) PacketInfo(*incoming.info);
    if (!rest.empty()) std::memcpy(parked->bytes(), rest.data(), rest.size());
    return parked;
}

std::size_t datagrams_of(const platform::Incoming& incoming) {
    const std::size_t segment = incoming.segment_size;
    return segment ? (incoming.size + segment - 1) / segment : 1;
}

}  // namespace

void Datagram::State::pause() {
    if (life != Life::open || paused) return;
    paused = true;
    receiving = false;
    (void)tally();  // What overflows meanwhile is to be counted, even if nothing is ever read.
    exchange->seldom.park = [](State& self) { self.park(); };
    exchange->seldom.unpark = unpark;
    exchange->seldom.drop_parked = [](State& self) { self.drop_parked(); };
    (void)update_interest();  // Pausing cannot fail.
}

void Datagram::State::resume() {
    if (!paused) return;
    paused = false;
    receiving = binding == Binding::bound;
    if (const Error failed = update_interest()) {
        paused = true;
        receiving = false;
        return refuse(failed, {});
    }
    if (parked) exchange->resumed = exchange->due = true;
}

// Takes all that is left in the arrivals, in front of what is parked already: that came later.
void Datagram::State::park() {
    Arrivals& arrivals = exchange->arrivals;
    Parked** end = &exchange->parked;
    while (!arrivals.empty()) {
        if (Parked* const copy = copy_of(arrivals.front(), arrivals.front_rest())) {
            copy->owner = this;
            copy->next = std::exchange(*end, copy);
            end = &copy->next;
            parked = true;
        } else {
            tally().unheard += arrivals.front_count();
            (void)lose_request();
        }
        arrivals.drop_front();
    }
}

// Puts what somebody had parked, who is receiving again, back into the empty arrivals. False when
// there is nobody, or no room at the moment.
bool Datagram::State::unpark(Exchange& from) {
    Parked** at = &from.parked;
    while (*at && !static_cast<State*>((*at)->owner)->receiving) at = &(*at)->next;
    from.due = from.resumed = *at != nullptr;
    if (!*at) return false;
    State& owner = *static_cast<State*>((*at)->owner);
    if (from.arena.free_count() == 0) owner.loop->flush_requests();  // Pinned sends leave early.
    const std::span<platform::Incoming> room =
        from.arrivals.make_room(Arrivals::size_max, false, from.infos.get());
    std::size_t count = 0;
    while (*at && count < room.size()) {
        if ((*at)->owner != &owner) {
            at = &(*at)->next;
            continue;
        }
        Parked* const next = (*at)->next;
        platform::Incoming& incoming = room[count++];
        const std::span<std::byte> buffer = incoming.buffer;
        PacketInfo* const info = (*at)->incoming.info ? incoming.info : nullptr;
        if (info) *info = *(*at)->info();
        incoming = (*at)->incoming;
        incoming.buffer = buffer;
        incoming.info = info;
        std::memcpy(buffer.data(), (*at)->bytes(), incoming.size);
        ::operator delete(*at);
        *at = next;
    }
    while (*at && (*at)->owner != &owner) at = &(*at)->next;
    owner.parked = *at != nullptr;
    from.arrivals.fill(owner, count, room.size());
    return count > 0;
}

void Datagram::State::drop_parked() {
    for (Parked** at = &exchange->parked; *at;) {
        Parked* const each = *at;
        if (each->owner != this) {
            at = &each->next;
            continue;
        }
        tally().unheard += datagrams_of(each->incoming);
        *at = each->next;
        ::operator delete(each);
    }
    parked = false;
}

void Datagram::pause() {
    if (state_ && state_->loop) state_->pause();
}

void Datagram::resume() {
    if (state_ && state_->loop) state_->resume();
}

bool Datagram::paused() const {
    return state_ && state_->paused;
}

}  // namespace net
