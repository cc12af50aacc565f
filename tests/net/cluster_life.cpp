// How a cluster's workers live and end: events in order, messages, restarts, a stop that is kind or
// not, and the primary's death.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/net/cluster.h"

namespace {

using namespace std::chrono_literals;
using net::Address;
using net::Bytes;
using net::Datagram;
using net::Failure;
using net::Message;
using net::Type;
using net::WorkerEnd;
using net::WorkerId;
using test::Audit;
using test::Log;
using test::Role;
using test::Stage;
using test::Troupe;
using When = net::RestartPolicy::When;

std::vector<std::string> port_variable(int port) {
    return {"VOLLEY_TEST_PORT=" + std::to_string(port)};
}

const Role answers("answers", [](Stage& stage) {
    test::answer(stage);
    (void)stage.worker.send(test::own_id());
});

const Role talks("talks", [](Stage& stage) {
    CHECK(stage.worker.is_worker());
    CHECK_FALSE(stage.worker.is_primary());
    CHECK(stage.worker.connected());
    stage.worker.on_message([&stage](Bytes bytes) {
        if (bytes.text() == "disconnect") return stage.worker.disconnect();
        if (bytes.text() == "exit") std::_Exit(7);
        (void)stage.worker.send(bytes);
    });
    stage.worker.on_disconnect([&stage] {
        CHECK_FALSE(stage.worker.connected());
        CHECK(stage.worker.send("x").code == platform::Code::not_connected);
    });
    (void)stage.worker.send("I am " + std::to_string(stage.worker.id()));
});

// Takes its time over the first message, so that more of them wait than there is room for. Answers
// with the beginning, so that what waits on its own side never reaches the bound.
const Role is_brief("is_brief", [](Stage& stage) {
    stage.worker.on_message([&stage](Bytes bytes) {
        const auto end = std::chrono::steady_clock::now() + 500ms;
        while (bytes.text().starts_with("0.") && std::chrono::steady_clock::now() < end) {
        }
        CHECK(!stage.worker.send(bytes.text().substr(0, 8)));
    });
    (void)stage.worker.send("I am here");
});

}  // namespace

TEST_CASE("a worker's events come in order: online, listening, message, disconnect, exit") {
    const Audit audit;
    core::Loop loop;
    net::Cluster cluster(loop, test::troupe(answers, 1));
    Log log;
    cluster.on_online([&](WorkerId id) { log.add("online" + std::to_string(id)); });
    cluster.on_listening([&] {
        log.add("listening");
        cluster.stop([&] { log.add("stopped"); });
        log.add("asked");
    });
    cluster.on_disconnect([&](WorkerId id) { log.add("disconnect" + std::to_string(id)); });
    cluster.on_exit([&](const WorkerEnd& end) {
        log.add("exit" + std::to_string(end.status) + (end.voluntary ? "v" : ""));
    });
    CHECK(cluster.worker_count() == 0);  // They start in the loop's next turn.
    CHECK_FALSE(static_cast<bool>(loop.run()));  // And hold it until the last has ended.
    CHECK(log.text() == "online1 listening asked disconnect1 exit0v stopped");
    CHECK(cluster.worker_count() == 0);
}

TEST_CASE("messages arrive whole and in order both ways, up to the bound") {
    const Audit audit;
    Troupe troupe(test::troupe(talks, 2));
    CHECK(troupe.until([&] { return troupe.count("I am 1") + troupe.count("I am 2") == 2; }));
    troupe.messages.clear();
    const std::string longest(16383, 'l');
    CHECK(troupe.cluster.send(1, longest + "l").code == platform::Code::message_too_big);
    CHECK(!troupe.cluster.send(1, longest));
    CHECK(!troupe.cluster.send(1, ""));
    CHECK(!troupe.cluster.send(1, "last"));
    CHECK(troupe.until([&] { return troupe.messages.size() == 3; }));
    REQUIRE(troupe.messages.size() == 3);
    CHECK(troupe.messages[0].second == longest);
    CHECK(troupe.messages[1].second.empty());
    CHECK(troupe.messages[2] == std::pair{WorkerId{1}, std::string("last")});
    CHECK(troupe.cluster.send(3, "x").code == platform::Code::not_connected);
    CHECK(troupe.cluster.send(0, "x").code == platform::Code::not_connected);
    CHECK(troupe.ends_well());
    CHECK(troupe.cluster.send(1, "x").code == platform::Code::not_connected);
}

