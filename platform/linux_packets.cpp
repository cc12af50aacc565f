// What travels beside the payload, on Linux: control messages to a PacketInfo, and back.
// Apart from the rest, and known to it by pointer: few programs want to know.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <netinet/in.h>
#include <time.h>

#include "platform/posix_address.h"
#include "platform/posix_control.h"
#include "platform/posix_error.h"

namespace platform {

namespace {

// Not by assignment: most of an Endpoint is room for a path, which nobody needs cleared.
void clear(PacketInfo& info) {
    read_sockaddr(nullptr, 0, info.local);
    info.interface_index = 0;
    info.hop_limit = -1;
    info.traffic_class = -1;
    info.timestamp = 0;
}

void read(const ControlItem& item, PacketInfo& info) {
    std::uint8_t byte;
    int integer;
    if (item.level == SOL_SOCKET && item.type == SO_TIMESTAMPNS) {
        timespec time;
        if (!item.read(time)) return;
        info.timestamp = static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
    } else if (item.level == IPPROTO_IP && item.type == IP_PKTINFO) {
        in_pktinfo packet;
        if (!item.read(packet)) return;
        info.local.family = Family::ipv4;
        info.local.size = sizeof packet.ipi_addr;
        std::memcpy(info.local.bytes.data(), &packet.ipi_addr, sizeof packet.ipi_addr);
        info.interface_index = static_cast<std::uint32_t>(packet.ipi_ifindex);
    } else if (item.level == IPPROTO_IPV6 && item.type == IPV6_PKTINFO) {
        in6_pktinfo packet;
        if (!item.read(packet)) return;
        info.local.family = Family::ipv6;
        info.local.size = sizeof packet.ipi6_addr;
        std::memcpy(info.local.bytes.data(), &packet.ipi6_addr, sizeof packet.ipi6_addr);
        info.interface_index = static_cast<std::uint32_t>(packet.ipi6_ifindex);
        const bool zoned = IN6_IS_ADDR_LINKLOCAL(&packet.ipi6_addr) ||
                           IN6_IS_ADDR_MC_LINKLOCAL(&packet.ipi6_addr);
        if (zoned) info.local.scope = info.interface_index;
    } else if ((item.level == IPPROTO_IP && item.type == IP_TTL) ||
               (item.level == IPPROTO_IPV6 && item.type == IPV6_HOPLIMIT)) {
        if (item.read(integer)) info.hop_limit = static_cast<std::int16_t>(integer);
    } else if (item.level == IPPROTO_IPV6 && item.type == IPV6_TCLASS) {
        if (item.read(integer)) info.traffic_class = static_cast<std::int16_t>(integer);
    } else if (item.level == IPPROTO_IP && item.type == IP_TOS) {
        if (item.read(byte)) info.traffic_class = byte;
    }
}

// The IPv4 form of an address that may be mapped; all zero when it is neither.
in_addr to_ipv4(const Endpoint& endpoint) {
    in_addr address{};
    const std::size_t offset = endpoint.family == Family::ipv6 ? 12 : 0;
    if (endpoint.family != Family::none) {
        std::memcpy(&address, endpoint.bytes.data() + offset, sizeof address);
    }
    return address;
}

Error put(PosixControlWriter& writer, const PacketInfo& info, const Endpoint& destination) {
    const Error mismatch = to_error(EINVAL, Operation::send);
    const bool chosen = info.local.family != Family::none || info.interface_index != 0;
    const bool chosen_ipv4 = info.local.family == Family::ipv4 || is_mapped(info.local);
    const int hop_limit = info.hop_limit;
    const int traffic_class = info.traffic_class;
    if (destination.family == Family::ipv4 || is_mapped(destination)) {
        if (info.local.family != Family::none && !chosen_ipv4) return mismatch;
        if (chosen) {
            in_pktinfo packet{};
            packet.ipi_ifindex = static_cast<int>(info.interface_index);
            packet.ipi_spec_dst = to_ipv4(info.local);
            writer.put(IPPROTO_IP, IP_PKTINFO, packet);
        }
        if (hop_limit >= 0) writer.put(IPPROTO_IP, IP_TTL, hop_limit);
        if (traffic_class >= 0) writer.put(IPPROTO_IP, IP_TOS, traffic_class);
    } else if (destination.family == Family::ipv6) {
        if (chosen_ipv4 || info.local.family == Family::local) return mismatch;
        if (chosen) {
            in6_pktinfo packet{};
            packet.ipi6_ifindex = info.interface_index;
            if (info.local.family == Family::ipv6) {
                std::memcpy(&packet.ipi6_addr, info.local.bytes.data(), sizeof packet.ipi6_addr);
            }
            writer.put(IPPROTO_IPV6, IPV6_PKTINFO, packet);
        }
        if (hop_limit >= 0) writer.put(IPPROTO_IPV6, IPV6_HOPLIMIT, hop_limit);
        if (traffic_class >= 0) writer.put(IPPROTO_IPV6, IPV6_TCLASS, traffic_class);
    }
    return {};
}

}  // namespace

const PacketCodec packet_codec{clear, read, put};

}  // namespace platform

#endif
