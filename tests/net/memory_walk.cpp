// Every allocation of a short life fails, one at a time, once and from then on. What could not be
// made is told by 'error' or by run(); nothing is told twice, and all that callbacks hold is freed.
// The allocation without exceptions, which is the library's only one, is this program's own here.
// Catch: what tests and callbacks allocate themselves is left alone.
#include <cstdlib>
#include <new>

#include "tests/core/aligned_memory.h"
#include "tests/net/life.h"

namespace {

using test::Audit;
using test::Life;

int allocations = 0;
int failing_first = -1;  // Negative: none fails.
int failing_count = 0;

bool allocation_fails() {
    const int index = allocations++;
    return failing_first >= 0 && index >= failing_first && index < failing_first + failing_count;
}

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocation_fails() ? nullptr : std::malloc(size != 0 ? size : 1);
}

void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    const std::size_t unit = static_cast<std::size_t>(alignment);
    return allocation_fails() ? nullptr : test::allocate_aligned(size, unit);
}

void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return allocation_fails() ? nullptr : std::malloc(size != 0 ? size : 1);
}

// All that is freed has come from malloc, whoever asked for it.
void* operator new(std::size_t size) {
    if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
    std::abort();
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { test::free_aligned(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    test::free_aligned(memory);
}

namespace {

// Whether something was told of: by 'error', by a callback, by run().
bool live(bool clean) {
    const Audit audit;
    bool told = false;
    core::Loop loop;
    loop.on_unhandled_error([&](net::Error error, std::string_view) {
        CHECK(platform::name(error.code) == "ENOMEM");
        told = true;
    });
    {
        Life life(loop, clean);
        // run() says what had no other way to be said, and goes on when it is called again.
        for (int i = 0; i < 20; i++) {
            core::Timer guard = loop.after(std::chrono::seconds(5), [&] {
                CHECK_MESSAGE(false, "run() does not end");
                loop.stop();
            });
            guard.unref();
            const net::Error failed = loop.run();
            guard.cancel();
            if (!failed) break;
            CHECK(platform::name(failed.code) == "ENOMEM");
            told = true;
            if (loop.open_error()) break;
        }
        told = told || life.errors > 0 || life.failed > 0 || !life.connected;
        if (!told) CHECK(life.complete());
        if (!told) CHECK(life.sent == Life::sends);
    }
    return told;
}

void walk(int count) {
    allocations = 0;
    CHECK_FALSE(live(true));
    const int made = allocations;
    CHECK(made > 10);
    int told = 0;
    for (int first = 0; first < made; first++) {
        CAPTURE(first);
        allocations = 0;
        failing_first = first;
        failing_count = count;
        told += live(false);
        failing_first = -1;
        CHECK(test::fresh_socket_works());
    }
    CHECK(told > 0);
}

}  // namespace

TEST_CASE("[12][31][42] any one allocation may fail") { walk(1); }

TEST_CASE("[12][31][42] any two in succession") { walk(2); }

TEST_CASE("[12][31][42] memory may run out for ever") { walk(1 << 30); }
