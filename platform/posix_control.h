// control.h on top of cmsghdr. For platform/ only.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <span>

#include "platform/control.h"
#include "platform/platform.h"

namespace platform {

struct PosixControl {
    using Header = cmsghdr;
    static std::size_t length(std::size_t payload) { return CMSG_LEN(payload); }
    static std::size_t space(std::size_t payload) { return CMSG_SPACE(payload); }
    // What space() never exceeds, for the compiler: NetBSD knows its alignment at run time only.
    static constexpr std::size_t room(std::size_t payload) {
        return rounded(sizeof(cmsghdr)) + rounded(payload);
    }
    static constexpr std::size_t rounded(std::size_t size) { return (size + 15) / 16 * 16; }
    static void attach(msghdr& message, std::byte* bytes, std::size_t size) {
        message.msg_control = bytes;
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(size);
    }
};

using PosixControlWriter = ControlWriter<PosixControl, msghdr>;
using PosixControlReader = ControlReader<PosixControl>;

// A PacketInfo's way from and to control messages.
struct PacketCodec {
    void (*clear)(PacketInfo&);
    void (*read)(const ControlItem&, PacketInfo&);
    // EINVAL: the source is of another family than the destination. ENOTSUP: not on this system.
    Error (*put)(PosixControlWriter&, const PacketInfo&, const Endpoint& destination);
};

inline PosixControlReader received_control(const msghdr& message) {
    return PosixControlReader({static_cast<const std::byte*>(message.msg_control),
                               static_cast<std::size_t>(message.msg_controllen)});
}

// Whoever can send to a Unix socket can pass descriptors along; nobody asked for them.
inline void close_passed_descriptors(const ControlItem& item) {
    for (std::size_t at = 0; at + sizeof(int) <= item.data.size(); at += sizeof(int)) {
        int descriptor;
        std::memcpy(&descriptor, item.data.data() + at, sizeof descriptor);
        ::close(descriptor);
    }
}

}  // namespace platform
