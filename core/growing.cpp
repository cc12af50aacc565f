// The one part of a growing array that is worth sharing: how it gets larger.
#include "core/growing.h"

#include <cstring>
#include <new>
#include <utility>

namespace core {

bool AnyGrowing::grow(std::size_t capacity, std::size_t item_size) {
    void* const grown = ::operator new(capacity * item_size, std::nothrow);
    if (!grown) return false;
    if (size_) std::memcpy(grown, items_, size_ * item_size);
    ::operator delete(std::exchange(items_, grown));
    capacity_ = capacity;
    return true;
}

}  // namespace core
