// What a system's resolver can do wrong: never answer, lie, fail. getaddrinfo and freeaddrinfo are
// this program's own here: a definition in the executable comes before that in a library.
// Catch: a test waits for every thread that it caused to end, so that the sanitizers see what
// becomes of late results.
#if defined(__linux__)

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/resolver.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::Failure;
using net::Family;
using net::LookupWaiter;
using net::Resolver;
using platform::Code;
using platform::Error;
using platform::Operation;
using Clock = std::chrono::steady_clock;

// ---- The system --------------------------------------------------------------------------------

struct System {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> asked;  // In the order of the calls.
    unsigned inside = 0;             // Calls that have not returned.
    unsigned inside_max = 0;
    bool hanging = true;             // Names that begin with "hang" are not answered.

    std::size_t calls() {
        const std::unique_lock lock(mutex);
        return asked.size();
    }
    unsigned running() {
        const std::unique_lock lock(mutex);
        return inside;
    }
    bool was_asked(const std::string& name) {
        const std::unique_lock lock(mutex);
        return std::find(asked.begin(), asked.end(), name) != asked.end();
    }
    void answer_all() {
        const std::unique_lock lock(mutex);
        hanging = false;
        changed.notify_all();
    }
};

System& faked() {
    static System* const system = new System;  // Outlives every thread.
    return *system;
}

std::size_t threads() {
    std::size_t count = 0;
    std::error_code error;
    std::filesystem::directory_iterator each("/proc/self/task", error);
    for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) count++;
    return count;
}

template <class Condition>
bool eventually(Condition condition) {
    const Clock::time_point deadline = Clock::now() + 10s;
    while (!condition()) {
        if (Clock::now() > deadline) return false;
        std::this_thread::sleep_for(200us);
    }
    return true;
}

// The first thing in a test: what is declared later, the loops, ends before it.
struct Scene {
    Scene() {
        const std::unique_lock lock(system.mutex);
        system.asked.clear();
        system.inside_max = 0;
        system.hanging = true;
    }
    ~Scene() {
        faked().answer_all();
        CHECK(eventually([&] { return threads() == threads_before; }));
        CHECK(faked().running() == 0);
    }
    // A first thread brings a sanitizer's own one with it.
    static std::size_t threads_at_rest() {
        static const bool started = [] {
            std::thread([] {}).join();
            return true;
        }();
        return started ? threads() : 0;
    }
    System& system = faked();
    const std::size_t threads_before = threads_at_rest();
};

addrinfo* make_result(int family, std::uint32_t number, addrinfo* next) {
    auto* const result = new addrinfo{};
    result->ai_family = family;
    result->ai_next = next;
    if (family == AF_INET) {
        auto* const address = new sockaddr_in{};
        address->sin_family = AF_INET;
        address->sin_port = htons(99);  // Nobody asked for one.
        address->sin_addr.s_addr = htonl(0x0a000000 + number);
        result->ai_addr = reinterpret_cast<sockaddr*>(address);
        result->ai_addrlen = sizeof *address;
    } else if (family == AF_INET6) {
        auto* const address = new sockaddr_in6{};
        address->sin6_family = AF_INET6;
        address->sin6_addr.s6_addr[0] = 0xfd;
        address->sin6_addr.s6_addr[15] = static_cast<std::uint8_t>(number);
        result->ai_addr = reinterpret_cast<sockaddr*>(address);
        result->ai_addrlen = sizeof *address;
    } else {
        auto* const address = new sockaddr_un{};
        address->sun_family = AF_UNIX;
        std::strcpy(address->sun_path, "/tmp/stranger");
        result->ai_addr = reinterpret_cast<sockaddr*>(address);
        result->ai_addrlen = sizeof *address;
    }
    return result;
}

