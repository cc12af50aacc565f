// How often the heap was asked since the program began, by whoever: heap.cpp stands before it.
#pragma once

#include <cstdint>

namespace bench {

std::uint64_t heap_requests();

}  // namespace bench
