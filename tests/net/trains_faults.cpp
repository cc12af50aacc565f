// Trains that the system refuses, one after the other, for every reason: their datagrams leave all
// the same, once, in order, and nobody is told; and what is learnt from it, about a peer and about
// a socket, and what is not.
#ifdef __linux__

#include <algorithm>
#include <set>

#include "tests/net/faults.h"
#include "tests/net/trains.h"

namespace {

using test::Audit;
using test::Conversation;
using test::is_train;
using test::kernel_has_trains;  // Without them there is nothing to refuse.
using test::Plan;
using test::Route;
using test::traffic;

constexpr int about_trains[] = {EIO, EINVAL, EMSGSIZE, EOPNOTSUPP};
constexpr int about_else[] = {EAGAIN, ENOBUFS, ECONNREFUSED, EPERM, ENETUNREACH};

bool means_trains(int error) {
    return std::find(std::begin(about_trains), std::end(about_trains), error) !=
           std::end(about_trains);
}

constexpr Route routes[] = {Route::udp4, Route::udp6, Route::mapped, Route::connected4,
                            Route::connected6};

// As long as it exists, messages are refused as told.
class Refusals {
   public:
    explicit Refusals(std::function<int(const msghdr&)> refuse) {
        test::on_sending = std::move(refuse);
    }
    ~Refusals() { test::on_sending = nullptr; }
    Refusals(const Refusals&) = delete;
    Refusals& operator=(const Refusals&) = delete;
};

// Trains of several sizes with a tail, singles and empty datagrams between them, for each receiver.
Plan varied(Route route) {
    const std::size_t receivers = test::is_connected(route) ? 1 : 3;
    Plan plan;
    for (const std::size_t size : {100u, 60u, 0u, 1200u, 30u}) {
        for (std::size_t i = 0; i < 5; i++) {
            for (std::size_t to = 0; to < receivers; to++) plan.push_back({to, size});
        }
    }
    for (std::size_t to = 0; to < receivers; to++) plan.push_back({to, 29});
    return plan;
}

std::size_t receivers_of(Route route) { return test::is_connected(route) ? 1 : 3; }

enum class How { once, always };

// Refuses the train that comes after so many others: once, or whenever it is tried again. It is
// known by where its bytes are. How often it was refused.
int refuse_one(Route route, int error, int spared, How how) {
    const Audit audit;
    Conversation conversation(route, {}, receivers_of(route));
    traffic = {};
    int refused = 0;
    const void* offender = nullptr;
    const Refusals refusals([&](const msghdr& message) {
        if (!is_train(message)) return 0;
        const void* const first = message.msg_iov[0].iov_base;
        if (!offender && spared-- == 0) offender = first;
        if (offender != first || (how == How::once && refused > 0)) return 0;
        refused++;
        return error;
    });
    CHECK(conversation.carries(varied(route)));
    if (refused > 0 && (means_trains(error) || how == How::always)) {
        CHECK(traffic.singles >= 10 * static_cast<int>(receivers_of(route)) / 2);
    }
    CHECK(conversation.carries(varied(route)));  // And nothing of it is left.
    return refused;
}

// As many ticks as there are items: one train of ten for each.
struct Step {
    std::size_t to;
    std::size_t size;
};

bool carry_train(Conversation& conversation, const Step& step) {
    Plan plan;
    test::add(plan, 10, step.size, step.to);
    return conversation.carries(plan);
}

// Whether ten equal datagrams of one tick are tried as a train.
bool tries_train(Conversation& conversation, const Step& step) {
    traffic = {};
    CHECK(carry_train(conversation, step));
    CHECK(traffic.trains + traffic.singles == (traffic.trains == 1 ? 1 : 10));
    return traffic.trains == 1;
}

}  // namespace

TEST_CASE("any one train may be refused, for any reason: its datagrams arrive, and all succeed") {
    if (!kernel_has_trains()) return;
    for (const Route route : routes) {
        for (const int error : {EIO, EINVAL, EMSGSIZE, EOPNOTSUPP, EAGAIN, ENOBUFS, ECONNREFUSED,
                                EPERM, ENETUNREACH}) {
            CAPTURE(static_cast<int>(route));
            CAPTURE(error);
            // A sandbox says EPERM again when it is asked in another way.
            const How how = error == EPERM ? How::always : How::once;
            int hit = 0;
            while (refuse_one(route, error, hit, how) > 0) hit++;
            CHECK(hit >= 4 * static_cast<int>(receivers_of(route)));
        }
    }
}

TEST_CASE("a train that is refused again and again goes as datagrams, whatever the reason") {
    if (!kernel_has_trains()) return;
    for (const Route route : {Route::udp4, Route::connected6}) {
        for (const int error : {EIO, EINVAL, EMSGSIZE, EOPNOTSUPP, ENOBUFS, ECONNREFUSED, EPERM,
                                ENETUNREACH}) {
            CAPTURE(static_cast<int>(route));
            CAPTURE(error);
            int hit = 0;
            while (refuse_one(route, error, hit, How::always) > 0) hit++;
            CHECK(hit >= 4 * static_cast<int>(receivers_of(route)));
        }
    }
}