// The first label says what comes: "4" is one IPv4 address, "446" two of them and one IPv6, "u" a
// path; "s" repeats the first one.
addrinfo* make_results(const std::string& kinds) {
    addrinfo* first = nullptr;
    for (std::size_t i = kinds.size(); i-- > 0;) {
        const std::size_t original = kinds[i] == 's' ? 0 : i;
        const char what = kinds[original];
        const int family = what == '4' ? AF_INET : what == '6' ? AF_INET6 : AF_UNIX;
        first = make_result(family, static_cast<std::uint32_t>(original + 1), first);
    }
    return first;
}

int answer(const std::string& name, int family, addrinfo** results) {
    std::string kind = name.substr(0, name.find('.'));
    for (char& c : kind) c |= 0x20;  // Lower case; digits are so already.
    const auto is = [&](const char* what) { return kind == what; };
    if (is("again")) return EAI_AGAIN;
    if (is("memory")) return EAI_MEMORY;
    if (is("none")) return EAI_NONAME;
    if (is("fail")) return EAI_FAIL;
    if (is("family")) return EAI_FAMILY;
    if (is("system")) {
        errno = EMFILE;
        return EAI_SYSTEM;
    }
    if (is("empty")) {
        *results = nullptr;
    } else if (is("many")) {
        *results = make_results(std::string(40, '4'));
    } else if (is("late")) {  // What is wanted stands behind many others.
        *results = make_results(std::string(20, family == AF_INET ? '6' : '4') +
                                (family == AF_INET ? '4' : '6'));
    } else if (kind.find_first_not_of("46us") == std::string::npos) {
        *results = make_results(kind);
    } else {
        *results = make_results(family == AF_INET6 ? "6" : "4");
    }
    return 0;
}

// ---- Helpers -----------------------------------------------------------------------------------

struct Told {
    unsigned times = 0;
    std::string failure{};
    std::vector<std::string> addresses{};
    bool ports = false;
};

auto tell(Told& told) {
    return [&told](const Failure& failure, std::span<const Address> addresses) {
        told.times++;
        told.failure = failure.text();
        for (const Address& address : addresses) {
            told.addresses.push_back(address.host());
            told.ports = told.ports || address.port != 0;
        }
    };
}

Told look_up(std::string_view host, Family family) {
    core::Loop loop;
    Told told;
    Resolver(loop).lookup(host, family, tell(told));
    CHECK_FALSE(loop.run());
    CHECK(told.times == 1);
    return told;
}

struct Waiter : LookupWaiter {
    Waiter()
        : LookupWaiter([](LookupWaiter& waiter, net::Result<Address> result) {
              Waiter& self = static_cast<Waiter&>(waiter);
              self.times++;
              self.error = result.error();
              if (self.answered) self.answered();
          }) {}
    unsigned times = 0;
    Error error{};
    core::Callback<void()> answered{};
};

std::string numbered(const char* name, int number) {
    return name + std::to_string(number) + ".test";
}

}  // namespace

extern "C" int getaddrinfo(const char* node, const char*, const addrinfo* hints,
                           addrinfo** results) {
    System& system = faked();
    const std::string name = node;
    std::unique_lock lock(system.mutex);
    system.asked.push_back(name);
    system.inside++;
    system.inside_max = std::max(system.inside_max, system.inside);
    if (name.substr(0, 4) == "hang") {
        system.changed.wait(lock, [&] { return !system.hanging; });
    } else if (name.substr(0, 4) == "slow") {
        lock.unlock();
        std::this_thread::sleep_for(300us);
        lock.lock();
    }
    system.inside--;
    return answer(name, hints->ai_family, results);
}

extern "C" void freeaddrinfo(addrinfo* results) noexcept(noexcept(::freeaddrinfo(nullptr))) {
    while (results) {
        switch (results->ai_family) {
            case AF_INET: delete reinterpret_cast<sockaddr_in*>(results->ai_addr); break;
            case AF_INET6: delete reinterpret_cast<sockaddr_in6*>(results->ai_addr); break;
            default: delete reinterpret_cast<sockaddr_un*>(results->ai_addr); break;
        }
        delete std::exchange(results, results->ai_next);
    }
}

