// Datagram sockets on any Unix: birth, names and options. How datagrams move is another file's
// matter, because each system has its own fast way; so are multicast memberships.
#ifndef _WIN32

#include "platform/posix_sockets.h"

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "platform/posix_address.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"

namespace platform {

namespace {

bool make_non_blocking(int descriptor) {
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return false;
    return (flags & O_NONBLOCK) || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool make_private(int descriptor) { return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0; }

int to_domain(Family family) {
    switch (family) {
        case Family::none: return AF_UNSPEC;
        case Family::ipv4: return AF_INET;
        case Family::ipv6: return AF_INET6;
        case Family::local: return AF_UNIX;
    }
    return AF_UNSPEC;
}

Result<Endpoint> name_of(Socket socket, Operation operation,
                         int (*ask)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage storage;
    socklen_t size = sizeof storage;
    if (ask(descriptor_of(socket), reinterpret_cast<sockaddr*>(&storage), &size) < 0) {
        return last_error(operation);
    }
    return to_endpoint(storage, size);
}

// Which system option a portable one is. `twin` is the IPv4 side of a dual-stack IPv6 socket.
struct Setting {
    int level = -1;
    int option = -1;
    int twin = -1;
    bool is_byte = false;  // The BSDs take nothing else for IPv4's multicast options.
    std::int32_t least = 0;
    std::int32_t most = 1;
};

Setting setting_of(Option option, Family family) {
    const bool six = family == Family::ipv6;
    switch (option) {
        case Option::broadcast: return {SOL_SOCKET, SO_BROADCAST};
        case Option::reuse_address: return {SOL_SOCKET, share_option};
        case Option::receive_buffer_size: return {SOL_SOCKET, SO_RCVBUF, -1, false, 1, INT_MAX};
        case Option::send_buffer_size: return {SOL_SOCKET, SO_SNDBUF, -1, false, 1, INT_MAX};
        default: break;
    }
    if (family != Family::ipv4 && family != Family::ipv6) return {};
    switch (option) {
        case Option::reuse_port: return {SOL_SOCKET, balance_option};
        case Option::only_ipv6: return {IPPROTO_IPV6, IPV6_V6ONLY};
        case Option::hop_limit:
            if (six) return {IPPROTO_IPV6, IPV6_UNICAST_HOPS, IP_TTL, false, 1, 255};
            return {IPPROTO_IP, IP_TTL, -1, false, 1, 255};
        case Option::multicast_hop_limit:
            if (six) return {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, IP_MULTICAST_TTL, false, 0, 255};
            return {IPPROTO_IP, IP_MULTICAST_TTL, -1, true, 0, 255};
        case Option::multicast_loopback:
            if (six) return {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, IP_MULTICAST_LOOP};
            return {IPPROTO_IP, IP_MULTICAST_LOOP, -1, true};
        case Option::multicast_all:
            if (six) return {IPPROTO_IPV6, ipv6_multicast_all_option, multicast_all_option};
            return {IPPROTO_IP, multicast_all_option};
        case Option::dont_fragment:
            if (six) return {IPPROTO_IPV6, fragment_option6, fragment_option};
            return {IPPROTO_IP, fragment_option};
        default: return {};
    }
}

// Who has one way only may be told to keep it.
bool is_the_only_way(Option option, Family family, std::int32_t value) {
    return option == Option::multicast_all && (value != 0) == hears_all_groups &&
           (family == Family::ipv4 || family == Family::ipv6);
}

bool is_system_option(Option option) {
    return option == Option::packet_info || option == Option::coalesce ||
           option == Option::icmp_errors;
}

}  // namespace

Family family_of(int descriptor) {
    sockaddr_storage storage;
    socklen_t size = sizeof storage;
    if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) < 0) {
        return Family::none;
    }
    return to_endpoint(storage, size).family;
}

Error unavailable(int descriptor, Operation operation) {
    const auto type = get_integer(descriptor, SOL_SOCKET, SO_TYPE);
    return type ? to_error(ENOTSUP, operation) : type.error().during(operation);
}

Error explained(Error error) {
    return error.code == Code::operation_not_supported_by_protocol
               ? to_error(ENOTSUP, error.operation)
               : error;
}

Error unusable(const Endpoint& endpoint, Operation operation) {
    return to_error(endpoint.family == Family::none ? EAFNOSUPPORT : ENAMETOOLONG, operation);
}

