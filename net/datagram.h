// A datagram socket with the semantics of Node's dgram: udp4, udp6 and unix_dgram.
//
// Requests (bind, connect, send, close) never fail at the call and never call back inside it: each
// has exactly one outcome, on a later tick. Questions and settings answer at once. What one tick
// asks to send leaves together at its end; the bytes stay the caller's until the callback.
// Every call belongs to the loop's thread. Code names are Node's ("ERR_SOCKET_BAD_PORT").
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "core/callback.h"
#include "core/loop.h"
#include "core/stop.h"
#include "net/address.h"
#include "net/block_list.h"
#include "net/counters.h"
#include "net/failure.h"
#include "net/interface.h"
#include "net/lookup.h"
#include "net/packet.h"
#include "net/payload.h"

namespace net {

enum class Type : std::uint8_t { udp4, udp6, unix_dgram };

// What arrived. Valid until the listener returns; its bytes may be sent on as they are from inside
// the listener: the send keeps their place in the receive arena until they have left.
struct Message {
    Bytes bytes;
    const Address& sender;    // host() is "" for a unix sender without a name.
    bool truncated = false;   // A unix datagram longer than 65,536 bytes: this is its beginning.
    const PacketInfo* info = nullptr;  // With Options::packet_info, else null. As valid as bytes.

    std::size_t size() const { return bytes.size(); }
    std::string_view text() const { return bytes.text(); }
};

// For send(): an answer that comes from the address that was asked. From the system's choice where
// that was a group's or everybody's, or Options::packet_info is off.
SendOptions reply_to(const Message&);

// What arrived together: several datagrams, of one sender or of many, in the order of arrival.
using Messages = std::span<const Message>;

// One of many datagrams, and whom it is for.
struct Addressed {
    Bytes bytes;
    Address destination;
};

struct Options {
    Type type = Type::udp4;
    bool reuse_addr = false;   // Both sockets must ask. On most systems the last one gets the data.
    bool reuse_port = false;   // The kernel spreads senders over all sockets that ask; or ENOTSUP.
    bool ipv6_only = false;
    int recv_buffer_size = 0;  // Bytes; 0 for the system's choice. Applied before 'listening'.
    int send_buffer_size = 0;
    Lookup lookup{};           // Instead of the system's resolver; asked for names only.
    core::StopToken stop{};    // Closes the socket.
    std::shared_ptr<const BlockList> send_block_list{};     // Judges send and connect.
    std::shared_ptr<const BlockList> receive_block_list{};  // What it blocks is dropped, counted.
    std::chrono::nanoseconds linger = std::chrono::seconds(30);  // What close() waits at most.
    std::uint32_t path_mode = 0600;  // Of the file that a unix socket's bind makes.
    std::uint32_t send_queue_datagrams_max = 1024;
    std::size_t send_queue_bytes_max = 8u << 20;
    PacketInfoSwitch packet_info = false;  // Fill Message::info.
    Errors errors = Errors::connected;     // Whose ICMP errors 'error' and 'report' tell.
    bool rejoin = false;       // Join groups again where an interface has come back.
    bool segmentation = true;  // Equal datagrams travel as trains (GSO, GRO) where the system can.
};

// A group that a socket has joined.
struct Membership {
    Address group;
    Address source;               // Family::none: of all sources.
    std::uint32_t interface = 0;  // Its index; 0: the system has chosen one.
};

struct BindOptions {
    int port = 0;
    std::string_view address{};  // A literal or a name; "" for every address.
    bool exclusive = false;      // Not shared with a cluster's other workers.
    std::intptr_t fd = 0;        // Not zero: adopt this descriptor; port and address are ignored.
};

// Names the events for listener_count().
enum class Event : std::uint8_t {
    message, messages, listening, connect, error, close, drain, report
};

using ListenerId = std::uint64_t;  // 0: memory was out, run() says so.

class Datagram {
   public:
    // Callables that take fewer arguments are accepted too.
    using MessageListener = core::Callback<void(const Message&)>;
    using MessagesListener = core::Callback<void(Messages)>;
    using Listener = core::Callback<void()>;
    using ErrorListener = core::Callback<void(const Failure&)>;
    using ReportListener = core::Callback<void(const Report&)>;
    using SendCallback = core::Callback<void(const Failure&, std::size_t bytes)>;
    using SendManyCallback =
        core::Callback<void(const Failure& first, std::size_t sent, std::size_t bytes)>;
    using ConnectCallback = SendCallback;  // Of no bytes: [](const net::Failure&) {} will do.

