// Processes and their channels on Windows: none. A socket is handed to another process by
// WSADuplicateSocket, which has to know that process first, through a pipe that AFD cannot watch.
#ifdef _WIN32

#include "platform/windows_error.h"
#include "platform/windows_sockets.h"

namespace platform {

Channel::Channel(Channel&& other) noexcept : state_(other.state_) {}
Channel& Channel::operator=(Channel&&) noexcept { return *this; }
Channel::~Channel() = default;

Result<Channel> Channel::inherited(Poller&) {
    return Error{Code::no_such_file, Operation::adopt, 0};
}

Socket Channel::socket() const { return {}; }
Error Channel::send(std::span<const std::byte>, Socket) {
    return {Code::broken_pipe, Operation::send};
}
bool Channel::unsent() const { return false; }
Error Channel::flush() { return {}; }

Result<Parcel> Channel::receive(std::span<std::byte>) {
    return Error{Code::broken_pipe, Operation::receive};
}

Result<Socket> duplicate(Socket) { return to_error(WSAEOPNOTSUPP, Operation::adopt); }

Result<StartedProcess> start_process(Poller&, const Program&) {
    return to_error(WSAEOPNOTSUPP, Operation::spawn);
}

Result<Ending> reap(Process&) { return Ending{}; }
void end_process(const Process&, bool) {}
void release_process(Process&) {}

}  // namespace platform

#endif
