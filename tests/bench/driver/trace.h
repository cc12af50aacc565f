// Counts a process's system calls between the marks of its measured part (see meter.h).
#pragma once

#include <optional>

#include <sys/types.h>

namespace bench {

void ask_to_be_traced();  // In the child, before exec.

// Follows the process and its threads, none of its children. Nothing: tracing is not allowed, or no
// mark was seen.
std::optional<double> trace_to_end(pid_t process, int& status);

}  // namespace bench
