// What has become of a socket's datagrams, or of those of all sockets of a loop: for monitoring.
// Counted once for each system call rather than for each datagram, which is next to nothing.
#pragma once

#include <cstdint>

namespace core {
class Loop;
}

namespace net {

// Since the socket was made. What a receiver dropped is a part of what it received.
struct Counters {
    std::uint64_t sent = 0;        // Datagrams that the system took,
    std::uint64_t sent_bytes = 0;  // and their bytes.
    std::uint64_t failed = 0;      // Sends that were accepted and never left: their outcome was an
                                   // error, or the socket was destroyed.
    std::uint64_t refused = 0;     // Sends that the queue had no room for: ENOBUFS.

    std::uint64_t received = 0;        // Datagrams that the system handed over,
    std::uint64_t received_bytes = 0;  // and their bytes.
    std::uint64_t truncated = 0;       // Of these: longer than 65,536 bytes (unix_dgram).
    std::uint64_t blocked = 0;         // Of these: dropped because of receive_block_list,
    std::uint64_t strangers = 0;       // because they were not the connected peer's,
    std::uint64_t unheard = 0;         // because nobody listened, or the socket had been closed, or
                                       // there was no memory to keep them while it was paused.

    std::uint64_t overflowed = 0;  // Never handed over: the system dropped them, as its receive
                                   // buffer was full (a train counts as one). Linux and the
                                   // simulation; 0 elsewhere.

    Counters& operator+=(const Counters& other) {
        sent += other.sent;
        sent_bytes += other.sent_bytes;
        failed += other.failed;
        refused += other.refused;
        received += other.received;
        received_bytes += other.received_bytes;
        truncated += other.truncated;
        blocked += other.blocked;
        strangers += other.strangers;
        unheard += other.unheard;
        overflowed += other.overflowed;
        return *this;
    }
    bool operator==(const Counters&) const = default;
};

// Of all sockets that the loop has had, those that are gone included. Asks the system once for each
// open socket, for `overflowed`. On the loop's thread.
Counters counters(core::Loop&);

}  // namespace net
