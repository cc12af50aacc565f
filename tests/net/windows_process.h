// What tests of clusters ask and do behind the library's back, on Windows; posix_process.h has the
// same.
#pragma once

#ifdef _WIN32

#include "platform/windows_system.h"

#include <tlhelp32.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/cluster.h"

namespace test {

// How a worker that the library kills has ended.
constexpr int kill_signal = 9;

// This very program.
inline std::string own_program() {
    wchar_t path[MAX_PATH];
    char text[3 * MAX_PATH];
    const int length = static_cast<int>(GetModuleFileNameW(nullptr, path, MAX_PATH));
    const int size = WideCharToMultiByte(CP_UTF8, 0, path, length, text, sizeof text, nullptr,
                                         nullptr);
    return {text, static_cast<std::size_t>(size)};
}

inline std::string own_id() { return std::to_string(GetCurrentProcessId()); }

// As a task manager does it.
inline bool kill_process(const std::string& id) {
    const HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, std::stoul(id));
    const bool killed = process && TerminateProcess(process, 1);
    if (process) CloseHandle(process);
    return killed;
}

// By that.
inline bool was_killed(const net::WorkerEnd& end) { return end.status == 1 && end.signal == 0; }

// Whether all that this one has started have ended.
inline bool childless() {
    const HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry{};
    entry.dwSize = sizeof entry;
    bool found = false;
    for (BOOL more = Process32FirstW(list, &entry); more; more = Process32NextW(list, &entry)) {
        found = found || entry.th32ParentProcessID == GetCurrentProcessId();
    }
    CloseHandle(list);
    return !found;
}

inline void reap_children() {
    while (!childless()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

// A worker's end: the only stream that it has.
inline SOCKET own_channel() {
    for (SOCKET handle = 4; handle < 4096; handle += 4) {
        sockaddr_in peer{};
        int size = sizeof peer;
        if (::getpeername(handle, reinterpret_cast<sockaddr*>(&peer), &size) == 0) return handle;
    }
    return INVALID_SOCKET;
}

// A worker's message as it is. One description of a socket is as bad as several: there is room for
// one.
inline void pass(std::string_view bytes, const std::vector<int>& descriptors) {
    const bool described = !descriptors.empty();
    std::string text{described ? '\x80' : '\0', '\0', static_cast<char>(bytes.size() >> 8),
                     static_cast<char>(bytes.size())};
    if (described) text.append(sizeof(WSAPROTOCOL_INFOW), '\1');
    text += bytes;
    (void)::send(own_channel(), text.data(), static_cast<int>(text.size()), 0);
}

}  // namespace test

#endif
