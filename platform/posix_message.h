// One datagram as recvmsg and sendmsg want it, for the Unixes that cut no trains: what the
// *_datagrams.cpp share, whether their system moves one at a time or many. For platform/ only.
#pragma once

#include <sys/time.h>
#include <sys/uio.h>

#include "platform/posix_address.h"
#include "platform/posix_control.h"
#include "platform/platform.h"

namespace platform {

constexpr std::size_t batch_max = 32;
constexpr std::size_t parts_on_stack = 256;

// What Option::packet_info brings in. A dual-stack socket gets some of it twice, once for each
// stack, but never both kinds of packet information.
constexpr std::size_t received_control_size =
    PosixControl::room(sizeof(timeval)) + PosixControl::room(64) +  // An interface's address.
    PosixControl::room(sizeof(std::uint32_t)) +                      // A count of drops.
    PosixControl::room(sizeof(in6_pktinfo)) + 4 * PosixControl::room(sizeof(int));
constexpr std::size_t sent_control_size =
    PosixControl::room(sizeof(in6_pktinfo)) + 2 * PosixControl::room(sizeof(int));

// What a datagram needs beside its payload. Left as it is until the kernel fills it.
struct Arrival {
    sockaddr_storage name;
    iovec part;
    ControlBuffer<PosixControl, received_control_size> control;

    void prepare(msghdr&, const Incoming&);
};

void fill(int descriptor, const msghdr&, std::size_t size, Incoming&);

// What a datagram needs beside its parts. An error when it cannot leave in this form at all.
struct Departure {
    sockaddr_storage name;
    ControlBuffer<PosixControl, sent_control_size> control;

    Error prepare(msghdr&, Socket, const Outgoing&, iovec* parts);
};

Result<std::size_t> receive_one(int descriptor, Incoming&);
Error send_one(Socket, const Outgoing&);

// One after the other, where there is no call for many. At least one is asked for.
Result<std::size_t> receive_singly(int descriptor, std::span<Incoming>);

struct Sent {
    std::size_t count = 0;
    Error error;  // Why the next one did not leave.
};
Sent send_singly(Socket, std::span<const Outgoing>);

}  // namespace platform
