// Endpoint to sockaddr and back: the one place that knows the layouts. For platform/ only.
// Nothing beyond the length that the system reported is read, and a Unix path may fill sun_path
// without a terminating NUL: Linux then reports a length greater than sizeof(sockaddr_un).
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>

#include "platform/endpoint.h"
#include "platform/posix_options.h"

namespace platform {

inline constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);
inline constexpr std::size_t path_max = sizeof(sockaddr_un) - path_offset;

// The length in use; 0 for Family::none, and for a path that this system has no room for.
socklen_t to_sockaddr(const Endpoint&, sockaddr_storage&);

// Family::none when the system reported nothing (or something that is no address of ours). The
// source may lie anywhere, in a control message for example.
void read_sockaddr(const void* source, std::size_t size, Endpoint&);

inline Endpoint to_endpoint(const void* source, std::size_t size) {
    Endpoint endpoint;
    read_sockaddr(source, size, endpoint);
    return endpoint;
}

inline Endpoint to_endpoint(const sockaddr_storage& storage, socklen_t reported) {
    return to_endpoint(&storage, std::min<std::size_t>(reported, sizeof storage));
}

// An IPv4 address in IPv6 clothes (RFC 4291): the IPv4 half of a dual-stack socket.
inline bool is_mapped(const Endpoint& endpoint) {
    return endpoint.family == Family::ipv6 &&
           IN6_IS_ADDR_V4MAPPED(reinterpret_cast<const in6_addr*>(endpoint.bytes.data()));
}

inline bool is_unspecified(const Endpoint& endpoint) {
    return std::all_of(endpoint.bytes.data(), endpoint.bytes.data() + endpoint.size,
                       [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace platform
