// The sites of the seam, over the simulated platform: what each can say, by the manual pages of the
// systems below it and by what sandboxes and security modules add (EPERM, EACCES, ENOSYS, EINVAL).
#include <optional>

#include "platform/simulation/state.h"
#include "tests/walk/system.h"

namespace walk {

namespace {

using simulation::Fault;
using Kind = Fault::Kind;
using platform::Code;

struct Meaning {
    Kind kind = Kind::error;
    Code code = Code::ok;
};

Meaning meaning(Cause cause) {
    switch (cause) {
        case Cause::eintr: return {Kind::error, Code::interrupted};
        case Cause::eagain: return {Kind::error, Code::would_block};
        case Cause::enobufs: return {Kind::error, Code::no_buffer_space};
        case Cause::enomem: return {Kind::error, Code::out_of_memory};
        case Cause::emfile: return {Kind::error, Code::too_many_handles};
        case Cause::enfile: return {Kind::error, Code::too_many_handles_in_system};
        case Cause::econnrefused: return {Kind::error, Code::connection_refused};
        case Cause::ehostunreach: return {Kind::error, Code::host_unreachable};
        case Cause::enetunreach: return {Kind::error, Code::network_unreachable};
        case Cause::enetdown: return {Kind::error, Code::network_down};
        case Cause::eperm: return {Kind::error, Code::not_permitted};
        case Cause::eacces: return {Kind::error, Code::access_denied};
        case Cause::emsgsize: return {Kind::error, Code::message_too_big};
        case Cause::einval: return {Kind::error, Code::invalid_argument};
        case Cause::eio: return {Kind::error, Code::input_output};
        case Cause::eaddrinuse: return {Kind::error, Code::address_in_use};
        case Cause::eaddrnotavail: return {Kind::error, Code::address_not_available};
        case Cause::enotconn: return {Kind::error, Code::not_connected};
        case Cause::epipe: return {Kind::error, Code::broken_pipe};
        case Cause::enosys: return {Kind::error, Code::not_implemented};
        case Cause::ebadf: return {Kind::error, Code::bad_descriptor};
        case Cause::ebusy: return {Kind::error, Code::busy};
        case Cause::eexist: return {Kind::error, Code::exists};
        case Cause::enodev: return {Kind::error, Code::no_such_device};
        case Cause::enoent: return {Kind::error, Code::no_such_file};
        case Cause::enotsup: return {Kind::error, Code::not_supported};
        case Cause::enospc: return {Kind::error, Code::unknown};
        case Cause::eai_again: return {Kind::error, Code::lookup_again};
        case Cause::eai_fail: return {Kind::error, Code::lookup_failed};
        case Cause::eai_noname: return {Kind::error, Code::lookup_not_found};
        case Cause::short_count: return {Kind::short_count};
        case Cause::truncated: return {Kind::truncated};
        case Cause::nameless: return {Kind::nameless};
        case Cause::nothing: return {Kind::nothing};
        case Cause::spurious: return {Kind::spurious};
        case Cause::loopback: return {Kind::loopback};
        case Cause::no_memory:
        case Cause::count: break;
    }
    return {};
}

using enum Cause;

// In the order of simulation::Site.
const std::vector<Site> table{
    {"open_poller", {emfile, enfile, enomem, enosys, eperm, einval}},
    {"watch", {enomem, enospc, eperm, ebadf, einval, eexist}},
    {"wait", {ebadf, einval, enomem, eio, nothing, spurious}, true},
    {"poll_handle", {enotsup, ebadf}},
    {"open_datagram", {eacces, eperm, emfile, enfile, enobufs, enomem, enosys, einval, enotsup}},
    {"adopt", {ebadf, einval, enotsup, enobufs, enotconn, eperm}},
    {"bind", {eacces, eperm, eaddrinuse, eaddrnotavail, ebadf, einval, enobufs, enomem, enetdown,
              eio, enosys}},
    {"connect", {eacces, eperm, eaddrinuse, eaddrnotavail, eagain, ebadf, econnrefused, eintr,
                 einval, ehostunreach, enetunreach, enetdown, enobufs, enoent, enosys}},
    {"disconnect", {ebadf, einval, enobufs, eintr, eagain, eperm, enosys}},
    {"local_endpoint", {ebadf, einval, enobufs, enotconn, nameless}},
    {"peer_endpoint", {ebadf, einval, enobufs, enotconn, nameless}},
    {"path_mtu", {ebadf, einval, enobufs, enotconn, enotsup}},
    {"receive", {eagain, eintr, ebadf, econnrefused, ehostunreach, enetunreach, enetdown, einval,
                 enobufs, enomem, enotconn, eperm, eio, enosys, short_count, truncated, nameless},
     true},
    {"send", {eagain, eintr, enobufs, enomem, eacces, eperm, ebadf, econnrefused, ehostunreach,
              enetunreach, enetdown, emsgsize, einval, eio, eaddrnotavail, enotconn, epipe, enosys,
              enoent, enotsup, short_count}},
    {"segmentation", {nothing, loopback}},
    {"receive_errors", {eagain, ebadf, einval, enobufs, enomem, eio, short_count, nothing}, true},
    {"set_option", {ebadf, einval, enobufs, enomem, eperm, eacces, enotsup, enosys}},
    {"get_option", {ebadf, einval, enobufs, enotsup, enosys}},
    {"overflow_count", {nothing}},
    {"set_multicast_interface", {ebadf, einval, eaddrnotavail, enodev, enotsup, enobufs}},
    {"join", {ebadf, einval, eaddrinuse, eaddrnotavail, enodev, enobufs, enomem, eperm, enetdown}},
    {"leave", {ebadf, einval, eaddrnotavail, enodev, enobufs, eperm}},
    {"interface_index", {enodev, einval, eperm, enobufs, emfile}},
    {"interface_name", {enodev, einval, eperm, enobufs, emfile}},
    {"interface_indexes", {enomem, enobufs, emfile, eperm, eacces, nothing}},
    {"bind_path", {eacces, eperm, eaddrinuse, eaddrnotavail, ebadf, einval, enoent, enomem, eio,
                   enobufs, enospc}},
    {"submit", {eagain, enomem, eperm, einval, enotsup}},
    {"catch_interrupt", {ebusy, einval, emfile, enomem}},
    {"resolve", {eai_again, eai_fail, eai_noname, enomem, eintr, eio, emfile, enfile, eagain,
                 short_count, nameless}},
};

}  // namespace

const std::vector<Site>& sites() { return table; }

bool harmless(std::size_t site, Cause cause) {
    switch (static_cast<simulation::Site>(site)) {
        case simulation::Site::wait: return cause == nothing || cause == spurious;
        case simulation::Site::receive:
            return cause == eagain || cause == eintr || cause == short_count;
        case simulation::Site::send:
            return cause == eagain || cause == eintr || cause == enobufs || cause == short_count;
        case simulation::Site::segmentation: return true;
        case simulation::Site::receive_errors: return cause == short_count || cause == nothing;
        default: return false;
    }
}

// A signal does not come at every call, nor does a lie about what is there.
bool lasts(std::size_t, Cause cause) {
    return cause != eintr && cause != nothing && cause != spurious;
}

void prepare(bool) {}

struct Ground::State {
    explicit State(bool trace)
        : world({.trace = trace}), host(world.host("here", {"10.0.0.1", "fd00::1"})),
          scope(host) {}
    simulation::World world;
    simulation::Host host;
    simulation::Scope scope;
};

namespace {

simulation::World* playing = nullptr;
simulation::Host* stays = nullptr;

}  // namespace

Ground::Ground(bool trace) : state_(new State(trace)) {
    playing = &state_->world;
    stays = &state_->host;
}

Ground::~Ground() {
    playing = nullptr;
    delete state_;
}

void Ground::arm(const Strike& strike) {
    Fault fault{.site = static_cast<simulation::Site>(strike.site), .skip = strike.skip};
    if (strike.lasting) fault.times = Fault::for_ever;
    fault.kind = meaning(strike.cause).kind;
    fault.code = meaning(strike.cause).code;
    state_->world.inject(fault);
}

std::uint64_t Ground::lift() { return state_->world.lift_faults(); }

std::uint64_t Ground::calls(std::size_t site) const {
    return state_->world.calls(static_cast<simulation::Site>(site));
}

std::string Ground::trace() const { return state_->world.trace(); }

std::string Ground::left_behind() const {
    return simulation::registry().empty() ? "" : "a socket or a poller is still open";
}

void interrupt() { playing->interrupt(); }

Roaming roaming() { return {"eth1", "10.0.0.9"}; }

void roam(bool there) {
    if (there) {
        stays->add_interface(roaming().name, {simulation::Address(roaming().address)});
    } else {
        stays->remove_interface(roaming().name);
    }
}

std::string path(std::string_view name) { return "/tmp/" + std::string(name); }

void remove(const std::string&) {}  // It goes with its world.

}  // namespace walk
