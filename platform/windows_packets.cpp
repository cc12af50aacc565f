// What travels beside the payload, from and to Winsock's control messages: destination, source,
// interface, hop limit, traffic class. Whoever has no PacketInfo does not link it.
#ifdef _WIN32

#include "platform/windows_address.h"
#include "platform/windows_control.h"
#include "platform/windows_error.h"

namespace platform {

namespace {

constexpr int traffic_class_ipv6 = 39;  // IPV6_TCLASS; not in every ws2ipdef.h.

// Not by assignment: most of an Endpoint is room for a path, which nobody needs cleared.
void clear(PacketInfo& info) {
    read_sockaddr(nullptr, 0, info.local);
    info.interface_index = 0;
    info.hop_limit = -1;
    info.traffic_class = -1;
    info.timestamp = 0;
}

void read(const ControlItem& item, PacketInfo& info) {
    int integer;
    if (item.level == IPPROTO_IP && item.type == IP_PKTINFO) {
        IN_PKTINFO packet;
        if (!item.read(packet)) return;
        info.local.family = Family::ipv4;
        info.local.size = sizeof packet.ipi_addr;
        std::memcpy(info.local.bytes.data(), &packet.ipi_addr, sizeof packet.ipi_addr);
        info.interface_index = packet.ipi_ifindex;
    } else if (item.level == IPPROTO_IPV6 && item.type == IPV6_PKTINFO) {
        IN6_PKTINFO packet;
        if (!item.read(packet)) return;
        info.local.family = Family::ipv6;
        info.local.size = sizeof packet.ipi6_addr;
        std::memcpy(info.local.bytes.data(), &packet.ipi6_addr, sizeof packet.ipi6_addr);
        info.interface_index = packet.ipi6_ifindex;
        const bool zoned = IN6_IS_ADDR_LINKLOCAL(&packet.ipi6_addr) ||
                           IN6_IS_ADDR_MC_LINKLOCAL(&packet.ipi6_addr);
        if (zoned) info.local.scope = info.interface_index;
    } else if ((item.level == IPPROTO_IP && (item.type == IP_TTL || item.type == IP_RECVTTL)) ||
               (item.level == IPPROTO_IPV6 && item.type == IPV6_HOPLIMIT)) {
        if (item.read(integer)) info.hop_limit = static_cast<std::int16_t>(integer);
    } else if ((item.level == IPPROTO_IP && item.type == IP_TOS) ||
               (item.level == IPPROTO_IPV6 && item.type == traffic_class_ipv6)) {
        if (item.read(integer)) info.traffic_class = static_cast<std::int16_t>(integer);
    }
}

Error foreign_source() { return to_error(WSAEINVAL, Operation::send); }

Error put(WindowsControlWriter& writer, const PacketInfo& info, const Endpoint& destination) {
    const bool chosen = info.local.family != Family::none || info.interface_index != 0;
    const bool chosen_ipv4 = info.local.family == Family::ipv4 || is_mapped(info.local);
    const int hop_limit = info.hop_limit;
    const int traffic_class = info.traffic_class;
    if (destination.family == Family::ipv4 || is_mapped(destination)) {
        if (info.local.family != Family::none && !chosen_ipv4) return foreign_source();
        if (chosen) {
            IN_PKTINFO packet{};
            packet.ipi_ifindex = info.interface_index;
            packet.ipi_addr = to_ipv4(info.local);
            writer.put(IPPROTO_IP, IP_PKTINFO, packet);
        }
        if (hop_limit >= 0) writer.put(IPPROTO_IP, IP_TTL, hop_limit);
        if (traffic_class >= 0) writer.put(IPPROTO_IP, IP_TOS, traffic_class);
    } else if (destination.family == Family::ipv6) {
        if (chosen_ipv4 || info.local.family == Family::local) return foreign_source();
        if (chosen) {
            IN6_PKTINFO packet{};
            packet.ipi6_ifindex = info.interface_index;
            if (info.local.family == Family::ipv6) {
                std::memcpy(&packet.ipi6_addr, info.local.bytes.data(), sizeof packet.ipi6_addr);
            }
            writer.put(IPPROTO_IPV6, IPV6_PKTINFO, packet);
        }
        if (hop_limit >= 0) writer.put(IPPROTO_IPV6, IPV6_HOPLIMIT, hop_limit);
        if (traffic_class >= 0) writer.put(IPPROTO_IPV6, traffic_class_ipv6, traffic_class);
    }
    return {};
}

}  // namespace

const PacketCodec packet_codec{clear, read, put};

}  // namespace platform

#endif
