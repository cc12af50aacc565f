// How datagrams move on Windows: one call for each, in a loop, as there is no call for many.
// Trains leave in one piece (UDP_SEND_MSG_SIZE) where a round trip on loopback has shown that the
// system cuts them; none is accepted on arrival.
// The catch: a truncated datagram is an error to Winsock, and its size is then not told reliably.
#ifdef _WIN32

#include <memory>
#include <new>

#include "platform/windows_address.h"
#include "platform/windows_control.h"
#include "platform/windows_error.h"
#include "platform/windows_sockets.h"

namespace platform {

namespace {

constexpr std::size_t batch_max = 32;
constexpr std::size_t parts_on_stack = 256;  // Two trains of the longest kind.
constexpr std::size_t parts_max = 1024;      // As on Unix, so that programs mean the same.
constexpr int send_message_size = 2;         // UDP_SEND_MSG_SIZE; not in every ws2ipdef.h.

constexpr std::size_t received_control_size =
    WindowsControl::space(sizeof(IN_PKTINFO)) + WindowsControl::space(sizeof(IN6_PKTINFO)) +
    4 * WindowsControl::space(sizeof(int));
constexpr std::size_t sent_control_size =
    WindowsControl::space(sizeof(IN6_PKTINFO)) + 3 * WindowsControl::space(sizeof(int));

// ---- Receiving ---------------------------------------------------------------------------------

// Not in ws2_32's list of exports: each provider hands out its own. Null: it has none.
LPFN_WSARECVMSG receive_message_call(SOCKET socket) {
    static std::atomic<LPFN_WSARECVMSG> known{nullptr};
    LPFN_WSARECVMSG call = known.load(std::memory_order_relaxed);
    if (call) return call;
    GUID guid = WSAID_WSARECVMSG;
    DWORD size = 0;
    if (WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof guid, &call, sizeof call,
                 &size, nullptr, nullptr) != 0) {
        return nullptr;
    }
    known.store(call, std::memory_order_relaxed);
    return call;
}

// A dual-stack socket speaks IPv6: what came by IPv4 has mapped addresses, at both ends.
void map(Endpoint& endpoint) {
    constexpr std::uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(endpoint.bytes.data() + sizeof prefix, endpoint.bytes.data(), 4);
    std::memcpy(endpoint.bytes.data(), prefix, sizeof prefix);
    endpoint.family = Family::ipv6;
    endpoint.size = 16;
}

void read_info(const WSAMSG& message, const Endpoint& peer, PacketInfo& info) {
    if (message.dwFlags & MSG_CTRUNC) return;
    WindowsControlReader reader({reinterpret_cast<const std::byte*>(message.Control.buf),
                                 message.Control.len});
    ControlItem item;
    while (reader.next(item)) info.codec->read(item, info);
    if (info.local.family == Family::ipv4 && peer.family == Family::ipv6) map(info.local);
}

// What one call says of a datagram: zero, or why not.
struct Answer {
    bool failed;
    DWORD size;
};

Answer receive_plain(SOCKET socket, WSABUF& buffer, SOCKADDR_STORAGE& name, int& name_size) {
    DWORD size = 0;
    DWORD flags = 0;
    const bool failed = WSARecvFrom(socket, &buffer, 1, &size, &flags,
                                    reinterpret_cast<sockaddr*>(&name), &name_size, nullptr,
                                    nullptr) != 0;
    return {failed, size};
}

Error receive_one(SOCKET socket, LPFN_WSARECVMSG receive_message, Incoming& incoming) {
    SOCKADDR_STORAGE name;
    int name_size = sizeof name;
    ControlBuffer<WindowsControl, received_control_size> control;
    WSABUF buffer{static_cast<ULONG>(incoming.buffer.size()),
                  reinterpret_cast<char*>(incoming.buffer.data())};
    WSAMSG message{};
    Answer answer{};
    if (receive_message) {
        message = {reinterpret_cast<sockaddr*>(&name),
                   name_size,
                   &buffer,
                   1,
                   {sizeof control.bytes, reinterpret_cast<char*>(control.bytes)},
                   0};
        answer.failed = receive_message(socket, &message, &answer.size, nullptr, nullptr) != 0;
        name_size = message.namelen;
    } else {
        answer = receive_plain(socket, buffer, name, name_size);
    }
    bool truncated = false;
    if (answer.failed) {
        const Error error = socket_error(socket, Operation::receive);
        truncated = error.code == Code::message_too_big;
        if (!truncated) return error;
    }
    incoming.size = truncated ? incoming.buffer.size() : answer.size;
    incoming.truncated = truncated || (message.dwFlags & MSG_TRUNC) != 0;
    incoming.segment_size = 0;
    read_sockaddr(&name, static_cast<std::size_t>(name_size), incoming.peer);
    if (incoming.info) incoming.info->codec->clear(*incoming.info);
    if (incoming.info && receive_message) read_info(message, incoming.peer, *incoming.info);
    return {};
}

// Winsock's word for a refusal, which only a connected socket asks to hear; it can tell nothing to
// any other, and nothing can be made of a hop limit that was too low (WSAENETRESET).
Error receive_wanted(Socket socket, LPFN_WSARECVMSG receive_message, Incoming& incoming) {
    const SOCKET handle = handle_of(socket);
    for (std::size_t unwanted = 0; unwanted < batch_max; unwanted++) {
        const Error error = receive_one(handle, receive_message, incoming);
        if (error.native != WSAECONNRESET && error.native != WSAENETRESET) return error;
        if (error.native == WSAECONNRESET && peer_endpoint(socket)) {
            return {Code::connection_refused, Operation::receive, error.native};
        }
    }
    return to_error(WSAEWOULDBLOCK, Operation::receive);  // It stays readable: ask again later.
}

}  // namespace

