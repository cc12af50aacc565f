// net/throwing.h: answers as values or exceptions, for those who like these.
#include "net/throwing.h"

#include "tests/net/support.h"

using namespace net;

TEST_CASE("must: the value, or an exception that carries the failure and its text") {
    const test::Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    try {
        must(socket.address());
        CHECK(false);
    } catch (const FailureError& error) {
        CHECK(std::string(error.what()) == "getsockname EBADF");
        CHECK(error.failure().code() == "EBADF");
    }
    const Address bound = must(socket.bind_sync(0, "127.0.0.1"));
    CHECK(bound == must(socket.address()));
    must(socket.set_ttl(3));
    CHECK_THROWS_AS(must(socket.set_ttl(0)), FailureError);
    CHECK_THROWS_WITH(must(Failure::of_text({Code::lookup_not_found, Operation::lookup}, "nope")),
                      "getaddrinfo ENOTFOUND nope");
    must(Failure());
}
