// close(), abort() and destruction inside each kind of callback, of this socket and of others. The
// sanitizers watch; here is counted what is still called afterwards.
#include <functional>
#include <optional>

#include "tests/net/receiver.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
using net::Message;
using net::Options;
using net::Type;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::runs_out;
using test::settle;
using test::Told;

// A socket, what it tells, and what is to happen inside one of its callbacks.
struct Scene {
    Scene() : socket(std::in_place, loop, Type::udp4), receiver(loop) {
        socket->on_close(told.word("close"));
    }
    // Called by each kind of callback, again and again where it is called again.
    auto act() {
        return [this] {
            told.add("act");
            action(*this);
        };
    }
    core::Loop loop;
    std::optional<Datagram> socket;
    Receiver receiver;
    Told told;
    std::function<void(Scene&)> action;
};

struct Kind {
    const char* name;
    std::function<void(Scene&)> prepare;
};

// Each arranges for act() to run first, and for more that would follow it.
const Kind events[] = {
    {"message",
     [](Scene& scene) {
         const Address self = test::bind_loopback(*scene.socket);
         scene.socket->on_message(scene.act());
         scene.socket->on_message(scene.told.word("second"));
         for (int i = 0; i < 20; i++) scene.receiver.socket.send("x", self);
     }},
    {"listening",
     [](Scene& scene) {
         scene.socket->on_listening(scene.act());
         scene.socket->on_listening(scene.told.word("second"));
         scene.socket->bind();
         scene.socket->send("x", scene.receiver.port(), scene.told.sent());
     }},
    {"bind callback",
     [](Scene& scene) {
         scene.socket->bind(0, scene.act());
         scene.socket->send("x", scene.receiver.port(), scene.told.sent());
     }},
    {"connect",
     [](Scene& scene) {
         scene.socket->on_connect(scene.act());
         scene.socket->on_connect(scene.told.word("second"));
         scene.socket->connect(scene.receiver.port());
         scene.socket->send("x", scene.told.sent());
     }},
    {"connect callback",
     [](Scene& scene) {
         scene.socket->connect(scene.receiver.port(), scene.act());
         scene.socket->send("x", scene.told.sent());
     }},
};

const Kind others[] = {
    {"failed connect",
     [](Scene& scene) { scene.socket->connect(70000, scene.act()); }},
    {"send callback",
     [](Scene& scene) {
         scene.socket->send("x", scene.receiver.port(), scene.act());
         scene.socket->send("y", scene.receiver.port(), scene.told.sent());
         scene.socket->send("z", scene.receiver.port(), scene.told.sent());
     }},
    {"failed send",
     [](Scene& scene) {
         scene.socket->send("x", 70000, scene.act());
         scene.socket->send("z", scene.receiver.port(), scene.told.sent());
     }},
    {"error",
     [](Scene& scene) {
         scene.socket->on_error(scene.act());
         scene.socket->on_error(scene.told.word("second"));
         scene.socket->bind(scene.receiver.port(), "127.0.0.1");  // It is in use.
     }},
    {"unheard error",
     [](Scene& scene) {
         scene.loop.on_unhandled_error(scene.act());
         scene.socket->send("x", 70000);
         scene.socket->send("y", scene.receiver.port(), scene.told.sent());
     }},
    {"timer",
     [](Scene& scene) {
         scene.socket->send("x", scene.receiver.port(), scene.told.sent());
         scene.loop.after(0ms, scene.act());
     }},
    {"post",
     [](Scene& scene) {
         scene.socket->send("x", scene.receiver.port(), scene.told.sent());
         scene.loop.post(scene.act());
     }},
};

std::vector<Kind> kinds() {
    std::vector<Kind> all(std::begin(events), std::end(events));
    all.insert(all.end(), std::begin(others), std::end(others));
    return all;
}

std::size_t count(const Told& told, std::string_view line) {
    std::size_t found = 0;
    for (const std::string& each : told.lines) found += each == line;
    return found;
}

void run_scene(const Kind& kind, std::function<void(Scene&)> action,
               std::function<void(Scene&)> check) {
    const std::string name = kind.name;
    CAPTURE(name);
    const Audit audit;
    Scene scene;
    scene.action = std::move(action);
    kind.prepare(scene);
    CHECK(scene.told.count() == 0);
    CHECK(run_until(scene.loop, [&] { return count(scene.told, "act") > 0; }));
    settle(scene.loop);
    CAPTURE(scene.told.text());
    check(scene);
    scene.socket.reset();
    settle(scene.loop);
}

}  // namespace

TEST_CASE("[34][42] close inside each kind of callback: 'close' follows, once and last") {
    for (const Kind& kind : kinds()) {
        run_scene(
            kind, [](Scene& scene) { scene.socket->close(); },
            [](Scene& scene) {
                CHECK(count(scene.told, "act") == 1);
                CHECK(count(scene.told, "close") == 1);
                CHECK(scene.told.lines.back() == "close");
                // The sends that were accepted before have left.
                for (const std::string& line : scene.told.lines) {
                    CHECK(line.find("send") == std::string::npos);
                }
            });
    }
}

TEST_CASE("[34][42] abort inside each kind of callback: 'close' follows, once and last") {
    for (const Kind& kind : kinds()) {
        run_scene(
            kind, [](Scene& scene) { scene.socket->abort(); },
            [](Scene& scene) {
                CHECK(count(scene.told, "act") == 1);
                CHECK(count(scene.told, "close") == 1);
                CHECK(scene.told.lines.back() == "close");
            });
    }
}

