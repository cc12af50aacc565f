// The channel between two processes: a SOCK_SEQPACKET pair keeps messages whole and never raises
// SIGPIPE; where a system has none (macOS), a stream pair with a length in front of each message.
// A descriptor rides with a message's first byte, so a stream is read in steps that never reach
// into the next message. The catch: whoever holds an end can pass anything; all of it is counted.
#ifndef _WIN32

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "platform/posix_channel_pair.h"
#include "platform/posix_control.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

constexpr std::size_t header_size = 4;
constexpr std::size_t descriptors_max = 16;  // Room for more than are welcome: to close them.
constexpr int room_min = 4 * Channel::message_max;  // Some systems' own is less than a message.

// Of a message on a stream, in network byte order.
void put_length(std::byte* to, std::size_t length) {
    for (std::size_t i = 0; i < header_size; i++) {
        to[i] = static_cast<std::byte>(length >> 8 * (header_size - 1 - i));
    }
}

std::size_t get_length(const std::byte* from) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < header_size; i++) {
        length = length << 8 | std::to_integer<std::size_t>(from[i]);
    }
    return length;
}

Error gone(Operation operation) { return to_error(EPIPE, operation); }

// What is left when nobody wants the message: nothing.
void drop(Parcel& parcel) {
    if (parcel.passed) ::close(descriptor_of(parcel.passed));
    parcel = {};
}

void take_descriptors(const msghdr& message, Parcel& parcel) {
    PosixControlReader reader = received_control(message);
    ControlItem item;
    bool any = false;
    while (reader.next(item)) {
        if (item.level != SOL_SOCKET || item.type != SCM_RIGHTS) continue;
        for (std::size_t at = 0; at + sizeof(int) <= item.data.size(); at += sizeof(int)) {
            int descriptor;
            std::memcpy(&descriptor, item.data.data() + at, sizeof descriptor);
            any = true;
            if (parcel.passed) {
                ::close(descriptor);
                parcel.surplus = true;
            } else {
                (void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);  // Where the flag below is unknown.
                parcel.passed = {descriptor};
            }
        }
    }
    if (message.msg_flags & MSG_CTRUNC) (any ? parcel.surplus : parcel.lost) = true;
}

// How many bytes; zero at the end, and a negative number for an error in errno.
ssize_t receive_bytes(int descriptor, std::span<std::byte> room, Parcel& parcel, int& flags) {
    ControlBuffer<PosixControl, PosixControl::room(descriptors_max * sizeof(int))> control;
    iovec part{room.data(), room.size()};
    msghdr message;
    const ssize_t size = uninterrupted([&] {
        message = {};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        PosixControl::attach(message, control.bytes, sizeof control.bytes);
        return recvmsg(descriptor, &message, receive_flags);
    });
    if (size < 0) return size;
    flags = message.msg_flags;
    if (message.msg_controllen != 0 || message.msg_flags & MSG_CTRUNC) {
        take_descriptors(message, parcel);
    }
    return size;
}

ssize_t send_bytes(int descriptor, std::span<const std::byte> bytes, Socket passed) {
    ControlBuffer<PosixControl, PosixControl::room(sizeof(int))> control;
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (passed) {
        PosixControlWriter writer(message, control.bytes);
        writer.put(SOL_SOCKET, SCM_RIGHTS, descriptor_of(passed));
    }
    return uninterrupted([&] { return sendmsg(descriptor, &message, send_flags); });
}

Error send_error() {
    const bool at_its_end = errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN;
    return at_its_end ? gone(Operation::send) : last_error(Operation::send);
}

// What is in pieces: the rest of a message that is leaving, and the beginning of one that arrives.
struct Pieces {
    std::byte leaving[header_size + Channel::message_max];
    std::size_t left = 0;
    std::size_t leaving_size = 0;
    std::byte arriving[header_size + Channel::message_max];
    std::size_t arrived = 0;
    Parcel parcel;

    ~Pieces() { drop(parcel); }
};

}  // namespace

struct Channel::State {
    explicit State(int end) : descriptor(end) {}
    ~State() { ::close(descriptor); }

