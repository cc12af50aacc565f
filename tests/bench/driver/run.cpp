// Runs contenders. Their standard error is kept, because it says why one failed.
#ifdef __linux__

#include "tests/bench/driver/run.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "tests/bench/driver/trace.h"

namespace bench {

namespace {

// The first processor that this process may use.
void pin() {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    int processor = 0;
    while (processor < CPU_SETSIZE && !CPU_ISSET(processor, &allowed)) processor++;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}

[[noreturn]] void become(const Command& command, int output, int errors) {
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    std::perror(arguments[0]);
    _exit(127);
}

class Pipe {
   public:
    Pipe() {
        if (pipe2(ends_.data(), O_CLOEXEC) != 0) std::abort();
    }
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    int input() const { return ends_[1]; }
    std::string read_all() {
        close_end(1);
        std::string text;
        std::array<char, 4096> part;
        for (ssize_t size; (size = read(ends_[0], part.data(), part.size())) > 0;) {
            text.append(part.data(), static_cast<std::size_t>(size));
        }
        return text;
    }

   private:
    void close_end(std::size_t end) {
        if (ends_[end] >= 0) close(ends_[end]);
        ends_[end] = -1;
    }
    std::array<int, 2> ends_{};
};

struct Ended {
    int status = 0;
    std::string output;
    std::string errors;
    std::optional<double> calls;
};

Ended run_to_end(const Command& command, bool pinned, bool traced) {
    Pipe output;
    Pipe errors;
    Ended ended;
    std::fflush(stdout);
    const pid_t process = fork();
    if (process == 0) {
        if (pinned) pin();
        if (traced) ask_to_be_traced();
        become(command, output.input(), errors.input());
    }
    if (process < 0) return {.status = -1, .output = {}, .errors = "fork failed", .calls = {}};
    if (traced) ended.calls = trace_to_end(process, ended.status);
    ended.output = output.read_all();
    ended.errors = errors.read_all();
    if (!traced) waitpid(process, &ended.status, 0);
    return ended;
}

// Its last line without the end of the line.
std::string last_line(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.substr(text.rfind('\n') + 1);
}

Sample sample_of(const Ended& ended) {
    Sample sample;
    sample.calls = ended.calls;
    sample.why = last_line(ended.errors);
    if (WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 77) {
        sample.state = Sample::State::left_out;
        return sample;
    }
    std::array<char, 16> unit{};
    const bool readable =
        std::sscanf(ended.output.c_str(), "%lf\t%15[^\t]\t%lf\t%lf", &sample.value, unit.data(),
                    &sample.operations, &sample.allocations) == 4;
    sample.unit = unit.data();
    if (ended.status == 0 && readable && sample.operations > 0) {
        sample.state = Sample::State::measured;
    } else if (sample.why.empty()) {
        sample.why = "ended with status " + std::to_string(ended.status) + ", and said \"" +
                     last_line(ended.output) + "\"";
    }
    return sample;
}

}  // namespace

std::string output_of(const Command& command) {
    const Ended ended = run_to_end(command, false, false);
    return ended.status == 0 ? ended.output : "";
}

Sample run_once(const Command& command, bool pinned) {
    return sample_of(run_to_end(command, pinned, false));
}

Sample run_traced(const Command& command, bool pinned) {
    return sample_of(run_to_end(command, pinned, true));
}

}  // namespace bench

#endif
