// What wakes an epoll: an eventfd, or a pipe where a sandbox has no eventfd. For platform/ only.
// To be watched edge-triggered: then nobody has to read the eventfd, and one call less is made.
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace platform {

class LinuxWake {
   public:
    LinuxWake() = default;
    ~LinuxWake() {
        if (read_ >= 0) ::close(read_);
        if (write_ >= 0 && write_ != read_) ::close(write_);
    }
    LinuxWake(const LinuxWake&) = delete;
    LinuxWake& operator=(const LinuxWake&) = delete;

    bool open() {
        read_ = write_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (read_ >= 0) return true;
        int ends[2];
        if (errno != ENOSYS || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
        read_ = ends[0];
        write_ = ends[1];
        return true;
    }
    int descriptor() const { return read_; }

    // Signal handlers may: it leaves errno as it was.
    void ring() {
        const int saved = errno;
        const std::uint64_t one = 1;
        (void)!::write(write_, &one, sizeof one);  // 2^64 of them would overflow.
        errno = saved;
    }

    // After each ring that was heard: a pipe that is full would take no further one.
    void hear() {
        char bytes[512];
        while (write_ != read_ && ::read(read_, bytes, sizeof bytes) == sizeof bytes) {
        }
    }

   private:
    int read_ = -1;
    int write_ = -1;  // The eventfd itself, or the other end of the pipe.
};

}  // namespace platform
