// Socket options and interfaces: what is set is kept, and what makes no sense is refused.
#include <algorithm>

#include "platform/simulation/state.h"

namespace platform {

using simulation::Fault;
using simulation::Site;
using simulation::SocketState;
using simulation::Verdict;
using simulation::failed;
using simulation::registry;

namespace {

constexpr std::int32_t buffer_least = 2048;

struct Range {
    std::int32_t least = 0;
    std::int32_t most = 1;
    bool for_local = false;
};

Range range_of(Option option) {
    switch (option) {
        case Option::hop_limit: return {1, 255};
        case Option::multicast_hop_limit: return {0, 255};
        case Option::receive_buffer_size:
        case Option::send_buffer_size: return {1, INT32_MAX, true};
        case Option::broadcast:
        case Option::reuse_address:
        case Option::packet_info: return {0, 1, true};
        default: return {};
    }
}

}  // namespace

Error set_option(Socket handle, Option option, std::int32_t value) {
    SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::set_option);
    const Verdict verdict = judge(*socket->host, Site::set_option, Operation::set_option);
    if (verdict) return verdict.error;
    const Range range = range_of(option);
    if (socket->is_local() && !range.for_local) {
        return failed(Code::not_supported, Operation::set_option);
    }
    const bool late = option == Option::only_ipv6 && socket->local.port != 0;
    const bool senseless = option == Option::only_ipv6 && socket->family != Family::ipv6;
    if (range.most == 1) value = value != 0;
    if (late || senseless || value < range.least || value > range.most) {
        return failed(Code::invalid_argument, Operation::set_option);
    }
    // As on Linux: it counts its own overhead, and so doubles what it is told.
    if (range.most == INT32_MAX) value = std::max(std::min(value, INT32_MAX / 2) * 2, buffer_least);
    socket->set(option, value);
    if (option == Option::icmp_errors && value == 0) {
        socket->reports.clear();
        socket->failure = Code::ok;
    }
    socket->changed();
    return {};
}

std::uint32_t overflow_count(Socket handle) {
    const SocketState* const socket = registry().find(handle.handle);
    if (!socket) return 0;
    const Verdict verdict = judge(*socket->host, Site::overflow_count, Operation::none);
    return verdict.lie == Fault::Kind::nothing ? 0 : socket->overflows;
}

Result<std::int32_t> get_option(Socket handle, Option option) {
    const SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::set_option);
    const Verdict verdict = judge(*socket->host, Site::get_option, Operation::set_option);
    if (verdict) return verdict.error;
    if (socket->is_local() && !range_of(option).for_local) {
        return failed(Code::not_supported, Operation::set_option);
    }
    return socket->option(option);
}

Result<std::uint32_t> interface_index(Poller& poller, std::string_view name) {
    simulation::HostState& host = *simulation::watcher_of(poller).host;
    const Verdict verdict = judge(host, Site::interface_index, Operation::none);
    if (verdict) return verdict.error;
    const simulation::Interface* const found = host.interface_called(name);
    if (!found) return failed(Code::no_such_device, Operation::none);
    return found->index;
}

Result<std::uint32_t> interface_index(Poller& poller, const Endpoint& address) {
    simulation::HostState& host = *simulation::watcher_of(poller).host;
    const Verdict verdict = judge(host, Site::interface_index, Operation::none);
    if (verdict) return verdict.error;
    const simulation::Interface* const found = host.interface_of(simulation::place_of(address));
    if (!found) return failed(Code::no_such_device, Operation::none);
    return found->index;
}

Result<std::size_t> interface_name(Poller& poller, std::uint32_t index, std::span<char> name) {
    simulation::HostState& host = *simulation::watcher_of(poller).host;
    const Verdict verdict = judge(host, Site::interface_name, Operation::none);
    if (verdict) return verdict.error;
    const simulation::Interface* const found = host.interface_at(index);
    if (!found || found->name.size() > name.size()) {
        return failed(Code::no_such_device, Operation::none);
    }
    return found->name.copy(name.data(), name.size());
}

Result<std::size_t> interface_indexes(Poller& poller, std::span<std::uint32_t> indexes) {
    simulation::HostState& host = *simulation::watcher_of(poller).host;
    const Verdict verdict = judge(host, Site::interface_indexes, Operation::none);
    if (verdict) return verdict.error;
    if (verdict.lie == Fault::Kind::nothing) return std::size_t{0};
    std::size_t count = 0;
    for (const simulation::Interface& each : host.interfaces) {
        if (each.gone) continue;
        if (count < indexes.size()) indexes[count] = each.index;
        count++;
    }
    return count;
}

}  // namespace platform
