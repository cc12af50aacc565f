// control.h on top of WSACMSGHDR. For platform/ only.
#pragma once

#include <cstddef>
#include <span>

#include "platform/control.h"
#include "platform/platform.h"
#include "platform/windows_system.h"

namespace platform {

struct WindowsControl {
    using Header = WSACMSGHDR;
    static constexpr std::size_t length(std::size_t payload) { return data_offset + payload; }
    static constexpr std::size_t space(std::size_t payload) {
        return data_offset + (payload + alignment - 1) / alignment * alignment;
    }
    static void attach(WSAMSG& message, std::byte* bytes, std::size_t size) {
        message.Control.buf = reinterpret_cast<char*>(bytes);
        message.Control.len = static_cast<ULONG>(size);
    }

   private:
    // As in mswsock.h, whose macros are no constant expressions everywhere.
    static constexpr std::size_t alignment = alignof(Header);
    static constexpr std::size_t data_offset =
        (sizeof(Header) + sizeof(void*) - 1) / sizeof(void*) * sizeof(void*);
};

using WindowsControlWriter = ControlWriter<WindowsControl, WSAMSG>;
using WindowsControlReader = ControlReader<WindowsControl>;

// A PacketInfo's way from and to control messages.
struct PacketCodec {
    void (*clear)(PacketInfo&);
    void (*read)(const ControlItem&, PacketInfo&);
    Error (*put)(WindowsControlWriter&, const PacketInfo&, const Endpoint& destination);
};

}  // namespace platform
