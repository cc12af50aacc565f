// What ICMP said of datagrams that left earlier, on Linux: the error queue of IP_RECVERR.
// The catch: with too little room for control messages the kernel hands out our own payload, and
// nothing tells that it came from here.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <time.h>

#include <linux/errqueue.h>  // After time.h, which it forgets to include.

#include "platform/posix_address.h"
#include "platform/posix_control.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

// Room for everything that may stand before the report itself: without it the kernel would hand
// out our own payload, and nothing would say that it came from the error queue.
constexpr std::size_t report_control_size = 512;

// False for what is no error, time stamps of sending for example.
bool read_report(const ControlItem& item, Report& report) {
    const bool known = (item.level == IPPROTO_IP && item.type == IP_RECVERR) ||
                       (item.level == IPPROTO_IPV6 && item.type == IPV6_RECVERR);
    sock_extended_err cause;
    if (!known || !item.read(cause)) return false;
    if (cause.ee_origin != SO_EE_ORIGIN_LOCAL && cause.ee_origin != SO_EE_ORIGIN_ICMP &&
        cause.ee_origin != SO_EE_ORIGIN_ICMP6) {
        return false;
    }
    report.error = to_error(static_cast<int>(cause.ee_errno), Operation::receive);
    report.type = cause.ee_type;
    report.code = cause.ee_code;
    report.mtu = cause.ee_errno == EMSGSIZE ? cause.ee_info : 0;
    report.offender = {};
    if (cause.ee_origin != SO_EE_ORIGIN_LOCAL) {
        const auto offender = item.data.subspan(sizeof cause);
        report.offender = to_endpoint(offender.data(), offender.size());
    }
    return true;
}

// One entry of the queue: a report (1), something else (0), or nothing there (an error).
Result<std::size_t> take_report(int descriptor, Report& report) {
    sockaddr_storage name;
    ControlBuffer<PosixControl, report_control_size> control;
    iovec no_payload{};  // QEMU before 8.0 answers 0 to whoever has no part, and takes nothing.
    msghdr message{};
    message.msg_iov = &no_payload;
    message.msg_iovlen = 1;
    const ssize_t size = uninterrupted([&] {
        message.msg_name = &name;
        message.msg_namelen = sizeof name;
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        return recvmsg(descriptor, &message, receive_flags | MSG_ERRQUEUE);
    });
    if (size < 0) return last_error(Operation::receive);
    PosixControlReader reader = received_control(message);
    ControlItem item;
    bool found = false;
    while (!found && reader.next(item)) found = read_report(item, report);
    if (!found && !(message.msg_flags & MSG_CTRUNC)) return std::size_t{0};
    if (!found) {
        report = {};
        report.error = {Code::unknown, Operation::receive, 0};
    }
    report.destination = to_endpoint(name, message.msg_namelen);
    return std::size_t{1};
}

}  // namespace

Result<std::size_t> receive_errors(Socket socket, std::span<Report> reports) {
    const int descriptor = descriptor_of(socket);
    // A Unix socket has no such queue, ignores the flag, and would hand out a message instead.
    if (family_of(descriptor) == Family::local) return std::size_t{0};
    std::size_t count = 0;
    while (count < reports.size()) {
        const auto taken = take_report(descriptor, reports[count]);
        if (!taken && taken.error().code == Code::would_block) break;
        if (!taken && count == 0) return taken;
        if (!taken) break;
        count += *taken;
    }
    return count;
}

}  // namespace platform

#endif
