// What changes the meaning of a bind: both stacks or one, shared addresses, IPv6 zones.
// Catch: a link-local address of the machine's own is used where there is one; without one the
// zones are proved by what the kernel accepts on the loopback interface.
#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/net/support.h"

namespace {

using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
using net::Message;
using net::Options;
using net::Type;
using test::Audit;
using test::Log;

std::string bind_outcome(core::Loop& loop, Options options, int port, std::string_view host) {
    const bool local = options.type == Type::unix_dgram;
    Datagram socket(loop, std::move(options));
    Log log;
    test::record(socket, log);
    if (local) {
        socket.bind(host);
    } else {
        socket.bind(port, host);
    }
    CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
    return log.text();
}

// What a name server or a file might give us: "fe80::1%2" and "fe80::1%eth0"; empty: there is none.
struct LinkLocal {
    LinkLocal() {
        std::ifstream list("/proc/net/if_inet6");
        std::string digits, index, length, scope, flags, name;
        while (list >> digits >> index >> length >> scope >> flags >> name) {
            const bool tentative = std::stoul(flags, nullptr, 16) & 0x40;
            if (scope != "20" || tentative || digits.size() != 32) continue;
            for (std::size_t i = 0; i < 32; i += 4) {
                host += (i ? ":" : "") + digits.substr(i, 4);
            }
            by_name = host + "%" + name;
            by_index = host + "%" + std::to_string(std::stoul(index, nullptr, 16));
            return;
        }
        MESSAGE("this machine has no link-local address: zones are not tried on one");
    }
    std::string host, by_name, by_index;
};

}  // namespace

// ---- Two stacks ------------------------------------------------------------------------------

TEST_CASE("[19] IPv6 only makes no sense on udp4") {
    const Audit audit;
    core::Loop loop;
    CHECK(bind_outcome(loop, {.type = Type::udp4, .ipv6_only = true}, 0, "") ==
          "error(bind EINVAL 0.0.0.0)");
    CHECK(bind_outcome(loop, {.type = Type::udp4, .ipv6_only = true}, 80, "127.0.0.1") ==
          "error(bind EINVAL 127.0.0.1:80)");
    Datagram socket(loop, {.type = Type::udp4, .ipv6_only = true});
    CHECK(net::text(socket.bind_sync().error()) == "bind EINVAL");
    Log log;
    test::record(socket, log);
    socket.send("x", 9, [&](const Failure& failure, std::size_t) { log.add(failure.text()); });
    test::settle(loop);
    CHECK(log.text() == "error(bind EINVAL 0.0.0.0) bind EINVAL 0.0.0.0");
}

TEST_CASE("[19] a dual-stack socket sees IPv4 senders as ::ffff:a.b.c.d, and can answer") {
    const Audit audit;
    core::Loop loop;
    Datagram six(loop, Type::udp6);
    Datagram four(loop, Type::udp4);
    const auto to = six.bind_sync();
    const auto from = four.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    REQUIRE(from);
    if (!to || !from) return;
    std::string host, family, answer;
    int port = 0;
    six.on_message([&](const Message& message) {
        host = message.sender.host();
        family = message.sender.family_name();
        port = message.sender.port;
        six.send(message.bytes, message.sender);
    });
    four.on_message([&](const Message& message) { answer = message.text(); });
    four.send("hello", to->port, "127.0.0.1");
    CHECK(test::run_until(loop, [&] { return !answer.empty(); }));
    CHECK(answer == "hello");
    CHECK(host == "::ffff:127.0.0.1");
    CHECK(family == "IPv6");
    CHECK(port == from->port);
    CHECK(bind_outcome(loop, {.type = Type::udp4}, to->port, "127.0.0.1") ==
          "error(bind EADDRINUSE 127.0.0.1:" + std::to_string(to->port) + ")");
}

TEST_CASE("[19] an IPv6-only socket leaves IPv4 to others") {
    const Audit audit;
    core::Loop loop;
    Datagram six(loop, {.type = Type::udp6, .ipv6_only = true});
    Datagram four(loop, Type::udp4);
    Datagram sender(loop, Type::udp4);
    int heard_by_six = 0;
    int heard_by_four = 0;
    six.on_message([&](const Message&) { heard_by_six++; });
    four.on_message([&](const Message&) { heard_by_four++; });
    const auto to = six.bind_sync();
    REQUIRE(to);
    if (!to) return;
    CHECK(four.bind_sync(to->port, "127.0.0.1"));
    sender.send("x", to->port, "127.0.0.1");
    CHECK(test::run_until(loop, [&] { return heard_by_four == 1; }));
    test::settle(loop);
    CHECK(heard_by_six == 0);
}

// ---- Shared addresses ------------------------------------------------------------------------

TEST_CASE("[21] an address is shared when both sockets ask") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        const std::string host = type == Type::udp4 ? "127.0.0.1" : "::1";
        for (const bool first : {false, true}) {
            Datagram holder(loop, {.type = type, .reuse_addr = first});
            const auto held = holder.bind_sync(0, host);
            REQUIRE(held);
            if (!held) return;
            const std::string in_use = "error(bind EADDRINUSE " + host + ":" +
                                       std::to_string(held->port) + ")";
            for (const bool second : {false, true}) {
                CAPTURE(first);
                CAPTURE(second);
                CHECK(bind_outcome(loop, {.type = type, .reuse_addr = second}, held->port, host) ==
                      (first && second ? "listening" : in_use));
            }
        }
    }
}

