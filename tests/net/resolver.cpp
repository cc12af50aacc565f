// The resolver as a program meets it: literals, refusals, names of this machine, ticks, cancelling.
// Nothing here leaves the machine. What a system can do wrong is in resolver_faults.cpp.
#include "net/resolver.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::LookupWaiter;
using net::Resolver;
using platform::Code;
using platform::Error;
using platform::Operation;

// What one callback was told; texts, because the originals are gone by then.
struct Told {
    unsigned times = 0;
    std::string failure{};
    std::string code{};
    std::vector<std::string> addresses{};
    std::uint64_t tick = 0;
    bool ports = false;
};

auto tell(core::Loop& loop, Told& told) {
    return [&](const Failure& failure, std::span<const Address> addresses) {
        told.times++;
        told.failure = failure.text();
        told.code = failure.code();
        told.tick = loop.tick();
        for (const Address& address : addresses) {
            told.addresses.push_back(address.text());
            told.ports = told.ports || address.port != 0;
        }
    };
}

Told look_up(std::string_view host, Family family = Family::none) {
    core::Loop loop;
    Told told;
    Resolver(loop).lookup(host, family, tell(loop, told));
    CHECK(told.times == 0);
    CHECK_FALSE(loop.run());
    CHECK(told.times == 1);
    return told;
}

// A waiter that remembers.
struct Waiter : LookupWaiter {
    Waiter()
        : LookupWaiter([](LookupWaiter& waiter, net::Result<Address> result) {
              Waiter& self = static_cast<Waiter&>(waiter);
              self.times++;
              self.error = result.error();
              if (result) self.host = result->host();
          }) {}
    unsigned times = 0;
    Error error{};
    std::string host{};
};

}  // namespace

TEST_CASE("a literal is answered without a question") {
    const Told ipv4 = look_up("192.0.2.7");
    CHECK(ipv4.failure == "");
    CHECK(ipv4.addresses == std::vector{"192.0.2.7:0"s});
    const Told ipv6 = look_up("2001:DB8:0::7", Family::ipv6);
    CHECK(ipv6.failure == "");
    CHECK(ipv6.addresses == std::vector{"[2001:db8::7]:0"s});
    CHECK(look_up("fe80::1%7").addresses == std::vector{"[fe80::1%7]:0"s});
}

TEST_CASE("a literal of the other family, and a family without names, are errors") {
    CHECK(look_up("192.0.2.7", Family::ipv6).failure == "getaddrinfo EINVAL 192.0.2.7");
    CHECK(look_up("::1", Family::ipv4).failure == "getaddrinfo EINVAL ::1");
    const Told local = look_up("localhost", Family::local);
    CHECK(local.failure == "getaddrinfo EAI_FAMILY localhost");
    CHECK(local.addresses.empty());
}

