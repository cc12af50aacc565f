// What listeners may do while they are called, and what it costs.
#include "core/signal.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

std::size_t allocations = 0;
bool memory_is_out = false;

void* allocate(std::size_t size) {
    allocations++;
    return std::malloc(size ? size : 1);
}

// Through a pointer: GCC takes a free() inlined into operator delete for a mismatch.
void (*volatile const release)(void*) = std::free;

}  // namespace

void* operator new(std::size_t size) {
    void* const memory = allocate(size);
    if (!memory) std::abort();
    return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return memory_is_out ? nullptr : allocate(size);
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace {

using core::ListenerId;
using core::Signal;

static_assert(!std::is_copy_constructible_v<Signal<>>);
static_assert(sizeof(Signal<>) <= sizeof(Signal<>::Listener) + 24);

// Runs something when the captures that hold it are destroyed.
struct AtEnd {
    explicit AtEnd(core::Callback<void()> f) : run(std::move(f)) {}
    AtEnd(AtEnd&&) = default;
    ~AtEnd() {
        if (run) run();
    }
    core::Callback<void()> run;
};

TEST_CASE("[15] listeners are called in the order of registration, one-shot ones once") {
    Signal<> signal;
    std::string order;
    signal.on([&] { order += 'a'; });
    signal.once([&] { order += 'b'; });
    signal.on([&] { order += 'c'; });
    CHECK(signal.count() == 3);
    CHECK(signal.emit());
    CHECK(signal.count() == 2);
    CHECK(signal.emit());
    signal.once([&] { order += 'd'; });
    CHECK(signal.emit());
    CHECK(order == "abcacacd");
}

TEST_CASE("emit says whether anybody listened") {
    Signal<> signal;
    CHECK_FALSE(signal.emit());
    const ListenerId id = signal.on([] {});
    CHECK(signal.emit());
    CHECK(signal.off(id));
    CHECK_FALSE(signal.emit());
    signal.once([] {});
    CHECK(signal.emit());
    CHECK_FALSE(signal.emit());
}

TEST_CASE("a listener is removed once, by an id of its own") {
    Signal<> signal;
    std::vector<ListenerId> ids;
    for (int i = 0; i < 10; i++) ids.push_back(signal.on([] {}));
    for (const ListenerId id : ids) {
        CHECK(id != 0);
        CHECK(std::count(ids.begin(), ids.end(), id) == 1);
        CHECK(signal.off(id));
        CHECK_FALSE(signal.off(id));
    }
    CHECK(signal.count() == 0);
    CHECK_FALSE(signal.off(0));
    const ListenerId later = signal.on([] {});
    CHECK(std::count(ids.begin(), ids.end(), later) == 0);
    CHECK_FALSE(signal.off(later + 1));
    CHECK_FALSE(signal.off(0));
    CHECK(signal.count() == 1);
}

TEST_CASE("an empty listener is not registered") {
    Signal<> signal;
    CHECK(signal.on({}) == 0);
    CHECK(signal.once({}) == 0);
    CHECK(signal.count() == 0);
    CHECK_FALSE(signal.emit());
}

TEST_CASE("the first listener needs no memory, and emit never does") {
    Signal<int> signal;
    int sum = 0;
    allocations = 0;
    for (int round = 0; round < 3; round++) {
        const ListenerId id = signal.on([&](int n) { sum += n; });
        for (int i = 0; i < 100; i++) signal.emit(1);
        CHECK(signal.off(id));
    }
    CHECK(allocations == 0);
    signal.on([&](int n) { sum += n; });
    signal.on([&](int n) { sum += n; });
    signal.once([&](int n) { sum += n; });
    const std::size_t before = allocations;
    CHECK(before == 2);
    for (int i = 0; i < 100; i++) signal.emit(1);
    CHECK(sum == 501);
    CHECK(allocations == before);
}

TEST_CASE("when memory is out, on() says so, destroys the listener and harms nothing") {
    Signal<> signal;
    const auto held = std::make_shared<int>();
    int calls = 0;
    memory_is_out = true;
    const ListenerId first = signal.on([&calls] { calls++; });
    const ListenerId second = signal.on([&calls, held] { calls += 10; });
    const ListenerId third = signal.once([&calls, held] { calls += 10; });
    memory_is_out = false;
    CHECK(first != 0);
    CHECK(second == 0);
    CHECK(third == 0);
    CHECK(held.use_count() == 1);
    CHECK(signal.count() == 1);
    CHECK(signal.emit());
    CHECK(calls == 1);
    CHECK(signal.on([&calls] { calls++; }) != 0);
    CHECK(signal.emit());
    CHECK(calls == 3);
}

TEST_CASE("every listener gets the arguments: references as they are, values as copies") {
    Signal<std::string, const int&> signal;
    const int number = 4;
    int seen = 0;
    for (int i = 0; i < 3; i++) {
        signal.on([&](std::string text, const int& same) {
            seen += text.size() == 4 && &same == &number;
            const std::string stolen = std::move(text);
        });
    }
    signal.on([&](const std::string& text) { seen += text.size() == 4; });
    signal.on([&] { seen++; });
    CHECK(signal.emit("text", number));
    CHECK(seen == 5);
}

TEST_CASE("[7] a listener removed during an emit does not run any more") {
    Signal<> signal;
    std::string order;
    ListenerId second = 0;
    ListenerId third = 0;
    signal.on([&] {
        order += 'a';
        signal.off(third);
        CHECK_FALSE(signal.off(third));
    });
    second = signal.on([&] {
        order += 'b';
        CHECK(signal.off(second));
    });
    third = signal.on([&] { order += 'c'; });
    signal.on([&] { order += 'd'; });
    signal.emit();
    CHECK(order == "abd");
    CHECK(signal.count() == 2);
    signal.emit();
    CHECK(order == "abdad");
}

TEST_CASE("[7] a listener added during an emit takes part from the next one, a nested one too") {
    Signal<> signal;
    std::string order;
    signal.once([&] {
        order += 'a';
        signal.on([&] { order += 'b'; });
        order += '(';
        signal.emit();
        order += ')';
    });
    signal.on([&] { order += 'c'; });
    signal.emit();
    CHECK(order == "a(cb)c");
    order.clear();
    signal.emit();
    CHECK(order == "cb");
}

TEST_CASE("a one-shot listener is removed before it runs") {
    Signal<> signal;
    int calls = 0;
    ListenerId id = 0;
    id = signal.once([&] {
        calls++;
        CHECK(signal.count() == 0);
        CHECK_FALSE(signal.off(id));
        CHECK_FALSE(signal.emit());
    });
    CHECK(signal.emit());
    CHECK_FALSE(signal.emit());
    CHECK(calls == 1);
}

TEST_CASE("a one-shot listener may register itself again, for the next emit") {
    Signal<> signal;
    int calls = 0;
    struct Again {
        void operator()() const {
            ++*calls;
            signal->once(*this);
        }
        Signal<>* signal;
        int* calls;
    };
    signal.once(Again{&signal, &calls});
    for (int i = 1; i <= 10; i++) {
        CHECK(signal.emit());
        CHECK(calls == i);
        CHECK(signal.count() == 1);
    }
}

TEST_CASE("[7] what a running listener captured lives until the outermost emit has returned") {
    Signal<> signal;
    const auto held = std::make_shared<int>();
    bool inner = false;
    ListenerId id = 0;
    for (const int position : {0, 1}) {
        inner = false;
        if (position) signal.once([] {});
        id = signal.on([&, held] {
            if (inner) {
                CHECK(signal.off(id));
                return;
            }
            inner = true;
            CHECK(signal.emit());
            CHECK(held.use_count() == 2);
            signal.clear();
            CHECK(held.use_count() == 2);
            CHECK_FALSE(signal.emit());
            CHECK(held.use_count() == 2);
        });
        CHECK(signal.emit());
        CHECK(held.use_count() == 1);
        CHECK(signal.count() == 0);
    }
}

TEST_CASE("[7] clear during an emit: nothing further runs, what is added afterwards stays") {
    Signal<> signal;
    std::string order;
    signal.on([&] {
        order += 'a';
        signal.clear();
        CHECK(signal.count() == 0);
        signal.on([&] { order += 'c'; });
        CHECK(signal.count() == 1);
    });
    signal.on([&] { order += 'b'; });
    CHECK(signal.emit());
    CHECK(signal.emit());
    CHECK(order == "ac");
}

TEST_CASE("outside of an emit captures die with their removal") {
    const auto held = std::make_shared<int>();
    {
        Signal<> signal;
        const ListenerId first = signal.on([held] {});
        const ListenerId second = signal.on([held] {});
        signal.on([held] {});
        CHECK(held.use_count() == 4);
        signal.off(second);
        CHECK(held.use_count() == 3);
        signal.off(first);
        CHECK(held.use_count() == 2);
        signal.clear();
        CHECK(held.use_count() == 1);
        signal.on([held] {});
        signal.on([held] {});
        CHECK(held.use_count() == 3);
    }
    CHECK(held.use_count() == 1);
}

TEST_CASE("the destructors of captures may use the signal they listened to") {
    std::string order;
    const auto held = std::make_shared<int>();
    {
        Signal<> signal;
        const auto listener = [&](char name) {
            return [end = AtEnd([&, name] {
                        order += name;
                        signal.once([&order, held] { order += '.'; });
                        signal.emit();
                    })] {};
        };
        const ListenerId a = signal.on(listener('a'));
        const ListenerId b = signal.on(listener('b'));
        signal.off(a);
        CHECK(order == "a.");
        signal.off(b);
        CHECK(order == "a.b.");
        CHECK(signal.count() == 0);

        // In the destructor of the signal too: nothing is left behind.
        signal.on([end = AtEnd([&] {
                       signal.on([held] {});
                       signal.on([held] {});
                       order += '!';
                   })] {});
    }
    CHECK(order.back() == '!');
    CHECK(held.use_count() == 1);
}

// Random things done inside listeners, compared with the plainest model: each emit takes down who
// is listening when it begins, and calls those of them who still are when their turn comes.
struct Comparison {
    struct Listener {
        ListenerId id;
        int name;
        bool once;
    };
    struct Call {
        std::vector<int> due;
        std::size_t next = 0;
    };

    explicit Comparison(unsigned seed) : random(seed) {}

    bool listening(int name) const {
        return std::any_of(model.begin(), model.end(),
                           [name](const Listener& each) { return each.name == name; });
    }

    int next_due(Call& call) {
        while (call.next < call.due.size() && !listening(call.due[call.next])) call.next++;
        return call.next < call.due.size() ? call.due[call.next++] : 0;
    }

    void called(int name) {
        right = right && next_due(calls.back()) == name;
        std::erase_if(model, [name](const Listener& each) {
            return each.name == name && each.once;
        });
        for (auto steps = random() % 3; steps; steps--) step();
    }

    void step() {
        const auto dice = random() % 100;
        if (dice < 40 && model.size() < 20) {
            const int name = ++names;
            const bool once = random() % 2;
            auto call = [this, name] { called(name); };
            model.push_back({once ? signal.once(call) : signal.on(call), name, once});
        } else if (dice < 70 && !model.empty()) {
            const auto chosen = model.begin() + static_cast<long>(random() % model.size());
            const ListenerId id = chosen->id;
            model.erase(chosen);
            right = right && signal.off(id) && !signal.off(id);
        } else if (dice < 71) {
            model.clear();
            signal.clear();
        } else if (calls.size() < 4) {
            Call call;
            for (const Listener& each : model) call.due.push_back(each.name);
            const bool somebody = !call.due.empty();
            calls.push_back(call);
            right = right && signal.emit() == somebody;
            right = right && next_due(calls.back()) == 0;
            calls.pop_back();
        }
        right = right && signal.count() == model.size();
    }

    std::mt19937 random;
    Signal<> signal;
    std::vector<Listener> model;
    std::vector<Call> calls;  // Emits in progress.
    int names = 0;
    bool right = true;
};

TEST_CASE("[7] random actions inside listeners: as a plain model has it") {
    for (unsigned seed = 1; seed <= 20; seed++) {
        CAPTURE(seed);
        Comparison comparison(seed);
        for (int i = 0; i < 2000 && comparison.right; i++) comparison.step();
        CHECK(comparison.right);
        CHECK(comparison.names > 100);
    }
}

}  // namespace
