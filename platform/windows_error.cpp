// The numbers of Winsock and of Windows itself, and which code each is.
// Winsock's repeat errno's names (WSAEACCES is EACCES); the others come from below it.
#ifdef _WIN32

#include "platform/windows_error.h"

#include "platform/windows_system.h"

namespace platform {

namespace {

constexpr std::uint16_t elevation_required = 740;  // Not in every winerror.h.

struct Row {
    std::uint16_t number;
    Code code;
};

constexpr Row rows[] = {
    {WSAEWOULDBLOCK, Code::would_block},  // First: by far the most frequent.
    {WSAEACCES, Code::access_denied},
    {WSAEADDRINUSE, Code::address_in_use},
    {WSAEADDRNOTAVAIL, Code::address_not_available},
    {WSAEAFNOSUPPORT, Code::family_not_supported},
    {WSAEALREADY, Code::already_in_progress},
    {WSAEBADF, Code::bad_descriptor},
    {WSAECONNREFUSED, Code::connection_refused},
    {WSAECONNRESET, Code::connection_reset},
    {WSAEDESTADDRREQ, Code::destination_required},
    {WSAEHOSTDOWN, Code::host_unreachable},
    {WSAEHOSTUNREACH, Code::host_unreachable},
    {WSAEINTR, Code::interrupted},
    {WSAEINVAL, Code::invalid_argument},
    {WSAEISCONN, Code::is_connected},
    {WSAEMFILE, Code::too_many_handles},
    {WSAEMSGSIZE, Code::message_too_big},
    {WSAENAMETOOLONG, Code::name_too_long},
    {WSAENETDOWN, Code::network_down},
    {WSAENETUNREACH, Code::network_unreachable},
    {WSAENOBUFS, Code::no_buffer_space},
    {WSAENOPROTOOPT, Code::operation_not_supported_by_protocol},
    {WSAENOTCONN, Code::not_connected},
    {WSAENOTSOCK, Code::not_a_socket},
    {WSAEOPNOTSUPP, Code::not_supported},
    {WSAEPFNOSUPPORT, Code::family_not_supported},
    {WSAEPROTONOSUPPORT, Code::protocol_not_supported},
    {WSAESHUTDOWN, Code::broken_pipe},
    {WSAESOCKTNOSUPPORT, Code::not_supported},
    {WSAETIMEDOUT, Code::timed_out},
    {WSASYSNOTREADY, Code::network_down},
    {ERROR_ACCESS_DENIED, Code::access_denied},
    {ERROR_BAD_PATHNAME, Code::no_such_file},
    {ERROR_CALL_NOT_IMPLEMENTED, Code::not_implemented},
    {ERROR_COMMITMENT_LIMIT, Code::out_of_memory},
    {ERROR_DIRECTORY, Code::not_a_directory},
    {elevation_required, Code::access_denied},
    {ERROR_FILENAME_EXCED_RANGE, Code::name_too_long},
    {ERROR_FILE_NOT_FOUND, Code::no_such_file},
    {ERROR_HOST_UNREACHABLE, Code::host_unreachable},
    {ERROR_INVALID_HANDLE, Code::bad_descriptor},
    {ERROR_INVALID_NAME, Code::no_such_file},
    {ERROR_INVALID_PARAMETER, Code::invalid_argument},
    {ERROR_MORE_DATA, Code::message_too_big},
    {ERROR_NETWORK_UNREACHABLE, Code::network_unreachable},
    {ERROR_NOT_ENOUGH_MEMORY, Code::out_of_memory},
    {ERROR_NOT_SUPPORTED, Code::not_supported},
    {ERROR_NO_SYSTEM_RESOURCES, Code::no_buffer_space},
    {ERROR_NO_UNICODE_TRANSLATION, Code::invalid_argument},
    {ERROR_OPERATION_ABORTED, Code::canceled},
    {ERROR_OUTOFMEMORY, Code::out_of_memory},
    {ERROR_PATH_NOT_FOUND, Code::no_such_file},
    {ERROR_PORT_UNREACHABLE, Code::connection_refused},
    {ERROR_SHARING_VIOLATION, Code::busy},
    {ERROR_TOO_MANY_OPEN_FILES, Code::too_many_handles},
};

}  // namespace

Error to_error(std::uint32_t number, Operation operation) {
    const auto native = static_cast<std::int32_t>(number);
    for (const Row& row : rows) {
        if (row.number == number) return {row.code, operation, native};
    }
    return {Code::unknown, operation, native};
}

Error last_error(Operation operation) { return to_error(GetLastError(), operation); }

}  // namespace platform

#endif
