// Ctrl-C on Windows: a console control handler that posts to mailboxes. The system calls it on a
// thread of its own, so a lock is enough. It stays installed: when nobody waits (any more), it
// says so, and the system's own reaction follows.
// The catch: closing the console is no interrupt, as Windows then ends the program in any case.
#ifdef _WIN32

#include "platform/windows_error.h"
#include "platform/windows_sockets.h"

namespace platform {

namespace {

struct Waiting {
    Mailbox* mailbox = nullptr;
    Job* job = nullptr;  // Null: this place is free.
};

Waiting waiting[8];
bool installed = false;
SRWLOCK lock = SRWLOCK_INIT;  // Of all above.

class Exclusive {
   public:
    Exclusive() { AcquireSRWLockExclusive(&lock); }
    ~Exclusive() { ReleaseSRWLockExclusive(&lock); }
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;
};

BOOL WINAPI on_control(DWORD event) {
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) return FALSE;
    const Exclusive exclusive;
    BOOL posted = FALSE;
    for (Waiting& each : waiting) {
        if (!each.job) continue;
        each.mailbox->post(*each.job);
        each = {};
        posted = TRUE;
    }
    return posted;
}

}  // namespace

Error catch_interrupt(Mailbox& mailbox, Job& job) {
    const Exclusive exclusive;
    for (Waiting& each : waiting) {
        if (each.job) continue;
        if (!installed && !SetConsoleCtrlHandler(on_control, TRUE)) {
            return last_error(Operation::interrupt);
        }
        installed = true;
        each = {&mailbox, &job};
        return {};
    }
    return {Code::busy, Operation::interrupt, ERROR_BUSY};
}

void release_interrupt(Job& job) {
    const Exclusive exclusive;
    for (Waiting& each : waiting) {
        if (each.job == &job) each = {};
    }
}

}  // namespace platform

#endif