    Error send_all(std::span<const std::byte> message, Socket passed);
    Result<Parcel> receive_whole(std::span<std::byte> room);
    Result<Parcel> receive_piecewise(std::span<std::byte> room);
    Error receive_piece(std::size_t until);

    int descriptor;
    std::unique_ptr<Pieces> pieces;  // Of a stream; packets are whole.
};

// Takes over the descriptor, also when it fails.
Result<Channel> make_channel(int descriptor) {
    const Error no_memory{Code::out_of_memory, Operation::open, ENOMEM};
    const auto type = get_integer(descriptor, SOL_SOCKET, SO_TYPE);
    auto* const state = new (std::nothrow) Channel::State(descriptor);
    if (!state) {
        ::close(descriptor);
        return no_memory;
    }
    Channel channel(state);
    for (const int buffer : {SO_SNDBUF, SO_RCVBUF}) {
        const auto room = get_integer(descriptor, SOL_SOCKET, buffer);
        if (room && *room < room_min) (void)set_integer(descriptor, SOL_SOCKET, buffer, room_min);
    }
    if (no_signal_option >= 0) (void)set_integer(descriptor, SOL_SOCKET, no_signal_option, 1);
    if (type && *type != SOCK_SEQPACKET) {
        state->pieces.reset(new (std::nothrow) Pieces);
        if (!state->pieces) return no_memory;
    }
    return channel;
}

bool make_channel_pair(int (&ends)[2]) {
    for (const int type : {SOCK_SEQPACKET, SOCK_STREAM}) {
        if (socketpair(AF_UNIX, type | birth_flags, 0, ends) == 0) break;
        if (type == SOCK_STREAM || (errno != EPROTONOSUPPORT && errno != EPROTOTYPE)) return false;
    }
    if (birth_flags != 0) return true;
    for (const int end : ends) {
        const int flags = fcntl(end, F_GETFL);
        if (flags >= 0 && fcntl(end, F_SETFL, flags | O_NONBLOCK) == 0 &&
            fcntl(end, F_SETFD, FD_CLOEXEC) == 0) {
            continue;
        }
        ::close(ends[0]);
        ::close(ends[1]);
        return false;
    }
    return true;
}

// ---- The far end -------------------------------------------------------------------------------

namespace {

// An end of a pair without a name, which a process of the same user has made.
Error check_inherited(int descriptor) {
    const auto type = get_integer(descriptor, SOL_SOCKET, SO_TYPE);
    const Error none = to_error(EBADF, Operation::adopt);
    if (!type || (*type != SOCK_SEQPACKET && *type != SOCK_STREAM)) return none;
    if (family_of(descriptor) != Family::local) return none;
    if (const auto name = local_endpoint(Socket{descriptor}); !name || name->size != 0) return none;
    uid_t user = 0;
    if (peer_user(descriptor, user) && user != geteuid()) return to_error(EPERM, Operation::adopt);
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return none;
    return fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0 ? none : Error{};
}

}  // namespace

Result<Channel> Channel::inherited(Poller&) {
    const char* const text = has_borrowed_rights() ? nullptr : std::getenv(channel_variable);
    if (!text) return to_error(ENOENT, Operation::adopt);
    const std::string_view word(text);
    int descriptor = -1;
    const auto [end, failed] =
        std::from_chars(word.data(), word.data() + word.size(), descriptor);
    if (failed != std::errc() || end != word.data() + word.size() || descriptor < 3) {
        return to_error(EBADF, Operation::adopt);
    }
    static std::atomic<bool> taken{false};
    if (taken.load()) return to_error(EBUSY, Operation::adopt);
    if (const Error error = check_inherited(descriptor)) return error;
    if (taken.exchange(true)) return to_error(EBUSY, Operation::adopt);
    return make_channel(descriptor);
}

// ---- Life --------------------------------------------------------------------------------------

