// The words for codes and operations, and results: values, or the reason why there are none.
#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>

#include "platform/error.h"

using namespace platform;

TEST_CASE("codes have Node's names, each its own") {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Code::unknown); i++) {
        const std::string_view word = name(static_cast<Code>(i));
        CHECK(!word.empty());
        CHECK(names.insert(word).second);
    }
    CHECK(name(Code::address_in_use) == "EADDRINUSE");
    CHECK(name(Code::would_block) == "EAGAIN");
    CHECK(name(Code::message_too_big) == "EMSGSIZE");
    CHECK(name(Code::lookup_not_found) == "ENOTFOUND");
    CHECK(name(Code::lookup_again) == "EAI_AGAIN");
    CHECK(name(Code::already_bound) == "ERR_SOCKET_ALREADY_BOUND");
    CHECK(name(Code::already_connected) == "ERR_SOCKET_DGRAM_IS_CONNECTED");
    CHECK(name(Code::not_connected_to_peer) == "ERR_SOCKET_DGRAM_NOT_CONNECTED");
    CHECK(name(Code::not_running) == "ERR_SOCKET_DGRAM_NOT_RUNNING");
    CHECK(name(Code::invalid_descriptor_type) == "ERR_INVALID_FD_TYPE");
}

TEST_CASE("operations have Node's names, each its own") {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Operation::get_send_buffer_size); i++) {
        CHECK(names.insert(name(static_cast<Operation>(i))).second);
    }
    CHECK(name(Operation::none).empty());
    CHECK(name(Operation::receive) == "recvmsg");
    CHECK(name(Operation::lookup) == "getaddrinfo");
    CHECK(name(Operation::local_endpoint) == "getsockname");
    CHECK(name(Operation::set_ttl) == "setTTL");
    CHECK(name(Operation::add_source_membership) == "addSourceSpecificMembership");
    CHECK(name(Operation::set_receive_buffer_size) == "setRecvBufferSize");
}

TEST_CASE("a value that is no code has a name all the same") {
    CHECK(name(static_cast<Code>(255)) == "UNKNOWN");
    CHECK(name(static_cast<Operation>(255)).empty());
}

TEST_CASE("an error is false when there is none, and keeps its number during something else") {
    CHECK(!Error{});
    const Error error{Code::address_in_use, Operation::bind, 98};
    CHECK(error);
    CHECK(error.during(Operation::adopt) == Error{Code::address_in_use, Operation::adopt, 98});
}

TEST_CASE("a result moves what it holds") {
    Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
    CHECK(result);
    CHECK(!result.error());
    CHECK(**result == 7);
    const std::unique_ptr<int> moved = *std::move(result);
    CHECK(*moved == 7);
    const Result<std::unique_ptr<int>> failed(Error{Code::out_of_memory});
    CHECK(!failed);
    CHECK(failed.error().code == Code::out_of_memory);
}
