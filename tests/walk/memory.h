// This program's own operator new: it counts, and fails when it is told to. The allocation without
// exceptions is the library's only one, so only that fails; all that lives is counted.
#pragma once

#include <cstddef>
#include <cstdint>

namespace walk::memory {

std::uint64_t allocations();  // Those that might have failed.
void fail(std::uint64_t skip, bool lasting);  // Twice: in ascending order.
std::uint64_t lift();  // How often it has failed.
std::int64_t live();   // How many pieces.

}  // namespace walk::memory
