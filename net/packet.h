// What travels beside a payload, and what comes back because of one: packet information, the
// options of a single send, and what ICMP says. Each only for those who ask: the options below
// bring along what they need, and a program that leaves them alone does not link it.
#pragma once

#include <cstdint>

#include "net/address.h"
#include "platform/platform.h"

namespace core {
struct Source;
}

namespace net {

// Of a received datagram: `local`, where it was sent to, `interface_index`, `hop_limit`,
// `traffic_class` with dscp() and ecn(), `timestamp`, `drops`. What a system does not tell is
// Family::none, -1, or 0: see the README's table.
using platform::PacketInfo;

// For one send. What is left out is the socket's, or the system's own choice.
struct SendOptions {
    Address source{};                   // One of ours; its port is ignored. EINVAL, EADDRNOTAVAIL.
    std::uint32_t interface_index = 0;  // Where it leaves, as in a zone "%2"; ENODEV, ENOTSUP.
    int hop_limit = -1;                 // 1..255, of multicasts too.
    int traffic_class = -1;             // 0..255: DSCP times four, plus ECN.
    bool dont_fragment = false;         // EMSGSIZE for what is longer than path_mtu(); ENOTSUP.
};

// What ICMP said of a datagram of ours that had left. (What this host would not let leave is the
// outcome of its send, and no report.)
struct Report {
    Address destination;     // Where it went: any of our peers.
    Address offender;        // Who said so: a router, the destination, or this host for a
                             // neighbour that does not answer.
    Error error;             // ECONNREFUSED, EHOSTUNREACH, EMSGSIZE and others.
    std::uint8_t type = 0;   // Of the ICMP or ICMPv6 message (RFC 792, RFC 4443).
    std::uint8_t code = 0;
    std::uint32_t mtu = 0;   // Of EMSGSIZE: the longest packet that passes, headers included.
};

// What a socket does to have an option, when it is bound. An error fails the bind.
using Preparation = Error (*)(core::Source&);

// Options::packet_info: true or false.
class PacketInfoSwitch {
   public:
    constexpr PacketInfoSwitch(bool on = false) : prepare(on ? start : nullptr) {}
    constexpr explicit operator bool() const { return prepare != nullptr; }

   private:
    static Error start(core::Source&);

   public:
    Preparation prepare;  // For net/ only.
};

// Options::errors: whose ICMP errors a socket hears of.
class Errors {
   public:
    static const Errors none;       // Nobody's, not even a connected peer's.
    static const Errors connected;  // The connected peer's: 'error', once a tick for each code.
    static const Errors all;        // And every other peer's, as 'report' alone; ENOTSUP.

    friend constexpr bool operator==(const Errors& a, const Errors& b) {
        return a.extent_ == b.extent_;
    }

   private:
    constexpr Errors(int extent, Preparation wanted) : prepare(wanted), extent_(extent) {}
    static Error start(core::Source&);

   public:
    Preparation prepare;  // For net/ only.

   private:
    int extent_;
};

inline constexpr Errors Errors::none{0, nullptr};
inline constexpr Errors Errors::connected{1, nullptr};
inline constexpr Errors Errors::all{2, Errors::start};

}  // namespace net