TEST_CASE("what a worker is slow to read waits, in order, and not without bound") {
    const Audit audit;
    Troupe troupe(test::troupe(is_brief, 1));
    CHECK(troupe.until([&] { return troupe.messages.size() == 1; }));
    troupe.messages.clear();
    std::size_t sent = 0;
    platform::Error error;
    while (!error && sent < 10'000) {
        std::string text = std::to_string(sent);
        text.resize(1000, '.');
        error = troupe.cluster.send(1, text);
        if (!error) sent++;
    }
    CHECK(error.code == platform::Code::no_buffer_space);
    CHECK(sent > 1000);
    CHECK(troupe.until([&] { return troupe.messages.size() == sent; }));
    bool ordered = true;
    for (std::size_t i = 0; i < troupe.messages.size(); i++) {
        ordered = ordered && std::stoul(troupe.messages[i].second) == i;
    }
    CHECK(ordered);
    CHECK(!troupe.cluster.send(1, "again"));
    CHECK(troupe.ends_well());
}

TEST_CASE("a worker that disconnects has said so, and may live on; one that exits has not") {
    const Audit audit;
    Troupe troupe(test::troupe(talks, 2));
    CHECK(troupe.until([&] { return troupe.messages.size() == 2; }));
    CHECK(!troupe.cluster.send(1, "disconnect"));
    CHECK(troupe.until([&] { return troupe.ends.size() == 1; }));
    CHECK(!troupe.cluster.send(2, "exit"));
    CHECK(troupe.until([&] { return troupe.ends.size() == 2; }));
    REQUIRE(troupe.ends.size() == 2);
    CHECK(troupe.disconnected == std::vector<WorkerId>{1, 2});
    CHECK(troupe.ends[0].voluntary);
    CHECK(troupe.ends[0].status == 0);
    CHECK_FALSE(troupe.ends[1].voluntary);
    CHECK(troupe.ends[1].status == 7);
    CHECK(troupe.ends[1].signal == 0);
}

// ---- Restarts ----------------------------------------------------------------------------------

namespace {

const Role dies_at_once("dies at once", [](Stage&) { std::_Exit(3); });
const Role ends_at_once("ends at once", [](Stage& stage) { stage.worker.disconnect(); });
const Role is_killed("is killed", [](Stage&) { (void)test::kill_process(test::own_id()); });

// How many were started until none was any more.
std::vector<WorkerEnd> starts(const Role& role, net::RestartPolicy policy) {
    net::ClusterOptions options = test::troupe(role, 1);
    options.restart = policy;
    core::Loop loop;
    net::Cluster cluster(loop, std::move(options));
    std::vector<WorkerEnd> ends;
    cluster.on_exit([&](const WorkerEnd& end) { ends.push_back(end); });
    CHECK_FALSE(static_cast<bool>(loop.run()));
    return ends;
}

}  // namespace

TEST_CASE("a worker that dies at once is replaced ever more slowly, and not for ever") {
    const Audit audit;
    core::Loop clock;
    const core::Instant begin = clock.now();
    const auto ends = starts(dies_at_once, {.delay = 20ms, .delay_max = 50ms, .attempts_max = 4});
    const std::chrono::nanoseconds passed(clock.now().nanoseconds - begin.nanoseconds);
    CHECK(ends.size() == 5);
    CHECK(passed >= 160ms);  // 20, 40, 50 and 50.
    for (std::size_t i = 0; i < ends.size(); i++) {
        CHECK(ends[i].worker == i + 1);
        CHECK(ends[i].status == 3);
        CHECK(ends[i].replaced == (i < 4));
    }
}

