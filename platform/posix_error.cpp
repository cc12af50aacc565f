// The numbers of errno, and which code each is.
// A table instead of a switch, because some systems have two names for one number.
#ifndef _WIN32

#include "platform/posix_error.h"

#include <cstdint>

namespace platform {

namespace {

struct Row {
    std::int16_t number;
    Code code;
};

constexpr Row rows[] = {
    {EAGAIN, Code::would_block},  // First: by far the most frequent.
    {EWOULDBLOCK, Code::would_block},
    {ECONNREFUSED, Code::connection_refused},
    {EACCES, Code::access_denied},
    {EADDRINUSE, Code::address_in_use},
    {EADDRNOTAVAIL, Code::address_not_available},
    {EAFNOSUPPORT, Code::family_not_supported},
    {EALREADY, Code::already_in_progress},
    {EBADF, Code::bad_descriptor},
    {EBUSY, Code::busy},
    {ECANCELED, Code::canceled},
    {ECONNRESET, Code::connection_reset},
    {EDESTADDRREQ, Code::destination_required},
    {EEXIST, Code::exists},
    {EHOSTUNREACH, Code::host_unreachable},
    {EINTR, Code::interrupted},
    {EINVAL, Code::invalid_argument},
    {EIO, Code::input_output},
    {EISCONN, Code::is_connected},
    {EMFILE, Code::too_many_handles},
    {EMSGSIZE, Code::message_too_big},
    {ENAMETOOLONG, Code::name_too_long},
    {ENETDOWN, Code::network_down},
    {ENETUNREACH, Code::network_unreachable},
    {ENFILE, Code::too_many_handles_in_system},
    {ENOBUFS, Code::no_buffer_space},
    {ENODEV, Code::no_such_device},
    {ENOENT, Code::no_such_file},
    {ENOMEM, Code::out_of_memory},
    {ENOPROTOOPT, Code::operation_not_supported_by_protocol},
    {ENOSYS, Code::not_implemented},
    {ENOTCONN, Code::not_connected},
    {ENOTDIR, Code::not_a_directory},
    {ENOTSOCK, Code::not_a_socket},
    {ENOTSUP, Code::not_supported},
    {EOPNOTSUPP, Code::not_supported},
    {EPERM, Code::not_permitted},
    {EPIPE, Code::broken_pipe},
    {EPROTONOSUPPORT, Code::protocol_not_supported},
    {EROFS, Code::read_only_file_system},
    {ETIMEDOUT, Code::timed_out},
};

}  // namespace

Error to_error(int number, Operation operation) {
    for (const Row& row : rows) {
        if (row.number == number) return {row.code, operation, number};
    }
    return {Code::unknown, operation, number};
}

}  // namespace platform

#endif
