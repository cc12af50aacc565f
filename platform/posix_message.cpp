// One datagram by recvmsg and sendmsg, as every Unix has them.
// Everything lies on the stack: nothing is allocated, unless a datagram has very many parts.
#if !defined(_WIN32) && \
    (!defined(__linux__) || defined(VOLLEY_USE_POLL) || defined(VOLLEY_USE_KQUEUE))

#include "platform/posix_message.h"

#include <poll.h>

#include <climits>
#include <memory>
#include <new>

#include "platform/posix_error.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

// ---- Receiving -----------------------------------------------------------------------------

void Arrival::prepare(msghdr& message, const Incoming& incoming) {
    part = {incoming.buffer.data(), incoming.buffer.size()};
    message = {};
    message.msg_name = &name;
    message.msg_namelen = sizeof name;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    PosixControl::attach(message, control.bytes, sizeof control.bytes);
}

void fill(int descriptor, const msghdr& message, std::size_t size, Incoming& incoming) {
    incoming.size = size;
    incoming.truncated = message.msg_flags & MSG_TRUNC;
    incoming.segment_size = 0;
    if (incoming.info) incoming.info->codec->clear(*incoming.info);
    if (message.msg_controllen != 0) {
        PosixControlReader reader = received_control(message);
        ControlItem item;
        while (reader.next(item)) {
            if (item.level == SOL_SOCKET && item.type == SCM_RIGHTS) {
                close_passed_descriptors(item);
            } else if (incoming.info) {
                incoming.info->codec->read(item, *incoming.info);
            }
        }
        if (incoming.info && message.msg_flags & MSG_CTRUNC) {
            incoming.info->codec->clear(*incoming.info);
        }
    }
    const std::size_t name_size =
        std::min<std::size_t>(message.msg_namelen, sizeof(sockaddr_storage));
    read_sockaddr(message.msg_name, name_size, incoming.peer);
    // A length of zero: nothing was written. So it is with Unix senders that have no name.
    if (name_size == 0 && family_of(descriptor) == Family::local) {
        incoming.peer.family = Family::local;
    }
}

Result<std::size_t> receive_one(int descriptor, Incoming& incoming) {
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

namespace {

bool is_only_readable(int descriptor) {
    pollfd asked{descriptor, POLLIN, 0};
    return ::poll(&asked, 1, 0) == 1 && asked.revents == POLLIN;
}

}  // namespace

// An error cannot be told beside a count, and to ask for a datagram consumes it. So poll(2) is
// asked before each further one; an error then waits for a call of its own.
Result<std::size_t> receive_singly(int descriptor, std::span<Incoming> incoming) {
    const auto first = receive_one(descriptor, incoming[0]);
    if (!first) return first;
    const std::size_t count_max = std::min(batch_max, incoming.size());
    std::size_t count = 1;
    while (count < count_max && is_only_readable(descriptor)) {
        if (!receive_one(descriptor, incoming[count])) break;
        count++;
    }
    return count;
}

// ---- Sending -------------------------------------------------------------------------------

Error Departure::prepare(msghdr& message, Socket socket, const Outgoing& outgoing, iovec* parts) {
    if (outgoing.segment_size != 0) return to_error(EOPNOTSUPP, Operation::send);
    message = {};
    if (outgoing.peer) {
        const socklen_t size = to_sockaddr(*outgoing.peer, name);
        if (size == 0) return unusable(*outgoing.peer, Operation::send);
        message.msg_name = &name;
        message.msg_namelen = size;
    }
    for (std::size_t i = 0; i < outgoing.parts.size(); i++) {
        const auto part = outgoing.parts[i];
        parts[i] = {const_cast<std::byte*>(part.data()), part.size()};
    }
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(outgoing.parts.size());
    if (!outgoing.info) return {};
    Endpoint destination;
    if (outgoing.peer) {
        destination = *outgoing.peer;
    } else if (const auto peer = peer_endpoint(socket)) {
        destination = *peer;
    }
    PosixControlWriter writer(message, control.bytes);
    return outgoing.info->codec->put(writer, *outgoing.info, destination);
}

namespace {

Error send_prepared(Socket socket, const Outgoing& outgoing, iovec* parts) {
    Departure departure;
    msghdr message;
    if (const Error error = departure.prepare(message, socket, outgoing, parts)) return error;
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

}  // namespace

Error send_one(Socket socket, const Outgoing& outgoing) {
    if (outgoing.parts.size() > parts_on_stack) return send_scattered(socket, outgoing);
    iovec parts[parts_on_stack];
    return send_prepared(socket, outgoing, parts);
}

Sent send_singly(Socket socket, std::span<const Outgoing> outgoing) {
    Sent sent;
    for (const Outgoing& each : outgoing) {
        sent.error = send_one(socket, each);
        if (sent.error) break;
        sent.count++;
    }
    return sent;
}

}  // namespace platform

#endif
