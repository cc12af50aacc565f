// malloc() for more alignment than it promises: std::aligned_alloc is not everywhere, and what it
// returns may not be given to free() everywhere.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace test {

// What malloc() returned is kept right in front of what is returned here.
inline void* allocate_aligned(std::size_t size, std::size_t alignment) {
    std::size_t room = size + alignment;
    void* const whole = std::malloc(sizeof(void*) + room);
    if (!whole) return nullptr;
    void* memory = static_cast<std::byte*>(whole) + sizeof whole;
    std::align(alignment, size, memory, room);
    std::memcpy(static_cast<std::byte*>(memory) - sizeof whole, &whole, sizeof whole);
    return memory;
}

inline void free_aligned(void* memory) {
    if (!memory) return;
    void* whole;
    std::memcpy(&whole, static_cast<std::byte*>(memory) - sizeof whole, sizeof whole);
    std::free(whole);
}

}  // namespace test