TEST_CASE("which ends are replaced is a matter of policy") {
    const Audit audit;
    const auto few = [](When when) {
        return net::RestartPolicy{.when = when, .delay = 1ms, .attempts_max = 1};
    };
    CHECK(starts(dies_at_once, few(When::never)).size() == 1);
    CHECK(starts(dies_at_once, few(When::failed)).size() == 2);
    CHECK(starts(is_killed, few(When::failed)).size() == 2);
    CHECK(starts(ends_at_once, few(When::failed)).size() == 1);
    CHECK(starts(ends_at_once, few(When::always)).size() == 2);
    const auto killed = starts(is_killed, few(When::never));
    REQUIRE(killed.size() == 1);
    CHECK(test::was_killed(killed[0]));
}

TEST_CASE("[59] one that lived long is replaced at once, and its successor shares the same port") {
    const Audit audit;
    net::ClusterOptions options = test::troupe(answers, 2);
    options.restart = {.settled = 1ns, .delay = 1h};
    Troupe troupe(std::move(options));
    CHECK(troupe.until([&] {
        return troupe.listening.size() == 2 && troupe.messages.size() == 2;
    }));
    REQUIRE(troupe.messages.size() == 2);
    REQUIRE(troupe.listening.size() == 2);
    const auto [first, number] = troupe.messages[0];
    CHECK(test::kill_process(number));
    CHECK(troupe.until([&] { return troupe.listening.size() == 3; }));
    REQUIRE(troupe.ends.size() == 1);
    CHECK(troupe.ends[0].worker == first);
    CHECK(troupe.ends[0].replaced);
    CHECK(troupe.listening[2].worker == 3);
    CHECK(troupe.listening[2].address == troupe.listening[0].address);
    troupe.ends.clear();
    CHECK(troupe.ends_well());
}

// ---- Failing to start --------------------------------------------------------------------------

TEST_CASE("an 'error' that nobody listens to goes to the loop's hook") {
    core::Loop loop;
    std::string said;
    loop.on_unhandled_error([&](platform::Error, std::string_view text) { said = text; });
    net::Cluster cluster(loop, {.program = "/nonexistent/volley"});
    CHECK_FALSE(static_cast<bool>(loop.run()));
    CHECK(said == "spawn ENOENT /nonexistent/volley");
}

TEST_CASE("an hour passes" * doctest::skip()) { std::this_thread::sleep_for(1h); }

TEST_CASE("a program that knows no clusters is a worker that never comes online, and is killed") {
    const Audit audit;
    Troupe troupe({.program = test::own_program(),
                   .arguments = {"--test-case=an hour passes", "--no-skip", "--quiet"},
                   .workers = 2,
                   .restart = {.when = When::never},
                   .stop_limit = 50ms});
    CHECK(troupe.until([&] { return troupe.cluster.worker_count() == 2; }));
    bool stopped = false;
    troupe.cluster.stop([&] { stopped = true; });
    CHECK(troupe.until([&] { return stopped; }));
    CHECK(troupe.online.empty());
    CHECK(troupe.disconnected.empty());
    REQUIRE(troupe.ends.size() == 2);
    CHECK(troupe.ends[0].signal == test::kill_signal);
}

// ---- stop and destruction ----------------------------------------------------------------------

namespace {

const Role stubborn("stubborn", [](Stage& stage) {
    stage.worker.on_disconnect([&stage] { stage.loop.after(1h, [] {}); });
    (void)stage.worker.send("ready");
});

// Its socket has a datagram that waits for room, as its receiver reads nothing: it has to leave.
const Role last_words("last words", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    socket.bind(0, "127.0.0.1", [&stage] { (void)stage.worker.send("ready"); });
    socket.on_error([] {});  // EPIPE, where the primary has gone before.
    socket.on_close([&stage] { (void)stage.worker.send("closed"); });
    stage.worker.on_disconnect([&stage] { stage.loop.after(10ms, [] {}); });
});

}  // namespace

