// What tests of clusters ask and do behind the library's back, on Unix; windows_process.h has the
// same.
#pragma once

#ifndef _WIN32

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "net/cluster.h"

namespace test {

// How a worker that the library kills has ended.
constexpr int kill_signal = SIGKILL;

// This very program: where the system does not tell, make has built it beside its source.
inline std::string own_program() {
    std::error_code ignored;
    if (std::filesystem::exists("/proc/self/exe", ignored)) return "/proc/self/exe";
    std::string source = __BASE_FILE__;
    return source.replace(source.size() - 4, 4, ".exe");
}

inline std::string own_id() { return std::to_string(::getpid()); }

inline bool kill_process(const std::string& id) { return ::kill(std::stoi(id), SIGKILL) == 0; }

// By that.
inline bool was_killed(const net::WorkerEnd& end) {
    return end.status == -1 && end.signal == kill_signal;
}

// Whether all that this one has started have been reaped, without doing so.
inline bool childless() {
    siginfo_t ignored;
    return ::waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT) < 0;
}

inline void reap_children() {
    while (::waitpid(-1, nullptr, 0) > 0) {}
}

// A worker's message as it is, with as many descriptors.
inline void pass(std::string_view bytes, const std::vector<int>& descriptors) {
    constexpr int channel = 3;  // As the seam gives it.
    alignas(cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))]{};
    std::string text(bytes);
    int type = 0;
    socklen_t type_size = sizeof type;
    (void)::getsockopt(channel, SOL_SOCKET, SO_TYPE, &type, &type_size);
    if (type == SOCK_STREAM) {  // Where a length stands in front, in network byte order.
        const auto length = static_cast<unsigned>(text.size());
        for (unsigned shift = 0; shift < 32; shift += 8) {
            text.insert(text.begin(), static_cast<char>(length >> shift));
        }
    }
    iovec part{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        const std::size_t size = descriptors.size() * sizeof(int);
        message.msg_control = control;
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(size));
        cmsghdr* const item = CMSG_FIRSTHDR(&message);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = static_cast<decltype(item->cmsg_len)>(CMSG_LEN(size));
        std::memcpy(CMSG_DATA(item), descriptors.data(), size);
    }
    (void)::sendmsg(channel, &message, MSG_NOSIGNAL);
}

}  // namespace test

#endif
