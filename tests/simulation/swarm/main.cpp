// The swarm: each seed is a random schedule in a random world, played against the model. README.md
// beside this file tells what is checked.
// Usage: swarm [--seed=N | --seeds=N [--first=N]] [--processes=N]
//              [--operations] [--trace] [--whole]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/simulation/swarm/isolate.h"
#include "tests/simulation/swarm/stage.h"

namespace {

struct Arguments {
    std::uint64_t first = 1;
    std::uint64_t count = 300;
    unsigned processes = 2;
    bool operations = false;  // Prints what is planned, and plays nothing.
    bool trace = false;       // Prints what happens.
    bool whole = false;       // A failing plan is not made smaller.
};

bool read(std::string_view argument, Arguments& arguments) {
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (equals == std::string_view::npos) {
        if (name == "--operations") return arguments.operations = true;
        if (name == "--trace") return arguments.trace = true;
        if (name == "--whole") return arguments.whole = true;
        return false;
    }
    const std::uint64_t value = std::strtoull(argument.data() + equals + 1, nullptr, 10);
    if (name == "--seed") {
        arguments.first = value;
        arguments.count = 1;
    } else if (name == "--seeds") {
        arguments.count = value;
    } else if (name == "--first") {
        arguments.first = value;
    } else if (name == "--processes") {
        arguments.processes = static_cast<unsigned>(value ? value : 1);
    } else {
        return false;
    }
    return true;
}

// Equal seeds must be equal runs, or no failure could be played again.
bool is_repeatable(std::uint64_t seed) {
    const swarm::Plan plan = swarm::generate(seed);
    return swarm::play(plan, true).trace == swarm::play(plan, true).trace;
}

int tell(const char* program, const Arguments& arguments, const swarm::Failing& failing) {
    const std::string number = std::to_string(failing.seed);
    std::printf("seed %s fails: %s\n", number.c_str(), failing.failure.c_str());
    swarm::Plan plan = swarm::generate(failing.seed);
    const std::size_t all = plan.operations.size();
    if (!arguments.whole) plan = swarm::shrink(plan, failing.failure);
    std::printf("\n%zu of %zu operations are enough:\n\n%s\n", plan.operations.size(), all,
                swarm::text_of(plan).c_str());
    const std::string again = swarm::judge_apart(plan, !arguments.trace);
    std::printf("which comes to: %s\n\nreplay: %s --seed=%s\n", again.c_str(), program,
                number.c_str());
    std::fflush(stdout);
    if (arguments.trace) std::printf("%s", swarm::play(plan, true).trace.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; i++) {
        if (read(argv[i], arguments)) continue;
        std::fprintf(stderr, "swarm: what is '%s'?\n", argv[i]);
        return 2;
    }
    if (arguments.operations) {
        std::printf("%s", swarm::text_of(swarm::generate(arguments.first)).c_str());
        return 0;
    }
    const auto start = std::chrono::steady_clock::now();
    const swarm::Report report = swarm::try_seeds(
        arguments.first, arguments.count,
        arguments.count < arguments.processes ? 1 : arguments.processes);
    if (report.first) return tell(argv[0], arguments, *report.first);
    if (!is_repeatable(arguments.first)) {
        std::printf("seed %llu is not the same twice\n",
                    static_cast<unsigned long long>(arguments.first));
        return 1;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%llu seeds from %llu, %llu operations, %llu callbacks: no difference. "
                "Hash %016llx, %.1f s\n",
                static_cast<unsigned long long>(report.seeds),
                static_cast<unsigned long long>(arguments.first),
                static_cast<unsigned long long>(report.operations),
                static_cast<unsigned long long>(report.events),
                static_cast<unsigned long long>(report.hash), seconds.count());
    if (arguments.trace && arguments.count == 1) {
        std::printf("%s", swarm::play(swarm::generate(arguments.first), true).trace.c_str());
    }
    return 0;
}
