// Starting a program with a channel to it, and its end, on Windows. A Process's number is its
// handle, which AFD cannot watch: reap() is asked, as on most Unixes.
// The catch: a socket is described for one process, which has to be there. So the program is
// loaded, its end of the channel described in a pipe that it inherits, and only then it runs.
#ifdef _WIN32

#include <cstdio>
#include <new>

#include "platform/windows_channel_pair.h"
#include "platform/windows_error.h"
#include "platform/windows_program.h"

namespace platform {

namespace {

// Windows has no signals. What we end has this for its status, and the signal's number behind it.
constexpr DWORD ended_by_us = 0xe0560000;
constexpr DWORD ended_by_control_c = 0xc000013a;  // STATUS_CONTROL_C_EXIT
constexpr int sigint = 2;
constexpr int sigkill = 9;
constexpr int sigterm = 15;

HANDLE handle_of(const Process& process) {
    return reinterpret_cast<HANDLE>(static_cast<std::intptr_t>(process.id));
}

// What is written into it waits there to be read.
class Pipe {
   public:
    Pipe() { made_ = CreatePipe(&read_end_, &write_end_, nullptr, 0); }
    ~Pipe() {
        if (!made_) return;
        CloseHandle(read_end_);
        CloseHandle(write_end_);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    explicit operator bool() const { return made_; }
    HANDLE read_end() const { return read_end_; }

    Error describe(SOCKET socket, DWORD process) {
        WSAPROTOCOL_INFOW description;
        if (WSADuplicateSocketW(socket, process, &description) != 0) {
            return last_error(Operation::spawn);
        }
        DWORD size = 0;
        const bool done =
            WriteFile(write_end_, &description, sizeof description, &size, nullptr) != 0;
        return done ? Error{} : last_error(Operation::spawn);
    }

   private:
    HANDLE read_end_ = nullptr;
    HANDLE write_end_ = nullptr;
    bool made_ = false;
};

// What a program inherits: the pipe, and copies of the standard channels, since ours may be
// private, or all the same one, and nothing may stand in the list twice.
class Legacy {
   public:
    explicit Legacy(HANDLE pipe) : pipe_(pipe) { handles_[count_++] = pipe; }
    ~Legacy() {
        (void)SetHandleInformation(pipe_, HANDLE_FLAG_INHERIT, 0);
        for (const HANDLE copy : copies_) {
            if (copy) CloseHandle(copy);
        }
        if (list_) DeleteProcThreadAttributeList(list_);
    }
    Legacy(const Legacy&) = delete;
    Legacy& operator=(const Legacy&) = delete;

    Error prepare(STARTUPINFOEXW& startup) {
        startup.StartupInfo.cb = sizeof startup;
        startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        startup.StartupInfo.hStdInput = copy(0, STD_INPUT_HANDLE);
        startup.StartupInfo.hStdOutput = copy(1, STD_OUTPUT_HANDLE);
        startup.StartupInfo.hStdError = copy(2, STD_ERROR_HANDLE);
        SIZE_T size = 0;
        (void)InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
        room_.reset(new (std::nothrow) std::byte[size]);
        if (!room_) return to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::spawn);
        auto* const list = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(room_.get());
        if (!InitializeProcThreadAttributeList(list, 1, 0, &size)) {
            return last_error(Operation::spawn);
        }
        startup.lpAttributeList = list_ = list;
        const bool done =
            UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles_,
                                      count_ * sizeof handles_[0], nullptr, nullptr) &&
            SetHandleInformation(pipe_, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
        return done ? Error{} : last_error(Operation::spawn);
    }

   private:
    // Null: there is none. Consoles of Windows 7 are no handles and in no list; all programs of a
    // console have them.
    HANDLE copy(std::size_t place, DWORD which) {
        const HANDLE own = GetStdHandle(which);
        if (!own || own == INVALID_HANDLE_VALUE) return nullptr;
        const HANDLE self = GetCurrentProcess();
        if (!DuplicateHandle(self, own, self, &copies_[place], 0, TRUE, DUPLICATE_SAME_ACCESS)) {
            copies_[place] = nullptr;
            return nullptr;
        }
        const bool pseudo = (reinterpret_cast<std::uintptr_t>(copies_[place]) & 3) == 3;
        if (!pseudo) handles_[count_++] = copies_[place];
        return copies_[place];
    }

