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
#include <cstring>
#include <new>

#include "platform/endpoint.h"

namespace platform {

inline constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);
inline constexpr std::size_t path_max = sizeof(sockaddr_un) - path_offset;

// The length in use; 0 for Family::none, and for a path that this system has no room for.
inline socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& storage) {
    switch (endpoint.family) {
        case Family::none: return 0;
        case Family::ipv4: {
            auto* address = new (&storage) sockaddr_in{};
            address->sin_family = AF_INET;
            address->sin_port = htons(endpoint.port);
            std::memcpy(&address->sin_addr, endpoint.bytes.data(), sizeof address->sin_addr);
            return sizeof *address;
        }
        case Family::ipv6: {
            auto* address = new (&storage) sockaddr_in6{};
            address->sin6_family = AF_INET6;
            address->sin6_port = htons(endpoint.port);
            address->sin6_scope_id = endpoint.scope;
            std::memcpy(&address->sin6_addr, endpoint.bytes.data(), sizeof address->sin6_addr);
            return sizeof *address;
        }
        case Family::local: {
            if (endpoint.size > path_max) return 0;
            auto* address = new (&storage) sockaddr_un{};
            address->sun_family = AF_UNIX;
            std::memcpy(address->sun_path, endpoint.bytes.data(), endpoint.size);
            const bool terminated =
                endpoint.size > 0 && endpoint.bytes[0] != 0 && endpoint.size < path_max;
            return static_cast<socklen_t>(path_offset + endpoint.size + (terminated ? 1 : 0));
        }
    }
    return 0;
}

inline std::size_t path_size(const char* path, std::size_t reported) {
    const std::size_t limit = std::min(reported, path_max);
    if (limit == 0) return 0;
    return path[0] == 0 ? limit : strnlen(path, limit);
}

// Family::none when the system reported nothing (or something that is no address of ours). The
// source may lie anywhere, in a control message for example, so it is copied out. Written in place,
// because this runs for every datagram, and most of an Endpoint is room for a path.
inline void read_sockaddr(const void* source, std::size_t size, Endpoint& endpoint) {
    endpoint.family = Family::none;
    endpoint.size = 0;
    endpoint.port = 0;
    endpoint.scope = 0;
    sockaddr header{};
    if (size < path_offset) return;
    std::memcpy(&header, source, path_offset);
    if (header.sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in address;
        std::memcpy(&address, source, sizeof address);
        endpoint.family = Family::ipv4;
        endpoint.size = sizeof address.sin_addr;
        endpoint.port = ntohs(address.sin_port);
        std::memcpy(endpoint.bytes.data(), &address.sin_addr, sizeof address.sin_addr);
    } else if (header.sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 address;
        std::memcpy(&address, source, sizeof address);
        endpoint.family = Family::ipv6;
        endpoint.size = sizeof address.sin6_addr;
        endpoint.port = ntohs(address.sin6_port);
        endpoint.scope = address.sin6_scope_id;
        std::memcpy(endpoint.bytes.data(), &address.sin6_addr, sizeof address.sin6_addr);
    } else if (header.sa_family == AF_UNIX) {
        const char* path = static_cast<const char*>(source) + path_offset;
        endpoint.family = Family::local;
        endpoint.size = static_cast<std::uint8_t>(path_size(path, size - path_offset));
        std::memcpy(endpoint.bytes.data(), path, endpoint.size);
    }
}

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
