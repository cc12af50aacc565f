// Operational errors as plain values: no exceptions, no allocation, no text until asked for.
// One vocabulary for all layers, so an error made below keeps its meaning on the way up.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace platform {

// name() gives Node's word for each: "EADDRINUSE", "ERR_SOCKET_BAD_PORT".
enum class Code : std::uint8_t {
    ok,
    // What systems say (errno(3)).
    access_denied,
    address_in_use,
    address_not_available,
    already_in_progress,
    bad_descriptor,
    broken_pipe,
    busy,
    canceled,
    connection_refused,
    connection_reset,
    destination_required,
    exists,
    family_not_supported,
    host_unreachable,
    input_output,
    interrupted,
    invalid_argument,
    is_connected,
    message_too_big,
    name_too_long,
    network_down,
    network_unreachable,
    no_buffer_space,
    no_such_device,
    no_such_file,
    not_a_directory,
    not_a_socket,
    not_connected,
    not_implemented,
    not_permitted,
    not_supported,
    operation_not_supported_by_protocol,
    out_of_memory,
    protocol_not_supported,
    read_only_file_system,
    timed_out,
    too_many_handles,
    too_many_handles_in_system,
    would_block,
    // What look-ups say (getaddrinfo(3)).
    lookup_again,
    lookup_failed,
    lookup_family,
    lookup_not_found,
    // What the library says itself; net/failure.cpp has the sentences.
    already_bound,
    already_connected,
    bad_buffer_size,
    bad_port,
    blocked,
    buffer_out_of_bounds,
    buffer_size_unavailable,
    invalid_descriptor_type,
    missing_argument,
    not_connected_to_peer,
    not_running,
    unknown,  // A number this table lacks: see Error::native.
};

// What was being done; name() gives Node's word: "bind", "recvmsg", "setTTL".
enum class Operation : std::uint8_t {
    none,
    open,
    adopt,
    bind,
    connect,
    disconnect,
    send,
    receive,
    close,
    local_endpoint,
    peer_endpoint,
    lookup,
    watch,
    wait,
    interrupt,
    start_worker,
    spawn,
    read,
    set_option,
    add_membership,
    drop_membership,
    add_source_membership,
    drop_source_membership,
    set_broadcast,
    set_ttl,
    set_multicast_ttl,
    set_multicast_loopback,
    set_multicast_interface,
    set_multicast_all,
    set_dont_fragment,
    get_path_mtu,
    set_receive_buffer_size,
    set_send_buffer_size,
    get_receive_buffer_size,
    get_send_buffer_size,
};

std::string_view name(Code);
std::string_view name(Operation);

struct [[nodiscard]] Error {
    Code code = Code::ok;
    Operation operation = Operation::none;
    std::int32_t native = 0;  // The system's own number; 0 when the error is the library's.

    explicit operator bool() const { return code != Code::ok; }
    Error during(Operation what) const { return {code, what, native}; }
    bool operator==(const Error&) const = default;
};

// A Result is asked for what it has. One for all types, as each assert brings its text along.
inline void expect([[maybe_unused]] bool met) {
    assert(met && "the other one of a value and an error");
}

// A value, or the reason why there is none.
template <class T>
class [[nodiscard]] Result {
   public:
    Result(T value) : value_(std::move(value)) {}
    Result(Error error) : error_(error) { expect(static_cast<bool>(error)); }

    explicit operator bool() const { return value_.has_value(); }
    Error error() const { return error_; }
    T& operator*() & { return value(); }
    const T& operator*() const& { return const_cast<Result&>(*this).value(); }
    T operator*() && { return std::move(value()); }  // By value: safe in a range-for.
    T* operator->() { return &value(); }
    const T* operator->() const { return &const_cast<Result&>(*this).value(); }

   private:
    T& value() {
        expect(value_.has_value());
        return *value_;
    }

    std::optional<T> value_;
    Error error_;
};

}  // namespace platform
