// What travels beside the payload, as each Unix tells it: destination, source, interface, hop
// limit, traffic class, time, and how much the kernel has dropped.
// The catch: systems differ in what they tell (OpenBSD and NetBSD no IPv4 class, only Linux its
// drops) and in what they take for IPv4 (hops only Linux; FreeBSD and OpenBSD no interface).
#ifndef _WIN32

#define __APPLE_USE_RFC_3542  // Without it macOS means an older IPV6_PKTINFO.

#include <net/if.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <time.h>

#include "platform/packet_codec.h"
#include "platform/posix_address.h"
#include "platform/posix_control.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"

namespace platform {

namespace {

struct Unix {
    using Ipv4Packet = platform::Ipv4Packet;
    using Ipv6Packet = in6_pktinfo;
    static constexpr int level = IPPROTO_IP;
    static constexpr int level6 = IPPROTO_IPV6;
    static constexpr int socket_level = SOL_SOCKET;
    static constexpr int packet_item = platform::packet_item;
    static constexpr int source_item = platform::source_item;
    static constexpr int sent_hop_limit_item = platform::sent_hop_limit_item;
    static constexpr int sent_class_item = platform::sent_class_item;
    using SentClass = platform::SentClass;
    static constexpr int hop_limit_items[] = {IP_TTL, receive_hop_limit_option};
    static constexpr int class_items[] = {IP_TOS, receive_class_option};
    static constexpr int packet_item6 = IPV6_PKTINFO;
    static constexpr int hop_limit_item6 = IPV6_HOPLIMIT;
    static constexpr int class_item6 = IPV6_TCLASS;

    static bool is_mapped(const Endpoint& endpoint) { return platform::is_mapped(endpoint); }
    static in_addr& source_of(Ipv4Packet& packet) { return packet.ipi_spec_dst; }

    // What Linux would answer from differs from what was written to. (macOS names nobody here.)
    static bool is_to_many(const Ipv4Packet& packet) {
        return packet.ipi_spec_dst.s_addr != INADDR_ANY &&
               packet.ipi_spec_dst.s_addr != packet.ipi_addr.s_addr;
    }

    static void read_ipv4(const ControlItem&, PacketInfo&);
    static void read_socket(const ControlItem&, PacketInfo&);
    static Error invalid() { return to_error(EINVAL, Operation::send); }
    static Error unsupported() { return to_error(ENOTSUP, Operation::send); }
};

using Messages = PacketMessages<Unix, PosixControlWriter>;

// The BSDs' two messages.
void Unix::read_ipv4(const ControlItem& item, PacketInfo& info) {
    if (item.type == destination_item) {
        in_addr address;
        if (!item.read(address)) return;
        Messages::set_address(info.local, Family::ipv4, &address, sizeof address);
    } else if (item.type == interface_item) {
        // A sockaddr_dl: length and family, a byte each, then the index.
        std::uint16_t link[2];
        if (item.read(link)) info.interface_index = link[1];
    }
}

void Unix::read_socket(const ControlItem& item, PacketInfo& info) {
    timespec exact;
    timeval time;
    if (item.type == exact_time_item) {
        if (!item.read(exact)) return;
        info.timestamp = std::int64_t{exact.tv_sec} * 1'000'000'000 + exact.tv_nsec;
    } else if (item.type == SCM_TIMESTAMP) {
        if (!item.read(time)) return;
        info.timestamp = std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_usec * 1'000;
    } else if (item.type == drops_option) {
        (void)item.read(info.drops);
    }
}

}  // namespace

const PacketCodec packet_codec{Messages::clear, Messages::read, Messages::put};

}  // namespace platform

#endif
