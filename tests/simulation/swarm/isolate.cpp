// fork(2) and a pipe. A worker tells of each seed before and after, so that the parent knows which
// one ended it; an alarm ends what hangs. Unix only: there is no other way to outlive a crash.
#if !defined(_WIN32)

#include "tests/simulation/swarm/isolate.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "tests/simulation/swarm/stage.h"

namespace swarm {

namespace {

constexpr unsigned seconds_max = 20;  // Of one plan.
constexpr int microseconds_max = 500'000;  // Of the processor, of one that is made smaller.

struct Worker {
    pid_t process = -1;
    int pipe = -1;
    std::string heard;      // Not a whole line yet.
    std::uint64_t seed = 0;  // That it has begun.
    std::optional<Failing> failing;
};

void tell(int pipe, const std::string& line) {
    std::size_t done = 0;
    while (done < line.size()) {
        const ssize_t written = ::write(pipe, line.data() + done, line.size() - done);
        if (written <= 0) std::_Exit(3);
        done += static_cast<std::size_t>(written);
    }
}

// One line, whatever is in it.
std::string flat(std::string text) {
    for (char& each : text) each = each == '\n' ? '\v' : each;
    return text;
}

std::string unflat(std::string text) {
    for (char& each : text) each = each == '\v' ? '\n' : each;
    return text;
}

template <class Work>
Worker start(Work work, bool quiet) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    std::fflush(nullptr);
    const pid_t process = ::fork();
    if (process < 0) std::abort();
    if (process == 0) {
        ::close(ends[0]);
        if (quiet) {
            const int nowhere = ::open("/dev/null", O_WRONLY);
            ::dup2(nowhere, 1);
            ::dup2(nowhere, 2);
        }
        work(ends[1]);
        std::_Exit(0);
    }
    ::close(ends[1]);
    return {process, ends[0], {}, 0, {}};
}

std::string end_of(int status) {
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (signal == SIGALRM || signal == SIGPROF) return "it never ends";
    if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "" : "ended with " + std::to_string(WEXITSTATUS(status));
}

std::string end_of(Worker& worker) {
    int status = 0;
    ::waitpid(worker.process, &status, 0);
    ::close(worker.pipe);
    return end_of(status);
}

void run_seeds(int pipe, std::uint64_t first, std::uint64_t end, unsigned step) {
    for (std::uint64_t seed = first; seed < end; seed += step) {
        tell(pipe, "begin " + std::to_string(seed) + "\n");
        ::alarm(seconds_max);
        const Outcome outcome = play(generate(seed));
        tell(pipe, "done " + std::to_string(outcome.hash) + " " +
                       std::to_string(outcome.operations) + " " +
                       std::to_string(outcome.events) + "\n");
        if (outcome.failure.empty()) continue;
        tell(pipe, "failed " + flat(outcome.failure) + "\n");
        return;
    }
}

void take_line(Worker& worker, std::string_view line, Report& report) {
    if (line.starts_with("begin ")) {
        worker.seed = std::strtoull(line.data() + 6, nullptr, 10);
    } else if (line.starts_with("failed ")) {
        worker.failing = Failing{worker.seed, unflat(std::string(line.substr(7)))};
    } else {
        char* at = nullptr;
        report.hash += std::strtoull(line.data() + 5, &at, 10) ^ worker.seed;
        report.operations += std::strtoull(at, &at, 10);
        report.events += std::strtoull(at, &at, 10);
        report.seeds++;
    }
}

// False when it has nothing more to say.
bool hear(Worker& worker, Report& report) {
    char buffer[4096];
    const ssize_t size = ::read(worker.pipe, buffer, sizeof buffer);
    if (size <= 0) return false;
    worker.heard.append(buffer, static_cast<std::size_t>(size));
    for (;;) {
        const std::size_t end = worker.heard.find('\n');
        if (end == std::string::npos) return true;
        const std::string line = worker.heard.substr(0, end);
        worker.heard.erase(0, end + 1);
        take_line(worker, line, report);
    }
}

}  // namespace

std::string judge_apart(const Plan& plan, bool quiet) {
    const auto work = [&](int pipe) {
        ::alarm(seconds_max);
        const itimerval patience{{}, {0, microseconds_max}};
        if (quiet) ::setitimer(ITIMER_PROF, &patience, nullptr);
        const Outcome outcome = play(plan);
        if (!outcome.failure.empty()) tell(pipe, "failed " + flat(outcome.failure) + "\n");
    };
    Worker worker = start(work, quiet);
    Report report;
    while (hear(worker, report)) continue;
    const std::string end = end_of(worker);
    return worker.failing ? worker.failing->failure : end;
}

Report try_seeds(std::uint64_t first, std::uint64_t count, unsigned processes) {
    std::vector<Worker> workers;
    for (unsigned i = 0; i < processes; i++) {
        workers.push_back(start(
            [=](int pipe) { run_seeds(pipe, first + i, first + count, processes); }, false));
    }
    Report report;
    for (std::size_t left = workers.size(); left > 0;) {
        std::vector<pollfd> pipes;
        for (const Worker& each : workers) pipes.push_back({each.pipe, POLLIN, 0});
        if (::poll(pipes.data(), static_cast<nfds_t>(pipes.size()), -1) < 0) continue;
        for (std::size_t i = 0; i < workers.size(); i++) {
            Worker& each = workers[i];
            if (each.pipe < 0 || pipes[i].revents == 0 || hear(each, report)) continue;
            const std::string end = end_of(each);
            each.pipe = -1;
            left--;
            if (!each.failing && !end.empty()) each.failing = Failing{each.seed, end};
            const bool lower = !report.first || (each.failing &&
                                                 each.failing->seed < report.first->seed);
            if (each.failing && lower) report.first = each.failing;
        }
    }
    return report;
}

}  // namespace swarm

#endif
