// Plain sockets: one call a datagram out, sixty-four in.
#ifdef __linux__

#include "tests/bench/plain.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace bench {

// ---- Addresses ---------------------------------------------------------------------------------

std::uint16_t Place::port() const {
    return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

std::string Place::path() const {
    const char* const name = reinterpret_cast<const sockaddr_un&>(storage).sun_path;
    return "@" + std::string(name + 1, size - offsetof(sockaddr_un, sun_path) - 1);
}

Place loopback(std::uint16_t port) {
    Place place;
    sockaddr_in& address = reinterpret_cast<sockaddr_in&>(place.storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    place.size = sizeof address;
    return place;
}

Place local_name(int number) {
    Place place;
    sockaddr_un& address = reinterpret_cast<sockaddr_un&>(place.storage);
    address.sun_family = AF_UNIX;
    // Fills its field: libuv hands the whole of it to the system.
    char name[sizeof address.sun_path];
    std::snprintf(name, sizeof name, "%0*d-%d", static_cast<int>(sizeof name) - 20,
                  static_cast<int>(getpid()), number);
    std::memset(address.sun_path + 1, '.', sizeof address.sun_path - 1);
    std::memcpy(address.sun_path + 1, name, std::strlen(name));
    place.size = sizeof address;
    return place;
}

Place place_of(int descriptor) {
    Place place;
    if (getsockname(descriptor, place.address(), &place.size) != 0) fail("getsockname failed");
    return place;
}

// ---- Sockets -----------------------------------------------------------------------------------

int open_socket(const Place& place) {
    const int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const int descriptor = socket(place.storage.ss_family, type, 0);
    if (descriptor < 0) fail("a socket could not be opened");
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_buffer_size, sizeof(int));
    if (bind(descriptor, place.address(), place.size) != 0) fail("a socket could not be bound");
    return descriptor;
}

void allow_descriptors(std::size_t count) {
    rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) leave_out("the limit of descriptors is not known");
    if (limit.rlim_cur >= count + 100) return;
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < count + 100 || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        leave_out("this process may not have " + std::to_string(count) + " descriptors");
    }
}

Plain::~Plain() {
    if (descriptor_ >= 0) close(descriptor_);
}

void Plain::send(Bytes bytes, const Place& destination) {
    const ssize_t sent = sendto(descriptor_, bytes.data(), bytes.size(), 0, destination.address(),
                                destination.size);
    if (sent != static_cast<ssize_t>(bytes.size())) fail("a plain send failed");
}

void Plain::take(std::size_t count, std::size_t size, std::uint32_t first) {
    constexpr std::size_t batch = 64;
    static std::byte buffers[batch][2048];
    mmsghdr messages[batch];
    iovec vectors[batch];
    for (std::size_t taken = 0; taken < count;) {
        const std::size_t wanted = std::min(batch, count - taken);
        for (std::size_t i = 0; i < wanted; i++) {
            vectors[i] = {buffers[i], sizeof buffers[i]};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        const int got = recvmmsg(descriptor_, messages, static_cast<unsigned>(wanted), 0, nullptr);
        if (got <= 0) fail("a datagram was lost on the way to a plain socket");
        for (std::size_t i = 0; i < static_cast<std::size_t>(got); i++, taken++) {
            check({buffers[i], messages[i].msg_len}, size,
                  first + static_cast<std::uint32_t>(taken));
        }
    }
}

// ---- The echo ----------------------------------------------------------------------------------

namespace {

void echo(int descriptor) {
    std::byte bytes[2048];
    for (;;) {
        Place sender;
        const ssize_t size =
            recvfrom(descriptor, bytes, sizeof bytes, 0, sender.address(), &sender.size);
        if (size < 0) continue;
        sendto(descriptor, bytes, static_cast<std::size_t>(size), 0, sender.address(),
               sender.size);
    }
}

}  // namespace

Echo::Echo() {
    const Place any = loopback();
    const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || bind(descriptor, any.address(), any.size) != 0) fail("no echo");
    place_ = place_of(descriptor);
    child_.emplace(echo, descriptor);
    close(descriptor);
}

}  // namespace bench

#endif
