// Every system call of a short life fails, one at a time, with every error that it might have, once
// and from then on. Whatever happens, each outcome comes once, 'close' comes last, run() ends, and
// nothing is left behind.
#ifdef __linux__

#include "tests/net/faults.h"
#include "tests/net/life.h"

namespace {

using test::Audit;
using test::Call;
using test::Fault;
using test::Life;

constexpr int for_ever = 1 << 30;

constexpr int errors[] = {EINTR,  EAGAIN, ENOBUFS,      ENOMEM, EMFILE,      EINVAL,
                          EIO,    EPERM,  ECONNREFUSED, ENOSYS, ENETUNREACH, EMSGSIZE,
                          EACCES, EBADF};

constexpr Call calls[] = {Call::socket,     Call::bind,       Call::connect,  Call::getsockname,
                          Call::getpeername, Call::setsockopt, Call::getsockopt, Call::sendmsg,
                          Call::sendmmsg,   Call::recvmsg,    Call::recvmmsg, Call::open_poller,
                          Call::watch,      Call::forget,     Call::wait};

// What cannot be had: to wait fails only when interrupted, unless the loop is broken, and
// nobody is interrupted for ever. A batch call that is missing is never tried again, so that is
// left to the end.
bool sensible(Call call, int error, int times) {
    const bool batch = call == Call::sendmmsg || call == Call::recvmmsg;
    if (call == Call::wait) return error == EINTR;
    if (batch && (error == ENOSYS || error == EPERM)) return false;
    return error != EINTR || times != for_ever;
}

struct Seen {
    bool opened = true;
    bool complete = false;
    std::size_t heard = 0;
    std::size_t sent = 0;
};

Seen live(bool clean) {
    Seen seen;
    const Audit audit;
    core::Loop loop;
    Life life(loop, clean);
    seen.opened = !loop.open_error();
    const bool ended = test::runs_out(loop);
    CHECK(ended == seen.opened);
    seen.complete = life.complete();
    seen.heard = life.heard;
    seen.sent = life.sent;
    CHECK(life.token.use_count() == 1);
    return seen;
}

// How often a clean life makes the call.
int count(Call call) {
    const int before = Fault::calls(call);
    const Seen seen = live(true);
    CHECK(seen.complete);
    return Fault::calls(call) - before;
}

// How many places there were.
int walk(int times) {
    int total = 0;
    for (const Call call : calls) {
        const int made = count(call);
        total += made;
        for (int skipped = 0; skipped < made; skipped++) {
            for (const int error : errors) {
                if (!sensible(call, error, times)) continue;
                CAPTURE(static_cast<int>(call));
                CAPTURE(skipped);
                CAPTURE(error);
                Seen seen;
                {
                    const Fault fault(call, error, times, skipped);
                    seen = live(false);
                }
                CHECK((seen.complete || !seen.opened));
                CHECK(seen.heard <= seen.sent);
            }
            CHECK(test::fresh_socket_works());
        }
    }
    return total;
}

}  // namespace

TEST_CASE("[31][35][42] a clean life tells and hears everything") {
    const Seen seen = live(true);
    CHECK(seen.complete);
    CHECK(seen.sent == Life::sends);
    CHECK(seen.heard == Life::sends);
}

TEST_CASE("[31][35][42] any one system call may fail, with any error") { CHECK(walk(1) > 30); }

TEST_CASE("[31][35][42] any system call may fail from some time on, for ever") {
    CHECK(walk(for_ever) > 30);
}

// The last one: the process remembers.
TEST_CASE("[31][35][42] the same in a sandbox without calls for batches") {
    for (const int error : {EPERM, ENOSYS}) {
        const Fault sending(Call::sendmmsg, error, for_ever);
        const Fault receiving(Call::recvmmsg, error, for_ever);
        const Seen seen = live(true);
        CHECK(seen.complete);
        CHECK(seen.sent == Life::sends);
        CHECK(seen.heard == Life::sends);
    }
    CHECK(count(Call::sendmmsg) == 0);
    CHECK(walk(1) > 30);
}

#endif
