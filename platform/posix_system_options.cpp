// The options that each system has in its own form, on any Unix but Linux at its best: packet
// information is switched on piece by piece; there are no trains, and no error queue.
#if !defined(_WIN32) && \
    (!defined(__linux__) || defined(VOLLEY_USE_POLL) || defined(VOLLEY_USE_KQUEUE))

#define __APPLE_USE_RFC_3542  // Without it macOS means an older IPV6_RECVPKTINFO.

#include <netinet/in.h>
#include <sys/socket.h>

#include <span>

#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

struct Switch {
    int level;
    int option;
    bool optional = false;  // May be missing: the IPv4 side of a dual-stack socket.
};

constexpr Switch local_info[] = {{SOL_SOCKET, SO_TIMESTAMP}};
constexpr Switch ipv4_info[] = {{SOL_SOCKET, SO_TIMESTAMP},
                                {IPPROTO_IP, receive_packet_option},
                                {IPPROTO_IP, destination_item},
                                {IPPROTO_IP, interface_item},
                                {IPPROTO_IP, receive_hop_limit_option},
                                {IPPROTO_IP, receive_class_option},
                                {SOL_SOCKET, drops_option, true}};
constexpr Switch ipv6_info[] = {{IPPROTO_IPV6, IPV6_RECVPKTINFO},
                                {IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
                                {IPPROTO_IPV6, IPV6_RECVTCLASS},
                                {IPPROTO_IP, receive_hop_limit_option, true},
                                {IPPROTO_IP, receive_class_option, true},
                                {SOL_SOCKET, SO_TIMESTAMP},
                                {SOL_SOCKET, drops_option, true}};

std::span<const Switch> switches_of(Family family, Option option) {
    if (option != Option::packet_info) return {};  // No trains, and no error queue.
    switch (family) {
        case Family::none: return {};
        case Family::ipv4: return ipv4_info;
        case Family::ipv6: return ipv6_info;
        case Family::local: return local_info;
    }
    return {};
}

}  // namespace

Error set_system_option(int descriptor, Family family, Option option, bool enabled) {
    const auto switches = switches_of(family, option);
    if (switches.empty()) return unavailable(descriptor, Operation::set_option);
    for (const Switch& each : switches) {
        if (each.option < 0) continue;  // This system does not tell.
        const Error error = set_integer(descriptor, each.level, each.option, enabled ? 1 : 0);
        if (error && !each.optional) return error;
    }
    return {};
}

Result<std::int32_t> get_system_option(int descriptor, Family family, Option option) {
    const auto switches = switches_of(family, option);
    if (switches.empty()) return unavailable(descriptor, Operation::set_option);
    const auto value = get_integer(descriptor, switches[0].level, switches[0].option);
    if (!value) return value;
    return std::int32_t{*value != 0};
}

}  // namespace platform

#endif
