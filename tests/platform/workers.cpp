// Blocking work on other threads, as every implementation of the seam owes it.
#include <doctest/doctest.h>

#include <atomic>

#include "tests/platform/support.h"

using namespace platform;

namespace {

// Counts what becomes of jobs; lives longer than they do.
struct Ledger {
    std::atomic<int> ran{0};
    std::atomic<int> discarded{0};
    std::atomic<bool> gate{true};  // Closed: jobs wait for it while they run.
};

struct Work : Job {
    Ledger& ledger;
    int number = 0;

    explicit Work(Ledger& kept) : ledger(kept) {
        run = [](Job& job) {
            Ledger& kept_by = static_cast<Work&>(job).ledger;
            while (!kept_by.gate.load()) {
            }
            kept_by.ran++;
        };
        discard = [](Job& job) {
            Work* self = static_cast<Work*>(&job);
            Ledger& kept_by = self->ledger;
            delete self;
            kept_by.discarded++;  // Last: whoever waits for this may end the program.
        };
    }
};

void submit_new(Workers& workers, Ledger& ledger, int number = 0) {
    Work* const work = new Work(ledger);
    work->number = number;
    must(workers.submit(*work), "submit");
}

// Waits for the next finished job; null when there is none within the time.
Work* next_finished(Poller& poller, Workers& workers, std::int64_t milliseconds = 10'000) {
    const Instant deadline = in_milliseconds(poller, milliseconds);
    while (true) {
        if (Job* const job = workers.finished()) return static_cast<Work*>(job);
        if (poller.now() >= deadline) return nullptr;
        (void)must(poller.wait(deadline), "wait");
    }
}

// A bounded wait for what another thread does.
bool becomes(Poller& poller, std::atomic<int>& value, int wanted) {
    const Instant deadline = in_milliseconds(poller, 10'000);
    while (value.load() != wanted && poller.now() < deadline) {
        (void)must(poller.wait(in_milliseconds(poller, 1)), "wait");
    }
    return value.load() == wanted;
}

}  // namespace

TEST_CASE("a job runs, and comes back with the poller awake") {
    const auto poller = open_poller();
    Workers workers(*poller, 4);
    Ledger ledger;
    CHECK(workers.finished() == nullptr);
    submit_new(workers, ledger, 7);
    Work* const work = next_finished(*poller, workers);
    CHECK(work);
    if (work) CHECK(work->number == 7);
    CHECK(ledger.ran == 1);
    CHECK(workers.finished() == nullptr);
    delete work;
    CHECK(ledger.discarded == 0);
}

TEST_CASE("a single thread keeps the order") {
    const auto poller = open_poller();
    Workers workers(*poller, 1);
    Ledger ledger;
    for (int i = 0; i < 100; i++) submit_new(workers, ledger, i);
    for (int i = 0; i < 100; i++) {
        Work* const work = next_finished(*poller, workers);
        CHECK(work);
        if (!work) break;
        CHECK(work->number == i);
        delete work;
    }
}

TEST_CASE("thousands of jobs on several threads all come back, once") {
    const auto poller = open_poller();
    Workers workers(*poller, 4);
    Ledger ledger;
    constexpr int count = 20'000;
    std::vector<int> seen(count);
    int submitted = 0;
    int finished = 0;
    while (finished < count) {
        for (int i = 0; i < 50 && submitted < count; i++) submit_new(workers, ledger, submitted++);
        Work* const work = next_finished(*poller, workers);
        if (!work) break;
        seen[static_cast<std::size_t>(work->number)]++;
        finished++;
        delete work;
    }
    CHECK(finished == count);
    CHECK(ledger.ran == count);
    for (const int times : seen) CHECK(times == 1);
    CHECK(workers.finished() == nullptr);
}

TEST_CASE("jobs run beside each other, as many as there may be threads") {
    const auto poller = open_poller();
    Workers workers(*poller, 3);
    // Each waits until all three run, so they come back only if they do so at once.
    struct Meeting : Job {
        std::atomic<int>* present = nullptr;
    };
    std::atomic<int> present{0};
    Meeting guests[3];
    for (Meeting& guest : guests) {
        guest.present = &present;
        guest.run = [](Job& job) {
            std::atomic<int>& count = *static_cast<Meeting&>(job).present;
            count++;
            while (count.load() < 3) {
            }
        };
        guest.discard = [](Job&) {};
        must(workers.submit(guest), "submit");
    }
    int finished = 0;
    const Instant deadline = in_milliseconds(*poller, 20'000);
    while (finished < 3 && poller->now() < deadline) {
        if (workers.finished()) {
            finished++;
        } else {
            (void)must(poller->wait(deadline), "wait");
        }
    }
    CHECK(finished == 3);
}

TEST_CASE("a pool that goes away discards what is finished, queued and running, without waiting") {
    const auto poller = open_poller();
    Ledger ledger;
    ledger.gate = false;
    {
        Workers workers(*poller, 1);
        for (int i = 0; i < 10; i++) submit_new(workers, ledger);
    }
    // One may be stuck at the gate; the others were never started, and are gone at once.
    CHECK(ledger.discarded >= 9);
    CHECK(ledger.ran == 0);
    ledger.gate = true;
    CHECK(becomes(*poller, ledger.discarded, 10));
    CHECK(ledger.ran <= 1);
}

TEST_CASE("a pool that goes away discards what nobody fetched") {
    const auto poller = open_poller();
    Ledger ledger;
    {
        Workers workers(*poller, 2);
        for (int i = 0; i < 10; i++) submit_new(workers, ledger);
        CHECK(becomes(*poller, ledger.ran, 10));
        delete next_finished(*poller, workers);
    }
    CHECK(becomes(*poller, ledger.discarded, 9));
}

TEST_CASE("pools come and go while their work goes on") {
    const auto poller = open_poller();
    Ledger ledger;
    for (int round = 0; round < 200; round++) {
        Workers workers(*poller, 3);
        for (int i = 0; i < 5; i++) submit_new(workers, ledger);
        if (round % 2 == 0) delete next_finished(*poller, workers);
    }
    CHECK(becomes(*poller, ledger.discarded, 200 * 5 - 100));
}

TEST_CASE("a thread that waits for work is woken for it") {
    const auto poller = open_poller();
    Workers workers(*poller, 1);
    Ledger ledger;
    for (int round = 0; round < 5; round++) {
        const Instant start = poller->now();
        submit_new(workers, ledger);
        Work* const work = next_finished(*poller, workers);
        CHECK(work);
        delete work;
        // It would look for itself only after ten seconds.
        CHECK(poller->now().nanoseconds - start.nanoseconds < 5'000'000'000);
    }
}

TEST_CASE("a pool of no threads has one") {
    const auto poller = open_poller();
    Workers workers(*poller, 0);
    Ledger ledger;
    submit_new(workers, ledger);
    Work* const work = next_finished(*poller, workers);
    CHECK(work);
    delete work;
}

TEST_CASE("resolve answers literals and localhost, in the family asked for, and bounded") {
    Job job;
    Endpoint found[4];
    const auto numeric = resolve(job, "127.0.0.1", Family::ipv4, found);
    CHECK(must(numeric, "resolve") == 1);
    CHECK(found[0] == loopback(Family::ipv4));
    CHECK(must(resolve(job, "::1", Family::ipv6, found), "resolve") == 1);
    CHECK(found[0] == loopback(Family::ipv6));
    CHECK(must(resolve(job, "localhost", Family::ipv4, found), "resolve") >= 1);
    CHECK(found[0] == loopback(Family::ipv4));
    CHECK(must(resolve(job, "127.0.0.1", Family::none, {found, 1}), "resolve") == 1);
}

TEST_CASE("resolve refuses what it should never ask: empty, too long, cut by a NUL") {
    using namespace std::string_view_literals;
    Job job;
    Endpoint found[4];
    const std::string too_long(300, 'a');
    const std::string_view unaskable[] = {"", too_long, "localhost\0.example"sv};
    for (const std::string_view host : unaskable) {
        const Error error = resolve(job, host, Family::ipv4, found).error();
        CHECK(error.code == Code::lookup_not_found);
        CHECK(error.operation == Operation::lookup);
    }
    CHECK(resolve(job, "127.0.0.1", Family::ipv6, found).error());
    CHECK(resolve(job, "127.0.0.1", Family::local, found).error().code == Code::lookup_family);
}
