// Datagram sockets on Windows: birth, names and options. How datagrams move, and which groups are
// heard, are other files' matters.
// The catch is sharing: Windows lets a stranger with SO_REUSEADDR take any port that is not held
// exclusively. So every socket is exclusive from birth, until it asks to share.
#ifdef _WIN32

#include "platform/windows_sockets.h"

#include <climits>

#include "platform/windows_address.h"
#include "platform/windows_error.h"

namespace platform {

namespace {

// Not in every mswsock.h.
constexpr DWORD report_refusals = _WSAIOW(IOC_VENDOR, 12);  // SIO_UDP_CONNRESET
constexpr DWORD report_expiries = _WSAIOW(IOC_VENDOR, 15);  // SIO_UDP_NETRESET
constexpr int coalesced_size_max = 3;                       // UDP_RECV_MAX_COALESCED_SIZE
constexpr int mtu_ipv4 = 73;                                // IP_MTU
constexpr int mtu_ipv6 = 72;                                // IPV6_MTU
constexpr int dont_fragment = 14;                           // IP_DONTFRAGMENT, IPV6_DONTFRAG

void set_reports(SOCKET socket, DWORD control, bool wanted) {
    BOOL value = wanted;
    DWORD size = 0;
    (void)WSAIoctl(socket, control, &value, sizeof value, nullptr, 0, &size, nullptr, nullptr);
}

// What every socket of ours has in common, wherever it was born.
bool prepare(SOCKET socket) {
    u_long on = 1;
    if (ioctlsocket(socket, static_cast<long>(FIONBIO), &on) != 0) return false;
    // What ICMP says of one peer would otherwise fail a receive that has nothing to do with it.
    set_reports(socket, report_refusals, false);
    set_reports(socket, report_expiries, false);
    // No trains on arrival: this platform does not take them apart.
    (void)set_integer(socket, IPPROTO_UDP, coalesced_size_max, 0);
    return true;
}

bool make_private(SOCKET socket) {
    return SetHandleInformation(reinterpret_cast<HANDLE>(socket), HANDLE_FLAG_INHERIT, 0);
}

int to_domain(Family family) {
    switch (family) {
        case Family::ipv4: return AF_INET;
        case Family::ipv6: return AF_INET6;
        default: return AF_UNSPEC;
    }
}

Result<Endpoint> name_of(Socket socket, Operation operation,
                         int(WSAAPI* ask)(SOCKET, sockaddr*, int*)) {
    SOCKADDR_STORAGE storage;
    int size = sizeof storage;
    if (ask(handle_of(socket), reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
        return socket_error(handle_of(socket), operation);
    }
    return to_endpoint(&storage, static_cast<std::size_t>(size));
}

// Which system option a portable one is. `twin` is the IPv4 side of a dual-stack IPv6 socket.
struct Setting {
    int level = -1;
    int option = -1;
    int twin = -1;
    std::int32_t least = 0;
    std::int32_t most = 1;
};

Setting setting_of(Option option, Family family) {
    const bool six = family == Family::ipv6;
    if (family != Family::ipv4 && family != Family::ipv6) return {};
    switch (option) {
        case Option::broadcast: return {SOL_SOCKET, SO_BROADCAST};
        case Option::reuse_address: return {SOL_SOCKET, SO_REUSEADDR};
        case Option::receive_buffer_size: return {SOL_SOCKET, SO_RCVBUF, -1, 1, INT_MAX};
        case Option::send_buffer_size: return {SOL_SOCKET, SO_SNDBUF, -1, 1, INT_MAX};
        case Option::only_ipv6: return {IPPROTO_IPV6, IPV6_V6ONLY};
        case Option::hop_limit:
            if (six) return {IPPROTO_IPV6, IPV6_UNICAST_HOPS, IP_TTL, 1, 255};
            return {IPPROTO_IP, IP_TTL, -1, 1, 255};
        case Option::multicast_hop_limit:
            if (six) return {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, IP_MULTICAST_TTL, 0, 255};
            return {IPPROTO_IP, IP_MULTICAST_TTL, -1, 0, 255};
        case Option::multicast_loopback:
            if (six) return {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, IP_MULTICAST_LOOP};
            return {IPPROTO_IP, IP_MULTICAST_LOOP};
        case Option::packet_info:
            if (six) return {IPPROTO_IPV6, IPV6_PKTINFO, IP_PKTINFO};
            return {IPPROTO_IP, IP_PKTINFO};
        case Option::dont_fragment:
            if (six) return {IPPROTO_IPV6, dont_fragment, dont_fragment};
            return {IPPROTO_IP, dont_fragment};
        // Nothing spreads datagrams, joins them for us, or queues what ICMP says; and a socket
        // hears the groups that it has joined itself.
        case Option::multicast_all:
        case Option::reuse_port:
        case Option::coalesce:
        case Option::icmp_errors: return {};
    }
    return {};
}

// The two exclude each other, so the one is taken back before the other is set.
Error share_address(SOCKET socket, bool shared) {
    const int given_up = shared ? SO_EXCLUSIVEADDRUSE : SO_REUSEADDR;
    const int wanted = shared ? SO_REUSEADDR : SO_EXCLUSIVEADDRUSE;
    if (const Error error = set_integer(socket, SOL_SOCKET, given_up, 0)) return error;
    return set_integer(socket, SOL_SOCKET, wanted, 1);
}

// Hop limits and traffic classes of what arrives; older systems lack some of these.
void tell_more(SOCKET socket, bool six, bool enabled) {
    const DWORD value = enabled ? 1 : 0;
    (void)set_integer(socket, IPPROTO_IP, IP_RECVTTL, value);
    (void)set_integer(socket, IPPROTO_IP, IP_RECVTOS, value);
    if (!six) return;
    (void)set_integer(socket, IPPROTO_IPV6, IPV6_HOPLIMIT, value);
    (void)set_integer(socket, IPPROTO_IPV6, IPV6_RECVTCLASS, value);
}

// An older system says that it has never heard of an option.
Error explained(Error error) {
    return error.code == Code::operation_not_supported_by_protocol
               ? to_error(WSAEOPNOTSUPP, error.operation) : error;
}

}  // namespace

// ---- What the other files ask ------------------------------------------------------------------

Error start_winsock(Operation operation) {
    static const int refusal = [] {
        WSADATA data;
        return WSAStartup(MAKEWORD(2, 2), &data);
    }();
    return refusal == 0 ? Error{} : to_error(static_cast<std::uint32_t>(refusal), operation);
}

Error socket_error(SOCKET socket, Operation operation) {
    const auto number = static_cast<std::uint32_t>(WSAGetLastError());
    DWORD flags;
    const bool absent = number == WSAENOTSOCK &&
                        (socket == INVALID_SOCKET ||
                         !GetHandleInformation(reinterpret_cast<HANDLE>(socket), &flags));
    if (absent) return {Code::bad_descriptor, operation, static_cast<std::int32_t>(number)};
    return to_error(number, operation);
}

// Asked of the protocol, because a socket has no name before it is bound.
Family family_of(SOCKET socket) {
    WSAPROTOCOL_INFOW protocol;
    int size = sizeof protocol;
    if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL_INFOW, reinterpret_cast<char*>(&protocol),
                   &size) != 0) {
        return Family::none;
    }
    switch (protocol.iAddressFamily) {
        case AF_INET: return Family::ipv4;
        case AF_INET6: return Family::ipv6;
        default: return Family::none;
    }
}

