// What travels beside the payload, from and to Winsock's control messages: destination, source,
// interface, hop limit, traffic class. Whoever has no PacketInfo does not link it.
// The catch: there is no time and no count of drops, and the destination of a broadcast looks like
// any other.
#ifdef _WIN32

#include "platform/packet_codec.h"
#include "platform/windows_address.h"
#include "platform/windows_control.h"
#include "platform/windows_error.h"

namespace platform {

namespace {

struct Windows {
    using Ipv4Packet = IN_PKTINFO;
    using Ipv6Packet = IN6_PKTINFO;
    static constexpr int level = IPPROTO_IP;
    static constexpr int level6 = IPPROTO_IPV6;
    static constexpr int socket_level = SOL_SOCKET;
    static constexpr int packet_item = IP_PKTINFO;
    static constexpr int source_item = -1;
    static constexpr int sent_hop_limit_item = IP_TTL;
    static constexpr int sent_class_item = IP_TOS;
    using SentClass = int;
    static constexpr int hop_limit_items[] = {IP_TTL, IP_RECVTTL};
    static constexpr int class_items[] = {IP_TOS, IP_TOS};
    static constexpr int packet_item6 = IPV6_PKTINFO;
    static constexpr int hop_limit_item6 = IPV6_HOPLIMIT;
    static constexpr int class_item6 = 39;  // IPV6_TCLASS; not in every ws2ipdef.h.

    static bool is_mapped(const Endpoint& endpoint) { return platform::is_mapped(endpoint); }
    static IN_ADDR& source_of(Ipv4Packet& packet) { return packet.ipi_addr; }
    static bool is_to_many(const Ipv4Packet&) { return false; }
    static void read_ipv4(const ControlItem&, PacketInfo&) {}
    static void read_socket(const ControlItem&, PacketInfo&) {}
    static Error invalid() { return to_error(WSAEINVAL, Operation::send); }
    static Error unsupported() { return to_error(WSAEOPNOTSUPP, Operation::send); }
};

using Messages = PacketMessages<Windows, WindowsControlWriter>;

}  // namespace

const PacketCodec packet_codec{Messages::clear, Messages::read, Messages::put};

}  // namespace platform

#endif
