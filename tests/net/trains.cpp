// Trains are nobody's business: with Options::segmentation on or off, at the sender and at the
// receiver, the same datagrams arrive, whole, once, in order for each peer, and callbacks are told
// the same. That trains were there is seen from the system calls, which pass through this program.
#ifdef __linux__

#include <random>

#include "tests/net/faults.h"
#include "tests/net/trains.h"

namespace {

using test::Audit;
using test::Conversation;
using test::Form;
using test::Item;
using test::kernel_has_trains;
using test::Plan;
using test::Route;
using test::traffic;
using test::Wishes;

int joined = 0;  // Trains that arrived in one piece.

// The same plan on every route that it fits, with every combination of wishes. What trains there
// were with both wishes.
struct Counted {
    int trains = 0;
    int singles = 0;
    int joined = 0;
};

Counted carry(const Plan& plan, Route route) {
    Counted counted;
    std::size_t receivers = 1;
    for (const Item& item : plan) receivers = std::max(receivers, item.to + 1);
    for (const Wishes wishes : test::all_wishes) {
        CAPTURE(static_cast<int>(route));
        CAPTURE(wishes.sender);
        CAPTURE(wishes.receiver);
        const Audit audit;
        Conversation conversation(route, wishes, receivers);
        traffic = {};
        joined = 0;
        test::on_received = [](msghdr& message) { joined += test::is_joined(message) ? 1 : 0; };
        CHECK(conversation.carries(plan));
        test::on_received = nullptr;
        CHECK((wishes.sender || traffic.trains == 0));
        CHECK((wishes.receiver || joined == 0));
        if (wishes.sender && wishes.receiver) counted = {traffic.trains, traffic.singles, joined};
    }
    return counted;
}

// Of one destination, on every route.
void carry_everywhere(const Plan& plan, int trains) {
    for (const Route route : test::all_routes) {
        const Counted counted = carry(plan, route);
        if (!kernel_has_trains()) continue;
        CHECK(counted.trains == trains);
        CHECK(counted.joined == trains);
    }
}

Plan sizes(std::initializer_list<std::size_t> all) {
    Plan plan;
    for (const std::size_t size : all) plan.push_back({0, size});
    return plan;
}

}  // namespace

TEST_CASE("[30][31] equal sizes: one train, its last datagram may be shorter") {
    kernel_has_trains();
    Plan equal;
    test::add(equal, 50, 100);
    carry_everywhere(equal, 1);
    Plan tail = equal;
    test::add(tail, 1, 99);
    carry_everywhere(tail, 1);
    carry_everywhere(sizes({7, 7}), 1);
    carry_everywhere(sizes({7}), 0);
}

TEST_CASE("[30][31] mixed, descending and ascending sizes are cut where they have to be") {
    kernel_has_trains();
    carry_everywhere(sizes({9, 8, 7, 6, 5, 4, 3, 2, 1}), 4);  // In pairs: a shorter one is the end.
    carry_everywhere(sizes({1, 2, 3, 4, 5, 6, 7, 8, 9}), 0);
    carry_everywhere(sizes({5, 5, 9, 9, 9, 3, 3, 3, 2, 8, 1, 1}), 4);  // 55 9993 332 81, and 1.
    carry_everywhere(sizes({1, 1, 1, 1, 1}), 1);
    carry_everywhere(sizes({1, 1452, 1472, 1473, 1500, 9000, 9000, 9000, 1}), 1);
}

TEST_CASE("[33] empty datagrams travel alone, and where they were asked for") {
    kernel_has_trains();
    carry_everywhere(sizes({0}), 0);
    carry_everywhere(sizes({0, 0, 0}), 0);
    carry_everywhere(sizes({0, 4, 4, 4, 0, 4, 4, 0, 0, 4, 3, 0}), 3);
}

TEST_CASE("[32] the largest datagrams, alone and beside trains") {
    kernel_has_trains();
    carry_everywhere(sizes({65507}), 0);
    carry_everywhere(sizes({9, 9, 65507, 9, 9}), 2);
    carry_everywhere(sizes({32736, 32736, 1}), 1);     // 65,473 bytes are full.
    carry_everywhere(sizes({32736, 32736, 2, 2}), 2);  // One and two, and the last two.
    carry_everywhere(sizes({32737, 32737, 32736}), 1);
}

