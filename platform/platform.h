// Everything the library asks of an operating system: the seam.
//
// The linker chooses the implementation; README.md beside this file lists the invariants. Nothing
// here calls up (a Job's functions excepted), and nothing blocks but Poller::wait and resolve (and
// the calls for paths, which may wait 50 ms for each other).
// What creates or asks takes the Poller: a simulated system knows its host by it.
#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "platform/endpoint.h"
#include "platform/error.h"

namespace platform {

// ---- Time and readiness --------------------------------------------------------------------

// Monotonic; the origin is the system's own.
struct Instant {
    std::int64_t nanoseconds = 0;
    static constexpr Instant never() { return {INT64_MAX}; }
    auto operator<=>(const Instant&) const = default;
};

struct Socket {
    std::intptr_t handle = -1;
    explicit operator bool() const { return handle != -1; }
    bool operator==(const Socket&) const = default;
};

// Chosen by the caller and handed back untouched. Holds a slot index and a generation, so that an
// event for a socket closed meanwhile can be recognised.
struct Token {
    std::uint32_t value = 0;
    bool operator==(const Token&) const = default;
};

struct Interest {
    bool readable = false;
    bool writable = false;
    bool operator==(const Interest&) const = default;
};

// A socket in an error state is reported readable and writable: the next call tells why.
struct Event {
    Token token;
    bool readable = false;
    bool writable = false;
};

// Level-triggered readiness, for one thread.
class Poller {
   public:
    static Result<std::unique_ptr<Poller>> open();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    Instant now() const;
    Error watch(Socket, Token, Interest);  // Adds, or replaces the interest.
    void forget(Socket, Token);            // Before close(); pausing is forgetting too.

    // Sleeps until something is ready, the deadline passes, wake() is called or a signal arrives.
    // The events stay valid until the next call.
    Result<std::span<const Event>> wait(Instant deadline);
    void wake();  // The only call open to other threads and to signal handlers.

    // What another loop can poll instead of calling wait(); ENOTSUP where the system has none.
    Result<std::intptr_t> handle() const;

