// Calls of the seam that fail, or lie, when somebody says so: which, how, after how many and how
// often. World::inject() arms a fault; faults.cpp and one line in each call do the rest. What a
// fault does stands in the trace, and is the same each time.
#pragma once

#include <cstdint>
#include <string_view>

#include "platform/error.h"

namespace simulation {

// Every call of platform.h that can fail.
enum class Site : std::uint8_t {
    open_poller,
    watch,
    wait,
    poll_handle,
    open_datagram,
    adopt,
    bind,
    connect,
    disconnect,
    local_endpoint,
    peer_endpoint,
    path_mtu,
    receive,
    send,
    segmentation,
    receive_errors,
    set_option,
    get_option,
    overflow_count,
    set_multicast_interface,
    join,
    leave,
    interface_index,
    interface_name,
    interface_indexes,
    bind_path,
    submit,
    catch_interrupt,
    resolve,
};
constexpr std::size_t site_count = static_cast<std::size_t>(Site::resolve) + 1;

std::string_view name(Site);  // As it is written here.

struct Fault {
    enum class Kind : std::uint8_t {
        error,        // The call does nothing and says `code`.
        short_count,  // receive, send, receive_errors, resolve: one, however many there are.
        truncated,    // receive: each is said to be longer than its buffer.
        nameless,     // receive, local_endpoint, peer_endpoint, resolve: without an address.
        nothing,      // wait: no events until something else happens. segmentation: no trains.
                      // receive_errors, overflow_count, interface_indexes: there are none.
        spurious,     // wait: all that is watched is said to have failed, which it has not.
        loopback,     // segmentation: to this host alone.
    };
    static constexpr std::uint64_t for_ever = UINT64_MAX;

    Site site{};
    platform::Code code = platform::Code::ok;
    std::uint64_t skip = 0;   // So many calls first pass as ever.
    std::uint64_t times = 1;  // So many then do not.
    Kind kind = Kind::error;
};

std::string_view name(Fault::Kind);

}  // namespace simulation
