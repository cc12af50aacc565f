// The system says how much is resident, in pages.
#ifdef __linux__

#include "tests/bench/footprint.h"

#include <unistd.h>

#include <cstdio>

namespace bench {

std::size_t resident_bytes() {
    unsigned long pages = 0;
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    if (!file || std::fscanf(file, "%*u %lu", &pages) != 1) fail("/proc/self/statm is not there");
    std::fclose(file);
    return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace bench

#endif
