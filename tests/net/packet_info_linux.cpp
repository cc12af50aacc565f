// What can only be seen from behind the scenes: how sends with options leave, what becomes of their
// bytes when there is no room, and what the kernel counts and calls a broadcast. Linux.
#if defined(__linux__)

#include <netinet/in.h>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/net/faults.h"
#include "tests/net/outcomes.h"
#include "tests/net/trains.h"
#include "tests/net/wire.h"

namespace {

using net::Address;
using net::Datagram;
using net::Message;
using net::PacketInfo;
using net::SendOptions;
using net::Type;
using test::Audit;
using test::Log;
using test::local_of;
using test::sent;

// As long as it exists, looks at each message on its way to the system.
struct Lookout {
    explicit Lookout(std::function<int(const msghdr&)> look) { test::on_sending = std::move(look); }
    ~Lookout() { test::on_sending = nullptr; }
};

}  // namespace

TEST_CASE("[30] equal options travel in one train, different ones apart, and in order") {
    const Audit audit;
    core::Loop loop;
    const bool trains = test::kernel_has_trains();
    Datagram server(loop, {.packet_info = true});
    const auto to = server.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    std::vector<std::string> heard;
    server.on_message([&](const Message& message) {
        const int traffic_class = message.info ? message.info->traffic_class : -1;
        heard.push_back(std::string(message.text()) + " " + std::to_string(traffic_class));
    });
    Datagram client(loop, Type::udp4);
    test::settle(loop);
    std::vector<std::string> texts;  // The bytes stay here, so the sends keep nothing.
    for (int i = 0; i < 120; i++) texts.push_back(std::to_string(100 + i));
    std::vector<std::string> wanted;
    std::size_t messages = 0;
    {
        const Lookout count([&](const msghdr&) {
            messages++;
            return 0;
        });
        for (std::size_t i = 0; i < texts.size(); i++) {
            const int traffic_class = static_cast<int>(i / 30 % 3) * 8;  // Some without any.
            wanted.push_back(texts[i] + " " + std::to_string(traffic_class));
            const std::string_view text = texts[i];
            if (traffic_class == 0) client.send(text, *to);
            if (traffic_class == 0) continue;
            client.send(text, *to, SendOptions{.traffic_class = traffic_class});
        }
        CHECK(test::run_until(loop, [&] { return heard.size() == texts.size(); }));
    }
    CHECK(heard == wanted);
    if (trains) CHECK(messages == 4);
}

TEST_CASE("[3] what waits for room keeps its options, and is copied out of the place it came in") {
    const Audit audit;
    core::Loop loop;
    Datagram client(loop, Type::udp4);
    const Address back = test::checked(client.bind_sync(0, "127.0.0.1"));
    std::vector<std::string> answers;
    client.on_message([&](const Message& message) { answers.emplace_back(message.text()); });
    Datagram server(loop, {.packet_info = true});
    const Address to = test::checked(server.bind_sync(0, "127.0.0.1"));
    server.on_message([&](const Message& message) {
        SendOptions options = net::reply_to(message);
        options.traffic_class = 8;
        server.send(message.bytes, message.sender, options);
    });
    bool full = true;
    std::size_t with_options = 0;
    const Lookout door([&](const msghdr& message) {
        const auto* const name = static_cast<const sockaddr_in*>(message.msg_name);
        if (!name || ntohs(name->sin_port) != back.port) return 0;
        if (!full && message.msg_controllen > 0) with_options++;
        return full ? EAGAIN : 0;
    });
    client.send("first", to);
    CHECK(test::run_until(loop, [&] { return server.get_send_queue_count() == 1; }));
    for (unsigned i = 0; i < 3; i++) {  // Its place is used again meanwhile.
        client.send("other", to);
        CHECK(test::run_until(loop, [&] { return server.get_send_queue_count() == i + 2u; }));
    }
    full = false;
    CHECK(test::run_until(loop, [&] { return answers.size() == 4; }));
    CHECK(answers == std::vector<std::string>{"first", "other", "other", "other"});
    CHECK(with_options > 0);
}

TEST_CASE("[44] fragments are forbidden for the sends that ask for it, and for no other") {
    const Audit audit;
    core::Loop loop;
    Datagram server(loop, Type::udp4);
    const Address to = test::checked(server.bind_sync(0, "127.0.0.1"));
    const auto opened = platform::open_datagram(loop.poller(), platform::Family::ipv4);
    REQUIRE(opened);
    if (!opened) return;
    const int descriptor = static_cast<int>(opened->handle);
    Datagram client(loop, Type::udp4);
    client.adopt(opened->handle);
    test::settle(loop);
    const auto setting = [&] {
        int value = -1;
        socklen_t size = sizeof value;
        CHECK(getsockopt(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, &value, &size) == 0);
        return value;
    };
    const int before = setting();
    CHECK(before != IP_PMTUDISC_DO);
    Log log;
    std::string forbidden;
    {
        const Lookout look([&](const msghdr&) {
            forbidden += setting() == IP_PMTUDISC_DO ? "1" : "0";
            return 0;
        });
        const auto send = [&](const char* name, bool uncut) {
            client.send(name, to, SendOptions{.hop_limit = 3, .dont_fragment = uncut},
                        sent(log, name));
        };
        send("a", false);
        send("bb", true);  // Each longer than the one before: no trains.
        send("ccc", true);
        send("dddd", false);
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 4; }));
    }
    CHECK(forbidden == "0110");
    CHECK(log.text() == "a(1) bb(2) ccc(3) dddd(4)");
    CHECK(setting() == before);
}

TEST_CASE("what the kernel has dropped is counted in what comes after it") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    Datagram server(loop, {.recv_buffer_size = 4096, .packet_info = true});
    const Address to = test::checked(server.bind_sync(0, "127.0.0.1"));
    std::size_t heard = 0;
    std::uint32_t drops = 0;
    server.on_message([&](const Message& message) {
        heard++;
        if (message.info) drops = message.info->drops;
    });
    test::settle(loop);
    Datagram client(elsewhere, {.segmentation = false});
    constexpr std::size_t flood = 200;
    for (std::size_t i = 0; i < flood; i++) client.send(std::string(500, 'x'), to);
    test::settle(elsewhere);
    test::settle(loop, flood);  // A turn for each, where datagrams are read one at a time.
    CHECK(heard > 0);
    CHECK(heard < flood);
    CHECK(drops == 0);  // Those that were there came before what was dropped.
    client.send("last", to);
    test::settle(elsewhere);
    const std::size_t dropped = flood - heard;
    test::settle(loop);
    CHECK(drops == dropped);
}

TEST_CASE("a broadcast is for many, and its answer leaves by the system's choice") {
    const Audit audit;
    core::Loop loop;
    Datagram server(loop, {.packet_info = true});
    const Address bound = test::checked(server.bind_sync());
    bool to_many = false;
    bool sourced = true;
    server.on_message([&](const Message& message) {
        to_many = message.info && message.info->to_many;
        sourced = net::reply_to(message).source.family != net::Family::none;
        server.send("answer", message.sender, net::reply_to(message));
    });
    Datagram client(loop, Type::udp4);
    CHECK(client.bind_sync(0, "127.0.0.1"));
    CHECK_FALSE(client.set_broadcast(true));
    bool answered = false;
    client.on_message([&] { answered = true; });
    const auto everybody = net::parse_literal("127.255.255.255", bound.port);
    REQUIRE(everybody);
    if (!everybody) return;
    client.send("anybody?", *everybody);
    CHECK(test::run_until(loop, [&] { return answered; }));
    CHECK(to_many);
    CHECK_FALSE(sourced);
}

#endif
