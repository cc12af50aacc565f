// How datagrams move on the BSDs: recvmmsg and sendmmsg, as on Linux, without trains.
// Everything lies on the stack, at most 32 KiB at a time, so nothing is allocated per datagram.
// The catch: FreeBSD's batches are loops in libc, which forget the error that ended them; sending
// asks again and learns it, receiving does at the next event.
#if !defined(_WIN32) && !defined(VOLLEY_USE_POLL) &&                                           \
    (defined(VOLLEY_USE_KQUEUE) || defined(__FreeBSD__) || defined(__NetBSD__) ||              \
     defined(__OpenBSD__)) && !defined(__APPLE__)

#include <sys/socket.h>

#include <atomic>

#include "platform/posix_error.h"
#include "platform/posix_message.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

// Whether the kernel has the calls; found out by using them, once per process.
std::atomic<bool> recvmmsg_missing{false};
std::atomic<bool> sendmmsg_missing{false};

// A system that the program was not made for may lack the call; sandboxes forbid it in this way.
bool is_missing(Error error) {
    return error.code == Code::not_implemented || error.code == Code::not_permitted;
}

// One call only: a second one would consume an error that could not be reported beside the count.
Result<std::size_t> receive_batch(int descriptor, std::span<Incoming> batch) {
    Arrival arrivals[batch_max];
    mmsghdr messages[batch_max];
    for (std::size_t i = 0; i < batch.size(); i++) {
        arrivals[i].prepare(messages[i].msg_hdr, batch[i]);
    }
    const auto count = uninterrupted([&] {
        return recvmmsg(descriptor, messages, static_cast<unsigned>(batch.size()), receive_flags,
                        nullptr);
    });
    if (count < 0) return last_error(Operation::receive);
    const auto received = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < received; i++) {
        fill(descriptor, messages[i].msg_hdr, static_cast<std::size_t>(messages[i].msg_len),
             batch[i]);
    }
    return received;
}

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
        refused = departures[asked].prepare(messages[asked].msg_hdr, socket, each,
                                            parts + parts_used);
        if (refused) break;
        parts_used += each.parts.size();
        asked++;
    }
    if (asked == 0) return {0, refused};
    const auto count = uninterrupted([&] {
        return sendmmsg(descriptor_of(socket), messages, static_cast<unsigned>(asked), send_flags);
    });
    if (count < 0) return {0, last_error(Operation::send)};
    return {static_cast<std::size_t>(count), {}};
}

// The call is missing, or this very datagram is not permitted; then sending it alone is answered
// in the same way.
Sent send_without_batch(Socket socket, std::span<const Outgoing> outgoing, Error why) {
    const Error error = send_one(socket, outgoing[0]);
    if (why.code == Code::not_permitted && error.code == Code::not_permitted) return {0, error};
    sendmmsg_missing.store(true, std::memory_order_relaxed);
    return {error ? 0u : 1u, error};
}

// What one call can take of the rest; `asked` tells how many that were.
Sent send_some(Socket socket, std::span<const Outgoing> rest, std::size_t& asked) {
    const bool alone = rest.size() == 1 || rest[0].parts.size() > parts_on_stack;
    if (alone || sendmmsg_missing.load(std::memory_order_relaxed)) {
        asked = 1;
        return send_singly(socket, rest.first(1));
    }
    const Sent sent = send_batch(socket, rest, asked);
    if (!is_missing(sent.error)) return sent;
    asked = 1;
    return send_without_batch(socket, rest, sent.error);
}

}  // namespace

Result<std::size_t> receive(Socket socket, std::span<Incoming> incoming) {
    const int descriptor = descriptor_of(socket);
    if (incoming.empty()) return to_error(EINVAL, Operation::receive);
    if (incoming.size() == 1 || recvmmsg_missing.load(std::memory_order_relaxed)) {
        return receive_singly(descriptor, incoming);
    }
    const auto batch = incoming.first(std::min(batch_max, incoming.size()));
    const auto count = receive_batch(descriptor, batch);
    if (!is_missing(count.error())) return count;
    recvmmsg_missing.store(true, std::memory_order_relaxed);
    return receive_singly(descriptor, incoming);
}

Result<std::size_t> send(Socket socket, std::span<const Outgoing> outgoing) {
    if (outgoing.empty()) return to_error(EINVAL, Operation::send);
    std::size_t done = 0;
    Error error;
    while (done < outgoing.size() && !error) {
        std::size_t asked = 0;
        const Sent sent = send_some(socket, outgoing.subspan(done), asked);
        done += sent.count;
        error = sent.error;
        if (!error && sent.count < asked) break;  // Asking again tells why.
    }
    if (done == 0) return error;
    return done;
}

}  // namespace platform

#endif
