// Endpoint to sockaddr and back, see posix_address.h.
#ifndef _WIN32

#include "platform/posix_address.h"

#include <cstring>
#include <new>

namespace platform {

socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& storage) {
    switch (endpoint.family) {
        case Family::none: return 0;
        case Family::ipv4: {
            auto* address = new (&storage) sockaddr_in{};
            address->sin_family = AF_INET;
            address->sin_port = htons(endpoint.port);
            std::memcpy(&address->sin_addr, endpoint.bytes.data(), sizeof address->sin_addr);
            set_length(storage, sizeof *address);
            return sizeof *address;
        }
        case Family::ipv6: {
            auto* address = new (&storage) sockaddr_in6{};
            address->sin6_family = AF_INET6;
            address->sin6_port = htons(endpoint.port);
            address->sin6_scope_id = endpoint.scope;
            std::memcpy(&address->sin6_addr, endpoint.bytes.data(), sizeof address->sin6_addr);
            set_length(storage, sizeof *address);
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

namespace {

std::size_t path_size(const char* path, std::size_t reported) {
    const std::size_t limit = std::min(reported, path_max);
    if (limit == 0) return 0;
    return path[0] == 0 && abstract_names ? limit : strnlen(path, limit);
}

}  // namespace

// Written in place, because this runs for every datagram, and most of an Endpoint is room for a
// path; and copied out, because the source may not be aligned.
void read_sockaddr(const void* source, std::size_t size, Endpoint& endpoint) {
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

}  // namespace platform

#endif
