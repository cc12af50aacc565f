// Starting a program with a channel to it, and hearing of its end, on any Unix: posix_spawn, so
// that nothing of this process runs in the new one, and waitpid for each by itself, so that nobody
// else's children are reaped. Linux tells of an end by a descriptor; elsewhere reap() is asked.
#ifndef _WIN32

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "platform/posix_channel_pair.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

extern "C" char** environ;

namespace platform {

namespace {

constexpr int channel_descriptor = 3;  // In the started program: behind the standard channels.

std::string_view name_of_entry(std::string_view entry) { return entry.substr(0, entry.find('=')); }

// The lists that exec wants: pointers, with a null one behind the last.
class Words {
   public:
    bool reserve(std::size_t count) {
        words_.reset(new (std::nothrow) const char*[count + 1]);
        return words_ != nullptr;
    }
    void add(const char* word) {
        words_[size_++] = word;
        words_[size_] = nullptr;
    }
    bool has(std::string_view name) const {
        for (std::size_t i = 0; i < size_; i++) {
            if (name_of_entry(words_[i]) == name) return true;
        }
        return false;
    }
    char* const* list() const { return const_cast<char* const*>(words_.get()); }

   private:
    std::unique_ptr<const char*[]> words_;
    std::size_t size_ = 0;
};

bool list_arguments(const Program& program, Words& words) {
    if (!words.reserve(program.arguments.size() + 1)) return false;
    words.add(program.path);
    for (const char* const argument : program.arguments) words.add(argument);
    return true;
}

// What is named first counts: the channel, then the caller's own entries, then what is inherited.
bool list_environment(const Program& program, const char* channel, Words& words) {
    std::size_t inherited = 0;
    while (environ && environ[inherited]) inherited++;
    if (!words.reserve(inherited + program.environment.size() + 1)) return false;
    words.add(channel);
    const auto add = [&](const char* entry) {
        if (!words.has(name_of_entry(entry))) words.add(entry);
    };
    for (const char* const entry : program.environment) add(entry);
    for (std::size_t i = 0; i < inherited; i++) add(environ[i]);
    return true;
}

// What posix_spawn is told beside the program: which descriptors there are.
class Actions {
   public:
    Actions() : failed_(posix_spawn_file_actions_init(&actions_)), made_(failed_ == 0) {}
    ~Actions() {
        if (made_) posix_spawn_file_actions_destroy(&actions_);
    }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;

    // Zero, or what went wrong.
    int give(int descriptor) {
        if (!failed_) {
            failed_ = posix_spawn_file_actions_adddup2(&actions_, descriptor, channel_descriptor);
        }
        if (!failed_) failed_ = close_inherited(&actions_, channel_descriptor + 1);
        return failed_;
    }
    const posix_spawn_file_actions_t* get() const { return &actions_; }

   private:
    posix_spawn_file_actions_t actions_;
    int failed_;
    bool made_;
};

// An end of a pair that is closed with its scope.
struct End {
    explicit End(int end) : descriptor(end) {}
    ~End() { ::close(descriptor); }
    End(const End&) = delete;
    End& operator=(const End&) = delete;
    int descriptor;
};

// Behind the place that it will have in the program: a descriptor that is copied onto itself would
// stay private on some systems.
int move_behind(int descriptor) {
    if (descriptor > channel_descriptor) return descriptor;
    const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, channel_descriptor + 1);
    const int failed = errno;
    ::close(descriptor);
    errno = failed;
    return moved;
}

Result<Process> load(const Program& program, int far_end) {
    const Error no_memory{Code::out_of_memory, Operation::spawn, ENOMEM};
    char channel[sizeof channel_variable + 16];
    std::snprintf(channel, sizeof channel, "%s=%d", channel_variable, channel_descriptor);
    Words arguments;
    Words environment;
    if (!list_arguments(program, arguments)) return no_memory;
    if (!list_environment(program, channel, environment)) return no_memory;
    Actions actions;
    if (const int failed = actions.give(far_end)) return to_error(failed, Operation::spawn);
    pid_t id = 0;
    const int failed = posix_spawnp(&id, program.path, actions.get(), nullptr, arguments.list(),
                                    environment.list());
    if (failed) return to_error(failed, Operation::spawn);
    return Process{id, Socket{open_process(id)}};
}

}  // namespace

Result<StartedProcess> start_process(Poller&, const Program& program) {
    if (!program.path || !*program.path) return to_error(ENOENT, Operation::spawn);
    int ends[2];
    if (!make_channel_pair(ends)) return last_error(Operation::spawn);
    ends[1] = move_behind(ends[1]);
    if (ends[1] < 0) {
        const Error error = last_error(Operation::spawn);
        ::close(ends[0]);
        return error;
    }
    const End far_end(ends[1]);
    Result<Channel> near_end = make_channel(ends[0]);
    if (!near_end) return near_end.error().during(Operation::spawn);
    if (!program.greeting.empty()) {
        const Error error = near_end->send(program.greeting);
        if (error) return error.during(Operation::spawn);
    }
    const Result<Process> process = load(program, far_end.descriptor);
    if (!process) return process.error();
    return StartedProcess{*process, *std::move(near_end)};
}

Result<Ending> reap(Process& process) {
    int status = 0;
    const pid_t id = static_cast<pid_t>(process.id);
    const pid_t ended = uninterrupted([&] { return waitpid(id, &status, WNOHANG); });
    if (ended == 0) return to_error(EAGAIN, Operation::wait);
    release_process(process);
    if (ended < 0) return Ending{};
    if (WIFSIGNALED(status)) return Ending{-1, WTERMSIG(status)};
    return Ending{WEXITSTATUS(status), 0};
}

void end_process(const Process& process, bool at_once) {
    const int number = at_once ? SIGKILL : SIGTERM;
    if (process.ended) {
        (void)signal_process(descriptor_of(process.ended), number);
    } else if (process.id > 0) {
        (void)::kill(static_cast<pid_t>(process.id), number);
    }
}

void release_process(Process& process) {
    if (process.ended) ::close(descriptor_of(process.ended));
    process = {};
}

}  // namespace platform

#endif