TEST_CASE("a batch may end before any message, and goes on from there") {
    if (!kernel_has_trains()) return;
    for (const Route route : routes) {
        for (int spared = 0;; spared++) {
            CAPTURE(spared);
            const Audit audit;
            Conversation conversation(route, {}, receivers_of(route));
            int left = spared;
            bool cut = false;
            {
                const Refusals refusals([&](const msghdr&) {
                    if (cut || left-- > 0) return 0;
                    cut = true;
                    return test::cut_short;
                });
                CHECK(conversation.carries(varied(route)));
            }
            if (cut) continue;
            CHECK(spared >= 9);
            break;
        }
        // And before every other one.
        Conversation conversation(route, {}, receivers_of(route));
        int asked = 0;
        const Refusals refusals(
            [&](const msghdr&) { return ++asked % 2 == 0 ? test::cut_short : 0; });
        CHECK(conversation.carries(varied(route)));
    }
}

TEST_CASE("every train of a tick is refused: all arrive, in one go") {
    if (!kernel_has_trains()) return;
    for (const Route route : routes) {
        for (const int error : about_trains) {
            CAPTURE(error);
            const Audit audit;
            Conversation conversation(route, {}, receivers_of(route));
            const Refusals refusals(
                [error](const msghdr& message) { return is_train(message) ? error : 0; });
            conversation.ask(varied(route));
            CHECK_FALSE(conversation.loop.turn());
            CHECK(conversation.sender.get_send_queue_count() == 0);
            CHECK(conversation.ends_well());
        }
    }
}

TEST_CASE("what is refused as a train, and alone too, is the datagrams' own failure") {
    if (!kernel_has_trains()) return;
    const Audit audit;
    core::Loop loop;
    net::Datagram sender(loop, net::Type::udp4);
    test::Receiver receiver(loop);
    test::Told told;
    {
        const Refusals refusals([](const msghdr&) { return EMSGSIZE; });
        for (int i = 0; i < 10; i++) {
            sender.send("refused", receiver.address, told.sent());
        }
        CHECK(test::run_until(loop, [&] { return told.count() == 10; }));
    }
    for (const std::string& line : told.lines) {
        CHECK(line == "send EMSGSIZE " + receiver.address.text());
    }
    traffic = {};
    for (int i = 0; i < 10; i++) sender.send("accepts", receiver.address, told.sent());
    CHECK(receiver.hears(10));
    CHECK(traffic.trains == 1);  // Nothing was learnt about trains.
    CHECK(traffic.singles == 0);
}

TEST_CASE("one datagram of a train is refused when alone: the others succeed") {
    if (!kernel_has_trains()) return;
    for (const std::size_t bad : {0u, 1u, 5u, 9u}) {
        CAPTURE(bad);
        const Audit audit;
        core::Loop loop;
        net::Datagram sender(loop, net::Type::udp4);
        test::Receiver receiver(loop);
        test::Told told;
        const std::vector<std::string> texts(10, "same");
        const Refusals refusals([&](const msghdr& message) {
            const bool offends = message.msg_iov[0].iov_base == texts[bad].data();
            return is_train(message) || offends ? EINVAL : 0;
        });
        for (const std::string& text : texts) sender.send(text, receiver.address, told.sent());
        CHECK(test::run_until(loop, [&] { return told.count() == 10; }));
        CHECK(receiver.hears(9));
        for (std::size_t i = 0; i < 10; i++) {
            const std::string failure = "send EINVAL " + receiver.address.text();
            CHECK(told.lines[i] == (i == bad ? failure : "4"));
        }
        if (bad > 0) continue;
        traffic = {};  // The first one alone was refused as well: that is no proof.
        test::on_sending = nullptr;
        for (const std::string& text : texts) sender.send(text, receiver.address);
        CHECK(receiver.hears(19));
        CHECK(traffic.trains == 1);
    }
}

// ---- What is learnt ------------------------------------------------------------------------

TEST_CASE("a refused size, and all above it, are not tried again for this peer; others are") {
    if (!kernel_has_trains()) return;
    for (const int error : about_trains) {
        CAPTURE(error);
        const Audit audit;
        Conversation conversation(Route::udp4, {}, 2);
        CHECK(tries_train(conversation, {0, 500}));
        {
            const Refusals refusals(
                [error](const msghdr& message) { return is_train(message) ? error : 0; });
            CHECK_FALSE(tries_train(conversation, {0, 400}));
        }
        CHECK_FALSE(tries_train(conversation, {0, 500}));
        CHECK_FALSE(tries_train(conversation, {0, 400}));
        CHECK(tries_train(conversation, {0, 399}));
        CHECK(tries_train(conversation, {1, 500}));
    }
}

