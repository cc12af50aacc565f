// See arrivals.h.
#include "net/arrivals.h"

namespace net {

std::span<platform::Incoming> Arrivals::make_room(std::size_t wanted, bool bare,
                                                  platform::PacketInfo* infos) {
    std::size_t room = 0;
    while (room < std::min(wanted, size_max)) {
        const Arena::Slot slot = arena_.take();
        if (slot == Arena::no_slot) break;
        slots_[room] = slot;
        incoming_[room].buffer = arena_.bytes(slot);
        incoming_[room].bare = bare;
        incoming_[room].info = infos ? infos + room : nullptr;
        room++;
    }
    return {incoming_.data(), room};
}

void Arrivals::fill(core::Source& owner, std::size_t count, std::size_t room) {
    while (room > count) arena_.release(slots_[--room]);
    owner_ = &owner;
    next_ = 0;
    size_ = count;
    offset_ = 0;
}

std::size_t Arrivals::count(Counters& counters) const {
    std::size_t datagrams = 0;
    std::size_t bytes = 0;
    for (std::size_t i = next_; i < size_; i++) {
        datagrams += count_of(incoming_[i], 0);
        bytes += incoming_[i].size;
        counters.truncated += incoming_[i].truncated;
    }
    counters.received += datagrams;
    counters.received_bytes += bytes;
    return datagrams;
}

Bytes Arrivals::take(HeldSlots& held) {
    const platform::Incoming& from = incoming_[next_];
    const std::size_t left = from.size - offset_;
    const std::size_t size =
        from.segment_size ? std::min<std::size_t>(from.segment_size, left) : left;
    const Bytes bytes = from.buffer.subspan(offset_, size);
    offset_ += size;
    if (offset_ == from.size) {
        held.add(slots_[next_]);
        next_++;
        offset_ = 0;
    }
    return bytes;
}

void Arrivals::drop_front() {
    arena_.release(slots_[next_]);
    next_++;
    offset_ = 0;
}

}  // namespace net
