// A pipe to wake a sleeping thread by: write(2) is all that a signal handler may be trusted with on
// every Unix. At most one byte is ever in it. For platform/ only.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "platform/posix_options.h"

namespace platform {

class WakePipe {
   public:
    WakePipe() = default;
    ~WakePipe() {
        for (const int end : ends_) {
            if (end >= 0) ::close(end);
        }
    }
    WakePipe(const WakePipe&) = delete;
    WakePipe& operator=(const WakePipe&) = delete;

    bool open() { return open_pipe(ends_) == 0; }
    int descriptor() const { return ends_[0]; }  // Readable: somebody has called wake().

    void wake() {
        if (woken_.exchange(true)) return;
        const int saved = errno;  // A signal handler must leave it as it was.
        (void)!::write(ends_[1], "", 1);  // Cannot fill the pipe: the flag lets one pass.
        errno = saved;
    }

    // Empties the pipe first and lowers the flag second. Whoever raises the flag after that writes
    // again. Whoever found it still raised did so before the exchange here, so what it posted is
    // visible to whatever the caller looks at afterwards. The other way round a byte could be read
    // away while its flag stayed up for ever.
    void acknowledge() {
        char byte;
        (void)!::read(ends_[0], &byte, sizeof byte);
        woken_.exchange(false);
    }

   private:
    int ends_[2] = {-1, -1};
    std::atomic<bool> woken_{false};
};

}  // namespace platform
