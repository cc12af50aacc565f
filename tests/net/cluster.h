// How tests of a cluster come by workers: the test's own program, started once more to play one of
// its roles. A role is a function that gets the worker's side; its loop runs when that returns.
// Catch: for one file of a program, because of the test case that plays the roles.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/cluster.h"
#include "tests/net/posix_process.h"
#include "tests/net/support.h"
#include "tests/net/windows_process.h"

namespace test {

struct Stage {
    core::Loop& loop;
    net::ClusterWorker& worker;
};

class Role {
   public:
    using Play = void (*)(Stage&);
    Role(const char* name, Play what) : name_(name), play_(what) {
        next_ = std::exchange(first_, this);
    }
    Role(const Role&) = delete;
    Role& operator=(const Role&) = delete;

    static const Role* find(std::string_view name) {
        const Role* role = first_;
        while (role && role->name_ != name) role = role->next_;
        return role;
    }
    const std::string& name() const { return name_; }
    void play(Stage& stage) const { play_(stage); }

   private:
    static inline const Role* first_ = nullptr;
    std::string name_;
    Play play_;
    const Role* next_;
};

// A server like any other: who asks is answered.
inline void answer(Stage& stage) {
    static net::Datagram socket(stage.loop, net::Type::udp4);
    socket.on_message([](const net::Message& message) {
        socket.send(message.bytes, message.sender);
    });
    socket.on_error([] {});
    socket.bind(0, "127.0.0.1");
}

// Processes take their time on a machine that is busy with others.
constexpr std::chrono::nanoseconds patience = 30s;

inline constexpr const char* role_variable = "VOLLEY_TEST_ROLE";

inline net::ClusterOptions troupe(const Role& role, unsigned workers,
                                  std::vector<std::string> environment = {}) {
    environment.push_back(std::string(role_variable) + "=" + role.name());
    return {.program = own_program(),
            .arguments = {"--test-case=a role is played", "--no-skip", "--quiet"},
            .environment = std::move(environment),
            .workers = workers,
            .restart = {.when = net::RestartPolicy::When::never}};
}

// A primary that writes down what happens: "online(1) listening(1) message(1 hello) ...".
struct Troupe {
    explicit Troupe(net::ClusterOptions options) : cluster(loop, std::move(options)) {
        cluster.on_online([this](net::WorkerId id) { online.push_back(id); });
        cluster.on_listening([this](const net::WorkerAddress& where) {
            listening.push_back(where);
        });
        cluster.on_message([this](net::WorkerId id, net::Bytes bytes) {
            messages.push_back({id, std::string(bytes.text())});
        });
        cluster.on_disconnect([this](net::WorkerId id) { disconnected.push_back(id); });
        cluster.on_exit([this](const net::WorkerEnd& end) { ends.push_back(end); });
        cluster.on_error([this](const net::Failure& failure) {
            errors.push_back(failure.text());
        });
    }

    template <class F>
    bool until(F condition) {
        return run_until(loop, condition, patience);
    }
    // Ends it, and whether that went well: everybody there has gone by himself.
    bool ends_well() {
        bool stopped = false;
        cluster.stop([&] { stopped = true; });
        if (!until([&] { return stopped; })) return false;
        for (const net::WorkerEnd& end : ends) {
            if (end.status != 0 || !end.voluntary) return false;
        }
        return true;
    }
    std::size_t count(std::string_view text) const {
        std::size_t found = 0;
        for (const auto& [id, said] : messages) found += said == text;
        return found;
    }

    core::Loop loop;
    net::Cluster cluster;
    std::vector<net::WorkerId> online;
    std::vector<net::WorkerAddress> listening;
    std::vector<std::pair<net::WorkerId, std::string>> messages;
    std::vector<net::WorkerId> disconnected;
    std::vector<net::WorkerEnd> ends;
    std::vector<std::string> errors;
};

}  // namespace test

TEST_CASE("a role is played" * doctest::skip()) {
    const char* const name = std::getenv(test::role_variable);
    const test::Role* const role = test::Role::find(name ? name : "");
    if (!role) std::_Exit(99);
    core::Loop loop;
    net::ClusterWorker worker(loop);
    test::Stage stage{loop, worker};
    role->play(stage);
    if (loop.run()) std::_Exit(98);
}
