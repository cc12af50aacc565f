// See arena.h.
#include "net/arena.h"

#include <functional>
#include <new>

namespace net {

bool Arena::open() {
    if (memory_) return true;
    memory_.reset(new (std::nothrow) std::byte[slot_size * slot_count]);
    if (!memory_) return false;
    for (std::size_t i = slot_count; i-- > 0;) free_[free_count_++] = static_cast<Slot>(i);
    return true;
}

Arena::Slot Arena::take() {
    if (free_count_ == 0) return no_slot;
    const Slot slot = free_[--free_count_];
    holders_[slot] = 1;
    return slot;
}

Arena::Slot Arena::slot_of(const std::byte* at) const {
    const std::byte* const begin = memory_.get();
    const std::less<const std::byte*> before;  // Defined for unrelated pointers, unlike <.
    if (!begin || before(at, begin) || !before(at, begin + slot_size * slot_count)) return no_slot;
    return static_cast<Slot>(static_cast<std::size_t>(at - begin) / slot_size);
}

}  // namespace net