// The catch: a refusal that comes behind datagrams of the same call is not told; the next is.
Result<std::size_t> receive(Socket socket, std::span<Incoming> incoming) {
    if (incoming.empty()) return to_error(WSAEINVAL, Operation::receive);
    std::size_t count = 0;
    for (Incoming& each : incoming.first((std::min)(batch_max, incoming.size()))) {
        const auto receive_message = each.info ? receive_message_call(handle_of(socket)) : nullptr;
        const Error error = receive_wanted(socket, receive_message, each);
        if (error && count == 0) return error;
        if (error) break;
        count++;
    }
    return count;
}

// ---- Sending -----------------------------------------------------------------------------------

namespace {

Endpoint destination_of(Socket socket, const Outgoing& outgoing) {
    if (outgoing.peer) return *outgoing.peer;
    const auto peer = peer_endpoint(socket);
    return peer ? *peer : Endpoint{};
}

// Winsock calls it invalid, or not connected, where others say what is missing: an address.
Error send_error(Socket socket, const Outgoing& outgoing) {
    const Error error = socket_error(handle_of(socket), Operation::send);
    if (outgoing.peer || peer_endpoint(socket).error().code != Code::not_connected) return error;
    return {Code::destination_required, Operation::send, error.native};
}

// With control messages, which only WSASendMsg takes along.
Error send_message(Socket socket, const Outgoing& outgoing, WSAMSG& message) {
    ControlBuffer<WindowsControl, sent_control_size> control;
    {
        WindowsControlWriter writer(message, control.bytes);
        if (outgoing.segment_size != 0) {
            writer.put(IPPROTO_UDP, send_message_size, DWORD{outgoing.segment_size});
        }
        if (const PacketInfo* const info = outgoing.info) {
            const Error error = info->codec->put(writer, *info, destination_of(socket, outgoing));
            if (error) return error;
        }
    }
    DWORD sent = 0;
    const SOCKET handle = handle_of(socket);
    const bool failed = WSASendMsg(handle, &message, 0, &sent, nullptr, nullptr) != 0;
    return failed ? send_error(socket, outgoing) : Error{};
}

Error send_parts(Socket socket, const Outgoing& outgoing, WSABUF* parts) {
    SOCKADDR_STORAGE name;
    int name_size = 0;
    if (outgoing.peer) {
        name_size = to_sockaddr(*outgoing.peer, name);
        if (name_size == 0) return unusable(*outgoing.peer, Operation::send);
    }
    auto* const address = name_size ? reinterpret_cast<sockaddr*>(&name) : nullptr;
    for (std::size_t i = 0; i < outgoing.parts.size(); i++) {
        const auto part = outgoing.parts[i];
        parts[i] = {static_cast<ULONG>(part.size()),
                    const_cast<char*>(reinterpret_cast<const char*>(part.data()))};
    }
    // Winsock wants at least one part, if only an empty one: the array has room for it.
    if (outgoing.parts.empty()) parts[0] = {0, nullptr};
    const auto count = static_cast<DWORD>((std::max)(outgoing.parts.size(), std::size_t{1}));
    if (outgoing.segment_size != 0 || outgoing.info) {
        WSAMSG message{address, name_size, parts, count, {0, nullptr}, 0};
        return send_message(socket, outgoing, message);
    }
    DWORD sent = 0;
    const SOCKET handle = handle_of(socket);
    const bool failed = WSASendTo(handle, parts, count, &sent, 0, address, name_size, nullptr,
                                  nullptr) != 0;
    return failed ? send_error(socket, outgoing) : Error{};
}

Error send_one(Socket socket, const Outgoing& outgoing) {
    const std::size_t count = outgoing.parts.size();
    if (count <= parts_on_stack) {
        WSABUF parts[parts_on_stack];
        return send_parts(socket, outgoing, parts);
    }
    if (count > parts_max) return to_error(WSAEMSGSIZE, Operation::send);
    const std::unique_ptr<WSABUF[]> parts(new (std::nothrow) WSABUF[count]);
    if (!parts) return to_error(WSA_NOT_ENOUGH_MEMORY, Operation::send);
    return send_parts(socket, outgoing, parts.get());
}

}  // namespace

Error send_train(Socket socket, const Outgoing& outgoing) { return send_one(socket, outgoing); }

Result<std::size_t> send(Socket socket, std::span<const Outgoing> outgoing) {
    if (outgoing.empty()) return to_error(WSAEINVAL, Operation::send);
    std::size_t count = 0;
    for (const Outgoing& each : outgoing) {
        const bool uncut = each.segment_size != 0 && known_segments_max() == 0;
        const Error error =
            uncut ? to_error(WSAEOPNOTSUPP, Operation::send) : send_one(socket, each);
        if (error && count == 0) return error;
        if (error) break;
        count++;
    }
    return count;
}

}  // namespace platform

#endif