TEST_CASE("stop: who does not go in time is killed") {
    const Audit audit;
    net::ClusterOptions options = test::troupe(stubborn, 2);
    options.stop_limit = 100ms;
    Troupe troupe(std::move(options));
    CHECK(troupe.until([&] { return troupe.messages.size() == 2; }));
    int stopped = 0;
    troupe.cluster.stop([&] { stopped++; });
    troupe.cluster.stop([&] { stopped++; });
    CHECK(troupe.until([&] { return stopped == 2; }));
    REQUIRE(troupe.ends.size() == 2);
    for (const WorkerEnd& end : troupe.ends) {
        CHECK(end.signal == test::kill_signal);
    }
}

TEST_CASE("stop: shared sockets close first, and their 'close' still reaches the primary") {
    const Audit audit;
    Troupe troupe(test::troupe(last_words, 2));
    CHECK(troupe.until([&] { return troupe.count("ready") == 2; }));
    CHECK(troupe.ends_well());
    CHECK(troupe.count("closed") == 2);
    CHECK(troupe.disconnected.size() == 2);
}

namespace {

// Binds in the tick in which it leaves, as one does whom the primary's wish reaches just then.
const Role binds_late("binds late", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    static bool closed = false;
    socket.on_error([] { std::_Exit(5); });
    socket.on_listening([] { std::_Exit(6); });
    socket.on_close([] { closed = true; });
    stage.worker.on_message([&stage] {
        stage.worker.disconnect();
        socket.bind(0, "127.0.0.1");
    });
    stage.worker.on_disconnect([&stage] {
        stage.loop.after(1ms, [] { std::_Exit(closed ? 0 : 7); });
    });
});

}  // namespace

TEST_CASE("[57] what is to be bound when a worker leaves closes: no 'error', no 'listening'") {
    const Audit audit;
    Troupe troupe(test::troupe(binds_late, 1));
    CHECK(troupe.until([&] { return troupe.online.size() == 1; }));
    CHECK(!troupe.cluster.send(1, "leave"));
    CHECK(troupe.until([&] { return troupe.ends.size() == 1; }));
    REQUIRE(troupe.ends.size() == 1);
    CHECK(troupe.ends[0].status == 0);
    CHECK(troupe.ends[0].voluntary);
    CHECK(troupe.listening.empty());
}

TEST_CASE("stop before the first turn starts nobody, and in the middle of restarts ends them") {
    const Audit audit;
    Troupe early(test::troupe(talks, 3));
    bool stopped = false;
    early.cluster.stop([&] { stopped = true; });
    CHECK(early.until([&] { return stopped; }));
    CHECK(early.ends.empty());

    net::ClusterOptions options = test::troupe(dies_at_once, 1);
    options.restart = {.delay = 1h, .delay_max = 2h};
    Troupe troupe(std::move(options));
    CHECK(troupe.until([&] { return troupe.ends.size() == 1; }));
    stopped = false;
    troupe.cluster.stop([&] { stopped = true; });
    CHECK(troupe.until([&] { return stopped; }));
    CHECK_FALSE(static_cast<bool>(troupe.loop.run()));
    CHECK(troupe.ends.size() == 1);
}

TEST_CASE("a cluster can be destroyed anywhere, and its workers end and are reaped all the same") {
    const Audit audit;
    core::Loop loop;
    for (int moment = 0; moment < 5; moment++) {
        std::optional<net::Cluster> cluster;
        cluster.emplace(loop, test::troupe(last_words, 2));
        int events = 0;
        const auto happens = [&](int what) {
            events++;
            if (what == moment) cluster.reset();
        };
        cluster->on_online([&] { happens(0); });
        cluster->on_listening([&] { happens(1); });
        cluster->on_message([&] {
            happens(2);
            if (cluster) cluster->stop();
        });
        cluster->on_disconnect([&] { happens(3); });
        cluster->on_exit([&] { happens(4); });
        CHECK(test::run_until(loop, [&] { return !cluster; }, test::patience));
        const int before = events;
        test::settle(loop, 50);
        CHECK(events == before);
    }
    // Until none is left: the loop reaps them, so this one has to look without doing so itself.
    CHECK(test::run_until(loop, [] { return test::childless(); }));
}

