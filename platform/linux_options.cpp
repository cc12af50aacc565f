// The options that are Linux's own: trains on arrival, packet information, the error queue.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <span>

#include "platform/posix_error.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

struct Switch {
    int level;
    int option;
    bool optional;  // Of new kernels, or the IPv4 side of a socket, which IPv6-only ones lack.
};

constexpr Switch local_info[] = {{SOL_SOCKET, SO_TIMESTAMPNS, false}};
constexpr Switch ipv4_info[] = {{IPPROTO_IP, IP_PKTINFO, false},
                                {IPPROTO_IP, IP_RECVTTL, false},
                                {IPPROTO_IP, IP_RECVTOS, false},
                                {SOL_SOCKET, SO_TIMESTAMPNS, false},
                                {SOL_SOCKET, SO_RXQ_OVFL, true}};
constexpr Switch ipv6_info[] = {{IPPROTO_IPV6, IPV6_RECVPKTINFO, false},
                                {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, false},
                                {IPPROTO_IPV6, IPV6_RECVTCLASS, false},
                                {IPPROTO_IP, IP_RECVTTL, true},
                                {IPPROTO_IP, IP_RECVTOS, true},
                                {SOL_SOCKET, SO_TIMESTAMPNS, false},
                                {SOL_SOCKET, SO_RXQ_OVFL, true}};
constexpr Switch internet_trains[] = {{IPPROTO_UDP, UDP_GRO, false}};
constexpr Switch ipv4_errors[] = {{IPPROTO_IP, IP_RECVERR, false}};
constexpr Switch ipv6_errors[] = {{IPPROTO_IPV6, IPV6_RECVERR, false},
                                  {IPPROTO_IP, IP_RECVERR, true}};

std::span<const Switch> switches_of(Family family, Option option) {
    const bool six = family == Family::ipv6;
    if (family == Family::none) return {};
    if (family == Family::local) {
        if (option == Option::packet_info) return local_info;
        return {};
    }
    if (option == Option::coalesce) return internet_trains;
    if (option == Option::icmp_errors && six) return ipv6_errors;
    if (option == Option::icmp_errors) return ipv4_errors;
    if (option == Option::packet_info && six) return ipv6_info;
    if (option == Option::packet_info) return ipv4_info;
    return {};
}

}  // namespace

Error set_system_option(int descriptor, Family family, Option option, bool enabled) {
    const auto switches = switches_of(family, option);
    if (switches.empty()) return unavailable(descriptor, Operation::set_option);
    if (option == Option::coalesce && enabled && trains_are_forbidden()) {
        return to_error(ENOTSUP, Operation::set_option);
    }
    for (const Switch& each : switches) {
        const Error error = set_integer(descriptor, each.level, each.option, enabled ? 1 : 0);
        if (error && !each.optional) return explained(error);
    }
    return {};
}

Result<std::int32_t> get_system_option(int descriptor, Family family, Option option) {
    const auto switches = switches_of(family, option);
    if (switches.empty()) return unavailable(descriptor, Operation::set_option);
    const auto value = get_integer(descriptor, switches[0].level, switches[0].option);
    if (!value) return explained(value.error());
    return std::int32_t{*value != 0};
}

}  // namespace platform

#endif
