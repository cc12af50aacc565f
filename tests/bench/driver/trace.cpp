// ptrace: stops at each system call of each thread, and counts while a measured part is under way.
// The catch: containers may forbid it, and then nothing is counted.
#ifdef __linux__

#include "tests/bench/driver/trace.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

namespace {

constexpr int refused = 126;

class Tracer {
   public:
    explicit Tracer(pid_t process) : process_(process) {}

    bool begin(int& status) {
        waitpid(process_, &status, 0);
        if (!WIFSTOPPED(status)) return false;
        const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
        ptrace(PTRACE_SETOPTIONS, process_, nullptr, options);
        go_on(process_, 0);
        return true;
    }

    // Until the process has ended; its threads end before it does.
    void follow(int& status) {
        for (;;) {
            const pid_t thread = waitpid(-1, &status, __WALL);
            if (thread < 0 && errno != EINTR) return;
            if (thread < 0) continue;
            if (WIFSTOPPED(status)) {
                stopped(thread, status);
            } else if (thread == process_) {
                return;
            }
        }
    }

    // A mark without another was none: a shell asks for its parent when it begins.
    std::optional<double> calls() const {
        return marked_ && !counting_ ? std::optional<double>(calls_) : std::nullopt;
    }

   private:
    void stopped(pid_t thread, int status) {
        int signal = WSTOPSIG(status);
        if (signal == (SIGTRAP | 0x80)) {
            count(thread);
            signal = 0;
        } else if (status >> 16 != 0 || signal == SIGSTOP || signal == SIGTRAP) {
            signal = 0;  // A new thread and how it begins; a new program.
        }
        go_on(thread, signal);
    }

    void count(pid_t thread) {
        __ptrace_syscall_info info{};
        ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info);
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
        if (info.entry.nr == SYS_getppid) {
            marked_ = true;
            counting_ = !counting_;
        } else if (counting_) {
            calls_++;
        }
    }

    static void go_on(pid_t thread, long signal) {
        ptrace(PTRACE_SYSCALL, thread, nullptr, signal);
    }

    const pid_t process_;
    double calls_ = 0;
    bool marked_ = false;
    bool counting_ = false;
};

}  // namespace

void ask_to_be_traced() {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(refused);
    raise(SIGSTOP);
}

std::optional<double> trace_to_end(pid_t process, int& status) {
    Tracer tracer(process);
    if (!tracer.begin(status)) return std::nullopt;
    tracer.follow(status);
    return tracer.calls();
}

}  // namespace bench

#endif
