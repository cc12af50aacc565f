// Multicast groups (RFC 1112, 2710) and source-specific channels (RFC 4607). Joining on an unbound
// socket binds it; nothing here waits. See semantics 45 and 46.
#include <algorithm>
#include <array>

#include "net/datagram_state.h"

namespace net {

namespace {

constexpr std::size_t interfaces_max = 256;

}  // namespace

// An address of the socket's family; an interface may also be written "::%eth1" on udp6.
Result<Address> Datagram::State::parse_member(Operation operation, std::string_view text) const {
    const Result<Address> parsed = parse_literal(loop->poller(), text);
    if (!parsed) return parsed.error().during(operation);
    if (parsed->family != family()) return Error{Code::invalid_argument, operation};
    return *parsed;
}

Result<platform::Membership> Datagram::State::parse_membership(Operation operation,
                                                               std::string_view source,
                                                               std::string_view group,
                                                               std::string_view interface) {
    if (!running()) return Error{Code::not_running, operation};
    const bool specific = operation == Operation::add_source_membership ||
                          operation == Operation::drop_source_membership;
    if (group.empty() || (specific && source.empty())) {
        return Error{Code::missing_argument, operation};
    }
    if (is_local()) return Error{Code::not_supported, operation};
    platform::Membership membership;
    const Result<Address> parsed = parse_member(operation, group);
    if (!parsed) return parsed.error();
    if (!parsed->is_multicast()) return Error{Code::invalid_argument, operation};
    membership.group = *parsed;
    if (specific) {
        const Result<Address> from = parse_member(operation, source);
        if (!from) return from.error();
        membership.source = *from;
    }
    if (!interface.empty()) {
        const Result<Address> by = parse_member(operation, interface);
        if (!by) return by.error();
        membership.interface = *by;
    } else if (parsed->scope != 0) {
        membership.interface = *parsed;  // "ff02::1%eth1" names it too.
    }
    if (const Error failed = ensure_bound()) return failed.during(operation);
    return membership;
}

Error Datagram::State::join(Operation operation, std::string_view source, std::string_view group,
                            std::string_view interface) {
    const Result<platform::Membership> membership =
        parse_membership(operation, source, group, interface);
    if (!membership) return membership.error();
    const Error failed = platform::join(socket, *membership);
    return failed ? failed.during(operation) : failed;
}

// Without an interface all are left, which the kernel does one at a time.
Error Datagram::State::leave(Operation operation, std::string_view source, std::string_view group,
                             std::string_view interface) {
    const Result<platform::Membership> membership =
        parse_membership(operation, source, group, interface);
    if (!membership) return membership.error();
    Error failed = platform::leave(socket, *membership);
    if (failed) return failed.during(operation);
    if (membership->interface.family != Family::none) return {};
    for (std::size_t i = 0; i < interfaces_max && !failed; i++) {
        failed = platform::leave(socket, *membership);
    }
    return {};
}

Error Datagram::add_membership(std::string_view group, std::string_view interface) {
    if (!state_) return {Code::out_of_memory, Operation::add_membership};
    return state_->join(Operation::add_membership, {}, group, interface);
}

Error Datagram::drop_membership(std::string_view group, std::string_view interface) {
    if (!state_) return {Code::out_of_memory, Operation::drop_membership};
    return state_->leave(Operation::drop_membership, {}, group, interface);
}

Error Datagram::add_source_specific_membership(std::string_view source, std::string_view group,
                                               std::string_view interface) {
    if (!state_) return {Code::out_of_memory, Operation::add_source_membership};
    return state_->join(Operation::add_source_membership, source, group, interface);
}

Error Datagram::drop_source_specific_membership(std::string_view source, std::string_view group,
                                                std::string_view interface) {
    if (!state_) return {Code::out_of_memory, Operation::drop_source_membership};
    return state_->leave(Operation::drop_source_membership, source, group, interface);
}

// Joined where it can be; the first error counts only when no interface took it.
Error Datagram::add_membership_everywhere(std::string_view group) {
    const Operation operation = Operation::add_membership;
    if (!state_) return {Code::out_of_memory, operation};
    Result<platform::Membership> membership =
        state_->parse_membership(operation, {}, group, {});
    if (!membership) return membership.error();
    std::array<std::uint32_t, interfaces_max> indexes;
    const Result<std::size_t> count =
        platform::interface_indexes(state_->loop->poller(), indexes);
    if (!count) return count.error().during(operation);
    Error first{Code::no_such_device, operation};
    bool joined = false;
    for (std::size_t i = 0; i < std::min(*count, indexes.size()); i++) {
        membership->interface = Address::any(state_->family());
        membership->interface.scope = indexes[i];
        const Error failed = platform::join(state_->socket, *membership);
        joined |= !failed || failed.code == Code::address_in_use;
        if (failed && first.code == Code::no_such_device) first = failed.during(operation);
    }
    return joined ? Error{} : first;
}

}  // namespace net
