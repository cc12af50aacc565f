// Endpoint to sockaddr and back, as Winsock lays them out. For platform/ only.
// There are no paths among them: Windows has Unix-domain streams, but no such datagrams.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

#include "platform/endpoint.h"
#include "platform/windows_system.h"

namespace platform {

// The length in use; 0 for what Windows has no address for.
inline int to_sockaddr(const Endpoint& endpoint, SOCKADDR_STORAGE& storage) {
    if (endpoint.family == Family::ipv4) {
        auto* address = new (&storage) sockaddr_in{};
        address->sin_family = AF_INET;
        address->sin_port = htons(endpoint.port);
        std::memcpy(&address->sin_addr, endpoint.bytes.data(), sizeof address->sin_addr);
        return sizeof *address;
    }
    if (endpoint.family == Family::ipv6) {
        auto* address = new (&storage) sockaddr_in6{};
        address->sin6_family = AF_INET6;
        address->sin6_port = htons(endpoint.port);
        address->sin6_scope_id = endpoint.scope;
        std::memcpy(&address->sin6_addr, endpoint.bytes.data(), sizeof address->sin6_addr);
        return sizeof *address;
    }
    return 0;
}

// Family::none when the system reported nothing. Written in place, because this runs for every
// datagram, and most of an Endpoint is room for a path.
inline void read_sockaddr(const void* source, std::size_t size, Endpoint& endpoint) {
    endpoint.family = Family::none;
    endpoint.size = 0;
    endpoint.port = 0;
    endpoint.scope = 0;
    ADDRESS_FAMILY family = AF_UNSPEC;
    if (size < sizeof family) return;
    std::memcpy(&family, source, sizeof family);
    if (family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in address;
        std::memcpy(&address, source, sizeof address);
        endpoint.family = Family::ipv4;
        endpoint.size = sizeof address.sin_addr;
        endpoint.port = ntohs(address.sin_port);
        std::memcpy(endpoint.bytes.data(), &address.sin_addr, sizeof address.sin_addr);
    } else if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 address;
        std::memcpy(&address, source, sizeof address);
        endpoint.family = Family::ipv6;
        endpoint.size = sizeof address.sin6_addr;
        endpoint.port = ntohs(address.sin6_port);
        endpoint.scope = address.sin6_scope_id;
        std::memcpy(endpoint.bytes.data(), &address.sin6_addr, sizeof address.sin6_addr);
    }
}

inline Endpoint to_endpoint(const void* source, std::size_t size) {
    Endpoint endpoint;
    read_sockaddr(source, size, endpoint);
    return endpoint;
}

// An IPv4 address in IPv6 clothes (RFC 4291): the IPv4 half of a dual-stack socket.
inline bool is_mapped(const Endpoint& endpoint) {
    constexpr std::uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return endpoint.family == Family::ipv6 &&
           std::memcmp(endpoint.bytes.data(), prefix, sizeof prefix) == 0;
}

// The IPv4 form of an address that may be mapped; all zero when it is neither.
inline IN_ADDR to_ipv4(const Endpoint& endpoint) {
    IN_ADDR address{};
    const std::size_t offset = endpoint.family == Family::ipv6 ? 12 : 0;
    if (endpoint.family != Family::none) {
        std::memcpy(&address, endpoint.bytes.data() + offset, sizeof address);
    }
    return address;
}

inline bool is_unspecified(const Endpoint& endpoint) {
    return std::all_of(endpoint.bytes.data(), endpoint.bytes.data() + endpoint.size,
                       [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace platform
