// Names, as the world's script has them: answers, delays, wrong families, failures.
#include "tests/simulation/support.h"

using namespace test;

namespace {

struct Asking {
    World world{{.seed = 6, .trace = true}};
    Node a{world, "a", "10.0.0.1"};
    Node b{world, "b.example", "10.0.0.2"};
    std::string told;
    std::int64_t took = 0;

    void send(std::string_view name) {
        told.clear();
        const std::int64_t start = world.instant().nanoseconds;
        a.socket.send("x", port, name, [this, start](const net::Failure& failure) {
            told = failure ? failure.text() : "sent";
            took = world.instant().nanoseconds - start;
        });
        (void)simulation::run_for(world, 30s, *a.loop, *b.loop);
    }
};

}  // namespace

TEST_CASE("literals, localhost and the names of hosts need no script") {
    Asking asking;
    asking.send("b.example");
    CHECK(asking.told == "sent");
    CHECK(asking.b.text() == "x");
    asking.send("nobody.example");
    CHECK(asking.told.find("ENOTFOUND nobody.example") != std::string::npos);
}

TEST_CASE("answers come one after the other, and the last one stays") {
    Asking asking;
    asking.world.answer("name.example", {{.error = platform::Code::lookup_again},
                                         {.error = platform::Code::lookup_not_found},
                                         {.addresses = {"10.0.0.2"}}});
    asking.send("name.example");
    CHECK(asking.told.find("EAI_AGAIN") != std::string::npos);
    asking.send("name.example");
    CHECK(asking.told.find("ENOTFOUND") != std::string::npos);
    asking.send("name.example");
    CHECK(asking.told == "sent");
    CHECK(asking.b.text() == "x");
}

TEST_CASE("an answer takes its time, of the world and not of ours") {
    Asking asking;
    asking.world.answer("slow.example", {{.addresses = {"10.0.0.2"}, .delay = 5s}});
    asking.send("slow.example");
    CHECK(asking.told == "sent");
    CHECK(asking.took >= 5'000'000'000);
    CHECK(asking.took < 5'100'000'000);
}

TEST_CASE("an answer of the wrong family is never used") {
    Asking asking;
    asking.world.answer("six.example", {{.addresses = {"fd00::2"}}});
    asking.send("six.example");
    CHECK(asking.told.find("ENOTFOUND") != std::string::npos);
    asking.world.answer("wrong.example", {{.addresses = {"fd00::2"}, .any_family = true}});
    asking.send("wrong.example");
    CHECK(asking.told != "sent");
    CHECK(asking.told != "");
}
