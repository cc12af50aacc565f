// epoll, level-triggered, and nothing around it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <sys/epoll.h>

namespace bench {

class Readiness {
   public:
    Readiness();
    ~Readiness();
    void watch(int descriptor, std::size_t name);
    std::span<const std::size_t> wait();  // The names of those that can be read.

   private:
    int epoll_;
    std::vector<epoll_event> events_;
    std::vector<std::size_t> names_;
};

}  // namespace bench
