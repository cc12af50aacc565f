// How datagrams move on Linux: recvmmsg and sendmmsg, trains in one piece (UDP_SEGMENT, UDP_GRO).
// Packet information is posix_packets.cpp's.
// Everything lies on the stack, at most 16 KiB at a time, so nothing is allocated per datagram.
// The catch: a batch call may be missing (old kernels, seccomp); then each datagram goes alone.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <netinet/udp.h>
#include <sys/uio.h>
#include <time.h>

#include <atomic>
#include <climits>
#include <memory>
#include <new>

#include "platform/posix_address.h"
#include "platform/posix_control.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

constexpr std::size_t batch_max = 32;

// What set_system_option() can switch on. A dual-stack socket gets some of them twice, once for
// each stack, but never both kinds of packet information.
constexpr std::size_t received_control_size =
    PosixControl::room(sizeof(timespec)) + PosixControl::room(sizeof(int)) +  // UDP_GRO
    PosixControl::room(sizeof(std::uint32_t)) +                               // SO_RXQ_OVFL
    PosixControl::room(sizeof(in6_pktinfo)) + 4 * PosixControl::room(sizeof(int));
constexpr std::size_t sent_control_size =
    PosixControl::room(sizeof(in6_pktinfo)) + 2 * PosixControl::room(sizeof(int)) +
    PosixControl::room(sizeof(std::uint16_t));

// Whether the kernel has the call; found out by using it, once per process.
std::atomic<bool> recvmmsg_missing{false};
std::atomic<bool> sendmmsg_missing{false};

// ---- Receiving -----------------------------------------------------------------------------

// What one datagram needs beside its payload. Left as it is until the kernel fills it.
struct Arrival {
    sockaddr_storage name;
    iovec part;
    ControlBuffer<PosixControl, received_control_size> control;

    void prepare(msghdr& message, const Incoming& incoming) {
        part = {incoming.buffer.data(), incoming.buffer.size()};
        message = {};
        message.msg_name = &name;
        message.msg_namelen = sizeof name;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
};

// The kernel writes time stamps and the segment size before all else, and there is always room
// for these: a train is never mistaken for a datagram, even when an adopted socket has further
// options switched on and its packet information is cut off.
void read_item(const ControlItem& item, Incoming& incoming) {
    if (item.level == IPPROTO_UDP && item.type == UDP_GRO) {
        int size;
        if (item.read(size)) incoming.segment_size = static_cast<std::uint16_t>(size);
    } else if (item.level == SOL_SOCKET && item.type == SCM_RIGHTS) {
        close_passed_descriptors(item);
    } else if (incoming.info) {
        incoming.info->codec->read(item, *incoming.info);
    }
}

// A length of zero: nothing was written. So it is with Unix senders that have no name.
void fill_peer(int descriptor, const void* name, std::size_t size, Endpoint& peer) {
    read_sockaddr(name, std::min(size, sizeof(sockaddr_storage)), peer);
    if (size == 0 && family_of(descriptor) == Family::local) peer.family = Family::local;
}

void fill(int descriptor, const msghdr& message, std::size_t size, Incoming& incoming) {
    incoming.size = size;
    incoming.truncated = message.msg_flags & MSG_TRUNC;
    incoming.segment_size = 0;
    if (incoming.info) incoming.info->codec->clear(*incoming.info);
    if (message.msg_controllen != 0) {
        PosixControlReader reader = received_control(message);
        ControlItem item;
        while (reader.next(item)) read_item(item, incoming);
        if (incoming.info && message.msg_flags & MSG_CTRUNC) {
            incoming.info->codec->clear(*incoming.info);
        }
    }
    fill_peer(descriptor, message.msg_name, message.msg_namelen, incoming.peer);
}

// The cheapest call there is. Descriptors that a stranger passes along do not even arrive.
Result<std::size_t> receive_bare(int descriptor, Incoming& incoming) {
    sockaddr_storage name;
    socklen_t name_size;
    const ssize_t received = uninterrupted([&] {
        name_size = sizeof name;
        return recvfrom(descriptor, incoming.buffer.data(), incoming.buffer.size(),
                        receive_flags | MSG_TRUNC, reinterpret_cast<sockaddr*>(&name), &name_size);
    });
    if (received < 0) return last_error(Operation::receive);
    const auto size = static_cast<std::size_t>(received);  // Of the whole datagram.
    incoming.size = std::min(size, incoming.buffer.size());
    incoming.truncated = size > incoming.size;
    incoming.segment_size = 0;
    fill_peer(descriptor, &name, name_size, incoming.peer);
    return std::size_t{1};
}

Result<std::size_t> receive_one(int descriptor, Incoming& incoming) {
    if (incoming.bare) return receive_bare(descriptor, incoming);
    Arrival arrival;
    msghdr message;
    const ssize_t size = uninterrupted([&] {
        arrival.prepare(message, incoming);
        return recvmsg(descriptor, &message, receive_flags);
    });
    if (size < 0) return last_error(Operation::receive);
    fill(descriptor, message, static_cast<std::size_t>(size), incoming);
    return std::size_t{1};
}

// One call only: a second one would consume an error that could not be reported beside the count.
Result<std::size_t> receive_batch(int descriptor, std::span<Incoming> batch) {
    Arrival arrivals[batch_max];
    mmsghdr messages[batch_max];
    for (std::size_t i = 0; i < batch.size(); i++) {
        arrivals[i].prepare(messages[i].msg_hdr, batch[i]);
    }
    const int count = uninterrupted([&] {
        return recvmmsg(descriptor, messages, static_cast<unsigned>(batch.size()), receive_flags,
                        nullptr);
    });
    if (count < 0) return last_error(Operation::receive);
    const auto received = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < received; i++) {
        fill(descriptor, messages[i].msg_hdr, messages[i].msg_len, batch[i]);
    }
    return received;
}

}  // namespace

