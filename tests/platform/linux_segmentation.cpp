// What the round trip on loopback finds out about trains, on kernels and in sandboxes of all kinds:
// this program has its own setsockopt, sendmsg and so on, which do as those do.
// What the library finds out it remembers for the process, so each case runs in a child.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tests/platform/support.h"

using namespace platform;

namespace {

// The system that is played. As long as nothing is said, the true one.
struct System {
    bool has_option = true;
    bool has_ipv4 = true;
    bool has_ipv6 = true;
    bool ignores_control = false;  // One big datagram leaves.
    std::size_t segments_max = 128;
    int refusal = EINVAL;          // Of more segments.
    const char* release = nullptr;
};
System played;

// What was asked of it.
int sockets = 0;
int options = 0;
int trains = 0;

}  // namespace

extern "C" {

int socket(int domain, int type, int protocol) noexcept {
    sockets++;
    if ((domain == AF_INET && !played.has_ipv4) || (domain == AF_INET6 && !played.has_ipv6)) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    return static_cast<int>(syscall(SYS_socket, domain, type, protocol));
}

int setsockopt(int descriptor, int level, int option, const void* value, socklen_t size) noexcept {
    if (level == IPPROTO_UDP && option == UDP_SEGMENT) {
        options++;
        if (!played.has_option) {
            errno = ENOPROTOOPT;
            return -1;
        }
    }
    return static_cast<int>(syscall(SYS_setsockopt, descriptor, level, option, value, size));
}

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
    msghdr sent = *message;
    const cmsghdr* const item = CMSG_FIRSTHDR(&sent);
    if (item && item->cmsg_level == IPPROTO_UDP && item->cmsg_type == UDP_SEGMENT) {
        trains++;
        if (sent.msg_iov[0].iov_len > played.segments_max) {
            errno = played.refusal;
            return -1;
        }
        if (played.ignores_control) {
            sent.msg_control = nullptr;
            sent.msg_controllen = 0;
        }
    }
    return syscall(SYS_sendmsg, descriptor, &sent, flags);
}

int uname(utsname* system) noexcept {
    const int result = static_cast<int>(syscall(SYS_uname, system));
    if (played.release) std::strcpy(system->release, played.release);
    return result;
}

}  // extern "C"

namespace {

// In a child, before anything has been found out: says 0, or the expectation that was not met.
template <class Function>
int in_child(Function function) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        unsetenv("VOLLEY_SEGMENTATION");
        _exit(function());
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

struct Expectations {
    int count = 0;
    int first_failed = 0;
    void expect(bool met) {
        count++;
        if (!met && first_failed == 0) first_failed = count;
    }
};

// What is found out in such a system, asked three times; 255: not the same each time, or asked of
// the kernel again, or something was left open.
int found_in(const System& system) {
    return in_child([&] {
        const auto poller = open_poller();
        played = system;
        const int descriptor = dup(0);
        ::close(descriptor);
        const std::uint16_t found = segmentation(*poller).segments_max;
        const int asked = sockets + trains;
        const bool open = dup(0) != descriptor;
        for (int i = 0; i < 3; i++) {
            if (segmentation(*poller).segments_max != found) return 255;
        }
        const auto other = open_poller();
        if (segmentation(*other).segments_max != found) return 255;
        return open || sockets + trains != asked ? 255 : int{found};
    });
}

// Kernels before 4.18 have no trains, others take 64 or 128.
int found_here() {
    static const int found = found_in({});
    return found;
}

}  // namespace

TEST_CASE("this kernel has 128, 64 or none, is asked once, and nothing is left open") {
    const int found = found_here();
    CHECK((found == 128 || found == 64 || found == 0));
}

TEST_CASE("a kernel that refuses 128 has 64, whatever it says; one that refuses these has none") {
    if (found_here() == 0) return;
    for (const int refusal : {EINVAL, EMSGSIZE, EIO, EPERM}) {
        CAPTURE(refusal);
        CHECK(found_in({.segments_max = 127, .refusal = refusal}) == 64);
        CHECK(found_in({.segments_max = 64, .refusal = refusal}) == 64);
        CHECK(found_in({.segments_max = 63, .refusal = refusal}) == 0);
        CHECK(found_in({.segments_max = 0, .refusal = refusal}) == 0);
    }
}

