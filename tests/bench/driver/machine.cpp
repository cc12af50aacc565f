// Asks the machine what it is. Trains are tried out, not asked for: some systems accept the options
// and do nothing.
#ifdef __linux__

#include "tests/bench/driver/machine.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace bench {

namespace {

std::string processor_name() {
    std::ifstream list("/proc/cpuinfo");
    for (std::string line; std::getline(list, line);) {
        if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
    }
    return "an unknown processor";
}

int processor_count() {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

// A receiver of a train of three datagrams, eight bytes each, as one socket sends it to another.
class Trial {
   public:
    explicit Trial(bool coalescing)
        : sender_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
          receiver_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr* const place = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        const int on = coalescing;
        const int segment = 8;
        const std::array<char, 24> train{};
        passed_ = bind(receiver_, place, size) == 0 && getsockname(receiver_, place, &size) == 0 &&
                  setsockopt(receiver_, SOL_UDP, UDP_GRO, &on, sizeof on) == 0 &&
                  setsockopt(sender_, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0 &&
                  sendto(sender_, train.data(), train.size(), 0, place, size) == 24 &&
                  recv(receiver_, buffer_.data(), buffer_.size(), 0) == (coalescing ? 24 : 8);
    }
    ~Trial() {
        close(sender_);
        close(receiver_);
    }
    const char* verdict() const { return passed_ ? "works" : "does not work"; }

   private:
    int sender_;
    int receiver_;
    std::array<char, 64> buffer_;
    bool passed_ = false;
};

}  // namespace

std::string describe_machine() {
    utsname system;
    uname(&system);
    std::array<double, 1> load{};
    (void)getloadavg(load.data(), 1);
    std::array<char, 300> text;
    std::snprintf(text.data(), text.size(),
                  "%s %s %s, %d x %s; UDP_SEGMENT %s, UDP_GRO %s; load at the beginning: %.2f",
                  system.sysname, system.release, system.machine, processor_count(),
                  processor_name().c_str(), Trial(false).verdict(), Trial(true).verdict(), load[0]);
    return text.data();
}

}  // namespace bench

#endif