TEST_CASE("[35] trains longer than the send buffer leave all the same, as they find room") {
    kernel_has_trains();
    for (const Route route : test::all_routes) {
        CAPTURE(static_cast<int>(route));
        const Audit audit;
        Conversation conversation(route);
        CHECK(conversation.carries(sizes({1})));  // Bound.
        CHECK_FALSE(conversation.sender.set_send_buffer_size(1));  // The least there is: 4,608.
        traffic = {};
        Plan plan;
        test::add(plan, 44, 1472);
        for (int round = 0; round < 3; round++) CHECK(conversation.carries(plan));
        CHECK((traffic.trains >= 3 || !kernel_has_trains()));
    }
}

TEST_CASE("[28] lists, and strings that were moved in, travel in trains as other bytes do") {
    kernel_has_trains();
    Plan plan;
    for (std::size_t i = 0; i < 60; i++) plan.push_back({0, 33, static_cast<Form>(i % 4)});
    carry_everywhere(plan, 1);
    Plan lists;  // Of seven parts each, of which a train has 256.
    for (std::size_t i = 0; i < 80; i++) lists.push_back({0, 70, Form::long_list});
    carry_everywhere(lists, 3);  // 36 + 36 + 8
}

TEST_CASE("[28] a list of more parts than a train may have leaves by itself, in its place") {
    kernel_has_trains();
    const Audit audit;
    Conversation conversation(Route::udp4);
    const std::string letter = "x";
    const std::vector<net::Bytes> parts(1000, net::Bytes(letter));
    const std::string thousand(1000, 'x');
    int told = 0;
    for (int i = 0; i < 3; i++) {
        conversation.sender.send(thousand, conversation.to[0], [&] { told++; });
        conversation.sender.send(parts, conversation.to[0], [&] { told++; });
    }
    CHECK(conversation.receivers[0]->hears(6));
    for (const std::string& text : conversation.receivers[0]->texts) CHECK(text == thousand);
    CHECK(test::run_until(conversation.loop, [&] { return told == 6; }));
}

TEST_CASE("[30] more than 128, 512 and 1,000 in one tick, for one peer and for five") {
    kernel_has_trains();
    for (const std::size_t count : {127u, 128u, 129u, 200u}) {
        Plan plan;
        test::add(plan, count, 10);
        for (const Route route : test::all_routes) {
            const Counted counted = carry(plan, route);
            const int left = counted.trains + counted.singles;
            CHECK((left <= 4 || !kernel_has_trains()));  // 64 is the limit of old kernels.
        }
    }
    for (const std::size_t count : {511u, 512u, 513u, 1000u, 1024u}) {
        Plan spread;
        for (std::size_t i = 0; i < count; i++) spread.push_back({i % 6, 10 + i / 30 % 2});
        for (const Route route : {Route::udp4, Route::udp6, Route::mapped}) {
            const Counted counted = carry(spread, route);
            CHECK((counted.trains >= 6 * 16 || !kernel_has_trains()));
        }
    }
}

TEST_CASE("[36] more than the queue takes leaves early, inside the call, and in order") {
    kernel_has_trains();
    const Audit audit;
    Conversation conversation(Route::udp4, {}, 12);
    Plan plan;
    for (std::size_t i = 0; i < 2100; i++) plan.push_back({i % 12, 20});
    traffic = {};
    conversation.ask(plan);
    CHECK(traffic.trains + traffic.singles > 0);
    CHECK(conversation.sender.get_send_queue_count() <= 1024);
    CHECK(conversation.ends_well());
}

TEST_CASE("[30] thousands for one peer, where it has the room") {
    kernel_has_trains();
    const Audit audit;
    for (const Wishes wishes : test::all_wishes) {
        Conversation conversation(Route::udp4, wishes);
        const auto room = conversation.receivers[0]->socket.get_recv_buffer_size();
        Plan plan;
        test::add(plan, room && *room >= 4 << 20 ? 1024 : 200, 10);
        CHECK(conversation.carries(plan));
    }
}

