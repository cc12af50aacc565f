// What a loop weighs: everything of ours on the heap of a small server that has sent and received,
// beside the receive arena, which is virtual memory until it is touched.
// Catch: operator new is this program's own here, and malloc's own overhead is not counted.
#include <cstdlib>
#include <new>

#include "net/arena.h"
#include "tests/core/aligned_memory.h"
#include "tests/net/support.h"

namespace {

constexpr std::size_t arena_size = net::Arena::slot_size * net::Arena::slot_count;

std::size_t weight = 0;
bool weighing = false;

void* weigh(std::size_t size) {
    if (weighing && size != arena_size) weight += size;
    void* const memory = std::malloc(size ? size : 1);
    if (!memory) std::abort();
    return memory;
}

void* weigh_aligned(std::size_t size, std::align_val_t alignment) {
    if (weighing && size != arena_size) weight += size;
    void* const memory = test::allocate_aligned(size, static_cast<std::size_t>(alignment));
    if (!memory) std::abort();
    return memory;
}

}  // namespace

void* operator new(std::size_t size) { return weigh(size); }
void* operator new[](std::size_t size) { return weigh(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return weigh(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return weigh(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return weigh_aligned(size, alignment);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return weigh_aligned(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { test::free_aligned(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    test::free_aligned(memory);
}

TEST_CASE("a loop with a timer and a socket that echoes takes 17 kB beside its arena") {
    weight = sizeof(core::Loop);
    weighing = true;
    core::Loop loop;
    const std::size_t empty = weight;
    loop.after(std::chrono::milliseconds(1), [] {});
    net::Datagram socket(loop, net::Type::udp4);
    int heard = 0;
    socket.on_message([&](const net::Message& message) {
        if (++heard == 1) socket.send(message.bytes, message.sender);
    });
    const auto address = socket.bind_sync(0, "127.0.0.1");
    if (address) socket.send("hello", *address);
    const bool echoed = test::run_until(loop, [&] { return heard == 2; });
    weighing = false;
    REQUIRE(echoed);
    MESSAGE("an empty loop: ", empty, " bytes; with a timer and a socket: ", weight);
    CHECK(empty < 4096);
    CHECK(weight <= 17'000);
}
