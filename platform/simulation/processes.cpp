// Processes and their channels: none. All hosts of a simulated world live in one process, which is
// what makes it the same each time.
#include "platform/simulation/state.h"

namespace platform {

Channel::Channel(Channel&& other) noexcept : state_(other.state_) {}
Channel& Channel::operator=(Channel&&) noexcept { return *this; }
Channel::~Channel() = default;

Result<Channel> Channel::inherited(Poller&) {
    return Error{Code::no_such_file, Operation::adopt};
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

Result<Socket> duplicate(Socket) { return Error{Code::not_supported, Operation::adopt}; }

Result<StartedProcess> start_process(Poller&, const Program&) {
    return Error{Code::not_supported, Operation::spawn};
}

Result<Ending> reap(Process&) { return Ending{}; }
void end_process(const Process&, bool) {}
void release_process(Process&) {}

}  // namespace platform