    HANDLE pipe_;
    HANDLE copies_[3] = {};
    HANDLE handles_[4] = {};
    std::size_t count_ = 0;
    std::unique_ptr<std::byte[]> room_;
    LPPROC_THREAD_ATTRIBUTE_LIST list_ = nullptr;
};

// A program that has been loaded and does not run yet. Unless it is let go, it never will.
class Loaded {
   public:
    Loaded() = default;
    ~Loaded() {
        if (!found_.hProcess) return;
        CloseHandle(found_.hThread);
        if (!runs_) {
            TerminateProcess(found_.hProcess, ended_by_us | sigkill);
            CloseHandle(found_.hProcess);
        }
    }
    Loaded(const Loaded&) = delete;
    Loaded& operator=(const Loaded&) = delete;

    Error load(const Program& program, HANDLE pipe) {
        char channel[sizeof channel_variable + 24];
        std::snprintf(channel, sizeof channel, "%s=%lld", channel_variable,
                      static_cast<long long>(reinterpret_cast<std::intptr_t>(pipe)));
        WideText file;
        WideText line;
        WideText environment;
        if (const Error error = find_program(program.path, file)) return error;
        if (const Error error = write_command_line(program, line)) return error;
        if (const Error error = write_environment(program, channel, environment)) return error;
        Legacy legacy(pipe);
        STARTUPINFOEXW startup{};
        if (const Error error = legacy.prepare(startup)) return error;
        constexpr DWORD flags =
            CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
        if (!CreateProcessW(file.data(), line.data(), nullptr, nullptr, TRUE, flags,
                            environment.data(), nullptr, &startup.StartupInfo, &found_)) {
            found_ = {};
            return last_error(Operation::spawn);
        }
        return {};
    }
    DWORD id() const { return found_.dwProcessId; }

    Result<Process> run() {
        runs_ = ResumeThread(found_.hThread) != static_cast<DWORD>(-1);
        if (!runs_) return last_error(Operation::spawn);
        return Process{reinterpret_cast<std::intptr_t>(found_.hProcess), {}};
    }

   private:
    PROCESS_INFORMATION found_{};
    bool runs_ = false;
};

}  // namespace

Result<StartedProcess> start_process(Poller&, const Program& program) {
    if (!program.path || !*program.path) return to_error(ERROR_FILE_NOT_FOUND, Operation::spawn);
    Result<ChannelPair> ends = make_channel_pair();
    if (!ends) return ends.error();
    const SOCKET far_end = ends->far_end.get();
    Pipe pipe;
    if (!pipe) return last_error(Operation::spawn);
    Loaded loaded;
    if (const Error error = loaded.load(program, pipe.read_end())) return error;
    if (const Error error = pipe.describe(far_end, loaded.id())) return error;
    Result<Channel> channel = make_channel(std::move(ends->near_end), loaded.id());
    if (!channel) return channel.error().during(Operation::spawn);
    if (!program.greeting.empty()) {
        const Error error = channel->send(program.greeting);
        if (error) return error.during(Operation::spawn);
        if (!arrives(far_end)) return to_error(WSAETIMEDOUT, Operation::spawn);
    }
    const Result<Process> process = loaded.run();
    if (!process) return process.error();
    return StartedProcess{*process, *std::move(channel)};
}

Result<Ending> reap(Process& process) {
    if (WaitForSingleObject(handle_of(process), 0) == WAIT_TIMEOUT) {
        return to_error(WSAEWOULDBLOCK, Operation::wait);
    }
    DWORD status = 0;
    const bool known = GetExitCodeProcess(handle_of(process), &status);
    release_process(process);
    if (!known) return Ending{};
    if (status == ended_by_control_c) return Ending{-1, sigint};
    if ((status & ~DWORD{0xff}) == ended_by_us) return Ending{-1, static_cast<int>(status & 0xff)};
    return Ending{static_cast<int>(status), 0};
}

// A console's Ctrl-Break asks whole groups, and who is in a group of its own misses the user's
// Ctrl-C. Who is to go by itself is told so by its channel.
void end_process(const Process& process, bool at_once) {
    if (process.id == 0) return;
    (void)TerminateProcess(handle_of(process),
                           ended_by_us | static_cast<DWORD>(at_once ? sigkill : sigterm));
}

void release_process(Process& process) {
    if (process.id != 0) CloseHandle(handle_of(process));
    process = {};
}

}  // namespace platform

#endif
