// See arena.h.
#include "net/arena.h"

#include <new>

namespace net {

bool Arena::open() {
    if (memory_) return true;
    memory_.reset(new (std::nothrow) std::byte[slot_size * slot_count]);
    if (!memory_) return false;
    for (std::size_t i = slot_count; i-- > 0;) free_[free_count_++] = static_cast<Slot>(i);
    return true;
}

}  // namespace net