TEST_CASE("without the option, or where it does nothing, there are no trains") {
    CHECK(found_in({.has_option = false}) == 0);
    CHECK(found_in({.ignores_control = true}) == 0);
    CHECK(in_child([] {
              Expectations all;
              const auto poller = open_poller();
              played.has_option = false;
              all.expect(segmentation(*poller).segments_max == 0);
              all.expect(options == 1);
              all.expect(trains == 0);  // Never sent where nobody would cut it.
              return all.first_failed;
          }) == 0);
}

TEST_CASE("a host with one family alone, whichever, finds out the same; one with none has none") {
    CHECK(found_in({.has_ipv6 = false}) == found_here());
    CHECK(found_in({.has_ipv4 = false, .has_ipv6 = false}) == 0);
    const int six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const sockaddr_in6 address{AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT, 0};
    const bool has_ipv6 =
        six >= 0 && bind(six, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (six >= 0) ::close(six);
    CHECK(found_in({.has_ipv4 = false}) == (has_ipv6 ? found_here() : 0));
}

TEST_CASE("VOLLEY_SEGMENTATION=off: nothing is tried, sent or joined; any other word is none") {
    CHECK(in_child([] {
              Expectations all;
              const auto poller = open_poller();
              const Owned socket(*poller, loopback(Family::ipv4));
              const int before = sockets;
              setenv("VOLLEY_SEGMENTATION", "off", 1);
              all.expect(segmentation(*poller).segments_max == 0);
              all.expect(sockets == before && trains == 0);
              const Error error = set_option(socket, Option::coalesce, 1);
              all.expect(error.code == Code::not_supported);
              all.expect(error.operation == Operation::set_option);
              all.expect(!set_option(socket, Option::coalesce, 0));
              const Endpoint to = socket.address();
              const Error sent = send_text(socket, "0123456789", &to, 5);
              all.expect(sent.code == Code::not_supported);
              all.expect(trains == 0);
              all.expect(!send_text(socket, "0123456789", &to));
              Inbox inbox(1);
              all.expect(receive_next(*poller, socket, inbox));
              all.expect(text_of(inbox.incoming[0]) == "0123456789");
              return all.first_failed;
          }) == 0);
    for (const char* word : {"", "on", "OFF", "0", "off "}) {
        CAPTURE(word);
        const int found = in_child([&] {
            setenv("VOLLEY_SEGMENTATION", word, 1);
            return int{segmentation(*open_poller()).segments_max};
        });
        CHECK(found == found_here());
    }
}

TEST_CASE("Linux 7.0.0 to 7.1.4 has trains for loopback only, and they are as long as elsewhere") {
    const struct {
        const char* release;
        bool loopback_only;
    } kernels[] = {{"7.0.0", true},       {"7.0", true},        {"7.0.99-arch1-1", true},
                   {"7.1.0", true},       {"7.1-rc3", true},    {"7.1.4", true},
                   {"7.1.4-generic", true}, {"7.1.5", false},   {"7.1.40", false},
                   {"7.2.0", false},      {"7.10.1", false},    {"6.18.44-fc", false},
                   {"6.99.4", false},     {"8.0.0", false},     {"17.0.0", false},
                   {"70.1.4", false},     {"", false}};
    for (const auto& kernel : kernels) {
        CAPTURE(kernel.release);
        const int found = in_child([&] {
            const auto poller = open_poller();
            played.release = kernel.release;
            const Segmentation first = segmentation(*poller);
            played.release = kernel.loopback_only ? "6.0.0" : "7.0.0";  // Found out already.
            const Segmentation again = segmentation(*poller);
            if (again.loopback_only != first.loopback_only) return 255;
            return first.segments_max + (first.loopback_only ? 1 : 0);
        });
        CHECK(found == found_here() + (kernel.loopback_only ? 1 : 0));
    }
}

#endif