Error unavailable(SOCKET socket, Operation operation) {
    const auto type = get_integer(socket, SOL_SOCKET, SO_TYPE);
    return type ? to_error(WSAEOPNOTSUPP, operation) : type.error().during(operation);
}

Error unusable(const Endpoint&, Operation operation) {
    return to_error(WSAEAFNOSUPPORT, operation);
}

Error set_integer(SOCKET socket, int level, int option, DWORD value) {
    const int refused = setsockopt(socket, level, option, reinterpret_cast<const char*>(&value),
                                   sizeof value);
    return refused ? socket_error(socket, Operation::set_option) : Error{};
}

Result<std::int32_t> get_integer(SOCKET socket, int level, int option) {
    std::int32_t value = 0;  // Some answers are a byte only, the lowest.
    int size = sizeof value;
    if (getsockopt(socket, level, option, reinterpret_cast<char*>(&value), &size) != 0) {
        return socket_error(socket, Operation::set_option);
    }
    return value;
}

// ---- Birth and names ---------------------------------------------------------------------------

Result<Socket> open_datagram(Poller&, Family family) {
    const int domain = to_domain(family);
    if (domain == AF_UNSPEC) return to_error(WSAEAFNOSUPPORT, Operation::open);
    if (const Error error = start_winsock(Operation::open)) return error;
    const SOCKET socket = WSASocketW(domain, SOCK_DGRAM, IPPROTO_UDP, nullptr, 0,
                                     WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (socket == INVALID_SOCKET) return last_error(Operation::open);
    Error error = share_address(socket, false);
    if (!error && !prepare(socket)) error = last_error(Operation::open);
    if (error) {
        closesocket(socket);
        return error.during(Operation::open);
    }
    // Both stacks, as everywhere else; Windows' own default is IPv6 alone.
    if (family == Family::ipv6) (void)set_integer(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    return Socket{static_cast<std::intptr_t>(socket)};
}

Result<Family> adopt(Poller&, Socket adopted) {
    const SOCKET socket = handle_of(adopted);
    const Error wrong_type{Code::invalid_descriptor_type, Operation::adopt, 0};
    if (const Error error = start_winsock(Operation::adopt)) return error;
    if (adopted.handle < 0) return to_error(WSAEBADF, Operation::adopt);
    const auto type = get_integer(socket, SOL_SOCKET, SO_TYPE);
    if (!type) {
        const Error error = type.error().during(Operation::adopt);
        return error.code == Code::not_a_socket ? wrong_type : error;
    }
    if (*type != SOCK_DGRAM) return wrong_type;
    const Family family = family_of(socket);
    if (family == Family::none) return wrong_type;
    if (!prepare(socket) || !make_private(socket)) return last_error(Operation::adopt);
    return family;
}

void close(Socket socket) { closesocket(handle_of(socket)); }

// WSAEACCES has two meanings: the port is kept from this user, or, for one who would share it,
// somebody else has it exclusively.
Error bind(Socket socket, const Endpoint& local) {
    SOCKADDR_STORAGE storage;
    const int size = to_sockaddr(local, storage);
    if (size == 0) return unusable(local, Operation::bind);
    const SOCKET handle = handle_of(socket);
    if (::bind(handle, reinterpret_cast<sockaddr*>(&storage), size) == 0) return {};
    const Error error = socket_error(handle, Operation::bind);
    if (error.code != Code::access_denied) return error;
    const auto shares = get_integer(handle, SOL_SOCKET, SO_REUSEADDR);
    if (!shares || *shares == 0) return error;
    return {Code::address_in_use, Operation::bind, error.native};
}

// Of its only peer a connected socket wants to know that nobody is there.
Error connect(Socket socket, const Endpoint& peer) {
    SOCKADDR_STORAGE storage;
    const int size = to_sockaddr(peer, storage);
    if (size == 0) return unusable(peer, Operation::connect);
    const SOCKET handle = handle_of(socket);
    if (::connect(handle, reinterpret_cast<sockaddr*>(&storage), size) != 0) {
        return socket_error(handle, Operation::connect);
    }
    set_reports(handle, report_refusals, true);
    return {};
}

// To an address of zeros, which Winsock takes for nobody. Where the family must be none as well,
// the peer is still there after that.
Error disconnect(Socket socket) {
    const SOCKET handle = handle_of(socket);
    SOCKADDR_STORAGE nobody{};
    auto* const name = reinterpret_cast<sockaddr*>(&nobody);
    const bool six = family_of(handle) == Family::ipv6;
    nobody.ss_family = six ? AF_INET6 : AF_INET;
    const int size = six ? int{sizeof(sockaddr_in6)} : int{sizeof(sockaddr_in)};
    const bool done = ::connect(handle, name, size) == 0 && !peer_endpoint(socket);
    nobody.ss_family = AF_UNSPEC;
    if (!done && ::connect(handle, name, sizeof nobody) != 0) {
        return socket_error(handle, Operation::disconnect);
    }
    set_reports(handle, report_refusals, false);
    return {};
}

// A socket without a name (WSAEINVAL) has the unspecified one, as everywhere else.
Result<Endpoint> local_endpoint(Socket socket) {
    const auto name = name_of(socket, Operation::local_endpoint, getsockname);
    if (name || name.error().code != Code::invalid_argument) return name;
    SOCKADDR_STORAGE unnamed{};
    const int domain = to_domain(family_of(handle_of(socket)));
    unnamed.ss_family = static_cast<decltype(unnamed.ss_family)>(domain);
    return to_endpoint(&unnamed, sizeof unnamed);
}

Result<Endpoint> peer_endpoint(Socket socket) {
    return name_of(socket, Operation::peer_endpoint, getpeername);
}

Result<std::int32_t> path_mtu(Socket socket) {
    const SOCKET handle = handle_of(socket);
    const bool six = family_of(handle) == Family::ipv6;
    const auto bytes = six ? get_integer(handle, IPPROTO_IPV6, mtu_ipv6)
                           : get_integer(handle, IPPROTO_IP, mtu_ipv4);
    if (bytes) return bytes;
    return explained(bytes.error().during(Operation::get_path_mtu));
}

// ---- Options -----------------------------------------------------------------------------------

Error set_option(Socket socket, Option option, std::int32_t value) {
    const SOCKET handle = handle_of(socket);
    const Family family = family_of(handle);
    const Setting setting = setting_of(option, family);
    const bool inert = option == Option::multicast_all && value == 0 && family != Family::none;
    if (inert) return {};
    if (setting.option < 0) return unavailable(handle, Operation::set_option);
    if (option == Option::only_ipv6 && family != Family::ipv6) {
        return to_error(WSAEINVAL, Operation::set_option);
    }
    if (setting.most == 1) value = value != 0;
    if (value < setting.least || value > setting.most) {
        return to_error(WSAEINVAL, Operation::set_option);
    }
    if (option == Option::reuse_address) return share_address(handle, value != 0);
    if (option == Option::packet_info) tell_more(handle, family == Family::ipv6, value != 0);
    const auto number = static_cast<DWORD>(value);
    // An IPv6-only socket has no twin to set.
    if (setting.twin >= 0) (void)set_integer(handle, IPPROTO_IP, setting.twin, number);
    const Error error = set_integer(handle, setting.level, setting.option, number);
    return option == Option::dont_fragment ? explained(error) : error;
}

std::uint32_t overflow_count(Socket) { return 0; }  // It is not told.

Result<std::int32_t> get_option(Socket socket, Option option) {
    const SOCKET handle = handle_of(socket);
    const Family family = family_of(handle);
    if (option == Option::multicast_all && family != Family::none) return std::int32_t{0};
    const Setting setting = setting_of(option, family);
    if (setting.option < 0) return unavailable(handle, Operation::set_option);
    const auto value = get_integer(handle, setting.level, setting.option);
    if (!value && option == Option::dont_fragment) return explained(value.error());
    if (value && setting.most == 1) return std::int32_t{*value != 0};
    return value;
}

Result<std::size_t> receive_errors(Socket, std::span<Report>) { return std::size_t{0}; }

}  // namespace platform

#endif