TEST_CASE("[30] interleaved peers get a train each, in one call, and each its order") {
    kernel_has_trains();
    Plan plan;
    for (std::size_t i = 0; i < 160; i++) plan.push_back({i % 16, 40 + i / 16 % 2});
    for (const Route route : {Route::udp4, Route::udp6, Route::mapped}) {
        const Counted counted = carry(plan, route);
        // Of 41 and 40 bytes in turn: 40, then pairs of a longer and a shorter one, then 41.
        if (kernel_has_trains()) CHECK(counted.trains == 16 * 4);
    }
    Plan equal;
    for (std::size_t i = 0; i < 160; i++) equal.push_back({i * 7 % 16, 40});
    for (const Route route : {Route::udp4, Route::udp6, Route::mapped}) {
        const Audit audit;
        Conversation conversation(route, {}, 16);
        traffic = {};
        CHECK(conversation.carries(equal));
        if (!kernel_has_trains()) continue;
        CHECK(traffic.trains == 16);
        CHECK(traffic.singles == 0);
        CHECK(traffic.calls == 1);
    }
}

TEST_CASE("one datagram alone needs no control message, and two calls of a tick are one") {
    kernel_has_trains();
    const Audit audit;
    Conversation conversation(Route::connected4);
    for (int round = 0; round < 3; round++) {
        traffic = {};
        CHECK(conversation.carries(sizes({30})));
        CHECK(traffic.calls == 1);
        CHECK(traffic.singles == 1);
        CHECK(traffic.trains == 0);
    }
    traffic = {};
    CHECK(conversation.carries(sizes({30, 30})));
    CHECK(traffic.calls == (test::has_batch_calls() ? 1 : 2));
    CHECK((traffic.trains == 1 || !kernel_has_trains()));
}

TEST_CASE("[26] what was asked for before a disconnect leaves to the old peer, as a train") {
    kernel_has_trains();
    const Audit audit;
    Conversation conversation(Route::connected4);
    Plan plan;
    test::add(plan, 20, 10);
    conversation.ask(plan);
    CHECK_FALSE(conversation.sender.disconnect());
    test::Receiver other(conversation.loop);
    for (int i = 0; i < 20; i++) conversation.sender.send("other", other.address);
    CHECK(conversation.ends_well());
    CHECK(other.hears(20));
}

TEST_CASE("[34] what was asked for before a close, or the end of the socket, leaves as a train") {
    kernel_has_trains();
    for (const bool destroyed : {false, true}) {
        const Audit audit;
        core::Loop loop;
        test::Receiver receiver(loop);
        traffic = {};
        {
            net::Datagram sender(loop, net::Type::udp4);
            CHECK(sender.bind_sync());
            for (int i = 0; i < 20; i++) sender.send(std::string("last words"), receiver.address);
            if (!destroyed) {
                bool closed = false;
                sender.close([&] { closed = true; });
                CHECK(test::run_until(loop, [&] { return closed; }));
            }
        }
        CHECK(receiver.hears(20));
        CHECK((traffic.trains == 1 || !kernel_has_trains()));
        CHECK((traffic.singles == 0 || !kernel_has_trains()));
    }
}

TEST_CASE("[30][31] whatever is asked for: 40 random plans") {
    kernel_has_trains();
    constexpr std::size_t usual[] = {0, 1, 2, 8, 8, 8, 8, 9, 100, 100, 100, 100, 1452, 1472, 4000};
    int trains = 0;
    for (std::uint32_t seed = 1; seed <= 40; seed++) {
        CAPTURE(seed);
        std::mt19937 random(seed);  // The same everywhere, unlike the distributions.
        const auto below = [&](std::size_t limit) { return random() % limit; };
        const Route route = test::all_routes[below(std::size(test::all_routes))];
        const std::size_t receivers = test::is_connected(route) ? 1 : 1 + below(5);
        const Audit audit;
        Conversation conversation(route, test::all_wishes[seed % 4], receivers);
        traffic = {};
        for (int round = 0; round < 4; round++) {
            Plan plan;
            std::size_t bytes = 0;
            for (std::size_t left = 1 + below(60); left > 0; left--) {
                const std::size_t size = usual[below(std::size(usual))];
                const std::size_t to = below(receivers);
                const std::size_t run = below(3) == 0 ? 1 + below(20) : 1;
                for (std::size_t i = 0; i < run && bytes < 60'000 && plan.size() < 150; i++) {
                    plan.push_back({to, size, static_cast<Form>(below(4))});
                    bytes += size;
                }
            }
            CHECK(conversation.carries(plan));
        }
        trains += traffic.trains;
    }
    CHECK((trains > 200 || !kernel_has_trains()));
}

#endif
