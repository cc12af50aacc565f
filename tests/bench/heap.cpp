// Every way to the heap is the contender's own and counts; new goes through malloc here. The rest
// is the C library's. The catch: threads count together without a lock, which may lose a few.
#ifdef __linux__

#include "tests/bench/heap.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t) __attribute__((weak));
void* __libc_calloc(std::size_t, std::size_t) __attribute__((weak));
void* __libc_realloc(void*, std::size_t) __attribute__((weak));
void* __libc_memalign(std::size_t, std::size_t) __attribute__((weak));
}

namespace {

volatile std::uint64_t requests = 0;

template <class F>
F* counted(F* library, const char* name) {
    requests = requests + 1;
    return library ? library : reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept { return counted(__libc_malloc, "malloc")(size); }

void* calloc(std::size_t count, std::size_t size) noexcept {
    return counted(__libc_calloc, "calloc")(count, size);
}

void* realloc(void* memory, std::size_t size) noexcept {
    return counted(__libc_realloc, "realloc")(memory, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
    return counted(__libc_memalign, "memalign")(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
    *memory = memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

}  // extern "C"

std::uint64_t bench::heap_requests() { return requests; }

#endif
