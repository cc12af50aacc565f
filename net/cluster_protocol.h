// What a cluster's primary and its workers tell each other, one notice a message. The two are parts
// of one program, but a worker may be broken or an impostor, so every byte that arrives is checked:
// the kind, the length, each value's range.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/datagram.h"
#include "platform/platform.h"

namespace net {

inline constexpr std::uint32_t cluster_version = 1;

// A socket that a worker asks for. Equal ones are the same socket in all workers: what they differ
// in otherwise is as the first one has asked for it.
struct SharedKey {
    Type type = Type::udp4;
    bool reuse_addr = false;
    bool ipv6_only = false;
    std::uint32_t path_mode = 0;  // Of a unix socket's file.
    std::int64_t fd = 0;          // Not zero: the primary's own descriptor, and no address.
    std::uint32_t index = 0;      // How many equal ones the worker has besides.
    Endpoint local{};

    bool same_address(const SharedKey& other) const {
        return type == other.type && fd == other.fd && local == other.local;
    }
    bool operator==(const SharedKey& other) const {
        return index == other.index && same_address(other);
    }
};

struct Notice {
    enum class Kind : std::uint8_t {
        welcome,    // To a worker that begins: `number` is its own, and `version`.
        hello,      // From it: `version`.
        ask,        // It binds: `number` stands for the request, and `key`.
        granted,    // The socket comes along; `number`.
        refused,    // `number`, `error`.
        listening,  // It receives: `number`, `key.type` and `address`.
        released,   // It has closed the socket, or asks no more: `number`.
        text,       // The user's: `bytes`.
        stop,       // To a worker: it is to end.
        goodbye,    // From it: the channel will be closed on purpose.
    };
    Kind kind = Kind::text;
    std::uint32_t number = 0;
    std::uint32_t version = 0;
    SharedKey key{};
    Address address{};
    Error error{};
    std::span<const std::byte> bytes{};  // A view of what was read.
};

// How much of a message is left for `bytes`.
inline constexpr std::size_t cluster_text_max = platform::Channel::message_max - 1;

// How many bytes were written; zero when there is no room.
std::size_t write(const Notice&, std::span<std::byte> room);

// False: that is no notice.
bool read(std::span<const std::byte> message, Notice&);

constexpr Family family_of(Type type) {
    return type == Type::udp4   ? Family::ipv4
           : type == Type::udp6 ? Family::ipv6
                                : Family::local;
}

}  // namespace net