// ---- Threads -----------------------------------------------------------------------------------

TEST_CASE("literals and refusals start no thread; the first name starts one") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    Told told;
    for (int i = 0; i < 100; i++) {
        resolver.lookup("192.0.2.1", Family::ipv4, tell(told));
        resolver.lookup("::1", Family::ipv4, tell(told));
        resolver.lookup("127.1", Family::ipv4, tell(told));
        resolver.lookup("4.test", Family::local, tell(told));
    }
    CHECK_FALSE(loop.run());
    CHECK(told.times == 400);
    CHECK(threads() == scene.threads_before);

    resolver.lookup("4.test", Family::ipv4, tell(told));
    CHECK(threads() == scene.threads_before + 1);
    CHECK_FALSE(loop.run());
    CHECK(told.failure == "");
    resolver.lookup("4.test", Family::ipv4, tell(told));
    CHECK_FALSE(loop.run());
    CHECK(scene.system.calls() == 2);  // Nothing is remembered.
}

TEST_CASE("[37] what must not reach the system's resolver does not") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    Told told;
    for (const std::string& host :
         {"localhost\0.test"s, "\0"s, std::string(254, 'a'), std::string(64, 'a'), "a..b"s, ""s,
          "127.1"s, "0x7f000001"s, "1.2.3.4.5"s, "a b"s, "a\nb"s, "fe80::1%"s, "::%0"s, "4%1"s}) {
        CAPTURE(host);
        told = {};
        Waiter waiter;
        resolver.lookup(host, Family::none, tell(told));
        net::resolve(loop, waiter, host, Family::none);
        CHECK_FALSE(loop.run());
        CHECK(told.times == 1);
        CHECK(told.failure != "");
        CHECK(waiter.times == 1);
        CHECK(waiter.error);
    }
    CHECK(scene.system.calls() == 0);
    const std::string longest = std::string(63, 'a') + '.' + std::string(63, 'b') + '.' +
                                std::string(63, 'c') + '.' + std::string(61, 'd');
    CHECK(longest.size() == 253);
    told = {};
    resolver.lookup(longest, Family::ipv4, tell(told));
    CHECK_FALSE(loop.run());
    CHECK(told.failure == "");
    CHECK(scene.system.was_asked(longest));
}

TEST_CASE("identical look-ups in flight are one call, answered in the order of their calls") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    std::vector<int> order;
    std::vector<std::uint64_t> ticks;
    const auto note = [&](int i) {
        order.push_back(i);
        ticks.push_back(loop.tick());
    };
    const char* const spellings[] = {"hang.test", "HANG.test", "hAnG.TeSt"};
    Waiter waiter;
    waiter.answered = [&] { note(128); };
    for (int i = 0; i < 256; i++) {
        if (i == 128) {
            net::resolve(loop, waiter, "Hang.Test", Family::ipv4);
        } else {
            resolver.lookup(spellings[i % 3], Family::ipv4, [&note, i] { note(i); });
        }
    }
    loop.after(5ms, [&] { scene.system.answer_all(); });
    CHECK_FALSE(loop.run());
    CHECK(scene.system.calls() == 1);
    CHECK(order.size() == 256);
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(ticks.size() == 256);
    if (!ticks.empty()) CHECK(ticks.front() == ticks.back());
}

TEST_CASE("another family, or another name, is another call") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    Told told[4];
    resolver.lookup("hang.test", Family::ipv4, tell(told[0]));
    resolver.lookup("hang.test", Family::ipv6, tell(told[1]));
    resolver.lookup("hang.test", Family::none, tell(told[2]));
    resolver.lookup("hang.test.", Family::ipv4, tell(told[3]));
    CHECK(eventually([&] { return scene.system.running() == 4; }));
    scene.system.answer_all();
    CHECK_FALSE(loop.run());
    CHECK(scene.system.calls() == 4);
    CHECK(told[0].addresses == std::vector{"10.0.0.1"s});
    CHECK(told[1].addresses == std::vector{"fd00::1"s});
    CHECK(told[3].addresses == std::vector{"10.0.0.1"s});
}

