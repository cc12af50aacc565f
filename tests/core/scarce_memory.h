// Memory that runs out when a test says so. The allocation without exceptions is the library's only
// one, so only that fails. Replaces operator new, so one file of a program includes this.
#pragma once

#include <cstdlib>
#include <new>

namespace test {

inline int allocations_left = -1;  // Until one fails; negative: none will.
inline bool lasting = false;       // Those after it fail as well.

inline bool allocation_fails() {
    if (allocations_left < 0) return false;
    if (allocations_left > 0) return --allocations_left, false;
    if (!lasting) allocations_left = -1;
    return true;
}

}  // namespace test

// Not inlined, or the compiler takes each pair for a mismatched one.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return test::allocation_fails() ? nullptr : std::malloc(size ? size : 1);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* const memory = std::malloc(size ? size : 1);
    if (!memory) std::abort();
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return operator new(size, std::nothrow);
}
void operator delete[](void* memory) noexcept { operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }
