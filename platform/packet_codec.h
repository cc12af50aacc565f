// A PacketInfo's way from and to control messages, written once over a System that names its
// structures and numbers. The rest of platform/ knows it by pointer: few programs want to know.
// The catch: what a System calls -1 it does not have, and then does not tell, or refuses to send.
// For platform/ only.
#pragma once

#include <cstring>

#include "platform/control.h"
#include "platform/platform.h"

namespace platform {

// A System has: Ipv4Packet and Ipv6Packet, with source_of(Ipv4Packet&); its levels: level, level6,
// socket_level; of IPv4 packet_item, hop_limit_items and class_items, and to send source_item,
// sent_hop_limit_item and sent_class_item, a SentClass; of IPv6, both ways, packet_item6,
// hop_limit_item6 and class_item6; is_mapped(Endpoint), is_to_many(Ipv4Packet), read_ipv4(item,
// info) and read_socket(item, info) for what it alone tells; invalid() and unsupported(), the
// errors of a send.
template <class System, class Writer>
struct PacketMessages {
    // Not by assignment: most of an Endpoint is room for a path, which nobody needs cleared.
    static void clear(PacketInfo& info) {
        info.local.family = Family::none;
        info.local.size = 0;
        info.local.port = 0;
        info.local.scope = 0;
        info.interface_index = 0;
        info.hop_limit = -1;
        info.traffic_class = -1;
        info.to_many = false;
        info.drops = 0;
        info.timestamp = 0;
    }

    static void read(const ControlItem& item, PacketInfo& info) {
        if (item.level == System::level) {
            read_ipv4(item, info);
        } else if (item.level == System::level6) {
            read_ipv6(item, info);
        } else if (item.level == System::socket_level) {
            System::read_socket(item, info);
        }
    }

    static Error put(Writer& writer, const PacketInfo& info, const Endpoint& destination) {
        if (destination.family == Family::ipv4 || System::is_mapped(destination)) {
            return put_ipv4(writer, info);
        }
        return destination.family == Family::ipv6 ? put_ipv6(writer, info) : Error{};
    }

    static void set_address(Endpoint& endpoint, Family family, const void* bytes,
                            std::uint8_t size) {
        endpoint.family = family;
        endpoint.size = size;
        std::memcpy(endpoint.bytes.data(), bytes, size);
    }

   private:
    // A byte on some systems, an integer on others.
    static void read_small(const ControlItem& item, std::int16_t& value) {
        std::uint8_t byte;
        int integer;
        if (item.read(integer)) {
            value = static_cast<std::int16_t>(integer);
        } else if (item.read(byte)) {
            value = byte;
        }
    }

    static bool is_one_of(int type, const int (&types)[2]) {
        return type == types[0] || type == types[1];
    }

    static void read_ipv4(const ControlItem& item, PacketInfo& info) {
        if (item.type == System::packet_item) {
            typename System::Ipv4Packet packet;
            if (!item.read(packet)) return;
            set_address(info.local, Family::ipv4, &packet.ipi_addr, sizeof packet.ipi_addr);
            info.interface_index = static_cast<std::uint32_t>(packet.ipi_ifindex);
            info.to_many = System::is_to_many(packet);
        } else if (is_one_of(item.type, System::hop_limit_items)) {
            read_small(item, info.hop_limit);
        } else if (is_one_of(item.type, System::class_items)) {
            read_small(item, info.traffic_class);
        } else {
            System::read_ipv4(item, info);
        }
    }

    static void read_ipv6(const ControlItem& item, PacketInfo& info) {
        if (item.type == System::packet_item6) {
            typename System::Ipv6Packet packet;
            if (!item.read(packet)) return;
            set_address(info.local, Family::ipv6, &packet.ipi6_addr, sizeof packet.ipi6_addr);
            info.interface_index = static_cast<std::uint32_t>(packet.ipi6_ifindex);
            const auto& bytes = info.local.bytes;
            info.to_many = bytes[0] == 0xff;
            const bool zoned = info.to_many ? (bytes[1] & 0x0f) == 2
                                            : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
            if (zoned) info.local.scope = info.interface_index;
        } else if (item.type == System::hop_limit_item6) {
            read_small(item, info.hop_limit);
        } else if (item.type == System::class_item6) {
            read_small(item, info.traffic_class);
        }
    }

    static bool has_ipv4(const Endpoint& local) {
        return local.family == Family::ipv4 || System::is_mapped(local);
    }

    static Error put_ipv4(Writer& writer, const PacketInfo& info) {
        const bool has_source = info.local.family != Family::none;
        const bool chosen = has_source || info.interface_index != 0;
        if (has_source && !has_ipv4(info.local)) return System::invalid();
        typename System::Ipv4Packet packet{};
        auto& source = System::source_of(packet);
        if (has_source) {  // Its IPv4 half, when it is mapped.
            const std::size_t offset = info.local.family == Family::ipv6 ? 12 : 0;
            std::memcpy(&source, info.local.bytes.data() + offset, sizeof source);
        }
        if (System::packet_item >= 0 && chosen) {
            packet.ipi_ifindex = static_cast<decltype(packet.ipi_ifindex)>(info.interface_index);
            writer.put(System::level, System::packet_item, packet);
        } else if (System::source_item >= 0 && has_source) {
            // The interface is the routes' choice: an answer to where a question came in needs no
            // more.
            writer.put(System::level, System::source_item, source);
        } else if (chosen) {
            return System::unsupported();
        }
        return put_ipv4_header(writer, info);
    }

    static Error put_ipv4_header(Writer& writer, const PacketInfo& info) {
        using SentClass = typename System::SentClass;
        const bool hops = info.hop_limit >= 0;
        const bool classed = info.traffic_class >= 0;
        if (hops && System::sent_hop_limit_item < 0) return System::unsupported();
        if (classed && System::sent_class_item < 0) return System::unsupported();
        if (hops) writer.put(System::level, System::sent_hop_limit_item, int{info.hop_limit});
        if (classed) {
            writer.put(System::level, System::sent_class_item,
                       static_cast<SentClass>(info.traffic_class));
        }
        return {};
    }

    static Error put_ipv6(Writer& writer, const PacketInfo& info) {
        if (has_ipv4(info.local) || info.local.family == Family::local) return System::invalid();
        if (info.local.family == Family::ipv6 || info.interface_index != 0) {
            typename System::Ipv6Packet packet{};
            packet.ipi6_ifindex = static_cast<decltype(packet.ipi6_ifindex)>(info.interface_index);
            if (info.local.family == Family::ipv6) {
                std::memcpy(&packet.ipi6_addr, info.local.bytes.data(), sizeof packet.ipi6_addr);
            }
            writer.put(System::level6, System::packet_item6, packet);
        }
        if (info.hop_limit >= 0) {
            writer.put(System::level6, System::hop_limit_item6, int{info.hop_limit});
        }
        if (info.traffic_class >= 0) {
            writer.put(System::level6, System::class_item6, int{info.traffic_class});
        }
        return {};
    }
};

}  // namespace platform