Error set_integer(int descriptor, int level, int option, int value) {
    if (setsockopt(descriptor, level, option, &value, sizeof value) == 0) return {};
    return last_error(Operation::set_option);
}

Result<std::int32_t> get_integer(int descriptor, int level, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(descriptor, level, option, &value, &size) < 0) {
        return last_error(Operation::set_option);
    }
    if (size == 1) {  // Some systems answer with a byte where they are asked for an integer.
        unsigned char byte;
        std::memcpy(&byte, &value, sizeof byte);
        value = byte;
    }
    return std::int32_t{value};
}

Result<Socket> open_datagram(Poller&, Family family) {
    const int domain = to_domain(family);
    if (domain == AF_UNSPEC) return to_error(EAFNOSUPPORT, Operation::open);
    const int descriptor = ::socket(domain, SOCK_DGRAM | birth_flags, 0);
    if (descriptor < 0) return last_error(Operation::open);
    const bool prepared =
        birth_flags != 0 || (make_private(descriptor) && make_non_blocking(descriptor));
    if (!prepared) {
        const Error error = last_error(Operation::open);
        ::close(descriptor);
        return error;
    }
    if (no_signal_option >= 0) (void)set_integer(descriptor, SOL_SOCKET, no_signal_option, 1);
    // Both stacks unless told otherwise, whatever the administrator's default is. OpenBSD refuses:
    // it has no dual-stack sockets.
    if (family == Family::ipv6) (void)set_integer(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    return Socket{descriptor};
}

Result<Family> adopt(Poller&, Socket socket) {
    if (socket.handle < 0 || socket.handle > INT_MAX) return to_error(EBADF, Operation::adopt);
    const int descriptor = descriptor_of(socket);
    const Error wrong_type{Code::invalid_descriptor_type, Operation::adopt, 0};
    const auto type = get_integer(descriptor, SOL_SOCKET, SO_TYPE);
    if (!type) {
        const Error error = type.error().during(Operation::adopt);
        return error.code == Code::not_a_socket ? wrong_type : error;
    }
    if (*type != SOCK_DGRAM) return wrong_type;
    const Family family = family_of(descriptor);
    if (family == Family::none) return wrong_type;  // Netlink has datagrams too.
    if (!make_non_blocking(descriptor) || !make_private(descriptor)) {
        return last_error(Operation::adopt);
    }
    if (no_signal_option >= 0) (void)set_integer(descriptor, SOL_SOCKET, no_signal_option, 1);
    return family;
}

void close(Socket socket) {
    // Not repeated after EINTR: the descriptor is gone by then, and may be somebody else's.
    ::close(descriptor_of(socket));
}

Error bind(Socket socket, const Endpoint& local) {
    sockaddr_storage storage;
    const socklen_t size = to_sockaddr(local, storage);
    if (size == 0) return unusable(local, Operation::bind);
    if (::bind(descriptor_of(socket), reinterpret_cast<sockaddr*>(&storage), size) == 0) return {};
    return last_error(Operation::bind);
}

Error connect(Socket socket, const Endpoint& peer) {
    sockaddr_storage storage;
    const socklen_t size = to_sockaddr(peer, storage);
    if (size == 0) return unusable(peer, Operation::connect);
    if (::connect(descriptor_of(socket), reinterpret_cast<sockaddr*>(&storage), size) == 0) {
        return {};
    }
    return last_error(Operation::connect);
}

Error disconnect(Socket socket) {
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    if (::connect(descriptor_of(socket), &nobody, sizeof nobody) == 0) return {};
    const Error error = last_error(Operation::disconnect);
    // The BSDs complain about the family, and disconnect all the same.
    const auto peer = peer_endpoint(socket);
    return peer.error().code == Code::not_connected ? Error{} : error;
}

Result<Endpoint> local_endpoint(Socket socket) {
    return name_of(socket, Operation::local_endpoint, getsockname);
}

Result<Endpoint> peer_endpoint(Socket socket) {
    return name_of(socket, Operation::peer_endpoint, getpeername);
}

Result<std::int32_t> path_mtu(Socket socket) {
    const int descriptor = descriptor_of(socket);
    const Family family = family_of(descriptor);
    const bool six = family == Family::ipv6;
    if (!six && family != Family::ipv4) return unavailable(descriptor, Operation::get_path_mtu);
    const int bytes = path_mtu_of(descriptor, six);
    if (bytes < 0) return explained(last_error(Operation::get_path_mtu));
    return std::int32_t{bytes};
}

Error set_option(Socket socket, Option option, std::int32_t value) {
    const int descriptor = descriptor_of(socket);
    const Family family = family_of(descriptor);
    if (is_system_option(option)) return set_system_option(descriptor, family, option, value != 0);
    const Setting setting = setting_of(option, family);
    if (setting.option < 0 && is_the_only_way(option, family, value)) return {};
    if (setting.option < 0) return unavailable(descriptor, Operation::set_option);
    if (option == Option::only_ipv6 && family != Family::ipv6) {
        return to_error(EINVAL, Operation::set_option);  // Systems disagree about the reason.
    }
    if (setting.most == 1) value = value != 0;
    if (value < setting.least || value > setting.most) {
        return to_error(EINVAL, Operation::set_option);
    }
    if (setting.is_byte) {
        const auto byte = static_cast<unsigned char>(value);
        if (setsockopt(descriptor, setting.level, setting.option, &byte, sizeof byte) == 0) {
            return {};
        }
        return last_error(Operation::set_option);
    }
    if (option == Option::dont_fragment) value = value ? fragments_never : fragments_freely;
    // An IPv6-only socket, or a system whose stacks are apart, has no twin to set.
    if (setting.twin >= 0) (void)set_integer(descriptor, IPPROTO_IP, setting.twin, value);
    const Error error = set_integer(descriptor, setting.level, setting.option, value);
    // A kernel that is older than the option.
    const bool young = option == Option::multicast_all || option == Option::dont_fragment;
    return young ? explained(error) : error;
}

Result<std::int32_t> get_option(Socket socket, Option option) {
    const int descriptor = descriptor_of(socket);
    const Family family = family_of(descriptor);
    if (is_system_option(option)) return get_system_option(descriptor, family, option);
    const Setting setting = setting_of(option, family);
    if (setting.option < 0 && is_the_only_way(option, family, hears_all_groups)) {
        return std::int32_t{hears_all_groups};
    }
    if (setting.option < 0) return unavailable(descriptor, Operation::set_option);
    auto value = get_integer(descriptor, setting.level, setting.option);
    if (option == Option::dont_fragment) {
        if (!value) return explained(value.error());
        return std::int32_t{is_never_cut(*value)};
    }
    if (value && setting.most == 1) return std::int32_t{*value != 0};  // macOS answers with a bit.
    return value;
}

std::uint32_t overflow_count(Socket socket) {
    std::uint32_t counters[memory_drops + 1] = {};
    if (memory_option < 0) return 0;
    socklen_t size = sizeof counters;  // An old kernel has fewer, and leaves the last one zero.
    const int descriptor = descriptor_of(socket);
    const int result = getsockopt(descriptor, SOL_SOCKET, memory_option, counters, &size);
    return result == 0 ? counters[memory_drops] : 0;
}

Result<std::uint32_t> interface_index(Poller&, std::string_view name) {
    const Error unknown = to_error(ENODEV, Operation::none);
    char text[IF_NAMESIZE];
    if (name.size() >= sizeof text || name.find('\0') != name.npos) return unknown;
    name.copy(text, name.size());
    text[name.size()] = 0;
    const unsigned index = if_nametoindex(text);
    if (index == 0) return unknown;
    return std::uint32_t{index};
}

Result<std::size_t> interface_name(Poller&, std::uint32_t index, std::span<char> name) {
    char text[IF_NAMESIZE];
    const std::string_view found = if_indextoname(index, text) ? text : "";
    if (found.empty() || found.size() > name.size()) return to_error(ENODEV, Operation::none);
    return found.copy(name.data(), name.size());
}

Result<std::size_t> interface_indexes(Poller&, std::span<std::uint32_t> indexes) {
    struct if_nameindex* const all = ::if_nameindex();
    if (!all) return last_error(Operation::none);
    std::size_t count = 0;
    for (const auto* each = all; each->if_index != 0; each++, count++) {
        if (count < indexes.size()) indexes[count] = each->if_index;
    }
    if_freenameindex(all);
    return count;
}

}  // namespace platform

#endif
