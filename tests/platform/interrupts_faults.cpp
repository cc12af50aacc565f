// A system that does not let signals be caught: sigaction is this program's own here. Whoever is
// told that it waits for Ctrl-C must not be killed by it.
#if defined(__linux__)

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <signal.h>

#include <cerrno>

#include "tests/platform/support.h"

using namespace platform;

namespace {

int calls_left = -1;  // Until one fails; negative: none will.

struct Notice : Job {
    Notice() {
        discard = [](Job&) {};
    }
};

void ignore(int) {}

}  // namespace

extern "C" int sigaction(int number, const struct sigaction* action,
                         struct sigaction* before) noexcept {
    using Function = int(int, const struct sigaction*, struct sigaction*);
    static Function* const next = reinterpret_cast<Function*>(
        reinterpret_cast<std::uintptr_t>(dlsym(RTLD_NEXT, "sigaction")));
    if (calls_left == 0) {
        calls_left = -1;
        errno = EPERM;
        return -1;
    }
    if (calls_left > 0) calls_left--;
    return next(number, action, before);
}

TEST_CASE("a signal that cannot be caught is an error, and no reaction is changed") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    struct sigaction own {};
    own.sa_handler = ignore;
    for (const int number : {SIGINT, SIGTERM}) REQUIRE(sigaction(number, &own, nullptr) == 0);
    for (int call = 0; call < 4; call++) {  // Two for each signal: what is there, and ours.
        CAPTURE(call);
        Notice notice;
        calls_left = call;
        CHECK(catch_interrupt(mailbox, notice).code == Code::not_permitted);
        for (const int number : {SIGINT, SIGTERM}) {
            struct sigaction present {};
            CHECK(sigaction(number, nullptr, &present) == 0);
            const bool unchanged = present.sa_handler == ignore;
            CHECK(unchanged);
        }
        // Nobody waits any more: as many as ever can.
        Notice all[8];
        for (Notice& each : all) CHECK(catch_interrupt(mailbox, each) == Error{});
        for (Notice& each : all) release_interrupt(each);
    }
}

#endif