TEST_CASE("a cluster that outlives its loop, or whose loop could not be made, is inert") {
    const Audit audit;
    std::optional<net::Cluster> cluster;
    {
        core::Loop loop;
        cluster.emplace(loop, test::troupe(talks, 1));
        CHECK(test::run_until(loop, [&] { return cluster->worker_count() == 1; }));
    }
    CHECK(cluster->worker_count() == 0);
    CHECK(cluster->send(1, "x").code == platform::Code::not_connected);
    cluster->stop();
    cluster->unref().ref();
    cluster.reset();
    test::reap_children();  // Nobody else does.
}

TEST_CASE("unref: workers do not keep the loop going") {
    const Audit audit;
    core::Loop loop;
    net::Cluster cluster(loop, test::troupe(talks, 2));
    cluster.unref();
    bool online = false;
    cluster.on_online([&] { online = true; });
    CHECK_FALSE(static_cast<bool>(loop.run()));
    CHECK_FALSE(online);
    CHECK(cluster.worker_count() == 2);
    cluster.ref().stop();
    CHECK_FALSE(static_cast<bool>(loop.run()));
    CHECK(cluster.worker_count() == 0);
}

// ---- The primary's death -----------------------------------------------------------------------

namespace {

// Says by datagrams, as the channel is gone, what its socket and its channel tell.
const Role leaf("leaf", [](Stage& stage) {
    static Datagram reporter(stage.loop, Type::udp4);
    static Datagram socket(stage.loop, Type::udp4);
    static Datagram another(stage.loop, Type::udp4);
    const auto tell = [](std::string text) {
        reporter.send(std::move(text), std::atoi(std::getenv("VOLLEY_TEST_PORT")), "127.0.0.1");
    };
    socket.on_error([tell](const Failure& failure) { tell(failure.text()); });
    socket.on_close([tell] { tell("close"); });
    another.on_error([tell](const Failure& failure) {
        tell(failure.text());
        reporter.close();
    });
    socket.bind(0, "127.0.0.1", [tell] { tell("listening"); });
    stage.worker.on_disconnect([tell] {
        tell("disconnect");
        another.bind(0, "127.0.0.1");
    });
});

const Role middle("middle", [](Stage& stage) {
    static net::Cluster cluster(
        stage.loop, test::troupe(leaf, 2, port_variable(std::atoi(
                                              std::getenv("VOLLEY_TEST_PORT")))));
    (void)stage.worker.send(test::own_id());
});

}  // namespace

TEST_CASE("[59] the primary's death closes the workers' shared sockets, and they end by it") {
    const Audit audit;
    core::Loop loop;
    Datagram reports(loop, Type::udp4);
    Log log;
    reports.on_message([&](const Message& message) { log.add(std::string(message.text())); });
    const auto local = reports.bind_sync(0, "127.0.0.1");
    REQUIRE(local);
    if (!local) return;
    Troupe troupe(test::troupe(middle, 1, port_variable(local->port)));
    const auto count = [&](std::string_view what) {
        return std::count(log.lines.begin(), log.lines.end(), what);
    };
    CHECK(troupe.until([&] { return troupe.messages.size() == 1; }));
    CHECK(test::run_until(loop, [&] { return count("listening") == 2; }));
    REQUIRE(troupe.messages.size() == 1);
    CHECK(test::kill_process(troupe.messages[0].second));
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 8; }));
    CHECK(count("close") == 2);
    CHECK(count("bind EPIPE 127.0.0.1") == 2);
    CHECK(count("disconnect") == 2);
    CHECK(troupe.until([&] { return troupe.ends.size() == 1; }));
    REQUIRE(troupe.ends.size() == 1);
    CHECK(test::was_killed(troupe.ends[0]));
}
