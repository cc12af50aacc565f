// What travels beside the payload, on any Unix but Linux at its best: destination, source,
// interface, hop limit, traffic class and time.
// The catch: systems differ in what they tell (OpenBSD and NetBSD no IPv4 class) and in what they
// take (FreeBSD and OpenBSD a source, but no interface and no hop limit for IPv4).
#if !defined(_WIN32) && \
    (!defined(__linux__) || defined(VOLLEY_USE_POLL) || defined(VOLLEY_USE_KQUEUE))

#define __APPLE_USE_RFC_3542  // Without it macOS means an older IPV6_PKTINFO.

#include <net/if.h>
#include <netinet/in.h>
#include <sys/time.h>

#include "platform/posix_error.h"
#include "platform/posix_message.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

// ---- Received ------------------------------------------------------------------------------

namespace {

void set_address(Endpoint& endpoint, Family family, const void* bytes, std::uint8_t size) {
    endpoint.family = family;
    endpoint.size = size;
    std::memcpy(endpoint.bytes.data(), bytes, size);
}

// A byte on some systems, an integer on others.
void read_small(const ControlItem& item, std::int16_t& value) {
    std::uint8_t byte;
    int integer;
    if (item.read(integer)) {
        value = static_cast<std::int16_t>(integer);
    } else if (item.read(byte)) {
        value = byte;
    }
}

void read_ipv4(const ControlItem& item, PacketInfo& info) {
    if (item.type == packet_item) {
        Ipv4Packet packet;
        if (!item.read(packet)) return;
        set_address(info.local, Family::ipv4, &packet.ipi_addr, sizeof packet.ipi_addr);
        info.interface_index = static_cast<std::uint32_t>(packet.ipi_ifindex);
    } else if (item.type == destination_item) {
        in_addr address;
        if (!item.read(address)) return;
        set_address(info.local, Family::ipv4, &address, sizeof address);
    } else if (item.type == interface_item) {
        // A sockaddr_dl: length and family, a byte each, then the index.
        std::uint16_t link[2];
        if (item.read(link)) info.interface_index = link[1];
    } else if (item.type == IP_TTL || item.type == receive_hop_limit_option) {
        read_small(item, info.hop_limit);
    } else if (item.type == IP_TOS || item.type == receive_class_option) {
        read_small(item, info.traffic_class);
    }
}

void read_ipv6(const ControlItem& item, PacketInfo& info) {
    if (item.type == IPV6_PKTINFO) {
        in6_pktinfo packet;
        if (!item.read(packet)) return;
        set_address(info.local, Family::ipv6, &packet.ipi6_addr, sizeof packet.ipi6_addr);
        info.interface_index = static_cast<std::uint32_t>(packet.ipi6_ifindex);
        const bool zoned = IN6_IS_ADDR_LINKLOCAL(&packet.ipi6_addr) ||
                           IN6_IS_ADDR_MC_LINKLOCAL(&packet.ipi6_addr);
        if (zoned) info.local.scope = info.interface_index;
    } else if (item.type == IPV6_HOPLIMIT) {
        read_small(item, info.hop_limit);
    } else if (item.type == IPV6_TCLASS) {
        read_small(item, info.traffic_class);
    }
}

// Not by assignment: most of an Endpoint is room for a path, which nobody needs cleared.
void clear(PacketInfo& info) {
    read_sockaddr(nullptr, 0, info.local);
    info.interface_index = 0;
    info.hop_limit = -1;
    info.traffic_class = -1;
    info.timestamp = 0;
}

void read(const ControlItem& item, PacketInfo& info) {
    timeval time;
    if (item.level == IPPROTO_IP) {
        read_ipv4(item, info);
    } else if (item.level == IPPROTO_IPV6) {
        read_ipv6(item, info);
    } else if (item.level == SOL_SOCKET && item.type == SCM_TIMESTAMP && item.read(time)) {
        info.timestamp = std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_usec * 1'000;
    }
}

// ---- Sent ----------------------------------------------------------------------------------

// The IPv4 form of an address that may be mapped; all zero when it is neither.
in_addr to_ipv4(const Endpoint& endpoint) {
    in_addr address{};
    const std::size_t offset = endpoint.family == Family::ipv6 ? 12 : 0;
    if (endpoint.family != Family::none) {
        std::memcpy(&address, endpoint.bytes.data() + offset, sizeof address);
    }
    return address;
}

Error refuse(int number) { return to_error(number, Operation::send); }

Error put_ipv4(PosixControlWriter& writer, const PacketInfo& info) {
    const bool has_source = info.local.family != Family::none;
    if (has_source && info.local.family != Family::ipv4 && !is_mapped(info.local)) {
        return refuse(EINVAL);
    }
    if (packet_item >= 0 && (has_source || info.interface_index != 0)) {
        Ipv4Packet packet{};
        packet.ipi_ifindex = static_cast<decltype(packet.ipi_ifindex)>(info.interface_index);
        packet.ipi_spec_dst = to_ipv4(info.local);
        writer.put(IPPROTO_IP, packet_item, packet);
    } else if (source_item >= 0 && has_source) {
        // The interface is the routes' choice: an answer to where a question came in needs no more.
        writer.put(IPPROTO_IP, source_item, to_ipv4(info.local));
    } else if (has_source || info.interface_index != 0) {
        return refuse(ENOTSUP);
    }
    if (info.hop_limit >= 0) writer.put(IPPROTO_IP, IP_TTL, int{info.hop_limit});
    if (info.traffic_class >= 0) writer.put(IPPROTO_IP, IP_TOS, int{info.traffic_class});
    return {};
}

Error put_ipv6(PosixControlWriter& writer, const PacketInfo& info) {
    const Family source = info.local.family;
    if (source == Family::ipv4 || source == Family::local || is_mapped(info.local)) {
        return refuse(EINVAL);
    }
    if (source == Family::ipv6 || info.interface_index != 0) {
        in6_pktinfo packet{};
        packet.ipi6_ifindex = static_cast<decltype(packet.ipi6_ifindex)>(info.interface_index);
        if (source == Family::ipv6) {
            std::memcpy(&packet.ipi6_addr, info.local.bytes.data(), sizeof packet.ipi6_addr);
        }
        writer.put(IPPROTO_IPV6, IPV6_PKTINFO, packet);
    }
    if (info.hop_limit >= 0) writer.put(IPPROTO_IPV6, IPV6_HOPLIMIT, int{info.hop_limit});
    if (info.traffic_class >= 0) writer.put(IPPROTO_IPV6, IPV6_TCLASS, int{info.traffic_class});
    return {};
}

Error put(PosixControlWriter& writer, const PacketInfo& info, const Endpoint& destination) {
    if (destination.family == Family::ipv4 || is_mapped(destination)) return put_ipv4(writer, info);
    if (destination.family == Family::ipv6) return put_ipv6(writer, info);
    return {};
}

}  // namespace

const PacketCodec packet_codec{clear, read, put};

// ---- Asked for -----------------------------------------------------------------------------

namespace {

struct Switch {
    int level;
    int option;
    bool optional = false;  // The IPv4 side of a dual-stack socket, which may be missing.
};

constexpr Switch local_info[] = {{SOL_SOCKET, SO_TIMESTAMP}};
constexpr Switch ipv4_info[] = {{SOL_SOCKET, SO_TIMESTAMP},
                                {IPPROTO_IP, receive_packet_option},
                                {IPPROTO_IP, destination_item},
                                {IPPROTO_IP, interface_item},
                                {IPPROTO_IP, receive_hop_limit_option},
                                {IPPROTO_IP, receive_class_option}};
constexpr Switch ipv6_info[] = {{IPPROTO_IPV6, IPV6_RECVPKTINFO},
                                {IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
                                {IPPROTO_IPV6, IPV6_RECVTCLASS},
                                {IPPROTO_IP, receive_hop_limit_option, true},
                                {IPPROTO_IP, receive_class_option, true},
                                {SOL_SOCKET, SO_TIMESTAMP}};

std::span<const Switch> switches_of(Family family, Option option) {
    if (option != Option::packet_info) return {};  // No trains here, and no error queue.
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
