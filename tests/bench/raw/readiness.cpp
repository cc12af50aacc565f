// epoll for the raw contender.
#ifdef __linux__

#include "tests/bench/raw/readiness.h"

#include <unistd.h>

#include "tests/bench/row.h"

namespace bench {

Readiness::Readiness() : epoll_(epoll_create1(EPOLL_CLOEXEC)), events_(1024), names_(1024) {
    if (epoll_ < 0) fail("no epoll");
}

Readiness::~Readiness() { close(epoll_); }

void Readiness::watch(int descriptor, std::size_t name) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = name;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl failed");
}

std::span<const std::size_t> Readiness::wait() {
    const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), -1);
    if (count < 0) fail("epoll_wait failed");
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); i++) {
        names_[i] = events_[i].data.u64;
    }
    return {names_.data(), static_cast<std::size_t>(count)};
}

}  // namespace bench

#endif
