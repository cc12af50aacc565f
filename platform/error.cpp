// The words for codes and operations: Node's, so that Node's documentation explains our errors.
// Each row names its code as well, so a row that is missing or misplaced does not compile.
#include "platform/error.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace platform {

namespace {

template <class Key>
struct Row {
    Key key;
    std::string_view word;
};

template <class Key>
Row(Key, const char*) -> Row<Key>;

constexpr std::array codes{
    Row{Code::ok, "OK"},
    Row{Code::access_denied, "EACCES"},
    Row{Code::address_in_use, "EADDRINUSE"},
    Row{Code::address_not_available, "EADDRNOTAVAIL"},
    Row{Code::already_in_progress, "EALREADY"},
    Row{Code::bad_descriptor, "EBADF"},
    Row{Code::broken_pipe, "EPIPE"},
    Row{Code::busy, "EBUSY"},
    Row{Code::canceled, "ECANCELED"},
    Row{Code::connection_refused, "ECONNREFUSED"},
    Row{Code::connection_reset, "ECONNRESET"},
    Row{Code::destination_required, "EDESTADDRREQ"},
    Row{Code::exists, "EEXIST"},
    Row{Code::family_not_supported, "EAFNOSUPPORT"},
    Row{Code::host_unreachable, "EHOSTUNREACH"},
    Row{Code::input_output, "EIO"},
    Row{Code::interrupted, "EINTR"},
    Row{Code::invalid_argument, "EINVAL"},
    Row{Code::is_connected, "EISCONN"},
    Row{Code::message_too_big, "EMSGSIZE"},
    Row{Code::name_too_long, "ENAMETOOLONG"},
    Row{Code::network_down, "ENETDOWN"},
    Row{Code::network_unreachable, "ENETUNREACH"},
    Row{Code::no_buffer_space, "ENOBUFS"},
    Row{Code::no_such_device, "ENODEV"},
    Row{Code::no_such_file, "ENOENT"},
    Row{Code::not_a_directory, "ENOTDIR"},
    Row{Code::not_a_socket, "ENOTSOCK"},
    Row{Code::not_connected, "ENOTCONN"},
    Row{Code::not_implemented, "ENOSYS"},
    Row{Code::not_permitted, "EPERM"},
    Row{Code::not_supported, "ENOTSUP"},
    Row{Code::operation_not_supported_by_protocol, "ENOPROTOOPT"},
    Row{Code::out_of_memory, "ENOMEM"},
    Row{Code::protocol_not_supported, "EPROTONOSUPPORT"},
    Row{Code::read_only_file_system, "EROFS"},
    Row{Code::timed_out, "ETIMEDOUT"},
    Row{Code::too_many_handles, "EMFILE"},
    Row{Code::too_many_handles_in_system, "ENFILE"},
    Row{Code::would_block, "EAGAIN"},
    Row{Code::lookup_again, "EAI_AGAIN"},
    Row{Code::lookup_failed, "EAI_FAIL"},
    Row{Code::lookup_family, "EAI_FAMILY"},
    Row{Code::lookup_not_found, "ENOTFOUND"},
    Row{Code::already_bound, "ERR_SOCKET_ALREADY_BOUND"},
    Row{Code::already_connected, "ERR_SOCKET_DGRAM_IS_CONNECTED"},
    Row{Code::bad_buffer_size, "ERR_SOCKET_BAD_BUFFER_SIZE"},
    Row{Code::bad_port, "ERR_SOCKET_BAD_PORT"},
    Row{Code::blocked, "ERR_IP_BLOCKED"},
    Row{Code::buffer_out_of_bounds, "ERR_BUFFER_OUT_OF_BOUNDS"},
    Row{Code::buffer_size_unavailable, "ERR_SOCKET_BUFFER_SIZE"},
    Row{Code::invalid_descriptor_type, "ERR_INVALID_FD_TYPE"},
    Row{Code::missing_argument, "ERR_MISSING_ARGS"},
    Row{Code::not_connected_to_peer, "ERR_SOCKET_DGRAM_NOT_CONNECTED"},
    Row{Code::not_running, "ERR_SOCKET_DGRAM_NOT_RUNNING"},
    Row{Code::unknown, "UNKNOWN"},
};

constexpr std::array operations{
    Row{Operation::none, ""},
    Row{Operation::open, "socket"},
    Row{Operation::adopt, "open"},
    Row{Operation::bind, "bind"},
    Row{Operation::connect, "connect"},
    Row{Operation::disconnect, "disconnect"},
    Row{Operation::send, "send"},
    Row{Operation::receive, "recvmsg"},
    Row{Operation::close, "close"},
    Row{Operation::local_endpoint, "getsockname"},
    Row{Operation::peer_endpoint, "getpeername"},
    Row{Operation::lookup, "getaddrinfo"},
    Row{Operation::watch, "watch"},
    Row{Operation::wait, "wait"},
    Row{Operation::interrupt, "interrupt"},
    Row{Operation::start_worker, "startWorker"},
    Row{Operation::spawn, "spawn"},
    Row{Operation::read, "read"},
    Row{Operation::set_option, "setsockopt"},
    Row{Operation::add_membership, "addMembership"},
    Row{Operation::drop_membership, "dropMembership"},
    Row{Operation::add_source_membership, "addSourceSpecificMembership"},
    Row{Operation::drop_source_membership, "dropSourceSpecificMembership"},
    Row{Operation::set_broadcast, "setBroadcast"},
    Row{Operation::set_ttl, "setTTL"},
    Row{Operation::set_multicast_ttl, "setMulticastTTL"},
    Row{Operation::set_multicast_loopback, "setMulticastLoopback"},
    Row{Operation::set_multicast_interface, "setMulticastInterface"},
    Row{Operation::set_multicast_all, "setMulticastAll"},
    Row{Operation::set_dont_fragment, "setDontFragment"},
    Row{Operation::get_path_mtu, "getPathMTU"},
    Row{Operation::set_receive_buffer_size, "setRecvBufferSize"},
    Row{Operation::set_send_buffer_size, "setSendBufferSize"},
    Row{Operation::get_receive_buffer_size, "getRecvBufferSize"},
    Row{Operation::get_send_buffer_size, "getSendBufferSize"},
};

// Every value up to the last one has its row, in its place.
template <class Table, class Key>
constexpr bool complete(const Table& table, Key last) {
    if (table.size() != static_cast<std::size_t>(last) + 1) return false;
    for (std::size_t i = 0; i < table.size(); i++) {
        if (table[i].key != static_cast<Key>(i)) return false;
    }
    return true;
}

static_assert(complete(codes, Code::unknown));
static_assert(complete(operations, Operation::get_send_buffer_size));

// All words of a table in one text. The table itself is needed by the compiler only: its pointers
// would be a relocation each, which a program's start pays for.
template <const auto& table>
constexpr auto pack() {
    constexpr std::size_t size = [] {
        std::size_t sum = 0;
        for (const auto& row : table) sum += row.word.size();
        return sum;
    }();
    struct {
        std::array<char, size> text{};
        std::array<std::uint16_t, table.size() + 1> begins{};
    } words;
    std::size_t end = 0;
    for (std::size_t i = 0; i < table.size(); i++) {
        for (char c : table[i].word) words.text[end++] = c;
        words.begins[i + 1] = static_cast<std::uint16_t>(end);
    }
    return words;
}

constexpr auto code_words = pack<codes>();
constexpr auto operation_words = pack<operations>();

std::string_view word(const char* text, const std::uint16_t* begins, std::size_t index) {
    return {text + begins[index], std::size_t{begins[index + 1]} - begins[index]};
}

}  // namespace

std::string_view name(Code code) {
    if (code > Code::unknown) code = Code::unknown;
    return word(code_words.text.data(), code_words.begins.data(), static_cast<std::size_t>(code));
}

std::string_view name(Operation operation) {
    if (operation > Operation::get_send_buffer_size) operation = Operation::none;
    return word(operation_words.text.data(), operation_words.begins.data(),
                static_cast<std::size_t>(operation));
}

}  // namespace platform
