// Where a datagram comes from or goes to: a value, free of system headers and of text.
// Only the first `size` bytes mean anything; the rest is never read, so nobody has to clear it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace platform {

enum class Family : std::uint8_t { none, ipv4, ipv6, local };

struct Endpoint {
    Family family = Family::none;
    std::uint8_t size = 0;    // Bytes in use: 4, 16, or a path's length; 0 for an unnamed peer.
    std::uint16_t port = 0;   // In host byte order.
    std::uint32_t scope = 0;  // IPv6 zone (RFC 4007) as an interface index; 0 for none.
    std::array<std::uint8_t, 108> bytes;  // Network byte order; an abstract name starts with NUL.

    friend bool operator==(const Endpoint& a, const Endpoint& b) {
        if (a.family != b.family || a.size != b.size || a.port != b.port || a.scope != b.scope) {
            return false;
        }
        const std::uint8_t* const begin = a.bytes.data();
        // Most are of this size, which the compiler then knows.
        if (a.size == 4) return std::equal(begin, begin + 4, b.bytes.data());
        return std::equal(begin, begin + a.size, b.bytes.data());
    }
};

}  // namespace platform