TEST_CASE("[21] the kernel spreads senders over the sockets that ask for it") {
    const Audit audit;
    core::Loop loop;
    Datagram one(loop, {.type = Type::udp4, .reuse_port = true});
    Datagram two(loop, {.type = Type::udp4, .reuse_port = true});
    int heard_by_one = 0;
    int heard_by_two = 0;
    one.on_message([&](const Message&) { heard_by_one++; });
    two.on_message([&](const Message&) { heard_by_two++; });
    const auto shared = one.bind_sync(0, "127.0.0.1");
    if (shared.error().code == net::Code::not_supported) return;  // It says so, as below.
    REQUIRE(shared);
    if (!shared) return;
    CHECK(two.bind_sync(shared->port, "127.0.0.1"));
    CHECK(bind_outcome(loop, {.type = Type::udp4}, shared->port, "127.0.0.1") ==
          "error(bind EADDRINUSE 127.0.0.1:" + std::to_string(shared->port) + ")");
    std::vector<std::unique_ptr<Datagram>> senders;  // Each has a port of its own.
    for (int i = 0; i < 64; i++) {
        senders.push_back(std::make_unique<Datagram>(loop, Type::udp4));
        senders.back()->send("x", *shared);
    }
    CHECK(test::run_until(loop, [&] { return heard_by_one + heard_by_two == 64; }));
    CHECK(heard_by_one > 0);
    CHECK(heard_by_two > 0);
}

TEST_CASE("[21] where nothing is spread, reuse_port is ENOTSUP") {
    const Audit audit;
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("reuse");
    CHECK(bind_outcome(loop, {.type = Type::unix_dgram, .reuse_port = true}, 0, path) ==
          "error(bind ENOTSUP " + path.text() + ")");
    CHECK_FALSE(std::filesystem::exists(path.text()));
}

// ---- Zones -----------------------------------------------------------------------------------

TEST_CASE("[22] a wrong zone is an error, for bind, connect and send alike") {
    const Audit audit;
    core::Loop loop;
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"fe80::1%volley-nope", "ENODEV"}, {"ff02::1%volley-nope", "ENODEV"},
        {"::%volley-nope", "ENODEV"},      {"fe80::1%0", "ENODEV"},
        {"fe80::1%99999999999", "ENODEV"}, {"fe80::1%", "EINVAL"},
        {"::1%lo", "EINVAL"},              {"::1%1", "EINVAL"},
        {"2001:db8::1%1", "EINVAL"},       {"::ffff:127.0.0.1%1", "EINVAL"},
        {"127.0.0.1%lo", "EINVAL"},
    };
    for (const auto& each : wrong) {
        const std::string& host = each.first;
        const std::string& code = each.second;
        CAPTURE(host);
        CHECK(bind_outcome(loop, {.type = Type::udp6}, 0, host) ==
              "error(bind " + code + " " + host + ")");
        Datagram socket(loop, Type::udp6);
        Log log;
        socket.connect(9, host, [&](const Failure& failure) { log.add(failure.text()); });
        socket.send("x", 9, host, [&](const Failure& failure, std::size_t) {
            log.add(failure.text());
        });
        CHECK(platform::name(socket.bind_sync(0, host).error().code) == code);
        CHECK(platform::name(socket.connect_sync(9, host).error().code) == code);
        test::settle(loop);
        CHECK(log.text() == "connect " + code + " " + host + ":9 send " + code + " " + host + ":9");
        CHECK_FALSE(socket.address());  // None of them has bound it.
    }
}

TEST_CASE("[22] zones by name and by number mean the same") {
    const Audit audit;
    core::Loop loop;
    for (const std::string zone : {"lo", "1"}) {
        CAPTURE(zone);
        Datagram group(loop, Type::udp6);
        const auto bound = group.bind_sync(0, "ff02::4242%" + zone);
        REQUIRE(bound);
        if (!bound) return;
        CHECK(bound->host() == "ff02::4242%1");
        CHECK(bound->scope == 1);
        Datagram any(loop, Type::udp6);
        CHECK(any.bind_sync(0, "::%" + zone));
    }
}

TEST_CASE("[22] link-local peers are reached, named and answered with their zone") {
    const Audit audit;
    core::Loop loop;
    const LinkLocal own;
    if (own.host.empty()) return;
    CHECK(bind_outcome(loop, {.type = Type::udp6}, 0, own.host) ==
          "error(bind EINVAL " + Address(*net::parse_literal(own.host)).host() + ")");
    for (const std::string& host : {own.by_name, own.by_index}) {
        CAPTURE(host);
        Datagram server(loop, Type::udp6);
        Datagram client(loop, Type::udp6);
        std::string sender, answer;
        server.on_message([&](const Message& message) {
            sender = message.sender.host();
            server.send(message.bytes, message.sender.port, message.sender.host());
        });
        client.on_message([&](const Message& message) { answer = message.text(); });
        Log log;
        test::record(server, log);
        server.bind(0, host);
        CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
        CHECK(log.text() == "listening");
        const auto to = server.address();
        if (!to) return;
        CHECK(to->host() == Address(*net::parse_literal(own.by_index)).host());
        client.send("by zone", to->port, host);
        CHECK(test::run_until(loop, [&] { return answer == "by zone"; }));
        CHECK(sender == to->host());
        const auto remote = client.connect_sync(to->port, host);
        REQUIRE(remote);
        if (!remote) return;
        CHECK(remote->host() == to->host());
        client.send("by peer");
        CHECK(test::run_until(loop, [&] { return answer == "by peer"; }));
    }
}
