// Whether this kernel cuts a message into datagrams when asked to (UDP_SEGMENT), and how many.
// Found out once per process by doing it on loopback, because asking is not enough: kernels before
// 4.18 ignore the control message and send one big datagram, some sandboxes take the option and do
// nothing, and the limit of 64 datagrams became 128 in updates of many versions.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <netinet/udp.h>
#include <poll.h>
#include <sys/utsname.h>

#include <atomic>
#include <cstdlib>

#include "platform/posix_address.h"
#include "platform/posix_control.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

constexpr int answer_milliseconds = 50;  // Loopback answers at once; a busy machine may not.

// Linux 7.0.0 to 7.1.4 spoils trains of equal datagrams on some network cards, and nothing tells.
bool spoils_trains() {
    utsname system;
    if (uname(&system) < 0) return false;
    char* rest = system.release;
    const long major = std::strtol(rest, &rest, 10);
    const long minor = *rest == '.' ? std::strtol(rest + 1, &rest, 10) : 0;
    const long patch = *rest == '.' ? std::strtol(rest + 1, &rest, 10) : 0;
    return major == 7 && (minor == 0 || (minor == 1 && patch <= 4));
}

// A socket that is connected to itself: what it sends, it receives.
class Mirror {
   public:
    explicit Mirror(int family) : descriptor_(socket(family, SOCK_DGRAM | birth_flags, 0)) {
        sockaddr_storage address{};
        address.ss_family = static_cast<sa_family_t>(family);
        if (family == AF_INET) {
            reinterpret_cast<sockaddr_in*>(&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        } else {
            reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr = in6addr_loopback;
        }
        socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        auto* const name = reinterpret_cast<sockaddr*>(&address);
        ready_ = descriptor_ >= 0 && ::bind(descriptor_, name, size) == 0 &&
                 getsockname(descriptor_, name, &size) == 0 &&
                 ::connect(descriptor_, name, size) == 0;
    }
    ~Mirror() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Mirror(const Mirror&) = delete;
    Mirror& operator=(const Mirror&) = delete;

    bool ready() const { return ready_; }
    bool has_option() const { return !set_integer(descriptor_, IPPROTO_UDP, UDP_SEGMENT, 0); }

    // Sends so many bytes as datagrams of one byte each; whether the first arrives as one.
    bool cuts(std::size_t count) {
        std::byte bytes[segments_ever]{};
        ControlBuffer<PosixControl, PosixControl::room(sizeof(std::uint16_t))> control;
        iovec part{bytes, count};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        PosixControlWriter(message, control.bytes)
            .put(IPPROTO_UDP, UDP_SEGMENT, std::uint16_t{1});
        if (sendmsg(descriptor_, &message, send_flags) < 0) return false;
        pollfd waiting{descriptor_, POLLIN, 0};
        (void)::poll(&waiting, 1, answer_milliseconds);
        return recv(descriptor_, bytes, sizeof bytes, MSG_DONTWAIT) == 1;
    }

    static constexpr std::size_t segments_ever = 128;

   private:
    int descriptor_;
    bool ready_ = false;
};

std::uint16_t count_segments() {
    for (const int family : {AF_INET, AF_INET6}) {
        Mirror mirror(family);
        if (!mirror.ready()) continue;
        if (!mirror.has_option()) return 0;
        for (const std::size_t count : {Mirror::segments_ever, Mirror::segments_ever / 2}) {
            if (mirror.cuts(count)) return static_cast<std::uint16_t>(count);
        }
        return 0;
    }
    return 0;
}

}  // namespace

bool trains_are_forbidden() {
    const char* const wish = std::getenv("VOLLEY_SEGMENTATION");
    return wish && std::string_view(wish) == "off";
}

Segmentation known_segmentation() {
    constexpr std::uint32_t unknown = UINT32_MAX;
    constexpr std::uint32_t loopback_only = 1u << 16;
    static std::atomic<std::uint32_t> found{unknown};
    std::uint32_t state = found.load(std::memory_order_relaxed);
    if (state == unknown) {
        const std::uint32_t count = trains_are_forbidden() ? 0 : count_segments();
        state = count | (spoils_trains() ? loopback_only : 0);
        found.store(state, std::memory_order_relaxed);
    }
    return {static_cast<std::uint16_t>(state), (state & loopback_only) != 0};
}

Segmentation segmentation(Poller&) { return known_segmentation(); }

}  // namespace platform

#endif
