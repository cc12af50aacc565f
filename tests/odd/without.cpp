// Runs a program on a kernel without what old ones and sandboxes lack: recvmmsg, sendmmsg, eventfd,
// epoll_pwait2, descriptors of processes, trains (UDP_SEGMENT, UDP_GRO); and, as macOS is, without
// pairs of packet sockets. A filter answers for it, whoever makes the call.
//     make test RUN='sh tests/leave_out.sh without tests/odd/without.exe'
// Catch: a filter sees numbers, no memory: a train's length in a control message gets past it.
#ifdef __linux__

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "platform/posix_options.h"

namespace {

constexpr long epoll_pwait2_number = 441;  // Younger than the headers of some systems.
constexpr long pidfd_open_number = 434;
constexpr long missing_calls[] = {__NR_recvmmsg, __NR_sendmmsg, __NR_eventfd2, epoll_pwait2_number,
                                  pidfd_open_number};

// The half of an argument that holds an int.
constexpr std::uint32_t argument(std::size_t index) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * index +
                                      (std::endian::native == std::endian::big ? 4 : 0));
}

class Filter {
   public:
    void load(std::size_t offset) {
        add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
    }
    void answer(int error) {
        add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
    }
    void allow() { add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW); }

    // What was loaded last is this, or the next `skipped` instructions are none of its.
    void only_if(long value, std::uint8_t skipped) {
        add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(value), 0, skipped);
    }

    bool install() {
        sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
    }

   private:
    void add(int code, std::uint32_t k, std::uint8_t yes = 0, std::uint8_t no = 0) {
        code_.push_back({static_cast<std::uint16_t>(code), yes, no, k});
    }
    std::vector<sock_filter> code_;
};

bool forget_what_is_new() {
    Filter filter;
    filter.load(offsetof(seccomp_data, nr));
    for (const long call : missing_calls) {
        filter.only_if(call, 1);
        filter.answer(ENOSYS);
    }
    filter.only_if(__NR_socketpair, 3);
    filter.load(argument(1));
    filter.only_if(SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 1);
    filter.answer(EPROTONOSUPPORT);
    filter.load(offsetof(seccomp_data, nr));  // Whichever it was: what follows is about others.
    filter.only_if(__NR_setsockopt, 7);
    filter.load(argument(1));
    filter.only_if(IPPROTO_UDP, 5);
    filter.load(argument(2));
    filter.only_if(UDP_SEGMENT, 1);
    filter.answer(ENOPROTOOPT);
    filter.only_if(UDP_GRO, 1);
    filter.answer(ENOPROTOOPT);
    filter.allow();
    return filter.install();
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 2 || !forget_what_is_new()) {
        std::perror(count < 2 ? "usage: without PROGRAM [ARGUMENT...]" : "without: no filter");
        return 125;
    }
    execvp(arguments[1], arguments + 1);
    std::perror(arguments[1]);
    return 126;
}

#endif
