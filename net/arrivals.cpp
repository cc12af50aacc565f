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

void Arrivals::drop_front() {
    arena_.release(slots_[next_]);
    next_++;
    offset_ = 0;
}

}  // namespace net
