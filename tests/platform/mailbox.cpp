// What comes in from other threads, as every implementation of the seam owes it.
#include <doctest/doctest.h>

#include <atomic>

#include "tests/platform/support.h"

using namespace platform;

namespace {

struct Letter : Job {
    int sender = 0;
    int number = 0;
    int* discarded = nullptr;

    Letter() {
        discard = [](Job& job) { ++*static_cast<Letter&>(job).discarded; };
    }
};

// Posts its letters from a worker's thread.
struct Sender : Job {
    Mailbox* mailbox = nullptr;
    std::vector<Letter> letters;

    Sender(Mailbox& target, int sender, int count)
        : mailbox(&target), letters(static_cast<std::size_t>(count)) {
        for (int i = 0; i < count; i++) {
            letters[static_cast<std::size_t>(i)].sender = sender;
            letters[static_cast<std::size_t>(i)].number = i;
        }
        run = [](Job& job) {
            Sender& self = static_cast<Sender&>(job);
            for (Letter& letter : self.letters) self.mailbox->post(letter);
        };
        discard = [](Job&) {};
    }
};

}  // namespace

TEST_CASE("letters come out oldest first, and once") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    CHECK(mailbox.take() == nullptr);
    Letter letters[3];
    for (int round = 0; round < 2; round++) {
        for (Letter& letter : letters) mailbox.post(letter);
        Job* job = mailbox.take();
        for (Letter& letter : letters) {
            CHECK(job == &letter);
            if (!job) return;
            job = job->next;
        }
        CHECK(job == nullptr);
        CHECK(mailbox.take() == nullptr);
    }
}

TEST_CASE("a post wakes the poller, a burst wakes it once") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    std::vector<Letter> letters(100);
    for (const std::size_t count : {1u, 2u, 100u, 1u}) {
        for (std::size_t i = 0; i < count; i++) mailbox.post(letters[i]);
        const Instant before = poller->now();
        (void)must(poller->wait({before.nanoseconds + 5'000'000'000}), "wait");
        CHECK(poller->now().nanoseconds - before.nanoseconds < 2'000'000'000);
        CHECK(mailbox.take() == &letters[0]);
        const Instant deadline = in_milliseconds(*poller, 5);
        (void)must(poller->wait(deadline), "wait");
        CHECK(poller->now() >= deadline);
    }
}

TEST_CASE("what nobody took is discarded with the mailbox") {
    const auto poller = open_poller();
    int discarded = 0;
    Letter letters[5];
    {
        Mailbox mailbox(*poller);
        for (Letter& letter : letters) {
            letter.discarded = &discarded;
            mailbox.post(letter);
        }
    }
    CHECK(discarded == 5);
}

TEST_CASE("of a million letters from four threads none is lost, and each thread's order is kept") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    constexpr int sender_count = 4;
    constexpr int letter_count = 250'000;
    Workers workers(*poller, sender_count);
    std::vector<std::unique_ptr<Sender>> senders;
    for (int i = 0; i < sender_count; i++) {
        senders.push_back(std::make_unique<Sender>(mailbox, i, letter_count));
        must(workers.submit(*senders.back()), "submit");
    }
    int next[sender_count] = {};
    int received = 0;
    int misplaced = 0;
    int naps = 0;
    const Instant end = in_milliseconds(*poller, 60'000);
    while (received < sender_count * letter_count && poller->now() < end) {
        for (Job* job = mailbox.take(); job; job = job->next) {
            const Letter& letter = static_cast<Letter&>(*job);
            misplaced += letter.number != next[letter.sender]++;
            received++;
        }
        if (received == sender_count * letter_count) break;
        // A lost wake-up would show as a sleep to the end.
        const Instant before = poller->now();
        (void)must(poller->wait(in_milliseconds(*poller, 10'000)), "wait");
        naps += poller->now().nanoseconds - before.nanoseconds > 9'000'000'000;
    }
    CHECK(received == sender_count * letter_count);
    CHECK(misplaced == 0);
    CHECK(naps == 0);
    int finished = 0;
    while (finished < sender_count && poller->now() < end) {
        if (workers.finished()) {
            finished++;
        } else {
            (void)must(poller->wait(in_milliseconds(*poller, 100)), "wait");
        }
    }
    CHECK(finished == sender_count);
}

TEST_CASE("a wake-up that comes while the thread is busy ends its next wait, and only that") {
    const auto poller = open_poller();
    for (int round = 0; round < 3; round++) {
        poller->wake();
        poller->wake();
        const Instant before = poller->now();
        CHECK(must(poller->wait({before.nanoseconds + 5'000'000'000}), "wait").empty());
        CHECK(poller->now().nanoseconds - before.nanoseconds < 2'000'000'000);
        const Instant deadline = in_milliseconds(*poller, 5);
        (void)must(poller->wait(deadline), "wait");
        CHECK(poller->now() >= deadline);
    }
}

TEST_CASE("a spin lock lets one in at a time, and waits for one that takes long") {
    struct Counter : Job {
        SpinLock* lock = nullptr;
        int* count = nullptr;
        Counter() {
            run = [](Job& job) {
                Counter& self = static_cast<Counter&>(job);
                for (int i = 0; i < 100'000; i++) {
                    const SpinLock::Hold hold(*self.lock);
                    ++*self.count;
                }
            };
            discard = [](Job&) {};
        }
    };
    const auto poller = open_poller();
    Workers workers(*poller, 4);
    SpinLock lock;
    int count = 0;
    Counter counters[4];
    {
        const SpinLock::Hold hold(lock);
        for (Counter& counter : counters) {
            counter.lock = &lock;
            counter.count = &count;
            must(workers.submit(counter), "submit");
        }
        (void)must(poller->wait(in_milliseconds(*poller, 20)), "wait");
        CHECK(count == 0);
    }
    const Instant end = in_milliseconds(*poller, 60'000);
    for (int finished = 0; finished < 4 && poller->now() < end;) {
        (void)must(poller->wait(end), "wait");
        while (workers.finished()) finished++;
    }
    const SpinLock::Hold hold(lock);
    CHECK(count == 400'000);
}
