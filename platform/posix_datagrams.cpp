// How datagrams move where a system knows of one at a time only: recvmsg and sendmsg.
// Goes with poll.cpp, and with the kqueue of DragonFly, which has no batch calls.
#if !defined(_WIN32) &&                                                                        \
    (defined(VOLLEY_USE_POLL) || defined(__DragonFly__) ||                                     \
     !(defined(VOLLEY_USE_KQUEUE) || defined(__linux__) || defined(__APPLE__) ||               \
       defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)))

#include "platform/posix_error.h"
#include "platform/posix_message.h"
#include "platform/posix_sockets.h"

namespace platform {

Result<std::size_t> receive(Socket socket, std::span<Incoming> incoming) {
    if (incoming.empty()) return to_error(EINVAL, Operation::receive);
    return receive_singly(descriptor_of(socket), incoming);
}

Result<std::size_t> send(Socket socket, std::span<const Outgoing> outgoing) {
    if (outgoing.empty()) return to_error(EINVAL, Operation::send);
    const Sent sent = send_singly(socket, outgoing);
    if (sent.count == 0) return sent.error;
    return sent.count;
}

}  // namespace platform

#endif