   private:
    struct State;
    explicit Poller(std::unique_ptr<State>);
    std::unique_ptr<State> state_;
};

// ---- Datagram sockets ----------------------------------------------------------------------

struct PacketCodec;
extern const PacketCodec packet_codec;

// What travels beside the payload. Zero or minus one: unknown, or left to the system.
struct PacketInfo {
    Endpoint local;                     // Received: the destination. Sent: the source.
    std::uint32_t interface_index = 0;
    std::int16_t hop_limit = -1;
    std::int16_t traffic_class = -1;    // DSCP and ECN (RFC 2474, RFC 3168).
    bool to_many = false;               // Received: a broadcast, where the system tells, or IPv6's
                                        // multicast; `local` is no source then.
    std::uint32_t drops = 0;            // Received: how many the kernel has dropped before it for
                                        // want of room, since the socket was opened. Linux.
    std::int64_t timestamp = 0;         // Received by the kernel, nanoseconds since 1970.
    int dscp() const { return traffic_class < 0 ? -1 : traffic_class >> 2; }
    int ecn() const { return traffic_class < 0 ? -1 : traffic_class & 3; }
    const PacketCodec* codec = &packet_codec;  // So that only who makes one links what reads it.
};

struct Incoming {
    std::span<std::byte> buffer;     // In: where to put the payload.
    bool bare = false;               // In: no trains, no info: one alone is read for less.
    std::size_t size = 0;            // Out: how much of it was filled.
    bool truncated = false;          // The datagram was longer than the buffer.
    std::uint16_t segment_size = 0;  // Not zero: datagrams of this size (GRO), the last shorter.
    Endpoint peer;                   // Family::local and size 0: a sender without a name.
    PacketInfo* info = nullptr;      // In: where to tell the rest; filled with packet_info set.
};

struct Outgoing {
    std::span<const std::span<const std::byte>> parts;  // Gathered into one datagram.
    const Endpoint* peer = nullptr;                     // Null on a connected socket.
    const PacketInfo* info = nullptr;
    std::uint16_t segment_size = 0;  // Not zero: cut into datagrams of this size (GSO).
};

// What ICMP (or the local stack) said of a datagram of ours.
struct Report {
    Endpoint destination;
    Endpoint offender;       // Who said so; Family::none when it was this host.
    Error error;
    std::uint8_t type = 0;   // Of the ICMP or ICMPv6 message; both 0 when it was this host.
    std::uint8_t code = 0;
    std::uint32_t mtu = 0;   // Of EMSGSIZE: the longest packet that passes, in bytes.
};

// Every socket is non-blocking and close-on-exec from birth, and never raises SIGPIPE.
Result<Socket> open_datagram(Poller&, Family);

// Prepares a descriptor opened elsewhere. It stays the caller's when this fails:
// ERR_INVALID_FD_TYPE when it is no datagram socket, EBADF when it is nothing.
Result<Family> adopt(Poller&, Socket);
void close(Socket);

Error bind(Socket, const Endpoint&);
Error connect(Socket, const Endpoint&);
Error disconnect(Socket);  // Linux forgets a port that the kernel chose: bind it again.
Result<Endpoint> local_endpoint(Socket);
Result<Endpoint> peer_endpoint(Socket);

// The longest packet, in bytes and with its headers, that is known to reach the peer uncut.
// ENOTCONN; ENOTSUP where the system does not tell.
Result<std::int32_t> path_mtu(Socket);

// How many were moved, at least one; or why the first was not (would_block included). A send
// reports fewer than asked for only when the next one failed: ask again to learn why.
Result<std::size_t> receive(Socket, std::span<Incoming>);
Result<std::size_t> send(Socket, std::span<const Outgoing>);

// How trains can be sent: found out once per process, by a round trip on loopback when first asked.
struct Segmentation {
    std::uint16_t segments_max = 0;  // Datagrams in one Outgoing; 0: no trains (EOPNOTSUPP).
    bool loopback_only = false;      // A kernel that spoils trains on network cards.
};
Segmentation segmentation(Poller&);

// Empties the error queue into the span: drained at every event, or it never sleeps.
// Zero: it was empty (or the system has none).
Result<std::size_t> receive_errors(Socket, std::span<Report>);

enum class Option : std::uint8_t {
    broadcast,
    reuse_address,        // Only before bind.
    reuse_port,           // Kernel load balancing; ENOTSUP where the system has none.
    only_ipv6,
    hop_limit,            // 1..255
    multicast_hop_limit,  // 0..255
    multicast_loopback,
    multicast_all,        // Hear groups that other sockets joined, too; most systems have one way.
    receive_buffer_size,  // Bytes; Linux reports twice what was set (socket(7)).
    send_buffer_size,
    packet_info,          // Fill Incoming::info.
    coalesce,             // Allow Incoming::segment_size.
    icmp_errors,          // Queue Reports; an unconnected socket's sends may fail with theirs.
    dont_fragment,        // What is longer than the path's MTU is EMSGSIZE; ENOTSUP.
};
Error set_option(Socket, Option, std::int32_t value);
Result<std::int32_t> get_option(Socket, Option);

// Datagrams that found the receive buffer full and were dropped, since the socket was opened; 0
// where the system does not tell.
std::uint32_t overflow_count(Socket);

// Interfaces are named by an Endpoint: `scope` is the index, else an IPv4 address of it;
// Family::none leaves the choice to the system.
Error set_multicast_interface(Socket, const Endpoint& interface);

struct Membership {
    Endpoint group;
    Endpoint source;  // Family::none: any source (RFC 4607 otherwise).
    Endpoint interface;
};
Error join(Socket, const Membership&);   // Twice: EADDRINUSE. No such interface: ENODEV.
Error leave(Socket, const Membership&);  // Not joined: EADDRNOTAVAIL.

// ENODEV when there is no such interface (any more).
Result<std::uint32_t> interface_index(Poller&, std::string_view name);
Result<std::uint32_t> interface_index(Poller&, const Endpoint& address);  // Of which it is one.
Result<std::size_t> interface_name(Poller&, std::uint32_t index, std::span<char>);  // Its length.
Result<std::size_t> interface_indexes(Poller&, std::span<std::uint32_t>);  // How many there are.

// ---- Unix-domain names in the file system -----------------------------------------------------

// Proof that a path is still the one that bind_path made.
struct PathClaim {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t changed = 0;  // ctime, nanoseconds since 1970.
};

// bind() for a path: replaces a dead socket (connecting to it is refused), leaves anything else
// alone. Probe, unlink and bind run under an advisory lock on the directory: one of two wins.
Result<PathClaim> bind_path(Socket, const Endpoint&, std::uint32_t mode);
void release_path(const Endpoint&, const PathClaim&);  // Unlinks it if it is still ours.

// ---- Blocking work and other threads ----------------------------------------------------------

// Embedded in the caller's own object: queueing allocates nothing. Whoever holds it last frees it.
struct Job {
    void (*run)(Job&) = nullptr;      // On a worker's thread; in a mailbox: unused.
    void (*discard)(Job&) = nullptr;  // Instead of being returned, when its queue is gone.
    Job* next = nullptr;
};

// Threads, started when there is work, gone after ten idle seconds. Of one Poller.
class Workers {
   public:
    Workers(Poller&, unsigned threads_max);
    ~Workers();  // Never waits: what is queued, running or unclaimed is discarded.
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    Error submit(Job&);  // Takes ownership, unless it fails: there is no thread (EAGAIN, ENOMEM).
    Job* finished();     // In order of completion; null when there are none. Wakes the poller.

   private:
    struct State;
    State* state_;
};

// Many threads in, one out, first in first out; a burst of posts wakes the poller once.
class Mailbox {
   public:
    explicit Mailbox(Poller&);
    ~Mailbox();  // Discards what nobody took.
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    void post(Job&);  // From any thread, and from signal handlers.
    Job* take();      // All that was posted, oldest first, linked by `next`; null when none.

