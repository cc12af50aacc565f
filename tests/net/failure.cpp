// The words of failures, compared with Node's, letter by letter: users search for them.
#include "net/failure.h"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

namespace {

using namespace std::string_literals;
using net::Address;
using net::Code;
using net::Failure;
using net::Family;
using platform::Error;
using platform::Operation;

static_assert(std::is_nothrow_move_constructible_v<Failure>);

Address at(std::string_view host, std::uint16_t port) {
    const auto address = net::parse_literal(host, port);
    REQUIRE(address);
    return address ? *address : Address{};
}

Address path(std::string_view text) {
    const auto address = net::parse_path(text);
    REQUIRE(address);
    return address ? *address : Address{};
}

Error during(Operation operation, Code code) { return {code, operation, 0}; }

TEST_CASE("success is no failure, and has no words") {
    const Failure none;
    CHECK_FALSE(none);
    CHECK(none.text() == "");
    CHECK(none.code() == "");
    CHECK(none.syscall() == "");
    CHECK(none.native() == 0);
    const Failure succeeded(Error{Code::ok, Operation::send, 0});
    CHECK_FALSE(succeeded);
    CHECK(succeeded.text() == "");
    CHECK(succeeded.syscall() == "");
    CHECK(net::text(Error{}) == "");
}

TEST_CASE("[16] a failure has code, number, system call, address and port") {
    const Failure failure(Error{Code::address_in_use, Operation::bind, 98}, at("127.0.0.1", 47080));
    CHECK(failure);
    CHECK(failure.code() == "EADDRINUSE");
    CHECK(failure.syscall() == "bind");
    CHECK(failure.native() == 98);
    CHECK(failure.address.host() == "127.0.0.1");
    CHECK(failure.address.port == 47080);
    CHECK(failure.host.empty());
}

TEST_CASE("[16] the text is Node's: system call, code, address, port") {
    const auto bind = [](Code code) { return during(Operation::bind, code); };
    CHECK(Failure(bind(Code::address_in_use), at("127.0.0.1", 47080)).text() ==
          "bind EADDRINUSE 127.0.0.1:47080");
    CHECK(Failure(bind(Code::address_not_available), at("1.1.1.1", 0)).text() ==
          "bind EADDRNOTAVAIL 1.1.1.1");
    CHECK(Failure(bind(Code::invalid_argument), at("::1", 1234)).text() == "bind EINVAL ::1:1234");
    CHECK(Failure(bind(Code::invalid_argument), at("fe80::1%3", 0)).text() ==
          "bind EINVAL fe80::1%3");
    CHECK(Failure(bind(Code::invalid_argument), at("0.0.0.0", 0)).text() == "bind EINVAL 0.0.0.0");
    CHECK(Failure(bind(Code::access_denied), at("0.0.0.0", 80)).text() == "bind EACCES 0.0.0.0:80");
    CHECK(Failure(bind(Code::bad_descriptor)).text() == "bind EBADF");
}

TEST_CASE("[16] a text that never became an address is named as it was written") {
    const Failure lookup = Failure::of_text(during(Operation::lookup, Code::lookup_not_found),
                                            "nope.invalid", 53);
    CHECK(lookup.text() == "getaddrinfo ENOTFOUND nope.invalid");
    CHECK(lookup.host == "nope.invalid");
    CHECK(lookup.code() == "ENOTFOUND");
    CHECK(lookup.syscall() == "getaddrinfo");
    const Failure literal =
        Failure::of_text(during(Operation::bind, Code::invalid_argument), "127.1", 80);
    CHECK(literal.text() == "bind EINVAL 127.1:80");
    CHECK(Failure::of_text(during(Operation::bind, Code::no_such_device), "fe80::1%x").text() ==
          "bind ENODEV fe80::1%x");
    CHECK(Failure::of_text(during(Operation::lookup, Code::lookup_again), "").text() ==
          "getaddrinfo EAI_AGAIN");
    CHECK(Failure::of_text(during(Operation::send, Code::invalid_argument), "", 80).text() ==
          "send EINVAL");
}

TEST_CASE("a socket that is in use or gone says so") {
    CHECK(net::text(during(Operation::bind, Code::already_bound)) == "Socket is already bound");
    CHECK(net::text(during(Operation::bind, Code::not_running)) == "Not running");
    CHECK(net::text(during(Operation::connect, Code::already_connected)) == "Already connected");
    CHECK(net::text(during(Operation::disconnect, Code::not_connected_to_peer)) == "Not connected");
    CHECK(Failure(during(Operation::bind, Code::already_bound)).code() ==
          "ERR_SOCKET_ALREADY_BOUND");
    CHECK(Failure(during(Operation::send, Code::not_running)).code() ==
          "ERR_SOCKET_DGRAM_NOT_RUNNING");
}

TEST_CASE("a bad port: what was wrong, and what would be right") {
    const auto bad = [](Operation operation, std::int64_t value) {
        return Failure::of_argument(during(operation, Code::bad_port), {}, value).text();
    };
    CHECK(bad(Operation::bind, 65536) == "Port should be >= 0 and < 65536. Received 65536.");
    CHECK(bad(Operation::bind, -1) == "Port should be >= 0 and < 65536. Received -1.");
    CHECK(bad(Operation::send, 0) == "Port should be > 0 and < 65536. Received 0.");
    CHECK(bad(Operation::connect, INT64_MIN) ==
          "Port should be > 0 and < 65536. Received -9223372036854775808.");
    const Error error = during(Operation::send, Code::bad_port);
    CHECK(Failure::of_argument(error, "port", 70000).text() ==
          "Port should be > 0 and < 65536. Received 70000.");
    const Failure none = Failure::of_argument(error, "no destination");
    CHECK(none.text() == "Port should be > 0 and < 65536. Received no destination.");
    CHECK(none.code() == "ERR_SOCKET_BAD_PORT");
}

TEST_CASE("bounds: which argument") {
    const Error error = during(Operation::send, Code::buffer_out_of_bounds);
    CHECK(Failure::of_argument(error, "offset").text() ==
          "\"offset\" is outside of buffer bounds");
    CHECK(Failure::of_argument(error, "length").text() ==
          "\"length\" is outside of buffer bounds");
    CHECK(Failure(error).text() == "Attempt to access memory outside buffer bounds");
    CHECK(Failure(error).code() == "ERR_BUFFER_OUT_OF_BOUNDS");
}

TEST_CASE("a failed send names its peer") {
    const auto send = [](Code code) { return during(Operation::send, code); };
    CHECK(Failure(send(Code::message_too_big), at("127.0.0.1", 12345)).text() ==
          "send EMSGSIZE 127.0.0.1:12345");
    CHECK(Failure(send(Code::access_denied), at("255.255.255.255", 9)).text() ==
          "send EACCES 255.255.255.255:9");
    CHECK(Failure(send(Code::canceled), path("/tmp/x")).text() == "send ECANCELED /tmp/x");
}

TEST_CASE("a failed setting has its method's name") {
    CHECK(net::text(during(Operation::set_ttl, Code::invalid_argument)) == "setTTL EINVAL");
    CHECK(net::text(during(Operation::set_ttl, Code::bad_descriptor)) == "setTTL EBADF");
    CHECK(net::text(during(Operation::add_membership, Code::invalid_argument)) ==
          "addMembership EINVAL");
    CHECK(net::text(during(Operation::receive, Code::connection_refused)) ==
          "recvmsg ECONNREFUSED");
    CHECK(net::text(during(Operation::local_endpoint, Code::bad_descriptor)) ==
          "getsockname EBADF");
    CHECK(net::text(Error{Code::out_of_memory}) == "ENOMEM");
}

TEST_CASE("a missing argument is named") {
    const auto missing = [](Operation operation) {
        return during(operation, Code::missing_argument);
    };
    const Error error = missing(Operation::add_source_membership);
    CHECK(Failure::of_argument(error, "groupAddress").text() ==
          "The \"groupAddress\" argument must be specified");
    CHECK(Failure(error).code() == "ERR_MISSING_ARGS");
    for (Operation operation : {Operation::add_membership, Operation::drop_membership}) {
        CHECK(net::text(missing(operation)) ==
              "The \"multicastAddress\" argument must be specified");
    }
    for (Operation operation :
         {Operation::add_source_membership, Operation::drop_source_membership}) {
        CHECK(net::text(missing(operation)) ==
              "The \"sourceAddress\" and \"groupAddress\" arguments must be specified");
    }
    for (Operation operation : {Operation::bind, Operation::connect, Operation::send}) {
        CHECK(net::text(missing(operation)) == "The \"path\" argument must be specified");
    }
    CHECK(net::text(missing(Operation::none)) == "The missing argument must be specified");
}

TEST_CASE("buffer sizes: not positive, or no socket yet") {
    CHECK(net::text(during(Operation::set_send_buffer_size, Code::bad_buffer_size)) ==
          "Buffer size must be a positive integer");
    const Error unavailable{Code::buffer_size_unavailable, Operation::get_receive_buffer_size};
    const Failure unbound(unavailable);
    CHECK(unbound.text() ==
          "Could not get or set buffer size: getRecvBufferSize EBADF (the socket is not bound)");
    CHECK(unbound.code() == "ERR_SOCKET_BUFFER_SIZE");
    CHECK(net::text(Error{Code::buffer_size_unavailable}) ==
          "Could not get or set buffer size: EBADF (the socket is not bound)");
}

TEST_CASE("a descriptor of the wrong kind") {
    const Error error = during(Operation::adopt, Code::invalid_descriptor_type);
    CHECK(Failure(error).text() == "Unsupported fd type: not a datagram socket of this system");
    CHECK(Failure::of_argument(error, "TCP").text() == "Unsupported fd type: TCP");
    CHECK(Failure(error).code() == "ERR_INVALID_FD_TYPE");
}

TEST_CASE("[38] a blocked address is named without its port") {
    const Failure failure(during(Operation::send, Code::blocked), at("127.0.0.1", 5));
    CHECK(failure.text() == "IP(127.0.0.1) is blocked by net.BlockList");
    CHECK(failure.code() == "ERR_IP_BLOCKED");
    CHECK(failure.syscall() == "send");
}

TEST_CASE("a path in use, and a system without unix-domain datagrams") {
    CHECK(Failure(during(Operation::bind, Code::address_in_use), path("/tmp/x")).text() ==
          "bind EADDRINUSE /tmp/x");
    CHECK(Failure(during(Operation::bind, Code::address_in_use), path("@a\0b"s)).text() ==
          "bind EADDRINUSE @a\0b"s);
    const Error no_family = during(Operation::bind, Code::family_not_supported);
    CHECK(Failure(no_family, path("/tmp/x")).text() ==
          "bind EAFNOSUPPORT /tmp/x: this system has no unix-domain datagram sockets");
    CHECK(Failure(no_family, Address::any(Family::local)).text() ==
          "bind EAFNOSUPPORT: this system has no unix-domain datagram sockets");
    CHECK(Failure(no_family, at("::1", 5)).text() == "bind EAFNOSUPPORT ::1:5");
}

TEST_CASE("a remark stands in brackets, and an unknown code with the system's number") {
    Failure failure(during(Operation::bind, Code::not_supported), at("::", 5));
    failure.detail = "SO_REUSEPORT";
    CHECK(failure.text() == "bind ENOTSUP :::5 (SO_REUSEPORT)");
    CHECK(Failure(Error{Code::unknown, Operation::send, 71}).text() ==
          "send UNKNOWN (system error 71)");
    CHECK(Failure(Error{Code::unknown, Operation::send, -7}, at("1.2.3.4", 9)).text() ==
          "send UNKNOWN 1.2.3.4:9 (system error -7)");
}

}  // namespace
