// What would hang on a real system ends here, with a line that says who waits for what; and a
// failure says how to replay it.
#ifndef _WIN32

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/simulation/support.h"

using namespace test;

namespace {

// What a child process that is meant to abort() says on stderr; empty when it does not abort.
template <class Function>
std::string last_words(Function function) {
    int ends[2];
    if (pipe(ends) < 0) return {};
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        function();
        _exit(0);
    }
    close(ends[1]);
    std::string text;
    char bytes[1024];
    for (ssize_t size; (size = read(ends[0], bytes, sizeof bytes)) > 0;) {
        text.append(bytes, static_cast<std::size_t>(size));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? text : std::string{};
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a loop that waits for what cannot come is told so, with its sockets") {
    const std::string text = last_words([] {
        World world({.seed = 77, .command = "./program"});
        Node a(world, "alice", "10.0.0.1");
        (void)a.loop->run();
    });
    CHECK(contains(text, "nothing can ever happen again"));
    CHECK(contains(text, "host alice, udp 10.0.0.1:1000"));
    CHECK(contains(text, "./program --seed=77"));
}

TEST_CASE("something that is still to come is waited for") {
    CHECK(last_words([] {
        World world;
        Node a(world, "alice", "10.0.0.1");
        world.after(24h, [&] { a.socket.close(); });
        (void)a.loop->run();
    }).empty());
}

TEST_CASE("a failure prints the command that replays it, and so does a wrong address") {
    const std::string text = last_words([] {
        const World world({.seed = 5, .command = "./program"});
        world.fail("all is lost");
    });
    CHECK(contains(text, "all is lost (at 0 ns; replay: ./program --seed=5)"));
    CHECK(contains(last_words([] {  // Nobody listens to 'error'.
        World world({.seed = 6, .command = "./program"});
        Node a(world, "alice", "10.0.0.1");
        net::Datagram second(*a.loop, net::Type::udp4);
        second.bind(port, "10.0.0.1");
        (void)a.loop->run();
    }), "bind EADDRINUSE 10.0.0.1:1000 (at 0 ns; replay: ./program --seed=6)"));
    CHECK(contains(last_words([] {
        World world;
        world.host("a", {"10.0.0.256"});
    }), "no address: '10.0.0.256'"));
    CHECK(contains(last_words([] {
        World world;
        world.host("a", {"10.0.0.1"});
        world.host("b", {"10.0.0.1"});
    }), "another host of the network has the address 10.0.0.1"));
}

TEST_CASE("the trace is saved where it was asked for, also by who fails") {
    const std::string name = std::filesystem::temp_directory_path() /
                             ("volley-trace-" + std::to_string(getpid()));
    const auto saved = [&name] {
        std::ifstream file(name);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        unlink(name.c_str());
        return text;
    };
    std::string kept;
    {
        World world({.trace = true, .trace_file = name});
        Node a(world, "alice", "10.0.0.1");
        a.socket.send("x", a.address());
        (void)simulation::run_for(world, 1s, *a.loop);
        kept = world.trace();
    }
    CHECK(contains(kept, "alice send"));
    CHECK(saved() == kept);
    CHECK(contains(last_words([&] {
        World world({.trace = true, .trace_file = name});
        Node a(world, "alice", "10.0.0.1");
        a.socket.send("x", a.address());
        (void)simulation::run_for(world, 1s, *a.loop);
        world.fail("all is lost");
    }), "all is lost"));
    CHECK(saved() == kept);
    CHECK(contains(last_words([] {
        const World world({.trace = true, .trace_file = "/nowhere/trace"});
    }), "the trace cannot be saved in '/nowhere/trace'"));
}

#endif
