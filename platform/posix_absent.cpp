// What only Linux has, and what other Unixes answer instead: no trains, and no error queue.
#if !defined(_WIN32) && \
    (!defined(__linux__) || defined(VOLLEY_USE_POLL) || defined(VOLLEY_USE_KQUEUE))

#include "platform/platform.h"

namespace platform {

Segmentation segmentation(Poller&) { return {}; }

Result<std::size_t> receive_errors(Socket, std::span<Report>) { return std::size_t{0}; }

}  // namespace platform

#endif