TEST_CASE("three refusals in a row, and this socket has no more trains; others have") {
    if (!kernel_has_trains()) return;
    for (const int error : about_trains) {
        CAPTURE(error);
        const Audit audit;
        Conversation conversation(Route::udp4, {}, 9);
        const auto refuse = [&](std::size_t to) {
            const Refusals refusals(
                [error](const msghdr& message) { return is_train(message) ? error : 0; });
            CHECK_FALSE(tries_train(conversation, {to, 50}));
        };
        refuse(0);
        refuse(1);
        CHECK(tries_train(conversation, {2, 50}));  // One that leaves, and the count begins anew.
        refuse(3);
        refuse(4);
        CHECK(tries_train(conversation, {5, 50}));
        refuse(6);
        refuse(7);
        refuse(8);
        CHECK_FALSE(tries_train(conversation, {2, 50}));
        CHECK_FALSE(tries_train(conversation, {5, 1}));

        net::Datagram other(conversation.loop, net::Type::udp4);
        traffic = {};
        for (int i = 0; i < 10; i++) other.send("other", conversation.to[2]);
        CHECK(test::run_until(conversation.loop, [] { return traffic.trains > 0; }));
        CHECK(traffic.singles == 0);
    }
}

TEST_CASE("three trains of one tick are refused: those of later calls are not tried") {
    if (!kernel_has_trains()) return;
    const Audit audit;
    Conversation conversation(Route::udp4, {}, 6);
    std::set<const void*> tried;
    const Refusals refusals([&](const msghdr& message) {
        if (!is_train(message)) return 0;
        tried.insert(message.msg_iov[0].iov_base);
        return EIO;
    });
    Plan plan;
    for (std::size_t i = 0; i < 60; i++) plan.push_back({i % 6, 50});
    CHECK(conversation.carries(plan));
    CHECK(tried.size() == 4);  // The fourth is in the call that proves the third one guilty.
    CHECK(conversation.carries(plan));
    CHECK(tried.size() == 4);
}

TEST_CASE("no room, refusals of ICMP and of packet filters say nothing about trains") {
    if (!kernel_has_trains()) return;
    for (const Route route : {Route::udp4, Route::connected4}) {
        for (const int error : about_else) {
            CAPTURE(static_cast<int>(route));
            CAPTURE(error);
            const Audit audit;
            Conversation conversation(route);
            for (int round = 0; round < 5; round++) {
                const void* offender = nullptr;
                const Refusals refusals([&](const msghdr& message) {
                    const void* const first = message.msg_iov[0].iov_base;
                    if (!is_train(message) || (offender && error != EPERM)) return 0;
                    offender = first;
                    return error;
                });
                CHECK(carry_train(conversation, {0, 50}));
                CHECK(offender);
            }
            CHECK(tries_train(conversation, {0, 50}));
        }
    }
}

TEST_CASE("a connected socket's pending 'too big' says nothing about the train that meets it") {
    if (!kernel_has_trains()) return;
    const Audit audit;
    Conversation conversation(Route::connected4);
    for (int round = 0; round < 5; round++) {
        bool met = false;
        const Refusals refusals([&](const msghdr&) {
            return std::exchange(met, true) ? 0 : EMSGSIZE;
        });
        CHECK(tries_train(conversation, {0, 50}));
        CHECK(met);
    }
}

// ---- No room ----------------------------------------------------------------------------

TEST_CASE("[35] a train that never finds room goes as datagrams once its retries are over") {
    if (!kernel_has_trains()) return;
    const Audit audit;
    Conversation conversation(Route::udp4);
    Plan plan;
    test::add(plan, 20, 50);
    for (int round = 0; round < 4; round++) {
        const Refusals refusals(
            [](const msghdr& message) { return is_train(message) ? ENOBUFS : 0; });
        CHECK(conversation.carries(plan));
    }
    CHECK(tries_train(conversation, {0, 50}));
}

TEST_CASE("[35] without room for anything, each datagram of a train gets the error, once") {
    if (!kernel_has_trains()) return;
    const Audit audit;
    core::Loop loop;
    net::Datagram sender(loop, net::Type::udp4);
    test::Receiver receiver(loop);
    test::Told told;
    {
        const Refusals refusals([](const msghdr&) { return ENOBUFS; });
        for (int i = 0; i < 20; i++) sender.send("no room", receiver.address, told.sent());
        CHECK(test::run_until(loop, [&] { return told.count() == 20; }));
    }
    for (const std::string& line : told.lines) {
        CHECK(line == "send ENOBUFS " + receiver.address.text());
    }
    traffic = {};
    for (int i = 0; i < 20; i++) sender.send("there is", receiver.address, told.sent());
    CHECK(receiver.hears(20));
    CHECK(traffic.trains == 1);
    CHECK(told.count() == 40);
}

#endif
