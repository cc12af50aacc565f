// Abstract names, which only Linux has, whatever it is polled by.
#ifdef __linux__

#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/platform/support.h"

using namespace platform;

namespace {

std::string unique_abstract_name(Poller& poller) {
    const std::string number = std::to_string(poller.now().nanoseconds);
    return std::string("\0volley-", 8) + std::to_string(getpid()) + "-" + number;
}

}  // namespace

TEST_CASE("[52] abstract names keep their full length, NULs and all, and claim nothing") {
    const auto poller = open_poller();
    const std::string name = unique_abstract_name(*poller) + std::string("\0tail\0", 6);
    const Owned server(*poller, Family::local);
    const PathClaim claim = must(bind_path(server, local(name), 0600), "bind_path");
    CHECK(claim.inode == 0);
    CHECK(path_of(server.address()) == name);
    const Owned second(*poller, Family::local);
    CHECK(bind_path(second, local(name), 0600).error().code == Code::address_in_use);
    // One NUL less is another name.
    const std::string shorter = name.substr(0, name.size() - 1);
    CHECK(bind_path(second, local(shorter), 0600));
    const Endpoint to = local(name);
    CHECK(!send_text(second, "x", &to));
    Inbox inbox(1, 64);
    CHECK(receive_next(*poller, server, inbox));
    CHECK(path_of(inbox.incoming[0].peer) == shorter);
    // The longest one.
    const Owned third(*poller, Family::local);
    const std::string longest = name + std::string(108 - name.size(), 'n');
    CHECK(bind_path(third, local(longest), 0600));
    CHECK(path_of(third.address()) == longest);
}

#endif
