// The columns of the matrix.
#include "tests/walk/system.h"

namespace walk {

std::string_view name(Cause cause) {
    static constexpr std::string_view names[] = {
        "EINTR", "EAGAIN", "ENOBUFS", "ENOMEM", "EMFILE", "ENFILE", "ECONNREFUSED",
        "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EPERM", "EACCES", "EMSGSIZE", "EINVAL", "EIO",
        "EADDRINUSE", "EADDRNOTAVAIL", "ENOTCONN", "EPIPE", "ENOSYS", "EBADF", "EBUSY", "EEXIST",
        "ENODEV", "ENOENT", "ENOTSUP", "ENOSPC", "EAI_AGAIN", "EAI_FAIL", "EAI_NONAME",
        "short_count", "truncated", "nameless", "nothing", "spurious", "loopback", "no_memory"};
    static_assert(std::size(names) == cause_count);
    return names[static_cast<std::size_t>(cause)];
}

}  // namespace walk
