// See memory.h. Not inlined, or the compiler takes each pair for a mismatched one.
#include "tests/walk/memory.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace walk::memory {

namespace {

// Those that are to fail, the second one counted from behind the first.
constexpr std::size_t armed_max = 2;

std::uint64_t asked = 0;
std::uint64_t left[armed_max];
std::size_t first = 0;
std::size_t armed = 0;
bool for_ever = false;
std::uint64_t failed = 0;
std::atomic<std::int64_t> pieces{0};  // Those that worker threads free, too.

}  // namespace

std::uint64_t allocations() { return asked; }

void fail(std::uint64_t skip, bool lasting) {
    std::uint64_t before = 0;
    for (std::size_t i = first; i < armed; i++) before += left[i] + 1;
    if (armed < armed_max) left[armed++] = skip - before;
    for_ever = lasting;
}

std::uint64_t lift() {
    first = armed = 0;
    const std::uint64_t count = failed;
    failed = 0;
    return count;
}

std::int64_t live() { return pieces.load(); }

static bool fails() {
    asked++;
    if (first == armed) return false;
    if (left[first] > 0) {
        left[first]--;
        return false;
    }
    if (!for_ever) first++;
    failed++;
    return true;
}

static void* take(std::size_t size) {
    void* const memory = std::malloc(size ? size : 1);
    if (memory) pieces++;
    return memory;
}

static void give(void* memory) {
    if (memory) pieces--;
    std::free(memory);
}

}  // namespace walk::memory

// A run frees little, and what it frees is touched soon or never.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
    return "quarantine_size_mb=4:malloc_context_size=4";
}

[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return walk::memory::fails() ? nullptr : walk::memory::take(size);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* const memory = walk::memory::take(size);
    if (!memory) std::abort();
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { walk::memory::give(memory); }
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return operator new(size, std::nothrow);
}
void operator delete[](void* memory) noexcept { operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }
