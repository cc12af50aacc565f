// A loop when memory is out, at each allocation in turn.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "core/loop.h"
#include "tests/core/probe.h"
#include "tests/core/scarce_memory.h"

namespace {

using core::Loop;
using platform::Code;
using test::Probe;
using test::allocations_left;
using test::lasting;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("[12] a loop that got no memory says so through run(), whichever part it lacked") {
    int lacking = 0;
    for (bool complete = false; !complete && lacking < 20; lacking++) {
        CAPTURE(lacking);
        allocations_left = lacking;
        Loop loop;
        complete = allocations_left >= 0;
        allocations_left = -1;
        bool posted = false;
        CHECK(loop.post([&] { posted = true; }) == complete);
        CHECK(static_cast<bool>(loop.open_error()) == !complete);
        const Code expected = complete ? Code::ok : Code::out_of_memory;
        for (int i = 0; i < 2; i++) CHECK(loop.run().code == expected);
        CHECK(posted == complete);
        CHECK(loop.on_interrupt([] {}).code == expected);
        CHECK(loop.watch(0, {}, {}).error().code == expected);
    }
    CHECK(lacking > 3);
    CHECK(lacking < 20);
}

TEST_CASE("without memory a timer is not armed, a post and a watch are refused") {
    for (int lacking = 0; lacking < 3; lacking++) {
        CAPTURE(lacking);
        const auto held = std::make_shared<int>();
        Loop loop;
        lasting = true;
        allocations_left = lacking;
        int accepted = 0;
        core::Timer timer;
        while (!timer.active() && accepted == 0) {
            timer = loop.after(0ms, [held] {});
            if (!timer.active()) {
                CHECK(held.use_count() == 1);  // The callback is gone.
                allocations_left++;
            }
        }
        allocations_left = 0;
        CHECK_FALSE(loop.post([held] { CHECK(false); }));
        const core::Result<core::Watch> watch =
            loop.watch(1000, {}, [held](core::Interest) { CHECK(false); });
        CHECK_FALSE(watch);
        CHECK(watch.error().code == Code::out_of_memory);
        allocations_left = -1;
        lasting = false;
        CHECK(held.use_count() == 2);
        CHECK_FALSE(loop.run());
        CHECK(held.use_count() == 1);
    }
}

TEST_CASE("without memory a source is not attached") {
    std::string journal;
    Loop loop;
    lasting = true;
    allocations_left = 0;
    struct Plain : core::Source {
        explicit Plain(const Operations& table) : core::Source(table) {}
    };
    static constexpr core::Source::Operations nothing{};
    Plain source(nothing);
    CHECK(loop.attach(source).code == Code::out_of_memory);
    allocations_left = 1;
    CHECK(loop.attach(source).code == Code::out_of_memory);
    allocations_left = -1;
    lasting = false;
    Probe::make(loop, journal, "a").leave();
    CHECK(journal == "a.gone");
    CHECK_FALSE(loop.attached(source.socket));
}

TEST_CASE("[1] without memory the order among sources is given up, an outcome never") {
    std::string journal;
    Loop loop;
    constexpr int count = 20;
    Probe* probes[count];
    std::string names = "abcdefghijklmnopqrst";
    for (int i = 0; i < count; i++) {
        probes[i] = &Probe::make(loop, journal, names.substr(static_cast<std::size_t>(i), 1));
    }
    lasting = true;
    allocations_left = 0;
    for (int round = 0; round < 5; round++) {
        for (Probe* probe : probes) loop.owe(*probe);
        loop.owe_late(*probes[round]);
        if (round == 2) probes[count - 1]->leave();
        if (round == 2) probes[count - 1] = probes[0];
    }
    // Outcomes that owe more, while there is no memory still.
    int more = 3;
    probes[5]->on_conclude = [&](Probe&) {
        if (more-- > 0) {
            for (int i = 0; i < 3; i++) loop.owe(*probes[i]);
        }
    };
    CHECK_FALSE(loop.run());
    allocations_left = -1;
    lasting = false;
    for (int i = 0; i < count - 1; i++) {
        const std::string name = names.substr(static_cast<std::size_t>(i), 1) + ".conclude";
        CAPTURE(name);
        int concluded = 0;
        for (std::size_t at = journal.find(name); at != std::string::npos; concluded++) {
            at = journal.find(name, at + 1);
        }
        const int expected = 5 + (i < 5 ? 1 : 0) + (i < 3 ? 3 : 0) + (i == 0 ? 2 : 0);
        CHECK(concluded == expected);
    }
    CHECK(journal.find("t.conclude") == std::string::npos);
    CHECK(journal.find("t.gone") != std::string::npos);
}