TEST_CASE("each caller's failure has the spelling of his own question") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    Told told[2];
    resolver.lookup("None.test", Family::ipv4, tell(told[0]));
    resolver.lookup("nonE.TEST", Family::ipv4, tell(told[1]));
    CHECK_FALSE(loop.run());
    CHECK(scene.system.calls() == 1);
    CHECK(told[0].failure == "getaddrinfo ENOTFOUND None.test");
    CHECK(told[1].failure == "getaddrinfo ENOTFOUND nonE.TEST");
}

TEST_CASE("the threads are at most four, however many names there are") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    Told told;
    for (int i = 0; i < 40; i++) resolver.lookup(numbered("hang", i), Family::ipv4, tell(told));
    CHECK(eventually([&] { return scene.system.running() == 4; }));
    for (int i = 40; i < 60; i++) resolver.lookup(numbered("hang", i), Family::ipv4, tell(told));
    CHECK_FALSE(loop.turn());
    std::this_thread::sleep_for(5ms);
    CHECK(scene.system.calls() == 4);
    CHECK(threads() <= scene.threads_before + 4);
    scene.system.answer_all();
    CHECK_FALSE(loop.run());
    CHECK(told.times == 60);
    CHECK(scene.system.calls() == 60);
    CHECK(scene.system.inside_max == 4);
    CHECK(threads() <= scene.threads_before + 4);
}

TEST_CASE("a resolver that never answers holds up only the names it was asked for") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    Told never;
    Told told;
    Resolver::Id ids[4];
    for (int i = 0; i < 3; i++) {
        ids[i] = resolver.lookup(numbered("hang", i), Family::ipv4, tell(never));
    }
    for (int i = 0; i < 50; i++) {
        resolver.lookup(numbered("quick", i), Family::ipv4, [&, i] {
            told.times++;
            if (i % 2) resolver.lookup(numbered("after", i), Family::ipv4, tell(told));
        });
    }
    CHECK(eventually([&] { return loop.turn() || told.times == 75; }));
    CHECK(told.failure == "");
    CHECK(never.times == 0);

    // With four of them no name is served, but all else is.
    ids[3] = resolver.lookup("hang3.test", Family::ipv4, tell(never));
    Told late;
    resolver.lookup("quick.test", Family::ipv4, tell(late));
    resolver.lookup("::1", Family::none, tell(told));
    CHECK(eventually([&] { return scene.system.running() == 4; }));
    loop.after(3ms, [&] {
        CHECK(told.times == 76);
        CHECK(late.times == 0);
        for (Resolver::Id id : ids) CHECK(resolver.cancel(id));
        scene.system.answer_all();
    });
    CHECK_FALSE(loop.run());
    CHECK(late.times == 1);
    CHECK(never.times == 0);
}

TEST_CASE("[6] run() ends at once when nobody waits any more, and the thread runs on unheard") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    Told told;
    const Resolver::Id id = resolver.lookup("hang.test", Family::ipv4, tell(told));
    std::optional<Waiter> waiter(std::in_place);
    net::resolve(loop, *waiter, "hang.test", Family::ipv4);
    loop.after(2ms, [&] { waiter.reset(); });
    loop.after(3ms, [&] { CHECK(resolver.cancel(id)); });
    CHECK_FALSE(loop.run());
    CHECK(eventually([&] { return scene.system.running() == 1; }));

    // It is not asked twice: who comes later may still join.
    resolver.lookup("hang.test", Family::ipv4, tell(told));
    CHECK_FALSE(loop.turn());
    scene.system.answer_all();
    CHECK_FALSE(loop.run());
    CHECK(told.times == 1);
    CHECK(told.failure == "");
    CHECK(scene.system.calls() == 1);

    resolver.lookup("hang.test", Family::ipv4, tell(told));  // This time it is over.
    CHECK_FALSE(loop.run());
    CHECK(scene.system.calls() == 2);
}

