// A worker that breaks the rules of its channel is killed, and the others go on. Each crime is
// committed behind the library's back, by the system's own calls.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/net/cluster.h"

namespace {

using namespace std::chrono_literals;
using net::Datagram;
using net::Type;
using test::Audit;
using test::pass;
using test::Role;
using test::Stage;
using test::Troupe;

const Role answers("answers", test::answer);

const Role rogue("rogue", [](Stage& stage) {
    using namespace std::string_view_literals;
    stage.loop.after(1h, [] {});  // It does not go by itself.
    switch (std::atoi(std::getenv("VOLLEY_TEST_CRIME"))) {
        case 0: return pass("\xff", {});
        case 1: return pass(std::string(20'000, '\7'), {});
        case 2: return pass("\3\0\0"sv, {});          // Granted: no worker says so, nor so briefly.
        case 3: return pass("\3\0\0\0\1"sv, {});
        case 4: return pass("\7text", {0});           // A descriptor with a text,
        case 5: return pass("\7text", {0, 1, 2, 0});  // and several.
        case 6: return pass("\1\0\0\0\1"sv, {});      // Hello, a second time.
        case 7: return pass("\3\0\0\0\1"sv, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        case 8: return pass("\2\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"sv, {});
    }
});

}  // namespace

TEST_CASE("[59] a worker that breaks the rules is killed, and the others go on") {
    const Audit audit;
    const std::size_t none = test::open_descriptors();
    core::Loop loop;
    const std::size_t loop_of_its_own = test::open_descriptors() - none;
    Troupe good(test::troupe(answers, 1));
    CHECK(good.until([&] { return good.listening.size() == 1; }));
    REQUIRE(good.listening.size() == 1);
    for (int crime = 0; crime <= 8; crime++) {
        CAPTURE(crime);
        const std::size_t before = test::open_descriptors();
        Troupe troupe(test::troupe(rogue, 1, {"VOLLEY_TEST_CRIME=" + std::to_string(crime)}));
        CHECK(troupe.until([&] { return troupe.ends.size() == 1; }));
        REQUIRE(troupe.ends.size() == 1);
        CHECK(troupe.ends[0].signal == test::kill_signal);
        CHECK(troupe.disconnected.size() == 1);
        CHECK(troupe.messages.empty());
        CHECK(test::open_descriptors() <= before + loop_of_its_own);
    }
    Datagram client(good.loop, Type::udp4);
    bool heard = false;
    client.on_message([&] { heard = true; });
    client.send("x", good.listening[0].address);
    CHECK(good.until([&] { return heard; }));
    client.close();
    CHECK(good.ends_well());
}
