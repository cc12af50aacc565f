// Ctrl-C as a job in a mailbox: once, and then the program's own reaction again. Signals that are
// meant to kill are sent to a child.
#ifndef _WIN32

#include <doctest/doctest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "tests/platform/support.h"

using namespace platform;

namespace {

std::atomic<int> handled{0};

void count_signal(int) { handled++; }

// The program's own reaction, which is to be found again afterwards.
struct OwnReaction {
    int number;
    struct sigaction previous {};

    OwnReaction(int signal_number, void (*handler)(int)) : number(signal_number) {
        struct sigaction action {};
        action.sa_handler = handler;
        sigemptyset(&action.sa_mask);
        sigaction(number, &action, &previous);
        handled = 0;
    }
    ~OwnReaction() { sigaction(number, &previous, nullptr); }

    bool in_place(void (*handler)(int)) const {
        struct sigaction present {};
        sigaction(number, nullptr, &present);
        return present.sa_handler == handler;
    }
};

struct Notice : Job {
    Notice() {
        discard = [](Job&) {};
    }
};

// How the child ended that did this: the signal that killed it, or minus its exit status.
template <class Function>
int fate_of_child(Function function) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        function();
        _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child) return -1000;
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("an interrupt is posted and wakes the poller; the program's own reaction is back then") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    for (const int number : {SIGINT, SIGTERM}) {
        const OwnReaction own(number, count_signal);
        Notice notice;
        CHECK(!catch_interrupt(mailbox, notice));
        CHECK(!own.in_place(count_signal));
        CHECK(mailbox.take() == nullptr);
        errno = 1234;
        raise(number);
        CHECK(errno == 1234);
        const Instant before = poller->now();
        (void)must(poller->wait({before.nanoseconds + 5'000'000'000}), "wait");
        CHECK(poller->now().nanoseconds - before.nanoseconds < 2'000'000'000);
        CHECK(mailbox.take() == &notice);
        CHECK(own.in_place(count_signal));
        CHECK(handled == 0);
        raise(number);
        CHECK(handled == 1);
        CHECK(mailbox.take() == nullptr);
        release_interrupt(notice);  // Too late, and harmless.
    }
}

TEST_CASE("the second Ctrl-C ends a program that does not react to the first") {
    const auto poller = open_poller();
    for (const int number : {SIGINT, SIGTERM}) {
        CHECK(fate_of_child([&] {
                  signal(number, SIG_DFL);
                  Mailbox mailbox(*poller);
                  Notice notice;
                  if (catch_interrupt(mailbox, notice)) _exit(1);
                  raise(number);
                  if (mailbox.take() != &notice) _exit(2);
                  raise(number);
                  _exit(3);
              }) == number);
    }
}

TEST_CASE("SIGTERM after SIGINT ends it as well") {
    const auto poller = open_poller();
    CHECK(fate_of_child([&] {
              signal(SIGINT, SIG_DFL);
              signal(SIGTERM, SIG_DFL);
              Mailbox mailbox(*poller);
              Notice notice;
              if (catch_interrupt(mailbox, notice)) _exit(1);
              raise(SIGINT);
              raise(SIGTERM);
              _exit(3);
          }) == SIGTERM);
}

TEST_CASE("what was released is not posted, and the program's own reaction is back") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    const OwnReaction own(SIGINT, count_signal);
    Notice notice;
    CHECK(!catch_interrupt(mailbox, notice));
    release_interrupt(notice);
    CHECK(own.in_place(count_signal));
    raise(SIGINT);
    CHECK(handled == 1);
    CHECK(mailbox.take() == nullptr);
    release_interrupt(notice);  // Twice does no harm.
}

TEST_CASE("a signal that was ignored stays ignored, the other one is caught") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    const OwnReaction ignored(SIGINT, SIG_IGN);
    const OwnReaction own(SIGTERM, count_signal);
    Notice notice;
    CHECK(!catch_interrupt(mailbox, notice));
    CHECK(ignored.in_place(SIG_IGN));
    raise(SIGINT);
    CHECK(mailbox.take() == nullptr);
    raise(SIGTERM);
    CHECK(mailbox.take() == &notice);
    CHECK(ignored.in_place(SIG_IGN));
    CHECK(own.in_place(count_signal));
}

TEST_CASE("eight may wait, a ninth is told so; one signal tells them all") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    const OwnReaction own(SIGINT, count_signal);
    Notice notices[9];
    for (int i = 0; i < 8; i++) CHECK(!catch_interrupt(mailbox, notices[i]));
    const Error error = catch_interrupt(mailbox, notices[8]);
    CHECK(error.code == Code::busy);
    CHECK(error.operation == Operation::interrupt);
    release_interrupt(notices[3]);
    CHECK(!own.in_place(count_signal));  // Others are waiting still.
    CHECK(!catch_interrupt(mailbox, notices[8]));
    raise(SIGINT);
    int posted = 0;
    for (Job* job = mailbox.take(); job; job = job->next) {
        posted++;
        CHECK(job != &notices[3]);
    }
    CHECK(posted == 8);
    CHECK(own.in_place(count_signal));
    CHECK(handled == 0);
}

TEST_CASE("catching goes on after an interrupt") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    const OwnReaction own(SIGINT, count_signal);
    Notice notice;
    for (int round = 0; round < 100; round++) {
        CHECK(!catch_interrupt(mailbox, notice));
        raise(SIGINT);
        CHECK(mailbox.take() == &notice);
    }
    CHECK(handled == 0);
    CHECK(own.in_place(count_signal));
}

TEST_CASE("a signal during a release is posted or left to the program, never lost") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    const OwnReaction own(SIGINT, count_signal);
    // The other thread sends signals to itself and to this one, which catches and releases.
    struct Shared {
        pthread_t target = pthread_self();
        std::atomic<int> sent{0};
        std::atomic<int> accounted{0};
        std::atomic<bool> done{false};
    } shared;
    pthread_t thread;
    const auto send_signals = [](void* argument) -> void* {
        Shared& common = *static_cast<Shared*>(argument);
        while (!common.done.load()) {
            if (common.accounted.load() == common.sent.load()) {
                common.sent++;
                pthread_kill(common.sent % 2 ? pthread_self() : common.target, SIGINT);
            } else {
                sched_yield();
            }
        }
        return nullptr;
    };
    REQUIRE(pthread_create(&thread, nullptr, send_signals, &shared) == 0);
    int posted = 0;
    const Instant end = in_milliseconds(*poller, 5'000);
    while ((posted < 5000 || handled < 5000) && poller->now() < end) {
        Notice notice;
        if (catch_interrupt(mailbox, notice)) break;
        if (posted <= handled) sched_yield();  // Leaves time for the rarer of the two.
        release_interrupt(notice);
        // Whatever the handler took is in the mailbox by now, so the job may go.
        for (Job* job = mailbox.take(); job; job = job->next) {
            CHECK(job == &notice);
            posted++;
        }
        shared.accounted = posted + handled.load();
        if (posted > handled) sched_yield();
        shared.accounted = posted + handled.load();
    }
    shared.done = true;
    pthread_join(thread, nullptr);
    CHECK(mailbox.take() == nullptr);
    CHECK(posted + handled == shared.sent);
    CHECK(posted >= 50);  // A busy machine lets the two threads meet rarely.
    CHECK(handled >= 50);
    CHECK(own.in_place(count_signal));
}

#endif
