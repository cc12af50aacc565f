// The child is forked before there are threads or loops. The catch: it inherits the one processor
// that the driver gave its parent, and has to move away from it.
#ifdef __linux__

#include "tests/bench/child.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/row.h"

namespace bench {

namespace {

void move_away() {
    const int here = sched_getcpu();
    cpu_set_t others;
    CPU_ZERO(&others);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (i != here) CPU_SET(i, &others);
    }
    sched_setaffinity(0, sizeof others, &others);
}

}  // namespace

Child::Child(void (*work)(int), int descriptor) : process_(fork()) {
    if (process_ < 0) fail("no process for the other side");
    if (process_ > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGALRM, SIG_DFL);
    alarm(60);
    move_away();
    work(descriptor);
    _exit(1);
}

Child::~Child() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
}

}  // namespace bench

#endif
