// The channel between two processes on Windows: a stream, with each message's length in front, and
// behind that the description of a socket that is passed, which WSADuplicateSocket makes for one
// process alone.
// The catch: a description is a handle that the receiver already has, so one that is forged names
// any of its handles. Who was started has to trust who started it; the other way none is accepted.
#ifdef _WIN32

#include <charconv>
#include <cstring>
#include <new>
#include <string_view>

#include "platform/windows_channel_pair.h"
#include "platform/windows_error.h"

namespace platform {

namespace {

constexpr std::size_t header_size = 4;
constexpr std::uint32_t passes_bit = 0x80000000;  // Of the length: a description follows it.
constexpr std::size_t description_size = sizeof(WSAPROTOCOL_INFOW);
constexpr std::size_t frame_max = header_size + description_size + Channel::message_max;
constexpr int room = 4 * Channel::message_max;  // What waits beyond it waits where it is counted.
constexpr int unread_max = 2 * room / 4096;

struct Header {
    std::size_t length = 0;
    bool passes = false;
    std::size_t size() const { return header_size + (passes ? description_size : 0); }
};

// In network byte order.
void put(std::byte* to, const Header& header) {
    const auto bits = static_cast<std::uint32_t>(header.length) | (header.passes ? passes_bit : 0);
    for (std::size_t i = 0; i < header_size; i++) {
        to[i] = static_cast<std::byte>(bits >> 8 * (header_size - 1 - i));
    }
}

Header get(const std::byte* from) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < header_size; i++) {
        bits = bits << 8 | std::to_integer<std::uint32_t>(from[i]);
    }
    return {bits & ~passes_bit, (bits & passes_bit) != 0};
}

Error gone(Operation operation) { return {Code::broken_pipe, operation, WSAESHUTDOWN}; }

// Winsock has several words for it.
Error stream_error(Operation operation) {
    const int number = WSAGetLastError();
    const bool at_its_end = number == WSAECONNRESET || number == WSAECONNABORTED ||
                            number == WSAENOTCONN || number == WSAESHUTDOWN;
    if (at_its_end) return {Code::broken_pipe, operation, number};
    return to_error(static_cast<std::uint32_t>(number), operation);
}

// Another handle for it, in this process: by a description that is this process's.
SOCKET socket_of(WSAPROTOCOL_INFOW& description) {
    return WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &description, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

void take_socket(const std::byte* from, Parcel& parcel) {
    WSAPROTOCOL_INFOW description;
    std::memcpy(&description, from, sizeof description);
    const SOCKET socket = socket_of(description);
    if (socket == INVALID_SOCKET) {
        parcel.lost = true;
    } else {
        parcel.passed = {static_cast<std::intptr_t>(socket)};
    }
}

}  // namespace

struct Channel::State {
    State(SOCKET own, DWORD other) : end(own), process(other) {}
    ~State();

    Error describe(Socket passed, std::byte* to) const;
    Error flush();
    Error receive_until(std::size_t size);

    SOCKET end;
    DWORD process;  // Which has the other end, and what is passed; 0: the one that started us.
    std::byte leaving[frame_max];
    std::size_t left = 0;
    std::size_t leaving_size = 0;
    std::byte arriving[frame_max];
    std::size_t arrived = 0;
};

// What lies here unread would make a reset of the end, and that would take from the other side what
// it has not read yet.
Channel::State::~State() {
    (void)shutdown(end, SD_SEND);
    char unread[4096];
    for (int i = 0; i < unread_max && recv(end, unread, sizeof unread, 0) > 0; i++) {}
    closesocket(end);
}

Result<Channel> make_channel(StreamEnd end, DWORD process) {
    u_long on = 1;
    if (ioctlsocket(end.get(), static_cast<long>(FIONBIO), &on) != 0) {
        return stream_error(Operation::open);
    }
    (void)set_integer(end.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    (void)set_integer(end.get(), SOL_SOCKET, SO_SNDBUF, room);
    (void)set_integer(end.get(), SOL_SOCKET, SO_RCVBUF, room);
    auto* const state = new (std::nothrow) Channel::State(end.get(), process);
    if (!state) return to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::open);
    (void)end.release();
    return Channel(state);
}

// ---- The far end -------------------------------------------------------------------------------

namespace {

bool is_loopback(const Result<Endpoint>& name) {
    return name && name->family == Family::ipv4 && name->bytes[0] == 127;
}

// It is read in any case: nobody else needs it.
bool read_description(HANDLE pipe, WSAPROTOCOL_INFOW& description) {
    DWORD there = 0;
    DWORD size = 0;
    const bool whole = PeekNamedPipe(pipe, nullptr, 0, nullptr, &there, nullptr) &&
                       there == sizeof description;
    return whole && ReadFile(pipe, &description, sizeof description, &size, nullptr) &&
           size == sizeof description;
}

// A stream from this host to itself.
bool may_be_channel(Socket socket) {
    const auto type = get_integer(handle_of(socket), SOL_SOCKET, SO_TYPE);
    return type && *type == SOCK_STREAM && is_loopback(local_endpoint(socket)) &&
           is_loopback(peer_endpoint(socket));
}

}  // namespace

