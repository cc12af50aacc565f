// What the files of processes and of their channels ask of each other on Windows. For platform/
// only.
#pragma once

#include <utility>

#include "platform/windows_sockets.h"

namespace platform {

// Names a pipe's handle, in which lies the description of a started program's end of its channel:
// a socket cannot be inherited, but by luck (not by Wine's, nor with layered providers).
inline constexpr const char channel_variable[] = "VOLLEY_CHANNEL";

// A stream that is closed with its scope.
class StreamEnd {
   public:
    explicit StreamEnd(SOCKET socket = INVALID_SOCKET) : socket_(socket) {}
    StreamEnd(StreamEnd&& other) noexcept : socket_(other.release()) {}
    ~StreamEnd() {
        if (socket_ != INVALID_SOCKET) closesocket(socket_);
    }
    StreamEnd& operator=(StreamEnd&&) = delete;
    explicit operator bool() const { return socket_ != INVALID_SOCKET; }
    SOCKET get() const { return socket_; }
    SOCKET release() { return std::exchange(socket_, INVALID_SOCKET); }

   private:
    SOCKET socket_;
};

struct ChannelPair {
    StreamEnd near_end;
    StreamEnd far_end;
};

Result<ChannelPair> make_channel_pair();  // Of private ends.

// The guest of this name, in time; others are turned away. The door is a listener that does not
// block.
StreamEnd let_in(SOCKET door, const sockaddr_in& expected);

// Whether there is something to read, or will be in time: what was sent on this very host.
bool arrives(SOCKET);

// Takes the end over. Whose other end is in the process is the one who may pass sockets; none (0)
// makes the end that they may be passed to.
Result<Channel> make_channel(StreamEnd, DWORD process);

}  // namespace platform
