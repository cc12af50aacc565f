// Multicast groups (RFC 1112, 2710) and source-specific channels (RFC 4607). Joining on an unbound
// socket binds it; nothing here waits. Who joins hears the groups that it has joined itself and no
// others, on every system that can be told so. See semantics 45 to 47.
#include <algorithm>
#include <array>
#include <new>

#include "net/datagram_state.h"

namespace net {

namespace {

constexpr std::size_t interfaces_max = 256;

bool is_number(std::string_view text) {
    return text.find_first_not_of("0123456789") == text.npos;
}

// Looks like an address, and is none.
bool is_failed_address(std::string_view text) {
    return text.find_first_not_of("0123456789.") == text.npos ||
           text.find_first_of(":%") != text.npos;
}

// By name from then on, if it has one: that is what it comes back with.
void find_by_index(platform::Poller& poller, std::uint32_t index, Wish& wish) {
    wish.by = Wish::By::index;
    wish.index = index;
    const Result<std::size_t> size = platform::interface_name(poller, index, wish.name_bytes);
    if (!size) return;
    wish.by = Wish::By::name;
    wish.name_size = static_cast<std::uint8_t>(*size);
}

Error find_by_number(platform::Poller& poller, std::string_view text, Wish& wish) {
    std::uint64_t index = 0;
    for (const char c : text) {
        index = index * 10 + static_cast<std::uint64_t>(c - '0');
        if (index > UINT32_MAX) return {Code::no_such_device};
    }
    if (index != 0) find_by_index(poller, static_cast<std::uint32_t>(index), wish);
    return {};
}

// What is wished for is known even if it is not there.
Error find_by_name(platform::Poller& poller, std::string_view text, Wish& wish) {
    const bool kept = text.size() <= wish.name_bytes.size();
    wish.by = kept ? Wish::By::name : Wish::By::index;
    if (kept) wish.name_size = static_cast<std::uint8_t>(text.copy(wish.name_bytes.data(),
                                                                   text.size()));
    const Result<std::uint32_t> index = platform::interface_index(poller, text);
    if (!index) return {Code::no_such_device};
    wish.index = *index;
    return {};
}

Error find_by_address(platform::Poller& poller, const Address& address, Wish& wish) {
    wish.by = Wish::By::address;
    wish.address = address;
    const Result<std::uint32_t> index = platform::interface_index(poller, address);
    if (!index) return {Code::address_not_available};
    wish.index = *index;
    return {};
}

}  // namespace

// ---- What is meant -----------------------------------------------------------------------------

Result<Address> Datagram::State::parse_member(Operation operation, std::string_view text) const {
    const Result<Address> parsed = parse_literal(loop->poller(), text);
    if (!parsed) return parsed.error().during(operation);
    if (parsed->family != family()) return Error{Code::invalid_argument, operation};
    return *parsed;
}

// ENODEV: no such name or zone. EADDRNOTAVAIL: no such address here. EPROTONOSUPPORT: one of the
// other family. EINVAL: it looks like an address, and is none.
Error Datagram::State::find_interface(const Interface& interface, Wish& wish) const {
    platform::Poller& poller = loop->poller();
    if (interface.empty()) return {};
    if (interface.by_index()) {
        find_by_index(poller, interface.index(), wish);
        return {};
    }
    const std::string_view text = interface.text();
    if (is_number(text)) return find_by_number(poller, text, wish);
    const Result<Address> literal = parse_literal(poller, text);
    if (!literal) {
        return is_failed_address(text) ? literal.error() : find_by_name(poller, text, wish);
    }
    if (literal->family != family()) return {Code::protocol_not_supported};
    if (literal->scope != 0) {
        find_by_index(poller, literal->scope, wish);
        return {};
    }
    return literal->is_unspecified() ? Error{} : find_by_address(poller, *literal, wish);
}

Result<platform::Membership> Datagram::State::parse_membership(Operation operation,
                                                               std::string_view source,
                                                               std::string_view group,
                                                               const Interface& interface,
                                                               Wish& wish) {
    if (!running()) return Error{Code::not_running, operation};
    const bool specific = operation == Operation::add_source_membership ||
                          operation == Operation::drop_source_membership;
    if (group.empty() || (specific && source.empty())) {
        return Error{Code::missing_argument, operation};
    }
    if (is_local()) return Error{Code::not_supported, operation};
    const Result<Address> parsed = parse_member(operation, group);
    if (!parsed) return parsed.error();
    if (!parsed->is_multicast()) return Error{Code::invalid_argument, operation};
    wish.group = *parsed;
    wish.group.scope = 0;
    if (specific) {
        const Result<Address> from = parse_member(operation, source);
        if (!from) return from.error();
        wish.source = *from;
    }
    Error failed = find_interface(interface, wish);
    if (failed.code == Code::address_not_available) failed.code = Code::no_such_device;
    if (failed.code == Code::protocol_not_supported) failed.code = Code::invalid_argument;
    if (failed) return failed.during(operation);
    // "ff02::1%eth1" names it too.
    if (interface.empty() && parsed->scope != 0) {
        find_by_index(loop->poller(), parsed->scope, wish);
    }
    if (const Error unbound = ensure_bound()) return unbound.during(operation);
    return membership_of(wish, wish.index);
}

platform::Membership Datagram::State::membership_of(const Wish& wish, std::uint32_t index) const {
    platform::Membership membership{wish.group, wish.source, {}};
    if (index != 0) membership.interface = Address::any(family());
    if (index != 0) membership.interface.scope = index;
    return membership;
}

// ---- What is joined ----------------------------------------------------------------------------

Groups* Datagram::State::open_groups() {
    if (!make_extras()) return nullptr;
    if (!extras->groups) extras->groups.reset(new (std::nothrow) Groups);
    return extras->groups.get();
}

// Room for one more, so that what has been joined can be listed.
Error Datagram::State::prepare_join() {
    Groups* const groups = open_groups();
    const bool room = groups && groups->joined.reserve(groups->joined.size() + 1) &&
                      (!options().rejoin || groups->wishes.reserve(groups->wishes.size() + 1));
    if (!room) return {Code::out_of_memory};
    return options().rejoin ? start_rejoining() : Error{};
}

// False when there is no memory for it.
bool Datagram::State::enlist(const Wish& wish, std::uint32_t index) {
    Groups& groups = *extras->groups;
    for (const Membership& each : groups.joined) {
        if (each.interface == index && wish.is_for(each.group, each.source)) return true;
    }
    if (!groups.joined.push({wish.group, wish.source, index})) return false;
    // A system that has another way only is left to it.
    if (!groups.chosen && groups.joined.size() == 1) {
        (void)platform::set_option(socket, platform::Option::multicast_all, 0);
    }
    return true;
}

// What has been left is listed no more. The system's choice may have been the interface that was
// named now.
void Datagram::State::strike(const Wish& wish) {
    if (!extras || !extras->groups) return;
    core::Growing<Membership>& joined = extras->groups->joined;
    for (const std::uint32_t index : {wish.index, std::uint32_t{0}}) {
        bool struck = false;
        for (std::size_t i = joined.size(); i-- > 0;) {
            if (!wish.is_for(joined[i].group, joined[i].source)) continue;
            if (wish.index != 0 && joined[i].interface != index) continue;
            joined.erase(i);
            struck = true;
        }
        if (struck) return;
    }
}

// Nothing here is called so at the moment; but where it was, there may still be an interface that
// has lost its address or its name. False when nothing had been wished for.
bool Datagram::State::leave_absent(Wish wish) {
    if (!extras || !extras->groups) return false;
    for (const Wish& each : extras->groups->wishes) {
        const bool same = each.is_for(wish.group, wish.source) && each.ends_with(wish);
        if (same && each.index != 0) wish.index = each.index;
    }
    if (wish.index != 0) {
        (void)platform::leave(socket, membership_of(wish, wish.index));
        strike(wish);
    }
    return forget(wish);
}

// True when something had been wished for.
bool Datagram::State::forget(const Wish& wish) {
    if (!extras || !extras->groups) return false;
    core::Growing<Wish>& wishes = extras->groups->wishes;
    const std::size_t before = wishes.size();
    for (std::size_t i = wishes.size(); i-- > 0;) {
        const bool same = wishes[i].is_for(wish.group, wish.source);
        if (same && wishes[i].ends_with(wish)) wishes.erase(i);
    }
    return wishes.size() < before;
}

// ---- Joining and leaving -----------------------------------------------------------------------

Error Datagram::State::join(Operation operation, std::string_view source, std::string_view group,
                            const Interface& interface) {
    Wish wish;
    const Result<platform::Membership> membership =
        parse_membership(operation, source, group, interface, wish);
    if (!membership) return membership.error();
    if (const Error failed = prepare_join()) return failed.during(operation);
    if (const Error failed = platform::join(socket, *membership)) return failed.during(operation);
    (void)enlist(wish, wish.index);
    if (options().rejoin) (void)extras->groups->wishes.push(wish);
    return {};
}

// Joined where it can be; the first error counts only when no interface took it.
Error Datagram::State::join_everywhere(std::string_view group) {
    const Operation operation = Operation::add_membership;
    Wish wish;
    const Result<platform::Membership> membership =
        parse_membership(operation, {}, group, {}, wish);
    if (!membership) return membership.error();
    std::array<std::uint32_t, interfaces_max> indexes;
    const Result<std::size_t> count = platform::interface_indexes(loop->poller(), indexes);
    if (!count) return count.error().during(operation);
    Error first{Code::no_such_device, operation};
    bool joined = false;
    for (std::size_t i = 0; i < std::min(*count, indexes.size()); i++) {
        if (const Error failed = prepare_join()) return failed.during(operation);
        const Error failed = platform::join(socket, membership_of(wish, indexes[i]));
        const bool member = !failed || failed.code == Code::address_in_use;
        if (member) (void)enlist(wish, indexes[i]);
        joined |= member;
        if (failed && first.code == Code::no_such_device) first = failed.during(operation);
    }
    if (!joined) return first;
    wish.by = Wish::By::everywhere;
    wish.index = 0;
    if (options().rejoin) {
        (void)forget(wish);  // One of them is enough.
        (void)extras->groups->wishes.push(wish);
    }
    return {};
}

// Without an interface all are left, which the kernel does one at a time. What was only wished for,
// on an interface that is gone, is left too.
Error Datagram::State::leave(Operation operation, std::string_view source, std::string_view group,
                             const Interface& interface) {
    Wish wish;
    const Result<platform::Membership> membership =
        parse_membership(operation, source, group, interface, wish);
    if (!membership) {
        const bool gone = membership.error().code == Code::no_such_device;
        return gone && leave_absent(wish) ? Error{} : membership.error();
    }
    Error failed = platform::leave(socket, *membership);
    if (failed && !forget(wish)) return failed.during(operation);
    strike(wish);
    (void)forget(wish);
    for (std::size_t i = 0; i < interfaces_max && !failed && wish.index == 0; i++) {
        failed = platform::leave(socket, *membership);
    }
    return {};
}

Error Datagram::add_membership(std::string_view group, Interface interface) {
    if (!state_) return {Code::out_of_memory, Operation::add_membership};
    return state_->join(Operation::add_membership, {}, group, interface);
}

Error Datagram::drop_membership(std::string_view group, Interface interface) {
    if (!state_) return {Code::out_of_memory, Operation::drop_membership};
    return state_->leave(Operation::drop_membership, {}, group, interface);
}

Error Datagram::add_source_specific_membership(std::string_view source, std::string_view group,
                                               Interface interface) {
    if (!state_) return {Code::out_of_memory, Operation::add_source_membership};
    return state_->join(Operation::add_source_membership, source, group, interface);
}

Error Datagram::drop_source_specific_membership(std::string_view source, std::string_view group,
                                                Interface interface) {
    if (!state_) return {Code::out_of_memory, Operation::drop_source_membership};
    return state_->leave(Operation::drop_source_membership, source, group, interface);
}

Error Datagram::add_membership_everywhere(std::string_view group) {
    if (!state_) return {Code::out_of_memory, Operation::add_membership};
    return state_->join_everywhere(group);
}

std::span<const Membership> Datagram::memberships() const {
    if (!state_ || !state_->extras || !state_->extras->groups) return {};
    core::Growing<Membership>& joined = state_->extras->groups->joined;
    return {joined.data(), joined.size()};
}

// ---- Settings ----------------------------------------------------------------------------------

Error Datagram::set_multicast_interface(Interface interface) {
    const Operation operation = Operation::set_multicast_interface;
    if (!state_) return {Code::out_of_memory, operation};
    if (const Error refusal = state_->check_setting(operation)) return refusal;
    if (state_->is_local()) return {Code::not_supported, operation};
    if (interface.empty() && !interface.by_index()) return {Code::invalid_argument, operation};
    Wish wish;
    const Error unknown = state_->find_interface(interface, wish);
    if (unknown) return unknown.during(operation);
    // An IPv4 address of it is what the datagrams come from, too.
    const bool by_address = wish.by == Wish::By::address && state_->family() == Family::ipv4;
    const Endpoint chosen =
        by_address ? wish.address : state_->membership_of(wish, wish.index).interface;
    const Error failed = platform::set_multicast_interface(state_->socket, chosen);
    return failed ? failed.during(operation) : failed;
}

Error Datagram::State::set_multicast_all(bool on) {
    const Operation operation = Operation::set_multicast_all;
    if (const Error refusal = check_setting(operation)) return refusal;
    Groups* const groups = open_groups();
    if (!groups) return {Code::out_of_memory, operation};
    const Error failed = platform::set_option(socket, platform::Option::multicast_all, on);
    if (failed) return failed.during(operation);
    groups->chosen = true;
    return {};
}

Error Datagram::set_multicast_all(bool on) {
    if (!state_) return {Code::out_of_memory, Operation::set_multicast_all};
    return state_->set_multicast_all(on);
}

}  // namespace net