TEST_CASE("[37] what no resolver may see is refused in Node's words") {
    const std::string label(63, 'a');
    const std::string long_name = label + '.' + label + '.' + label + '.' + label;
    const struct {
        std::string host;
        const char* code;
    } refused[] = {
        {"localhost\0.example"s, "ENOTFOUND"},
        {"\0"s, "ENOTFOUND"},
        {"localhost\0"s, "ENOTFOUND"},
        {long_name, "ENOTFOUND"},  // 255 octets.
        {long_name.substr(1), "ENOTFOUND"},
        {std::string(100'000, 'a'), "ENOTFOUND"},
        {label + "a.example", "ENOTFOUND"},
        {"a..example", "ENOTFOUND"},
        {"local host", "ENOTFOUND"},
        {"", "ENOTFOUND"},
        {"127.1", "EINVAL"},
        {"0x7f.0.0.1", "EINVAL"},
        {"0177.0.0.1", "EINVAL"},
        {"2130706433", "EINVAL"},
        {"1.2.3.4.5", "EINVAL"},
        {"fe80::1%", "EINVAL"},
        {"::1::", "EINVAL"},
    };
    for (const auto& each : refused) {
        CAPTURE(each.host);
        const Told told = look_up(each.host);
        CHECK(told.code == each.code);
        CHECK(told.failure ==
              "getaddrinfo "s + each.code + (each.host.empty() ? "" : " " + each.host));
        CHECK(told.addresses.empty());
    }
}

TEST_CASE("localhost comes from the system") {
    const Told ipv4 = look_up("localhost", Family::ipv4);
    CHECK(ipv4.failure == "");
    CHECK(std::count(ipv4.addresses.begin(), ipv4.addresses.end(), "127.0.0.1:0") == 1);
    Told any = look_up("LocalHost");
    CHECK(any.failure == "");
    CHECK_FALSE(any.addresses.empty());
    CHECK_FALSE(any.ports);
    std::sort(any.addresses.begin(), any.addresses.end());
    CHECK(std::adjacent_find(any.addresses.begin(), any.addresses.end()) == any.addresses.end());
}

TEST_CASE("the machine's own names come from its hosts file") {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/etc/hosts", "r"),
                                                               &std::fclose);
    char line[512];
    while (file && std::fgets(line, sizeof line, file.get())) {
        char address[64];
        char name[254];
        if (std::sscanf(line, "%63s %253s", address, name) != 2) continue;
        if (std::string_view(address).substr(0, 4) != "127.") continue;
        CAPTURE(name);
        const Told told = look_up(name, Family::ipv4);
        CHECK(told.failure == "");
        const std::string expected = address + ":0"s;
        CHECK(std::count(told.addresses.begin(), told.addresses.end(), expected) == 1);
    }
}

TEST_CASE("[2][3] an answer comes at least one tick after the question, in whatever phase it was") {
    for (const char* host : {"127.0.0.1", "localhost", "127.1"}) {
        CAPTURE(host);
        core::Loop loop;
        Resolver resolver(loop);
        Told told[4];
        std::uint64_t asked[4] = {};
        const auto ask = [&](int i) {
            asked[i] = loop.tick();
            resolver.lookup(host, Family::ipv4, tell(loop, told[i]));
            CHECK(told[i].times == 0);
        };
        ask(0);  // Outside the turns.
        loop.after(1ms, [&] { ask(1); });  // A phase that comes before that of the answers.
        loop.post([&] { ask(2); });
        resolver.lookup("::1", Family::none, [&] { ask(3); });
        CHECK_FALSE(loop.run());
        for (int i = 0; i < 4; i++) {
            CAPTURE(i);
            CHECK(told[i].times == 1);
            CHECK(told[i].tick > asked[i]);
            if (host != "localhost"s) CHECK(told[i].tick == asked[i] + 1);
        }
    }
}

TEST_CASE("[1] look-ups are answered after timers and posted callbacks") {
    core::Loop loop;
    std::string order;
    Resolver(loop).lookup("::1", Family::none, [&] { order += "look-up "; });
    loop.post([&] { order += "post "; });
    loop.after(0ms, [&] { order += "timer "; });
    CHECK_FALSE(loop.run());
    CHECK(order == "timer post look-up ");
}

TEST_CASE("[2] what needs no thread is answered in the order of the calls") {
    core::Loop loop;
    Resolver resolver(loop);
    std::vector<int> order;
    const char* const hosts[] = {"::1", "127.1", "10.0.0.1", "a..b", "::2", "::1"};
    for (int i = 0; i < 600; i++) {
        resolver.lookup(hosts[i % 6], Family::none, [&order, i] { order.push_back(i); });
    }
    CHECK(order.empty());
    CHECK_FALSE(loop.run());
    CHECK(order.size() == 600);
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(loop.tick() == 1);
}

TEST_CASE("[4] look-ups chained from their own callbacks neither recurse nor starve timers") {
    constexpr int answers_max = 10'000'000;
    core::Loop loop;
    Resolver resolver(loop);
    struct Chain {
        void ask() {
            resolver.lookup("127.0.0.1", Family::ipv4, [this] {
                depth++;
                deepest = std::max(deepest, depth);
                if (++answered < answers_max && !fired) ask();
                depth--;
            });
        }
        Resolver& resolver;
        int answered = 0;
        int depth = 0;
        int deepest = 0;
        bool fired = false;
    } chain{resolver};
    chain.ask();
    loop.after(20ms, [&] { chain.fired = true; });  // Time enough for two turns anywhere.
    CHECK_FALSE(loop.run());
    CHECK(chain.fired);
    CHECK(chain.answered > 1);
    CHECK(chain.answered < answers_max);
    CHECK(chain.deepest == 1);
    CHECK(loop.tick() >= static_cast<std::uint64_t>(chain.answered));
}

TEST_CASE("[6] a look-up keeps run() going until it is answered, and not longer") {
    core::Loop loop;
    Resolver resolver(loop);
    Told told;
    resolver.lookup("localhost", Family::ipv4, tell(loop, told));
    CHECK_FALSE(loop.run());
    CHECK(told.times == 1);
    const std::uint64_t ticks = loop.tick();
    CHECK_FALSE(loop.run());
    CHECK(loop.tick() == ticks + 1);  // It looked once, without sleeping.
}

TEST_CASE("[6] run() ends when the last look-up is cancelled") {
    core::Loop loop;
    Resolver resolver(loop);
    Told told;
    const Resolver::Id literal = resolver.lookup("::1", Family::none, tell(loop, told));
    const Resolver::Id name = resolver.lookup("localhost", Family::none, tell(loop, told));
    CHECK(resolver.cancel(literal));
    CHECK(resolver.cancel(name));
    CHECK_FALSE(loop.run());
    CHECK(told.times == 0);
}

TEST_CASE("a cancelled look-up's callback is destroyed at once, and its Id never fits again") {
    core::Loop loop;
    Resolver resolver(loop);
    const auto held = std::make_shared<int>();
    const Resolver::Id first = resolver.lookup("::1", Family::none, [held] { FAIL("cancelled"); });
    CHECK(first);
    CHECK(held.use_count() == 2);
    CHECK(Resolver(loop).cancel(first));  // Any handle of the loop will do.
    CHECK(held.use_count() == 1);
    CHECK_FALSE(resolver.cancel(first));

    Told told;
    const Resolver::Id second = resolver.lookup("::1", Family::none, tell(loop, told));
    CHECK_FALSE(second == first);
    CHECK_FALSE(resolver.cancel(first));
    CHECK_FALSE(loop.run());
    CHECK(told.times == 1);
    CHECK_FALSE(resolver.cancel(second));
}

TEST_CASE("the places of Ids are used again") {
    core::Loop loop;
    Resolver resolver(loop);
    Told told;
    for (unsigned round = 1; round <= 3; round++) {
        for (int i = 0; i < 5; i++) {
            CHECK(resolver.lookup("::1", Family::none, tell(loop, told)).index < 5);
        }
        CHECK_FALSE(loop.run());
        CHECK(told.times == round * 5);
    }
}

TEST_CASE("cancelling what never was is harmless") {
    core::Loop loop;
    Resolver resolver(loop);
    CHECK_FALSE(resolver.cancel({}));
    CHECK_FALSE(resolver.cancel({0, 1}));
    Told told;
    const Resolver::Id id = resolver.lookup("::1", Family::none, tell(loop, told));
    CHECK_FALSE(resolver.cancel({}));
    CHECK_FALSE(resolver.cancel({id.index + 1, id.generation}));
    CHECK_FALSE(resolver.cancel({id.index, id.generation + 1}));
    CHECK_FALSE(loop.run());
    CHECK(told.times == 1);
}

TEST_CASE("a callback may cancel others, itself in vain, and start more") {
    for (const char* host : {"127.0.0.1", "localhost"}) {
        CAPTURE(host);
        core::Loop loop;
        Resolver resolver(loop);
        std::vector<int> order;
        Resolver::Id ids[5];
        bool cancelled[5] = {};
        const auto held = std::make_shared<int>();
        for (int i = 0; i < 5; i++) {
            ids[i] = resolver.lookup(host, Family::ipv4, [&, held, i] {
                order.push_back(i);
                if (i != 1) return;
                for (int k = 0; k < 4; k++) cancelled[k] = resolver.cancel(ids[k]);
                CHECK(held.use_count() == 3);  // Ours, this callback's and the last one's.
                resolver.lookup(host, Family::ipv4, [&] { order.push_back(9); });
            });
        }
        CHECK_FALSE(loop.run());
        CHECK(order == std::vector{0, 1, 4, 9});
        CHECK_FALSE(cancelled[0]);
        CHECK_FALSE(cancelled[1]);
        CHECK(cancelled[2]);
        CHECK(cancelled[3]);
        CHECK(held.use_count() == 1);
    }
}

TEST_CASE("a callback may stop the loop; what was answered in this tick is not lost") {
    core::Loop loop;
    Resolver resolver(loop);
    Told same;
    Told later;
    resolver.lookup("::1", Family::none, [&] {
        loop.stop();
        resolver.lookup("::1", Family::none, tell(loop, later));
    });
    resolver.lookup("::1", Family::none, tell(loop, same));
    CHECK_FALSE(loop.run());
    CHECK(same.times == 1);
    CHECK(later.times == 0);
    CHECK_FALSE(loop.run());
    CHECK(later.times == 1);
}

TEST_CASE("a callback may be empty, and may take fewer arguments") {
    core::Loop loop;
    Failure seen = Failure::of_text({Code::unknown}, "");
    Resolver(loop).lookup("::1", Family::none, {});
    Resolver(loop).lookup("::1", Family::none, [&](const Failure& failure) { seen = failure; });
    CHECK_FALSE(loop.run());
    CHECK_FALSE(seen);
}

TEST_CASE("the end of the loop destroys callbacks without running them, in whatever they hold") {
    const auto held = std::make_shared<int>();
    std::optional<Waiter> name(std::in_place);
    std::optional<Waiter> literal(std::in_place);
    std::optional<core::Loop> loop(std::in_place);
    // When it dies it cancels, and asks for more.
    struct Meddler {
        Meddler(core::Loop& owner, Resolver::Id other) : loop(&owner), id(other) {}
        Meddler(Meddler&& from) noexcept : loop(std::exchange(from.loop, nullptr)), id(from.id) {}
        ~Meddler() {
            if (!loop) return;
            Resolver(*loop).cancel(id);
            Resolver(*loop).lookup("::1", Family::none, [] { FAIL("the loop has gone"); });
        }
        void operator()() const { FAIL("the loop has gone"); }
        core::Loop* loop;
        Resolver::Id id;
    };
    Resolver resolver(*loop);
    Resolver::Id id = resolver.lookup("::1", Family::none, [held] { FAIL("the loop has gone"); });
    resolver.lookup("localhost", Family::none, [held] { FAIL("the loop has gone"); });
    id = resolver.lookup("a..b", Family::none, Meddler(*loop, id));
    resolver.lookup("::1", Family::none, Meddler(*loop, id));
    net::resolve(*loop, *name, "localhost", Family::ipv4);
    net::resolve(*loop, *literal, "::1", Family::ipv6);
    CHECK(name->waiting());
    CHECK(held.use_count() == 3);
    loop.reset();
    CHECK(held.use_count() == 1);
    CHECK_FALSE(name->waiting());
    CHECK_FALSE(literal->waiting());
    CHECK(name->times + literal->times == 0);
}

TEST_CASE("each loop has a resolver of its own") {
    core::Loop first;
    core::Loop second;
    Told told[2];
    const Resolver::Id id = Resolver(first).lookup("::1", Family::none, tell(first, told[0]));
    CHECK_FALSE(Resolver(second).cancel(id));
    Resolver(second).lookup("::1", Family::none, tell(second, told[1]));
    CHECK_FALSE(second.run());
    CHECK(told[0].times == 0);
    CHECK(told[1].times == 1);
    CHECK_FALSE(first.run());
    CHECK(told[0].times == 1);
}

TEST_CASE("a loop that sleeps is due at once when a literal was asked for") {
    core::Loop loop;
    CHECK(loop.next_deadline() == platform::Instant::never());
    Told told;
    const Resolver::Id id = Resolver(loop).lookup("::1", Family::none, tell(loop, told));
    CHECK(loop.next_deadline() == platform::Instant{});
    CHECK_FALSE(loop.turn(platform::Instant::never()));
    CHECK(told.times == 1);
    CHECK_FALSE(Resolver(loop).cancel(id));
    CHECK(loop.next_deadline() == platform::Instant::never());
}

// ---- Waiters -----------------------------------------------------------------------------------

TEST_CASE("[2] a waiter gets the first address, on a later tick") {
    core::Loop loop;
    Waiter name;
    Waiter literal;
    Waiter refused;
    net::resolve(loop, name, "localhost", Family::ipv4);
    net::resolve(loop, literal, "2001:db8::1", Family::ipv6);
    net::resolve(loop, refused, "local\0host"s, Family::ipv4);
    CHECK(name.waiting());
    CHECK(name.times + literal.times + refused.times == 0);
    CHECK_FALSE(loop.run());
    CHECK(name.times == 1);
    CHECK(name.host == "127.0.0.1");
    CHECK(literal.times == 1);
    CHECK(literal.host == "2001:db8::1");
    CHECK(refused.times == 1);
    CHECK(refused.error == Error{Code::lookup_not_found, Operation::lookup});
    CHECK_FALSE(name.waiting());
}

TEST_CASE("[6] a waiter that has gone is not answered and does not hold the loop") {
    core::Loop loop;
    Waiter cancelled;
    {
        Waiter first;
        net::resolve(loop, first, "localhost", Family::ipv4);
        net::resolve(loop, cancelled, "localhost", Family::ipv4);
    }
    cancelled.cancel();
    CHECK_FALSE(cancelled.waiting());
    CHECK_FALSE(loop.run());
    CHECK(cancelled.times == 0);
    net::resolve(loop, cancelled, "localhost", Family::ipv4);  // It may wait again.
    CHECK_FALSE(loop.run());
    CHECK(cancelled.times == 1);
}

TEST_CASE("a waiter may end itself, and others, when it is answered") {
    core::Loop loop;
    struct Last : LookupWaiter {
        explicit Last(std::unique_ptr<Last>* mine)
            : LookupWaiter([](LookupWaiter& waiter, net::Result<Address>) {
                  Last& self = static_cast<Last&>(waiter);
                  self.others.clear();
                  self.owner->reset();
              }),
              owner(mine) {}
        std::unique_ptr<Last>* owner;
        std::vector<std::unique_ptr<Waiter>> others{};
    };
    std::unique_ptr<Last> last;
    last = std::make_unique<Last>(&last);
    Waiter bystander;
    last->others.push_back(std::make_unique<Waiter>());
    last->others.push_back(std::make_unique<Waiter>());
    net::resolve(loop, *last, "localhost", Family::ipv4);
    net::resolve(loop, *last->others[0], "localhost", Family::ipv4);
    net::resolve(loop, bystander, "localhost", Family::ipv4);
    net::resolve(loop, *last->others[1], "::1", Family::ipv6);
    CHECK_FALSE(loop.run());
    CHECK_FALSE(last);
    CHECK(bystander.times == 1);
}

TEST_CASE("[11] a custom look-up answers once, at once or later; dropped, it is cancelled") {
    Waiter waiter;
    LookupAnswer{waiter}(Address::loopback(Family::ipv4));
    CHECK(waiter.times == 1);
    CHECK(waiter.host == "127.0.0.1");

    std::optional<LookupAnswer> later(LookupAnswer{waiter});  // Moved on the way.
    CHECK(waiter.times == 1);
    CHECK(waiter.waiting());
    (*later)(Error{Code::lookup_again, Operation::lookup});
    (*later)(Address::loopback(Family::ipv6));
    later.reset();
    CHECK(waiter.times == 2);
    CHECK(waiter.error.code == Code::lookup_again);

    { const LookupAnswer dropped(waiter); }
    CHECK(waiter.times == 3);
    CHECK(waiter.error == Error{Code::canceled, Operation::lookup});

    later.emplace(waiter);
    waiter.cancel();
    (*later)(Address::loopback(Family::ipv4));  // Nobody waits any more.
    CHECK(waiter.times == 3);
    {
        Waiter gone;
        later.emplace(gone);
    }
    (*later)(Address::loopback(Family::ipv4));
}
