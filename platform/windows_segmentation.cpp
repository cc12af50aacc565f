// Whether this Windows cuts a message into datagrams when asked to (UDP_SEND_MSG_SIZE, Windows 10
// 2004), and how many. Found out once per process by doing it on loopback: a system that ignores
// the control message would send one big datagram, and nothing would tell.
#ifdef _WIN32

#include <cstring>

#include "platform/windows_address.h"
#include "platform/windows_sockets.h"

namespace platform {

namespace {

constexpr std::size_t segments_ever = 128;
constexpr DWORD answer_milliseconds = 50;  // Loopback answers at once; a busy machine may not.

bool trains_are_forbidden() {
    char wish[8];
    const DWORD size = GetEnvironmentVariableA("VOLLEY_SEGMENTATION", wish, sizeof wish);
    return size == 3 && std::memcmp(wish, "off", 3) == 0;
}

// A socket that is connected to itself: what it sends, it receives.
class Mirror {
   public:
    explicit Mirror(int family) : socket_(::socket(family, SOCK_DGRAM, IPPROTO_UDP)) {
        SOCKADDR_STORAGE address{};
        address.ss_family = static_cast<decltype(address.ss_family)>(family);
        int size = sizeof(sockaddr_in);
        if (family == AF_INET) {
            auto* const four = reinterpret_cast<sockaddr_in*>(&address);
            four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        } else {
            reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr.s6_addr[15] = 1;
            size = sizeof(sockaddr_in6);
        }
        auto* const name = reinterpret_cast<sockaddr*>(&address);
        const DWORD patience = answer_milliseconds;
        ready_ = socket_ != INVALID_SOCKET && ::bind(socket_, name, size) == 0 &&
                 getsockname(socket_, name, &size) == 0 && ::connect(socket_, name, size) == 0 &&
                 setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO,
                            reinterpret_cast<const char*>(&patience), sizeof patience) == 0;
    }
    ~Mirror() {
        if (socket_ != INVALID_SOCKET) closesocket(socket_);
    }
    Mirror(const Mirror&) = delete;
    Mirror& operator=(const Mirror&) = delete;

    bool ready() const { return ready_; }

    // Sends so many bytes as datagrams of one byte each; whether the first arrives as one.
    bool cuts(std::size_t count) {
        std::byte bytes[segments_ever]{};
        const std::span<const std::byte> part(bytes, count);
        const Outgoing train{{&part, 1}, nullptr, nullptr, 1};
        const Socket self{static_cast<std::intptr_t>(socket_)};
        if (send_train(self, train)) return false;
        char answer[segments_ever];
        return recv(socket_, answer, sizeof answer, 0) == 1;
    }

   private:
    SOCKET socket_;
    bool ready_ = false;
};

std::uint16_t count_segments() {
    if (trains_are_forbidden()) return 0;
    for (const int family : {AF_INET, AF_INET6}) {
        Mirror mirror(family);
        if (!mirror.ready()) continue;
        for (const std::size_t count : {segments_ever, segments_ever / 2}) {
            if (mirror.cuts(count)) return static_cast<std::uint16_t>(count);
        }
        return 0;
    }
    return 0;
}

}  // namespace

std::uint16_t known_segments_max() {
    static const std::uint16_t count = count_segments();
    return count;
}

Segmentation segmentation(Poller&) { return {known_segments_max(), false}; }

}  // namespace platform

#endif
