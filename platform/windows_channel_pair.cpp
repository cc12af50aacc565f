// The two ends of a channel on Windows: a TCP connection of this host with itself. AFD can watch
// it, which it cannot do with a pipe, and every Windows has it, which is not so of unix sockets.
// The catch: for a moment anybody on this host may knock at its door, so a guest is let in only by
// the port that is known to be ours.
#ifdef _WIN32

#include "platform/windows_channel_pair.h"

#include "platform/windows_error.h"

namespace platform {

namespace {

constexpr int strangers_max = 64;  // Who come first are turned away; more than that is an attack.
constexpr int patience = 5000;     // Milliseconds: far more than this host needs.

StreamEnd open_stream() {
    return StreamEnd(WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                                WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
}

sockaddr* address_of(sockaddr_in& name) { return reinterpret_cast<sockaddr*>(&name); }

bool is_same(const sockaddr_in& one, const sockaddr_in& other) {
    return one.sin_family == other.sin_family && one.sin_port == other.sin_port &&
           one.sin_addr.s_addr == other.sin_addr.s_addr;
}

// A door that nobody shares, at any port. False: Winsock tells why.
bool open_door(SOCKET door, sockaddr_in& name) {
    name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int size = sizeof name;
    u_long on = 1;
    return !set_integer(door, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1) &&
           ::bind(door, address_of(name), size) == 0 && listen(door, SOMAXCONN) == 0 &&
           getsockname(door, address_of(name), &size) == 0 &&
           ioctlsocket(door, static_cast<long>(FIONBIO), &on) == 0;
}

}  // namespace

bool arrives(SOCKET socket) {
    WSAPOLLFD waiting{socket, POLLRDNORM, 0};
    return WSAPoll(&waiting, 1, patience) == 1;
}

StreamEnd let_in(SOCKET door, const sockaddr_in& expected) {
    for (int i = 0; i < strangers_max && arrives(door); i++) {
        sockaddr_in name{};
        int size = sizeof name;
        StreamEnd guest(accept(door, address_of(name), &size));
        if (!guest || !is_same(name, expected)) continue;
        const auto handle = reinterpret_cast<HANDLE>(guest.get());
        if (SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0)) return guest;
    }
    return StreamEnd();
}

Result<ChannelPair> make_channel_pair() {
    if (const Error error = start_winsock(Operation::spawn)) return error;
    const StreamEnd door = open_stream();
    StreamEnd near_end = open_stream();
    if (!door || !near_end) return last_error(Operation::spawn);
    sockaddr_in name;
    if (!open_door(door.get(), name) ||
        ::connect(near_end.get(), address_of(name), sizeof name) != 0) {
        return last_error(Operation::spawn);
    }
    int size = sizeof name;
    if (getsockname(near_end.get(), address_of(name), &size) != 0) {
        return last_error(Operation::spawn);
    }
    StreamEnd far_end = let_in(door.get(), name);
    if (!far_end) return to_error(WSAETIMEDOUT, Operation::spawn);
    return ChannelPair{std::move(near_end), std::move(far_end)};
}

}  // namespace platform

#endif
