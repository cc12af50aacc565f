// How datagrams move on macOS: recvmsg_x and sendmsg_x, which are private to the system and
// therefore looked up at run time; where they are missing, or refuse, each datagram goes alone.
// Everything lies on the stack, so nothing is allocated per datagram.
// The catch: they know UDP only, some versions take neither destinations nor control messages, and
// a batch may be refused for what all of it together would need.
#if defined(__APPLE__) && !defined(VOLLEY_USE_POLL)

#include <dlfcn.h>
#include <sys/socket.h>

#include <atomic>

#include "platform/posix_error.h"
#include "platform/posix_message.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

constexpr int batch_flags = MSG_DONTWAIT;  // They know no other; SO_NOSIGPIPE does the rest.

// The kernel's struct msghdr_x (xnu, bsd/sys/socket_private.h).
struct ExtendedMessage {
    msghdr header;
    std::size_t size;  // Zero when asking; then, of what arrived.
};
static_assert(sizeof(ExtendedMessage) == sizeof(msghdr) + sizeof(std::size_t));

using ReceiveMany = ssize_t(int, ExtendedMessage*, unsigned, int);
using SendMany = ssize_t(int, const ExtendedMessage*, unsigned, int);

// Looked up once per process; null when it is missing.
template <class Function>
class Private {
   public:
    explicit constexpr Private(const char* name) : name_(name) {}

    Function* get() {
        if (!known_.load(std::memory_order_acquire)) {
            function_.store(reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name_)));
            known_.store(true, std::memory_order_release);
        }
        return function_.load(std::memory_order_relaxed);
    }

    void give_up() { function_.store(nullptr, std::memory_order_relaxed); }

   private:
    const char* name_;
    std::atomic<bool> known_{false};
    std::atomic<Function*> function_{nullptr};
};

Private<ReceiveMany> recvmsg_x("recvmsg_x");
Private<SendMany> sendmsg_x("sendmsg_x");

// No datagram's own fault, or not only: such calls are not made again where the single one works.
bool is_incapable(Error error) {
    return error.code == Code::invalid_argument || error.code == Code::not_supported ||
           error.code == Code::not_implemented || error.code == Code::not_permitted;
}

// It was too much at once: waiting for room for a whole batch could last for ever.
bool is_too_much(Error error) {
    return error.code == Code::message_too_big || error.code == Code::would_block ||
           error.code == Code::no_buffer_space;
}

// One call only: a second one would consume an error that could not be reported beside the count.
Result<std::size_t> receive_batch(ReceiveMany& receive_many, int descriptor,
                                  std::span<Incoming> batch) {
    Arrival arrivals[batch_max];
    ExtendedMessage messages[batch_max];
    for (std::size_t i = 0; i < batch.size(); i++) {
        arrivals[i].prepare(messages[i].header, batch[i]);
        messages[i].size = 0;
        // Some versions do not tell how much of it they filled: what they left does not parse.
        std::memset(arrivals[i].control.bytes, 0, sizeof arrivals[i].control.bytes);
    }
    const ssize_t count = uninterrupted([&] {
        return receive_many(descriptor, messages, static_cast<unsigned>(batch.size()),
                            batch_flags);
    });
    if (count < 0) return last_error(Operation::receive);
    const auto received = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < received; i++) {
        const std::size_t size = std::min(messages[i].size, batch[i].buffer.size());
        fill(descriptor, messages[i].header, size, batch[i]);
    }
    return received;
}

// As many as fit beside each other on the stack; `asked` tells how many these were.
Sent send_batch(SendMany& send_many, Socket socket, std::span<const Outgoing> outgoing,
                std::size_t& asked) {
    iovec parts[parts_on_stack];
    Departure departures[batch_max];
    ExtendedMessage messages[batch_max];
    std::size_t parts_used = 0;
    Error refused;
    asked = 0;
    while (asked < batch_max && asked < outgoing.size()) {
        const Outgoing& each = outgoing[asked];
        if (each.parts.size() > parts_on_stack - parts_used) break;
        refused = departures[asked].prepare(messages[asked].header, socket, each,
                                            parts + parts_used);
        if (refused) break;
        messages[asked].size = 0;
        parts_used += each.parts.size();
        asked++;
    }
    if (asked == 0) return {0, refused};
    const ssize_t count = uninterrupted([&] {
        return send_many(descriptor_of(socket), messages, static_cast<unsigned>(asked),
                         batch_flags);
    });
    if (count < 0) return {0, last_error(Operation::send)};
    return {static_cast<std::size_t>(count), {}};
}

bool is_local(Socket socket, const Outgoing& outgoing) {
    if (outgoing.peer) return outgoing.peer->family == Family::local;
    return family_of(descriptor_of(socket)) == Family::local;
}

// What one call can take of the rest; `asked` tells how many that were.
Sent send_some(Socket socket, std::span<const Outgoing> rest, std::size_t& asked) {
    SendMany* const send_many = sendmsg_x.get();
    const bool alone = rest.size() == 1 || rest[0].parts.size() > parts_on_stack;
    if (alone || !send_many || is_local(socket, rest[0])) {
        asked = 1;
        return send_singly(socket, rest.first(1));
    }
    const Sent sent = send_batch(*send_many, socket, rest, asked);
    if (!is_incapable(sent.error) && !is_too_much(sent.error)) return sent;
    asked = 1;
    const Sent single = send_singly(socket, rest.first(1));  // Its answer is the true one.
    if (!single.error && is_incapable(sent.error)) sendmsg_x.give_up();
    return single;
}

}  // namespace

Result<std::size_t> receive(Socket socket, std::span<Incoming> incoming) {
    const int descriptor = descriptor_of(socket);
    if (incoming.empty()) return to_error(EINVAL, Operation::receive);
    ReceiveMany* const receive_many = recvmsg_x.get();
    if (incoming.size() == 1 || !receive_many) return receive_singly(descriptor, incoming);
    const auto batch = incoming.first(std::min(batch_max, incoming.size()));
    const auto count = receive_batch(*receive_many, descriptor, batch);
    if (!is_incapable(count.error())) return count;
    if (count.error().code != Code::not_supported) recvmsg_x.give_up();  // Else a Unix socket.
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