Channel::Channel(Channel&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Channel& Channel::operator=(Channel&& other) noexcept {
    if (this != &other) delete std::exchange(state_, std::exchange(other.state_, nullptr));
    return *this;
}

Channel::~Channel() { delete state_; }

Socket Channel::socket() const { return state_ ? Socket{state_->descriptor} : Socket{}; }

// ---- Sending -----------------------------------------------------------------------------------

Error Channel::send(std::span<const std::byte> message, Socket passed) {
    if (!state_) return gone(Operation::send);
    if (message.empty() || message.size() > message_max) return to_error(EMSGSIZE, Operation::send);
    if (state_->pieces) return state_->send_all(message, passed);
    return send_bytes(state_->descriptor, message, passed) < 0 ? send_error() : Error{};
}

// What the kernel takes in part has been taken: the rest follows. The descriptor went with the
// first byte.
Error Channel::State::send_all(std::span<const std::byte> message, Socket passed) {
    Pieces& own = *pieces;
    if (own.left < own.leaving_size) return to_error(EAGAIN, Operation::send);
    put_length(own.leaving, message.size());
    std::memcpy(own.leaving + header_size, message.data(), message.size());
    own.left = 0;
    own.leaving_size = header_size + message.size();
    const ssize_t sent = send_bytes(descriptor, {own.leaving, own.leaving_size}, passed);
    if (sent < 0) {
        own.leaving_size = 0;
        return send_error();
    }
    own.left = static_cast<std::size_t>(sent);
    return {};
}

bool Channel::unsent() const {
    return state_ && state_->pieces && state_->pieces->left < state_->pieces->leaving_size;
}

Error Channel::flush() {
    while (unsent()) {
        Pieces& own = *state_->pieces;
        const std::span<const std::byte> rest(own.leaving + own.left, own.leaving_size - own.left);
        const ssize_t sent = send_bytes(state_->descriptor, rest, {});
        if (sent < 0) return send_error();
        own.left += static_cast<std::size_t>(sent);
    }
    return {};
}

// ---- Receiving ---------------------------------------------------------------------------------

Result<Parcel> Channel::receive(std::span<std::byte> room) {
    if (!state_) return gone(Operation::receive);
    return state_->pieces ? state_->receive_piecewise(room) : state_->receive_whole(room);
}

Result<Parcel> Channel::State::receive_whole(std::span<std::byte> room) {
    Parcel parcel;
    int flags = 0;
    ssize_t size = receive_bytes(descriptor, room, parcel, flags);
    // The other end went without having read everything. It is said once, and before what it wrote.
    if (size < 0 && errno == ECONNRESET) size = receive_bytes(descriptor, room, parcel, flags);
    if (size < 0) {
        return errno == ECONNRESET ? gone(Operation::receive) : last_error(Operation::receive);
    }
    if (size > 0 && !(flags & MSG_TRUNC)) {
        parcel.size = static_cast<std::size_t>(size);
        return parcel;
    }
    drop(parcel);
    return size == 0 ? gone(Operation::receive) : to_error(EMSGSIZE, Operation::receive);
}

// Until so many bytes of the message are there.
Error Channel::State::receive_piece(std::size_t until) {
    Pieces& own = *pieces;
    while (own.arrived < until) {
        int flags = 0;
        const std::span<std::byte> room(own.arriving + own.arrived, until - own.arrived);
        const ssize_t size = receive_bytes(descriptor, room, own.parcel, flags);
        if (size == 0 || (size < 0 && errno == ECONNRESET)) return gone(Operation::receive);
        if (size < 0) return last_error(Operation::receive);
        own.arrived += static_cast<std::size_t>(size);
    }
    return {};
}

Result<Parcel> Channel::State::receive_piecewise(std::span<std::byte> room) {
    Pieces& own = *pieces;
    if (const Error error = receive_piece(header_size)) return error;
    const std::size_t length = get_length(own.arriving);
    if (length == 0 || length > message_max || length > room.size()) {
        return to_error(EMSGSIZE, Operation::receive);
    }
    if (const Error error = receive_piece(header_size + length)) return error;
    std::memcpy(room.data(), own.arriving + header_size, length);
    own.arrived = 0;
    Parcel parcel = std::exchange(own.parcel, {});
    parcel.size = length;
    return parcel;
}

Result<Socket> duplicate(Socket socket) {
    const int descriptor = fcntl(descriptor_of(socket), F_DUPFD_CLOEXEC, 0);
    if (descriptor < 0) return last_error(Operation::adopt);
    return Socket{descriptor};
}

}  // namespace platform

#endif