Result<std::size_t> receive(Socket socket, std::span<Incoming> incoming) {
    const int descriptor = descriptor_of(socket);
    if (incoming.empty()) return to_error(EINVAL, Operation::receive);
    if (incoming.size() == 1 || recvmmsg_missing.load(std::memory_order_relaxed)) {
        return receive_one(descriptor, incoming[0]);
    }
    const auto batch = incoming.first(std::min(batch_max, incoming.size()));
    const auto count = receive_batch(descriptor, batch);
    // Sandboxes say EPERM for calls that they do not know; receiving never does.
    if (count.error().code != Code::not_implemented && count.error().code != Code::not_permitted) {
        return count;
    }
    recvmmsg_missing.store(true, std::memory_order_relaxed);
    return receive_one(descriptor, incoming[0]);
}

// ---- Sending -------------------------------------------------------------------------------

namespace {

constexpr std::size_t parts_on_stack = 256;  // Two trains of the longest kind.

bool is_loopback(const Endpoint& endpoint) {
    if (endpoint.family == Family::ipv4) return endpoint.bytes[0] == 127;
    if (is_mapped(endpoint)) return endpoint.bytes[12] == 127;
    if (endpoint.family != Family::ipv6) return false;
    return IN6_IS_ADDR_LOOPBACK(reinterpret_cast<const in6_addr*>(endpoint.bytes.data()));
}

Endpoint destination_of(Socket socket, const Outgoing& outgoing) {
    if (outgoing.peer) return *outgoing.peer;
    const auto peer = peer_endpoint(socket);
    return peer ? *peer : Endpoint{};
}

bool can_segment(Socket socket, const Outgoing& outgoing) {
    if (outgoing.peer && outgoing.peer->family == Family::local) return false;
    const Segmentation known = known_segmentation();
    if (known.segments_max == 0) return false;
    return !known.loopback_only || is_loopback(destination_of(socket, outgoing));
}

// What one message needs beside its parts.
struct Departure {
    sockaddr_storage name;
    ControlBuffer<PosixControl, sent_control_size> control;
};

Error name_peer(const Endpoint& peer, sockaddr_storage& name, msghdr& message) {
    const socklen_t size = to_sockaddr(peer, name);
    if (size == 0) return unusable(peer, Operation::send);
    message.msg_name = &name;
    message.msg_namelen = size;
    return {};
}

// `named`: a message to the same peer, whose name serves for this one too; or null.
Error prepare(Socket socket, const Outgoing& outgoing, iovec* parts, Departure& departure,
              const msghdr* named, msghdr& message) {
    message = {};
    if (named) {
        message.msg_name = named->msg_name;
        message.msg_namelen = named->msg_namelen;
    } else if (outgoing.peer) {
        const Error error = name_peer(*outgoing.peer, departure.name, message);
        if (error) return error;
    }
    for (std::size_t i = 0; i < outgoing.parts.size(); i++) {
        const auto part = outgoing.parts[i];
        parts[i] = {const_cast<std::byte*>(part.data()), part.size()};
    }
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(outgoing.parts.size());
    if (outgoing.segment_size == 0 && !outgoing.info) return {};
    PosixControlWriter writer(message, departure.control.bytes);
    if (outgoing.segment_size != 0) {
        if (!can_segment(socket, outgoing)) return to_error(EOPNOTSUPP, Operation::send);
        writer.put(IPPROTO_UDP, UDP_SEGMENT, outgoing.segment_size);
    }
    const PacketInfo* const info = outgoing.info;
    if (!info) return {};
    return info->codec->put(writer, *info, destination_of(socket, outgoing));
}

Error send_prepared(Socket socket, const Outgoing& outgoing, iovec* parts) {
    Departure departure;
    msghdr message;
    const Error error = prepare(socket, outgoing, parts, departure, nullptr, message);
    if (error) return error;
    const ssize_t sent =
        uninterrupted([&] { return sendmsg(descriptor_of(socket), &message, send_flags); });
    return sent < 0 ? last_error(Operation::send) : Error{};
}

Error send_scattered(Socket socket, const Outgoing& outgoing) {
    if (outgoing.parts.size() > IOV_MAX) return to_error(EMSGSIZE, Operation::send);
    std::unique_ptr<iovec[]> parts(new (std::nothrow) iovec[outgoing.parts.size()]);
    if (!parts) return to_error(ENOMEM, Operation::send);
    return send_prepared(socket, outgoing, parts.get());
}

// The cheapest call there is, for what most programs send: bytes from one place, and nothing else.
Error send_plain(Socket socket, const Outgoing& outgoing) {
    sockaddr_storage name;
    socklen_t name_size = 0;
    if (outgoing.peer) {
        name_size = to_sockaddr(*outgoing.peer, name);
        if (name_size == 0) return unusable(*outgoing.peer, Operation::send);
    }
    const auto part = outgoing.parts[0];
    const ssize_t sent = uninterrupted([&] {
        return sendto(descriptor_of(socket), part.data(), part.size(), send_flags,
                      name_size ? reinterpret_cast<const sockaddr*>(&name) : nullptr, name_size);
    });
    return sent < 0 ? last_error(Operation::send) : Error{};
}

Error send_one(Socket socket, const Outgoing& outgoing) {
    const bool plain = outgoing.parts.size() == 1 && !outgoing.info && outgoing.segment_size == 0;
    if (plain) return send_plain(socket, outgoing);
    if (outgoing.parts.size() > parts_on_stack) return send_scattered(socket, outgoing);
    iovec parts[parts_on_stack];
    return send_prepared(socket, outgoing, parts);
}

struct Sent {
    std::size_t count = 0;
    Error error;  // Why the next one did not leave.
};

// As many as fit beside each other on the stack; `asked` tells how many these were.
Sent send_batch(Socket socket, std::span<const Outgoing> outgoing, std::size_t& asked) {
    iovec parts[parts_on_stack];
    Departure departures[batch_max];
    mmsghdr messages[batch_max];
    std::size_t parts_used = 0;
    Error refused;
    asked = 0;
    while (asked < batch_max && asked < outgoing.size()) {
        const Outgoing& each = outgoing[asked];
        if (each.parts.size() > parts_on_stack - parts_used) break;
        const bool again = asked > 0 && each.peer == outgoing[asked - 1].peer;
        refused = prepare(socket, each, parts + parts_used, departures[asked],
                          again ? &messages[asked - 1].msg_hdr : nullptr, messages[asked].msg_hdr);
        if (refused) break;
        parts_used += each.parts.size();
        asked++;
    }
    if (asked == 0) return {0, refused};
    const int count = uninterrupted([&] {
        return sendmmsg(descriptor_of(socket), messages, static_cast<unsigned>(asked), send_flags);
    });
    if (count < 0) return {0, last_error(Operation::send)};
    return {static_cast<std::size_t>(count), {}};
}

// One after the other, where there is no call for many.
Sent send_singly(Socket socket, std::span<const Outgoing> outgoing) {
    Sent sent;
    for (const Outgoing& each : outgoing) {
        sent.error = send_one(socket, each);
        if (sent.error) break;
        sent.count++;
    }
    return sent;
}

// The kernel lacks the call, or a sandbox forbids it. EPERM may also be a packet filter's answer
// to this very datagram; then sending it alone is answered in the same way.
Sent send_without_batch(Socket socket, std::span<const Outgoing> outgoing, Error why) {
    const Error error = send_one(socket, outgoing[0]);
    if (why.code == Code::not_permitted && error.code == Code::not_permitted) return {0, error};
    sendmmsg_missing.store(true, std::memory_order_relaxed);
    return {error ? 0u : 1u, error};
}

}  // namespace

Result<std::size_t> send(Socket socket, std::span<const Outgoing> outgoing) {
    if (outgoing.empty()) return to_error(EINVAL, Operation::send);
    std::size_t done = 0;
    Error error;
    while (done < outgoing.size() && !error) {
        const auto rest = outgoing.subspan(done);
        const bool alone = rest.size() == 1 || rest[0].parts.size() > parts_on_stack;
        std::size_t asked = 1;
        Sent sent;
        if (sendmmsg_missing.load(std::memory_order_relaxed)) {
            sent = send_singly(socket, rest);
        } else if (alone) {
            sent = send_singly(socket, rest.first(1));
        } else {
            sent = send_batch(socket, rest, asked);
            const Code code = sent.error.code;
            if (code == Code::not_implemented || code == Code::not_permitted) {
                sent = send_without_batch(socket, rest, sent.error);
                asked = 1;
            }
        }
        done += sent.count;
        error = sent.error;
        if (!error && sent.count < asked) break;  // Asking again tells why.
    }
    if (done == 0) return error;
    return done;
}

}  // namespace platform

#endif
