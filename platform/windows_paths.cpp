// Unix-domain names on Windows: none. Windows 10 has such sockets for streams alone, no datagrams,
// so there is never a socket to bind.
#ifdef _WIN32

#include "platform/windows_error.h"
#include "platform/windows_sockets.h"

namespace platform {

Result<PathClaim> bind_path(Socket, const Endpoint&, std::uint32_t) {
    return to_error(WSAEAFNOSUPPORT, Operation::bind);
}

void release_path(const Endpoint&, const PathClaim&) {}

}  // namespace platform

#endif