TEST_CASE("[42] destruction inside each kind of callback: nothing follows, not even its siblings") {
    for (const Kind& kind : kinds()) {
        run_scene(
            kind, [](Scene& scene) { scene.socket.reset(); },
            [](Scene& scene) {
                CHECK(scene.told.lines.back() == "act");
                CHECK(count(scene.told, "act") == 1);
                CHECK(count(scene.told, "second") == 0);
                CHECK(count(scene.told, "close") == 0);
            });
    }
}

TEST_CASE("[42] close and destruction inside one callback: nothing follows") {
    for (const Kind& kind : kinds()) {
        run_scene(
            kind,
            [](Scene& scene) {
                scene.socket->send("last", scene.receiver.port(), scene.told.sent());
                scene.socket->close(scene.told.word("closed"));
                scene.socket.reset();
            },
            [](Scene& scene) {
                CHECK(scene.told.lines.back() == "act");
                CHECK(count(scene.told, "act") == 1);
            });
    }
}

TEST_CASE("[42] replacing the socket inside each kind of callback: the other one works") {
    for (const Kind& kind : kinds()) {
        run_scene(
            kind,
            [](Scene& scene) {
                scene.socket = Datagram(scene.loop, Type::udp4);
                scene.socket->on_listening(scene.told.word("replaced"));
                scene.socket->send("replacement", scene.receiver.port(), scene.told.sent());
            },
            [](Scene& scene) {
                CHECK(count(scene.told, "act") == 1);
                CHECK(count(scene.told, "close") == 0);
                CHECK(count(scene.told, "replaced") == 1);
                CHECK(scene.told.lines.back() == "11");
                CHECK(scene.receiver.texts.back() == "replacement");
            });
    }
}

TEST_CASE("[42] inside 'close' a socket may be destroyed, replaced, or asked in vain") {
    const Audit audit;
    core::Loop loop;
    Told told;
    std::optional<Datagram> socket(std::in_place, loop, Type::udp4);
    socket->on_close([&] { socket.reset(); });
    socket->on_close(told.word("second"));
    socket->bind(0, [&] { socket->close(told.word("third")); });
    CHECK(runs_out(loop));
    CHECK_FALSE(socket.has_value());
    CHECK(told.count() == 0);
    socket.emplace(loop, Type::udp4);
    socket->close([&] {
        socket.emplace(loop, Type::udp4);
        socket->bind(0, [&] {
            told.add("bound again");
            socket->close();
        });
    });
    CHECK(runs_out(loop));
    CHECK(told.text() == "bound again");
    told.lines.clear();
    socket.emplace(loop, Type::udp4);
    socket->on_error(told.failed());
    socket->on_close([&] {
        told.add("close");
        socket->close();
        socket->bind();
        socket->send("x", 9);
        CHECK(told.count() == 1);
    });
    socket->close();
    CHECK(runs_out(loop));
    CHECK(told.text() == "close Not running Not running Not running");
}

TEST_CASE("[15][42] inside 'error' a socket may be bound again") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram socket(loop, Type::udp4);
    socket.on_error([&](const Failure& failure) {
        told.add(std::string(failure.code()));
        socket.bind(0, "127.0.0.1", [&] {
            told.add("bound");
            socket.send("x", receiver.port(), [&] {
                told.add("sent");
                socket.close(told.word("close"));
            });
        });
    });
    socket.bind(receiver.port(), "127.0.0.1", told.word("never"));
    CHECK(runs_out(loop));
    CHECK(told.text() == "EADDRINUSE bound sent close");
    CHECK(receiver.hears(1));
}

TEST_CASE("[42] sockets that end together may destroy each other, in every order") {
    for (int victim = 0; victim < 4; victim++) {
        for (int killer = 0; killer < 4; killer++) {
            const Audit audit;
            core::Loop loop;
            Told told;
            std::vector<std::optional<Datagram>> sockets(4);
            for (int i = 0; i < 4; i++) {
                std::optional<Datagram>& socket = sockets[static_cast<std::size_t>(i)];
                socket.emplace(loop, Type::udp4);
                socket->on_close([&, i] {
                    told.add(std::to_string(i));
                    if (i == killer) sockets[static_cast<std::size_t>(victim)].reset();
                });
            }
            for (std::optional<Datagram>& socket : sockets) socket->bind();
            loop.after(1ms, [&] {
                for (std::optional<Datagram>& socket : sockets) socket->close();
            });
            CHECK(runs_out(loop));
            CHECK(told.count() == (victim > killer ? 3 : 4));
        }
    }
}

TEST_CASE("[42] a message listener may destroy the sockets whose messages come next") {
    const Audit audit;
    core::Loop loop;
    Receiver sender(loop);
    std::vector<std::optional<Datagram>> sockets(6);
    int heard = 0;
    for (std::optional<Datagram>& socket : sockets) {
        socket.emplace(loop, Type::udp4);
        socket->on_message([&] {
            heard++;
            for (std::optional<Datagram>& each : sockets) each.reset();
        });
        sender.socket.send("x", test::bind_loopback(*socket));
    }
    CHECK(run_until(loop, [&] { return heard > 0; }));
    settle(loop);
    CHECK(heard == 1);
}
