// What the windows_*.cpp files ask of each other. For platform/ only.
#pragma once

#include "platform/platform.h"
#include "platform/windows_system.h"

namespace platform {

inline SOCKET handle_of(Socket socket) { return static_cast<SOCKET>(socket.handle); }

// Wakes up Winsock; it is never put to sleep again, because a look-up may outlive everything.
Error start_winsock(Operation);

// What Winsock said of this handle: where there is no handle at all, EBADF as everywhere else.
Error socket_error(SOCKET, Operation);

// Family::none for a handle that is no socket of ours.
Family family_of(SOCKET);

// Why there is no such option: it is not for this kind of socket, or this is no socket at all.
Error unavailable(SOCKET, Operation);

// What is wrong with an endpoint that to_sockaddr() has refused.
Error unusable(const Endpoint&, Operation);

Error set_integer(SOCKET, int level, int option, DWORD value);
Result<std::int32_t> get_integer(SOCKET, int level, int option);

// Sends it without asking first whether the system can.
Error send_train(Socket, const Outgoing&);

// How many datagrams a train may have; 0 where the system cuts none.
std::uint16_t known_segments_max();

}  // namespace platform