    // Does not fail and opens nothing yet: EMFILE and the like are the first request's outcome.
    explicit Datagram(core::Loop&, Options = {}, MessageListener = {});
    Datagram(core::Loop& loop, Type type, MessageListener listener = {})
        : Datagram(loop, Options{.type = type}, std::move(listener)) {}
    // A silent close: offers queued sends to the kernel, drops what it does not take, destroys the
    // callbacks without running them. Legal anywhere, inside its own listeners too.
    ~Datagram();
    Datagram(Datagram&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Datagram& operator=(Datagram&& other) noexcept;

    // ---- Listeners -----------------------------------------------------------------------------
    ListenerId on_message(MessageListener);
    // At most 128 datagrams with one call. Beside a listener of 'message' they come one by one.
    ListenerId on_messages(MessagesListener);
    ListenerId on_listening(Listener);
    ListenerId on_connect(Listener);
    ListenerId on_error(ErrorListener);
    ListenerId on_close(Listener);
    ListenerId on_drain(Listener);  // A queue that refused has emptied.
    // What ICMP says of datagrams of ours, as far as Options::errors goes; at most 256 a tick. It
    // never fails a send. On Linux; other systems have no more to tell than 'error'.
    ListenerId on_report(ReportListener);
    ListenerId once_message(MessageListener);
    ListenerId once_messages(MessagesListener);
    ListenerId once_listening(Listener);
    ListenerId once_connect(Listener);
    ListenerId once_error(ErrorListener);
    ListenerId once_close(Listener);
    ListenerId once_drain(Listener);
    ListenerId once_report(ReportListener);
    bool off(ListenerId);  // False when there is no such listener (any more).
    std::size_t listener_count(Event) const;

    // ---- Requests: the outcome is an event or the callback, later ------------------------------

    // 'listening', or 'error' and the socket is unbound again. The callback is a one-shot listener
    // of 'listening'. Port 0: the kernel chooses. Errors: ERR_SOCKET_ALREADY_BOUND,
    // ERR_SOCKET_BAD_PORT, ERR_SOCKET_DGRAM_NOT_RUNNING, and those of bind(2) and getaddrinfo(3).
    void bind(int port = 0, Listener = {});
    void bind(Listener listener) { bind(0, std::move(listener)); }
    void bind(int port, std::string_view address, Listener = {});
    void bind(std::string_view path, Listener = {});  // unix_dgram; "@name": an abstract name.
    void bind(const Address&, Listener = {});
    void bind(BindOptions, Listener = {});
    void adopt(std::intptr_t descriptor, Listener = {});  // bind({.fd = ..}); ours, unless 'error'.

    // 'connect', or the error to the callback (without one: 'error'). Binds implicitly. No address
    // means loopback. ERR_SOCKET_BAD_PORT, ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_IP_BLOCKED,
    // ERR_SOCKET_DGRAM_NOT_RUNNING, and those of connect(2) and getaddrinfo(3).
    void connect(int port, ConnectCallback = {});
    void connect(int port, std::string_view address, ConnectCallback = {});
    void connect(std::string_view path, ConnectCallback = {});
    void connect(const Endpoint&, ConnectCallback = {});

    // The callback gets no failure and the byte count, or the failure; exactly once, in the order
    // of the calls for one destination. Without one, a failure is 'error'. Binds implicitly. No
    // address means loopback, and no destination the connected peer. In this order of checks:
    // ERR_BUFFER_OUT_OF_BOUNDS, ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_SOCKET_BAD_PORT,
    // ERR_SOCKET_DGRAM_NOT_RUNNING; then ERR_IP_BLOCKED, ENOBUFS (the queue is full), ENOMEM,
    // and those of send(2) and getaddrinfo(3).
    void send(Payload, const Endpoint& destination, SendCallback = {});
    void send(Payload, int port, SendCallback = {});
    void send(Payload, int port, std::string_view address, SendCallback = {});
    void send(Payload, std::string_view path, SendCallback = {});
    void send(Payload, SendCallback = {});
    // With options for this datagram alone; EINVAL where these are out of range. See SendOptions.
    void send(Payload, const Endpoint& destination, const SendOptions&, SendCallback = {});
    void send(Payload, const SendOptions&, SendCallback = {});
    // A part of a message: offset and length in bytes, then as above.
    template <std::integral Offset, std::integral Length, class... Rest>
    void send(Bytes message, Offset offset, Length length, Rest&&... rest) {
        send(Payload(message, static_cast<std::size_t>(offset), static_cast<std::size_t>(length)),
             std::forward<Rest>(rest)...);
    }

    // Many datagrams with one call: as many sends in that order, and one callback when all of them
    // have had their outcome. It gets the first failure that came to pass, or none; how many
    // datagrams left, and their bytes. The others are not held up by one that fails; who has to
    // know which one it was sends it alone. The spans need to last for the call, the bytes until
    // the callback. Without one, each failure is 'error'.
    void send_many(std::span<const Addressed>, SendManyCallback = {});
    void send_many(std::span<const Bytes>, const Endpoint& destination, SendManyCallback = {});
    void send_many(std::span<const Bytes>, SendManyCallback = {});  // To the connected peer.

    // Stops receiving, lets the accepted sends leave, then emits 'close', once, last. A send that
    // waits for a look-up or for room is waited for at most `linger`, then gets ETIMEDOUT.
    void close(Listener = {});
    void abort(Listener = {});  // close(), but what is pending completes with ECANCELED.

    // ---- Questions -----------------------------------------------------------------------------
    Result<Address> address() const;         // EBADF: not bound.
    Result<Address> remote_address() const;  // ERR_SOCKET_DGRAM_NOT_CONNECTED.
    // The longest packet that is known to pass uncut: 28 bytes of it are headers, 48 of IPv6's.
    // What a router says of it is known one datagram later. ERR_SOCKET_DGRAM_NOT_CONNECTED;
    // ENOTSUP.
    Result<int> path_mtu() const;
    Result<int> path_mtu(const Endpoint& destination) const;  // Asks a socket made for it.
    std::size_t get_send_queue_size() const;   // Bytes that wait to leave,
    std::size_t get_send_queue_count() const;  // and datagrams.
    Result<int> get_recv_buffer_size() const;  // ERR_SOCKET_BUFFER_SIZE: not bound.
    Result<int> get_send_buffer_size() const;
    Counters counters() const;  // What was sent, received and dropped since it was made.

    // ---- Settings: done when they return -------------------------------------------------------

    // Literals only. The event ('listening', 'connect') follows on the next tick; no 'error' does.
    Result<Address> bind_sync(int port = 0, std::string_view address = {});
    Result<Address> bind_sync(std::string_view path);
    Result<Address> connect_sync(int port, std::string_view address = {});
    Result<Address> connect_sync(std::string_view path);
    // Lets earlier sends leave to the old peer first; keeps the local port.
    Error disconnect();

    // EBADF before bind, EINVAL out of range, ERR_SOCKET_DGRAM_NOT_RUNNING after close. Sends asked
    // for earlier leave first, as the socket was set then.
    Error set_broadcast(bool);
    Error set_ttl(int hops);            // 1..255
    Error set_multicast_ttl(int hops);  // 0..255
    Error set_dont_fragment(bool);      // What is longer than the path's MTU is EMSGSIZE; ENOTSUP.
    Error set_multicast_loopback(bool);
    // By name, index or address; 0.0.0.0, :: or 0 give the choice back to the system. ENODEV,
    // EADDRNOTAVAIL: no interface has this name, this address.
    Error set_multicast_interface(Interface);
    // Whether it hears groups that only other sockets of this host have joined, too. A socket that
    // joins a group does not, unless told so here; one that never joins is left as the system has
    // it. ENOTSUP where there is one way only: on NetBSD and OpenBSD all are heard, on FreeBSD,
    // macOS and Windows one's own.
    Error set_multicast_all(bool);
    Error set_recv_buffer_size(int bytes);  // Linux doubles it (socket(7)).
    Error set_send_buffer_size(int bytes);

    // On an interface by name, index or address; without one the system chooses where to join, and
    // all are left. Binds implicitly. ERR_MISSING_ARGS, EINVAL, EADDRINUSE (joined already),
    // EADDRNOTAVAIL (not joined), ENODEV (no such interface), EALREADY (a bind to a name is under
    // way, or one that a cluster's primary does), ENOMEM. With Options::rejoin the interfaces are
    // looked at once a second: what was joined by name, index or address is joined again on an
    // interface that has come back, what was joined everywhere on new ones too, until it is left.
    Error add_membership(std::string_view group, Interface = {});
    Error drop_membership(std::string_view group, Interface = {});
    Error add_membership_everywhere(std::string_view group);  // Each interface; EADDRINUSE is fine.
    Error add_source_specific_membership(std::string_view source, std::string_view group,
                                         Interface = {});
    Error drop_source_specific_membership(std::string_view source, std::string_view group,
                                          Interface = {});
    // What is joined; with Options::rejoin, without what lies on interfaces that are gone. Valid
    // until the next change of it, or turn.
    std::span<const Membership> memberships() const;

    // Receiving stops at once, for back-pressure: what arrives waits in the system's buffer, which
    // drops when it is full; and so does what ICMP says. What had been read already, when a
    // listener of 'message' pauses, is kept, and delivered first after resume(), on a later tick.
    // Sending goes on. Remembered before bind; harmless when repeated, or after close. When the
    // system cannot resume (ENOMEM) that is 'error', and the socket stays paused.
    void pause();
    void resume();
    bool paused() const;

    // Whether the open socket keeps run() going; remembered before bind, harmless after close.
    Datagram& ref();
    Datagram& unref();

   private:
    struct State;
    friend struct Exchange;
    friend class PacketInfoSwitch;
    friend class Errors;
    friend struct Name;
    friend class Receiver;
    friend class Sending;
    friend class ClusterWorker;
    State* state_;
};

}  // namespace net