TEST_CASE("names in flight are bounded, and those nobody wants are not in the way") {
    const Scene scene;
    core::Loop loop;
    Resolver resolver(loop);
    std::vector<Resolver::Id> ids;
    Told told;
    for (int i = 0; i < 256; i++) {
        ids.push_back(resolver.lookup(numbered("hang", i), Family::ipv4, tell(told)));
    }
    CHECK(eventually([&] { return scene.system.running() == 4; }));
    Told joined;
    Told refused;
    Waiter waiter;
    resolver.lookup("hang255.test", Family::ipv4, tell(joined));
    resolver.lookup("other.test", Family::ipv4, tell(refused));
    net::resolve(loop, waiter, "other.test", Family::ipv4);
    CHECK(refused.times == 0);
    CHECK_FALSE(loop.turn());
    CHECK(refused.failure == "getaddrinfo ENOBUFS other.test");
    CHECK(waiter.error == Error{Code::no_buffer_space, Operation::lookup});
    CHECK(joined.times == 0);

    for (std::size_t i = ids.size(); i-- > 0;) CHECK(resolver.cancel(ids[i]));
    Told other;
    for (int i = 0; i < 251; i++) {
        resolver.lookup(numbered("other", i), Family::ipv4, tell(other));
    }
    resolver.lookup("one-too-many.test", Family::ipv4, tell(refused));
    scene.system.answer_all();
    CHECK_FALSE(loop.run());
    CHECK(other.times == 251);
    CHECK(other.failure == "");
    CHECK(joined.times == 1);
    CHECK(told.times == 0);
    CHECK(refused.times == 2);
    CHECK(scene.system.calls() == 4 + 1 + 251);
    CHECK(scene.system.was_asked("hang255.test"));
    CHECK_FALSE(scene.system.was_asked("hang254.test"));
}

// ---- The end of the loop -----------------------------------------------------------------------

TEST_CASE("[6] the end of a loop does not wait for a resolver that hangs") {
    const Scene scene;
    const auto held = std::make_shared<int>();
    Waiter waiter;
    std::optional<core::Loop> loop(std::in_place);
    Resolver resolver(*loop);
    for (int i = 0; i < 20; i++) {
        resolver.lookup(numbered("hang", i % 10), Family::ipv4, [held] { FAIL("unheard"); });
    }
    net::resolve(*loop, waiter, "hang3.test", Family::ipv4);
    CHECK(eventually([&] { return scene.system.running() == 4; }));
    CHECK_FALSE(loop->turn());
    const Clock::time_point start = Clock::now();
    loop.reset();
    CHECK(Clock::now() - start < 1s);
    CHECK(scene.system.running() == 4);
    CHECK(held.use_count() == 1);
    CHECK_FALSE(waiter.waiting());
    scene.system.answer_all();
    CHECK(eventually([&] { return threads() == scene.threads_before; }));
    CHECK(scene.system.calls() == 4);  // What no thread had taken up was not asked any more.
    CHECK(waiter.times == 0);
}

TEST_CASE("results that nobody fetched go with the loop") {
    const Scene scene;
    const auto held = std::make_shared<int>();
    {
        core::Loop loop;
        for (const char* host : {"4.test", "none.test", "6.test", "::1", "127.1"}) {
            Resolver(loop).lookup(host, Family::none, [held] { FAIL("unheard"); });
        }
        CHECK(eventually([&] { return scene.system.calls() == 3 && !scene.system.running(); }));
    }
    CHECK(held.use_count() == 1);
}