Result<Channel> Channel::inherited(Poller&) {
    const Error none{Code::bad_descriptor, Operation::adopt, WSAEBADF};
    char text[24];
    SetLastError(ERROR_SUCCESS);
    const DWORD size = GetEnvironmentVariableA(channel_variable, text, sizeof text);
    if (size == 0 && GetLastError() == ERROR_ENVVAR_NOT_FOUND) {
        return Error{Code::no_such_file, Operation::adopt, ERROR_ENVVAR_NOT_FOUND};
    }
    std::intptr_t handle = 0;
    const char* const text_end = text + (size < sizeof text ? size : 0);
    const auto [end, failed] = std::from_chars(text, text_end, handle);
    if (failed != std::errc() || end != text_end || handle <= 0) return none;
    if (const Error error = start_winsock(Operation::adopt)) return error;
    static std::atomic<bool> taken{false};  // What the pipe tells is good for one socket.
    if (taken.exchange(true)) return Error{Code::busy, Operation::adopt, ERROR_BUSY};
    const HANDLE pipe = reinterpret_cast<HANDLE>(handle);
    WSAPROTOCOL_INFOW description;
    if (!read_description(pipe, description)) {
        taken = false;
        return none;
    }
    CloseHandle(pipe);
    StreamEnd socket(socket_of(description));
    if (!socket || !may_be_channel({static_cast<std::intptr_t>(socket.get())})) return none;
    return make_channel(std::move(socket), 0);
}

// ---- Life --------------------------------------------------------------------------------------

Channel::Channel(Channel&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Channel& Channel::operator=(Channel&& other) noexcept {
    if (this != &other) delete std::exchange(state_, std::exchange(other.state_, nullptr));
    return *this;
}

Channel::~Channel() { delete state_; }

Socket Channel::socket() const {
    return state_ ? Socket{static_cast<std::intptr_t>(state_->end)} : Socket{};
}

// ---- Sending -----------------------------------------------------------------------------------

// From now on the other process has a handle of it, of which it hears by this.
Error Channel::State::describe(Socket passed, std::byte* to) const {
    if (process == 0) return to_error(WSAEOPNOTSUPP, Operation::send);
    WSAPROTOCOL_INFOW description;
    if (WSADuplicateSocketW(handle_of(passed), process, &description) != 0) {
        return socket_error(handle_of(passed), Operation::send);
    }
    std::memcpy(to, &description, sizeof description);
    return {};
}

// What the system does not take at once has been taken all the same: so a description never has to
// be made twice.
Error Channel::send(std::span<const std::byte> message, Socket passed) {
    if (!state_) return gone(Operation::send);
    if (message.empty() || message.size() > message_max) {
        return to_error(WSAEMSGSIZE, Operation::send);
    }
    if (unsent()) return to_error(WSAEWOULDBLOCK, Operation::send);
    State& own = *state_;
    const Header header{message.size(), static_cast<bool>(passed)};
    put(own.leaving, header);
    if (passed) {
        if (const Error error = own.describe(passed, own.leaving + header_size)) return error;
    }
    std::memcpy(own.leaving + header.size(), message.data(), message.size());
    own.left = 0;
    own.leaving_size = header.size() + message.size();
    const Error error = own.flush();
    if (error.code == Code::would_block) return {};
    if (error) own.leaving_size = 0;
    return error;
}

bool Channel::unsent() const { return state_ && state_->left < state_->leaving_size; }

Error Channel::flush() { return state_ ? state_->flush() : Error{}; }

Error Channel::State::flush() {
    while (left < leaving_size) {
        const int sent = ::send(end, reinterpret_cast<const char*>(leaving + left),
                                static_cast<int>(leaving_size - left), 0);
        if (sent < 0) return stream_error(Operation::send);
        left += static_cast<std::size_t>(sent);
    }
    return {};
}

// ---- Receiving ---------------------------------------------------------------------------------

// Until so many bytes of the frame are there.
Error Channel::State::receive_until(std::size_t size) {
    while (arrived < size) {
        const int more = recv(end, reinterpret_cast<char*>(arriving + arrived),
                              static_cast<int>(size - arrived), 0);
        if (more < 0) return stream_error(Operation::receive);
        if (more == 0) return gone(Operation::receive);
        arrived += static_cast<std::size_t>(more);
    }
    return {};
}

Result<Parcel> Channel::receive(std::span<std::byte> buffer) {
    if (!state_) return gone(Operation::receive);
    State& own = *state_;
    if (const Error error = own.receive_until(header_size)) return error;
    const Header header = get(own.arriving);
    const std::size_t length = header.length;
    const bool forged = header.passes && own.process != 0;
    if (forged || length == 0 || length > message_max || length > buffer.size()) {
        return to_error(WSAEMSGSIZE, Operation::receive);
    }
    if (const Error error = own.receive_until(header.size() + length)) return error;
    own.arrived = 0;
    Parcel parcel;
    parcel.size = length;
    std::memcpy(buffer.data(), own.arriving + header.size(), length);
    if (header.passes) take_socket(own.arriving + header_size, parcel);
    return parcel;
}

Result<Socket> duplicate(Socket socket) {
    WSAPROTOCOL_INFOW description;
    if (WSADuplicateSocketW(handle_of(socket), GetCurrentProcessId(), &description) != 0) {
        return socket_error(handle_of(socket), Operation::adopt);
    }
    const SOCKET twin = socket_of(description);
    if (twin == INVALID_SOCKET) return last_error(Operation::adopt);
    return Socket{static_cast<std::intptr_t>(twin)};
}

}  // namespace platform

#endif
