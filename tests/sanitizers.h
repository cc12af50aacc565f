// Whether this program runs under a sanitizer, found out at run time: the tests that are about cost
// ask for less there. Catch: for systems with weak symbols.
#pragma once

extern "C" {
void __asan_init() __attribute__((weak));
void __tsan_init() __attribute__((weak));
}

namespace test {

inline bool sanitized() { return __asan_init != nullptr || __tsan_init != nullptr; }

}  // namespace test