TEST_CASE("loops that end at any moment lose nothing and leave nothing") {
    const Scene scene;
    std::uint32_t random = 1;
    const auto below = [&](std::uint32_t limit) {
        random = random * 1664525u + 1013904223u;
        return (random >> 16) % limit;
    };
    for (int round = 0; round < 150; round++) {
        CAPTURE(round);
        unsigned answered = 0;
        unsigned cancelled = 0;
        const unsigned asked = 12;
        const bool all = below(2) == 0;
        core::Loop loop;
        Resolver resolver(loop);
        std::vector<Resolver::Id> ids;
        for (unsigned i = 0; i < asked; i++) {
            const std::string host = numbered(below(2) ? "slow" : "quick",
                                              static_cast<int>(below(5)));
            ids.push_back(resolver.lookup(host, Family::ipv4, [&] {
                answered++;
                if (below(4) == 0 && resolver.cancel(ids[below(asked)])) cancelled++;
            }));
        }
        if (below(2) == 0 && resolver.cancel(ids[below(asked)])) cancelled++;
        for (std::uint32_t turns = below(6); turns-- > 0;) {
            CHECK_FALSE(loop.turn({loop.now().nanoseconds + 100'000}));
        }
        if (!all) continue;
        CHECK_FALSE(loop.run());
        CHECK(answered + cancelled == asked);
    }
}

// ---- What the system says ----------------------------------------------------------------------

TEST_CASE("of what the system gives, only the family that was asked for is believed, and once") {
    const Scene scene;
    using Texts = std::vector<std::string>;
    CHECK(look_up("4s4ss.test", Family::ipv4).addresses == Texts{"10.0.0.1", "10.0.0.3"});
    CHECK(look_up("4646.test", Family::none).addresses ==
          Texts{"10.0.0.1", "fd00::2", "10.0.0.3", "fd00::4"});
    CHECK(look_up("6446.test", Family::ipv4).addresses == Texts{"10.0.0.2", "10.0.0.3"});
    CHECK(look_up("4664.test", Family::ipv6).addresses == Texts{"fd00::2", "fd00::3"});
    CHECK(look_up("4u.test", Family::none).addresses == Texts{"10.0.0.1"});
    CHECK(look_up("4ssssssssssssssssssss4.test", Family::ipv4).addresses ==
          Texts{"10.0.0.1", "10.0.0.22"});
    CHECK(look_up("late.test", Family::ipv4).addresses == Texts{"10.0.0.21"});
    CHECK(look_up("late.test", Family::ipv6).addresses == Texts{"fd00::15"});
    CHECK_FALSE(look_up("44.test", Family::ipv4).ports);

    const Told many = look_up("many.test", Family::ipv4);
    CHECK(many.addresses.size() == 16);
    if (!many.addresses.empty()) CHECK(many.addresses.back() == "10.0.0.16");

    CHECK(look_up("66.test", Family::ipv4).failure == "getaddrinfo ENOTFOUND 66.test");
    CHECK(look_up("44.test", Family::ipv6).failure == "getaddrinfo ENOTFOUND 44.test");
    CHECK(look_up("u.test", Family::none).failure == "getaddrinfo ENOTFOUND u.test");
    CHECK(look_up("empty.test", Family::none).failure == "getaddrinfo ENOTFOUND empty.test");
}

TEST_CASE("what the system cannot do has Node's words") {
    const Scene scene;
    const struct {
        const char* host;
        const char* text;
    } failures[] = {
        {"none.test", "getaddrinfo ENOTFOUND none.test"},
        {"again.test", "getaddrinfo EAI_AGAIN again.test"},
        {"fail.test", "getaddrinfo EAI_FAIL fail.test"},
        {"family.test", "getaddrinfo EAI_FAMILY family.test"},
        {"memory.test", "getaddrinfo ENOMEM memory.test"},
        {"system.test", "getaddrinfo EMFILE system.test"},
    };
    for (const auto& each : failures) {
        const Told told = look_up(each.host, Family::none);
        CHECK(told.failure == each.text);
        CHECK(told.addresses.empty());
    }
}

#endif
