// What a cluster's workers inherit, where descriptors are numbers that can be gone through: see
// tests/platform/windows_processes.cpp for the other one.
#if !defined(_WIN32)

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "tests/net/cluster.h"

namespace {

using test::Audit;
using test::Role;
using test::Stage;
using test::Troupe;

const Role lists_descriptors("lists descriptors", [](Stage& stage) {
    std::string open;
    for (int descriptor = 0; descriptor < 256; descriptor++) {
        const int flags = ::fcntl(descriptor, F_GETFD);
        if (flags < 0) continue;
        open += std::to_string(descriptor) + (flags & FD_CLOEXEC ? "p " : " ");
    }
    (void)stage.worker.send(open);
});

}  // namespace

TEST_CASE("a worker gets the standard channels and its own, which becomes private, and no more") {
    const Audit audit;
    const int leaked = ::open("/dev/null", O_RDONLY);  // As somebody else's library may do.
    const int high = ::fcntl(leaked, F_DUPFD, 100);
    Troupe troupe(test::troupe(lists_descriptors, 2));
    CHECK(troupe.until([&] { return troupe.messages.size() == 2; }));
    REQUIRE(troupe.messages.size() == 2);
    for (const auto& [id, text] : troupe.messages) {
        const bool exact = text.starts_with("0 1 2 3p ");
        CHECK(exact);
        // What the loop itself has open is private; the rest is nobody's where the system can
        // close what was left inheritable.
        CHECK(text.find("100 ") == std::string::npos);
        std::size_t inheritable = 0;
        for (std::size_t i = 0; i + 1 < text.size(); i++) {
            inheritable += text[i] != 'p' && text[i + 1] == ' ';
        }
        CHECK(inheritable == 3);
    }
    ::close(high);
    ::close(leaked);
    CHECK(troupe.ends_well());
}

#endif