   private:
    Poller& poller_;
    std::atomic<Job*> newest_{nullptr};
};

// Around a few instructions that wait for nothing themselves. Not for signal handlers.
class SpinLock {
   public:
    class Hold {
       public:
        explicit Hold(SpinLock& lock) : held_(lock.held_) {
            if (held_.exchange(true, std::memory_order_acquire)) lock.contend();
        }
        ~Hold() { held_.store(false, std::memory_order_release); }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;

       private:
        std::atomic<bool>& held_;
    };

   private:
    void contend();  // Until it is held.
    std::atomic<bool> held_{false};
};

// Posts the job at the next SIGINT or SIGTERM (Ctrl-C), once; the system's own reaction is then
// restored, so a second Ctrl-C ends a program that hangs. EBUSY when eight are waiting already; or
// why the system lets no signal be caught.
Error catch_interrupt(Mailbox&, Job&);
void release_interrupt(Job&);

// getaddrinfo(3); blocks, for use inside a Job. How many endpoints were written, at least one.
Result<std::size_t> resolve(Job&, std::string_view host, Family, std::span<Endpoint>);

// ---- Processes and their channels --------------------------------------------------------------

// What came with a message.
struct Parcel {
    std::size_t size = 0;  // Of the message.
    Socket passed;         // The one descriptor that came along: the caller's from now on.
    bool surplus = false;  // More than one came along: these have been closed.
    bool lost = false;     // One came along that there was no room for (EMFILE).
};

// Whole messages from one process to another and back, in order, each with one descriptor at most.
// On Windows only who has started the other one can pass any; the other way it is ENOTSUP.
class Channel {
   public:
    static constexpr std::size_t message_max = 16384;  // Bytes; an empty message is none.

    struct State;  // The system's part.
    explicit Channel(State* state = nullptr) : state_(state) {}
    Channel(Channel&&) noexcept;
    Channel& operator=(Channel&&) noexcept;
    ~Channel();  // Closes it: the other end is told EPIPE when it has read what was sent.

    // The far end of what start_process() has made, for the program that it started; by the
    // environment's VOLLEY_CHANNEL, unless the program runs with more rights than its caller has.
    // ENOENT: it was not started so. EBUSY: asked before. EBADF, EPERM: that is no such channel.
    static Result<Channel> inherited(Poller&);

    explicit operator bool() const { return state_ != nullptr; }
    Socket socket() const;  // To be watched. It is readable when the other end has gone, too.

    // EAGAIN: nothing was taken, try when it is writable. EPIPE: the other end has gone.
    // EMSGSIZE: too long, or empty.
    Error send(std::span<const std::byte>, Socket passed = {});
    bool unsent() const;  // What was taken has left in part only: flush() when it is writable.
    Error flush();        // EAGAIN: not yet.

    // EAGAIN: there is none. EPIPE: the other end has gone. EMSGSIZE: there is no room for it, or
    // what arrives is no message.
    Result<Parcel> receive(std::span<std::byte> room);

   private:
    State* state_;
};

Result<Socket> duplicate(Socket);  // Another descriptor of the same socket.

struct Program {
    const char* path = nullptr;  // Looked for in PATH when there is no slash in it; on Windows
                                 // beside the running program first. All texts are UTF-8 there.
    std::span<const char* const> arguments;    // Behind the path, which is the first.
    std::span<const char* const> environment;  // "NAME=value": beside or before what is inherited.
    std::span<const std::byte> greeting;       // Lies in the channel when the program begins.
};

struct Process {
    std::int64_t id = 0;  // 0: none.
    Socket ended;  // Readable when it has, where the system tells: to be watched, not closed.
};

struct StartedProcess {
    Process process;
    Channel channel;
};

// Gives the program the standard channels, its end of a channel, and no other descriptor of ours.
// Returns when it has been loaded. ENOTSUP: not on this system (the simulation); ENOENT, EACCES,
// EAGAIN, ...; EINVAL: a batch file of Windows, or what is no UTF-8 there.
Result<StartedProcess> start_process(Poller&, const Program&);

struct Ending {
    int status = -1;  // -1: a signal ended it, or somebody else has waited for it.
    int signal = 0;   // Windows: SIGKILL's or SIGTERM's number by end_process, SIGINT's by Ctrl-C.
};
Result<Ending> reap(Process&);        // EAGAIN: it has not ended. Asks for this one, no others.
// Asks it to end (SIGTERM), or makes it (SIGKILL); Windows, which cannot ask one alone, makes it.
void end_process(const Process&, bool at_once);
void release_process(Process&);       // Stops caring: nobody will reap it.

// ---- The standard channels, for tools ----------------------------------------------------------

void use_binary_channels();  // They carry bytes as they are; Windows would change line ends.

// What is there, and waits for it. Zero: the end.
Result<std::size_t> read_input(std::span<std::byte>);

// Prints one line to stderr and aborts: the end of a program that ignores an error.
[[noreturn]] void abandon(std::string_view text);

}  // namespace platform
