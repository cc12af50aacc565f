// What travels beside a payload, both ways: what a message tells of its journey, what a send may
// choose for itself, answers from the address that was asked, and how long a packet may be.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/net/outcomes.h"

namespace {

using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
using net::Message;
using net::PacketInfo;
using net::SendOptions;
using net::Type;
using platform::Code;
using test::Audit;
using test::Log;
using test::local_of;
using test::sent;
using namespace std::chrono_literals;

// What a listener keeps of a message.
struct Heard {
    std::string text;
    Address sender;
    std::optional<PacketInfo> info;
};

void keep(Datagram& socket, std::vector<Heard>& heard) {
    socket.on_message([&heard](const Message& message) {
        heard.push_back({std::string(message.text()), message.sender, {}});
        if (message.info) heard.back().info = *message.info;
    });
}

// A socket that is told everything, on any address, and how to reach it.
struct Server {
    explicit Server(core::Loop& loop, Type type = Type::udp4)
        : socket(loop, {.type = type, .packet_info = true}) {
        CHECK(socket.bind_sync());
        address = Address::loopback(type == Type::udp4 ? Family::ipv4 : Family::ipv6,
                                    local_of(socket).port);
        keep(socket, heard);
    }
    Datagram socket;
    Address address;
    std::vector<Heard> heard;
};

Address ipv4(const char* text, std::uint16_t port = 0) {
    const auto parsed = net::parse_literal(text, port);
    CHECK(parsed);
    return parsed ? *parsed : Address::any(Family::ipv4);
}

// Linux has all of 127.0.0.0/8; others only what was given to the interface.
bool is_ours(core::Loop& loop, const Address& address) {
    Datagram socket(loop, Type::udp4);
    return static_cast<bool>(socket.bind_sync(0, address.host()));
}

// Whether datagrams of this socket can be kept whole at all.
bool can_forbid_fragments(Datagram& socket) {
    const platform::Error error = socket.set_dont_fragment(true);
    CHECK((!error || error.code == Code::not_supported));
    if (!error) CHECK_FALSE(socket.set_dont_fragment(false));
    return !error;
}

// As much of these options as sends of this type can choose here; of the rest the system has to say
// that it cannot, rather than pass over it.
SendOptions possible(core::Loop& loop, Type type, SendOptions options) {
    const auto works = [&](const SendOptions& one) {
        Server server(loop, type);
        Datagram client(loop, type);
        std::optional<Code> outcome;
        client.send("x", server.address, one, [&](const Failure& failure, std::size_t) {
            outcome = failure.error.code;
        });
        CHECK(test::run_until(loop, [&] { return outcome.has_value(); }));
        CHECK((outcome == Code::ok || outcome == Code::not_supported));
        return outcome == Code::ok;
    };
    if (!works({.hop_limit = options.hop_limit})) options.hop_limit = -1;
    if (!works({.traffic_class = options.traffic_class})) options.traffic_class = -1;
    return options;
}

// Ends a case that needs both over IPv4.
bool lacks_choices(core::Loop& loop) {
    const SendOptions left = possible(loop, Type::udp4, {.hop_limit = 9, .traffic_class = 4});
    const bool lacking = left.hop_limit < 0 || left.traffic_class < 0;
    if (lacking) MESSAGE("the rest of the case: here a send over IPv4 cannot choose all of it");
    return lacking;
}

}  // namespace

TEST_CASE("a message tells where it was sent to, where it came in, and how") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Server server(loop, type);
        Datagram client(loop, type);
        const SendOptions options =
            possible(loop, type, {.hop_limit = 33, .traffic_class = 0x2a});
        client.send("x", server.address, options);
        CHECK(test::run_until(loop, [&] { return server.heard.size() == 1; }));
        loop.after(20ms, [&] { client.send("later", server.address, options); });
        CHECK(test::run_until(loop, [&] { return server.heard.size() == 2; }));
        if (server.heard.size() != 2) return;
        REQUIRE((server.heard[0].info && server.heard[1].info));
        if (!server.heard[0].info || !server.heard[1].info) return;
        const PacketInfo& info = *server.heard[0].info;
        CHECK(Address(info.local).host() == server.address.host());
        CHECK(info.local.port == 0);
        CHECK(info.interface_index != 0);
        if (options.hop_limit >= 0) CHECK(info.hop_limit == 33);
        if (options.traffic_class >= 0) CHECK(info.traffic_class == 0x2a);
        if (options.traffic_class >= 0) CHECK(info.dscp() == 10);
        if (options.traffic_class >= 0) CHECK(info.ecn() == 2);
        CHECK_FALSE(info.to_many);
        CHECK(info.drops == 0);
        if (info.timestamp == 0) continue;  // Windows does not tell.
        CHECK(info.timestamp > 1'700'000'000'000'000'000);  // 2023, in nanoseconds.
        const std::int64_t between = server.heard[1].info->timestamp - info.timestamp;
        CHECK(between >= 19'000'000);
        CHECK(between < 10'000'000'000);
    }
}

TEST_CASE("who has not asked is told nothing, beside one who has") {
    const Audit audit;
    core::Loop loop;
    Server told(loop);
    Datagram plain(loop, Type::udp4);
    Datagram other(loop, {.type = Type::udp4, .linger = 1s});
    std::vector<Heard> heard;
    std::vector<Address> addresses{told.address};
    for (Datagram* each : {&plain, &other}) {
        keep(*each, heard);
        CHECK(each->bind_sync(0, "127.0.0.1"));
        addresses.push_back(local_of(*each));
    }
    Datagram client(loop, Type::udp4);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 8; i++) {
            for (const Address& to : addresses) client.send("x", to);
        }
        test::settle(loop, 2);
    }
    CHECK(test::run_until(loop, [&] { return told.heard.size() == 40 && heard.size() == 80; }));
    for (const Heard& each : told.heard) CHECK(each.info.has_value());
    for (const Heard& each : heard) CHECK_FALSE(each.info.has_value());
}

TEST_CASE("of many that arrive together each has its own, with 'messages' too") {
    const Audit audit;
    core::Loop loop;
    if (lacks_choices(loop)) return;
    Datagram server(loop, {.packet_info = true});
    const auto to = server.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    std::vector<int> classes;
    server.on_messages([&](net::Messages together) {
        for (const Message& message : together) {
            CHECK(message.info);
            if (message.info) classes.push_back(message.info->traffic_class);
        }
    });
    Datagram client(loop, Type::udp4);
    std::vector<int> wanted;
    for (int i = 0; i < 100; i++) {
        const int traffic_class = i / 10 * 4;
        wanted.push_back(traffic_class);
        client.send("x", *to, SendOptions{.traffic_class = traffic_class});
    }
    CHECK(test::run_until(loop, [&] { return classes.size() == 100; }));
    CHECK(classes == wanted);
}

TEST_CASE("an answer comes from the address that was asked") {
    const Audit audit;
    core::Loop loop;
    for (const bool informed : {true, false}) {
        CAPTURE(informed);
        Datagram server(loop, {.packet_info = informed});
        const auto bound = server.bind_sync();
        REQUIRE(bound);
        if (!bound) return;
        server.on_message([&](const Message& message) {
            server.send(message.bytes, message.sender, net::reply_to(message));
        });
        Datagram client(loop, Type::udp4);
        CHECK(client.bind_sync(0, "127.0.0.1"));
        std::vector<Heard> heard;
        keep(client, heard);
        const Address other = ipv4("127.0.0.5");
        const Address asked = ipv4(is_ours(loop, other) ? "127.0.0.5" : "127.0.0.1", bound->port);
        client.send("question", asked);
        CHECK(test::run_until(loop, [&] { return heard.size() == 1; }));
        if (heard.size() != 1) return;
        CHECK(heard[0].text == "question");
        if (informed) CHECK(heard[0].sender == asked);
    }
}

TEST_CASE("an answer to a group, or to everybody, leaves the source to the system") {
    PacketInfo info;
    const Address sender = ipv4("10.0.0.1", 5);
    const auto source_for = [&](const char* asked, bool to_many) {
        info.local = ipv4(asked);
        info.to_many = to_many;
        return net::reply_to({{}, sender, false, &info}).source.family;
    };
    CHECK(source_for("10.0.0.2", false) == Family::ipv4);
    CHECK(source_for("10.0.0.255", true) == Family::none);
    CHECK(source_for("224.0.0.114", false) == Family::none);
    CHECK(source_for("255.255.255.255", false) == Family::none);
    info = {};  // Of a system that does not tell.
    CHECK(net::reply_to({{}, sender, false, &info}).source.family == Family::none);
    CHECK(net::reply_to({{}, sender, false, nullptr}).source.family == Family::none);
}

TEST_CASE("[30][31] sends with options of their own keep their order, and outcomes, among others") {
    const Audit audit;
    core::Loop loop;
    if (lacks_choices(loop)) return;
    for (const bool connected : {false, true}) {
        CAPTURE(connected);
        Server server(loop);
        Datagram client(loop, Type::udp4);
        Log log;
        test::record(client, log);
        CHECK(client.bind_sync());
        if (connected) CHECK(client.connect_sync(server.address.port));
        test::settle(loop);
        log.lines.clear();
        const auto send = [&](std::string text, const SendOptions& options) {
            const std::string name = text;
            if (connected) client.send(std::move(text), options, sent(log, name));
            if (!connected) {
                client.send(std::move(text), server.address, options, sent(log, name));
            }
        };
        send("a", {.hop_limit = 9});
        send("b", {});
        send("c", {.hop_limit = 9});
        send("d", {.hop_limit = 9});
        send("e", {.hop_limit = 7, .traffic_class = 4});
        CHECK(test::run_until(loop, [&] { return server.heard.size() == 5; }));
        std::string heard;
        for (const Heard& each : server.heard) {
            CHECK(each.info);
            const int hops = each.info ? each.info->hop_limit : 0;
            heard += each.text + std::to_string(hops > 9 ? 0 : hops) + " ";
        }
        CHECK(heard == "a9 b0 c9 d9 e7 ");
        test::settle(loop);
        CHECK(log.text() == "a(1) b(1) c(1) d(1) e(1)");
    }
}

TEST_CASE("options that make no sense fail their own send only") {
    const Audit audit;
    core::Loop loop;
    if (lacks_choices(loop)) return;
    Server server(loop);
    Datagram client(loop, Type::udp4);
    Log log;
    const std::string to = server.address.text();
    const auto send = [&](const char* name, const SendOptions& options) {
        client.send(name, server.address, options, sent(log, name));
    };
    send("0", {.hop_limit = 0});
    send("256", {.hop_limit = 256});
    send("-2", {.hop_limit = -2});
    send("class", {.traffic_class = 256});
    send("well", {.hop_limit = 255, .traffic_class = 0});
    send("six", {.source = Address::loopback(Family::ipv6)});
    client.send("plain", server.address, sent(log, "plain"));
    CHECK(test::run_until(loop, [&] { return server.heard.size() == 2; }));
    test::settle(loop);
    const std::string refusal = "(send EINVAL " + to + ")";
    CHECK(log.text() == "0" + refusal + " 256" + refusal + " -2" + refusal + " class" + refusal +
                            " well(4) six" + refusal + " plain(5)");
    CHECK(server.heard[0].text == "well");
    CHECK(server.heard[1].text == "plain");
}

TEST_CASE("[49] a unix socket has no such options") {
    const Audit audit;
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    Datagram socket(loop, Type::unix_dgram);
    Log log;
    const auto path = net::parse_path("/nowhere");
    REQUIRE(path);
    if (!path) return;
    socket.send("x", *path, SendOptions{.hop_limit = 1}, sent(log, "send"));
    CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
    CHECK(log.text() == "send(send ENOTSUP /nowhere)");
}

TEST_CASE("[3][28] whatever bytes a send with options is made of, they arrive") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    Datagram client(loop, Type::udp4);
    std::vector<Heard> back;
    keep(client, back);
    CHECK(client.bind_sync(0, "127.0.0.1"));
    server.socket.on_message([&](const Message& message) {  // Out of its place, and in pieces.
        server.socket.send(message.bytes, message.sender, net::reply_to(message));
        server.socket.send({message.bytes, "!"}, message.sender, net::reply_to(message));
    });
    const int wanted = possible(loop, Type::udp4, {.traffic_class = 8}).traffic_class;
    const SendOptions options{.traffic_class = wanted};
    const std::string lasting = "a view";
    client.send(lasting, server.address, options);
    client.send(std::string(300, 'm'), server.address, options);
    client.send({"one ", "two ", "three ", "four ", "five"}, server.address, options);
    client.send({}, server.address, options);
    CHECK(test::run_until(loop, [&] { return back.size() == 8; }));
    const std::string texts[] = {lasting, std::string(300, 'm'), "one two three four five", ""};
    REQUIRE(server.heard.size() == 4);
    if (server.heard.size() != 4 || back.size() != 8) return;
    for (std::size_t i = 0; i < 4; i++) {
        CHECK(server.heard[i].text == texts[i]);
        if (server.heard[i].info && wanted == 8) {
            CHECK(server.heard[i].info->traffic_class == 8);
        }
        CHECK(back[2 * i].text == texts[i]);
        CHECK(back[2 * i + 1].text == texts[i] + "!");
    }
}

TEST_CASE("[30][42] options wait with their send, and end with it") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    test::Names names;
    Datagram client(loop, {.lookup = names.lookup()});
    const int hops = possible(loop, Type::udp4, {.hop_limit = 5}).hop_limit;
    client.bind(0, "later");
    client.send("x", server.address, SendOptions{.hop_limit = hops});
    test::settle(loop);
    CHECK(server.heard.empty());
    names.answer();
    CHECK(test::run_until(loop, [&] { return server.heard.size() == 1; }));
    if (server.heard.size() == 1 && server.heard[0].info && hops == 5) {
        CHECK(server.heard[0].info->hop_limit == 5);
    }
    auto doomed = std::make_unique<Datagram>(loop, net::Options{.lookup = names.lookup()});
    doomed->bind(0, "later");
    doomed->send(std::string(1000, 'x'), server.address,
                 SendOptions{.source = server.address, .hop_limit = 5});
    test::settle(loop);
    doomed.reset();
    test::settle(loop);
    CHECK(server.heard.size() == 1);
}

TEST_CASE("what a paused socket had read keeps its own, whoever reads meanwhile") {
    const Audit audit;
    core::Loop loop;
    Server other(loop);
    Datagram server(loop, {.packet_info = true});
    const auto to = server.bind_sync();
    REQUIRE(to);
    if (!to) return;
    const Address asked = ipv4(is_ours(loop, ipv4("127.0.0.5")) ? "127.0.0.5" : "127.0.0.1");
    std::vector<std::string> hosts;
    server.on_message([&](const Message& message) {
        server.pause();
        hosts.push_back(message.info ? Address(message.info->local).host() : "");
    });
    Datagram client(loop, Type::udp4);
    const Address aim = ipv4(asked.host().c_str(), to->port);
    for (const char* const text : {"1", "22", "333", "4444"}) client.send(text, aim);
    CHECK(test::run_until(loop, [&] { return hosts.size() == 1; }));
    for (std::size_t i = 2; i <= 4; i++) {
        for (int k = 0; k < 4; k++) client.send("between", other.address);
        CHECK(test::run_until(loop, [&] { return other.heard.size() == 4 * (i - 1); }));
        server.resume();
        CHECK(test::run_until(loop, [&] { return hosts.size() == i; }));
    }
    CHECK(hosts == std::vector<std::string>(4, asked.host()));
    for (const Heard& each : other.heard) {
        CHECK((each.info && Address(each.info->local).host() == "127.0.0.1"));
    }
}

TEST_CASE("[20] an adopted socket tells as much") {
    const Audit audit;
    core::Loop loop;
    const auto opened = platform::open_datagram(loop.poller(), Family::ipv4);
    REQUIRE(opened);
    if (!opened) return;
    CHECK_FALSE(platform::bind(*opened, Address::loopback(Family::ipv4)));
    Datagram server(loop, {.packet_info = true});
    std::vector<Heard> heard;
    keep(server, heard);
    server.adopt(opened->handle);
    test::settle(loop);
    Datagram client(loop, Type::udp4);
    client.send("x", local_of(server));
    CHECK(test::run_until(loop, [&] { return heard.size() == 1; }));
    CHECK((heard.size() == 1 && heard[0].info && heard[0].info->local.family == Family::ipv4));
}

TEST_CASE("a path's MTU: of a connected socket's, and of any") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Server server(loop, type);
        Datagram client(loop, type);
        CHECK(client.path_mtu().error().code == Code::not_connected_to_peer);
        CHECK(net::text(client.path_mtu().error()) == "Not connected");
        const auto beforehand = client.path_mtu(server.address);
        CHECK(client.connect_sync(server.address.port));
        const auto mtu = client.path_mtu();
        CHECK(static_cast<bool>(mtu) == static_cast<bool>(beforehand));
        if (!mtu) {
            CHECK(mtu.error().code == Code::not_supported);
            CHECK(net::text(mtu.error()) == "getPathMTU ENOTSUP");
        } else {
            CHECK(*mtu >= 1280);
            CHECK(*mtu == *beforehand);
        }
        CHECK(client.path_mtu(Address::any(Family::none)).error().code != Code::ok);
        client.close();
        CHECK(client.path_mtu(server.address).error().code == Code::not_running);
        test::settle(loop);
    }
}

TEST_CASE("[44] what must not be cut is refused beyond the MTU, by itself and by the socket") {
    const Audit audit;
    core::Loop loop;
    Datagram unbound(loop, Type::udp4);
    CHECK(net::text(unbound.set_dont_fragment(true)) == "setDontFragment EBADF");
    for (const Type type : {Type::udp4, Type::udp6}) {
        Server server(loop, type);
        Datagram client(loop, type);
        Log log;
        CHECK(client.bind_sync());
        const bool able = can_forbid_fragments(client);
        client.send("uncut", server.address, SendOptions{.dont_fragment = true}, sent(log, "1"));
        client.send("plain", server.address, sent(log, "2"));
        client.send("uncut", server.address, SendOptions{.dont_fragment = true}, sent(log, "3"));
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 3; }));
        const std::string outcome =
            able ? "5" : "send ENOTSUP " + server.address.text();
        CHECK(log.text() == "1(" + outcome + ") 2(5) 3(" + outcome + ")");
        CHECK(test::run_until(loop, [&] { return server.heard.size() == (able ? 3u : 1u); }));
        if (!able) continue;
        CHECK_FALSE(client.set_dont_fragment(true));
        client.send("uncut", server.address, SendOptions{.dont_fragment = true}, sent(log, "4"));
        client.send("plain", server.address, sent(log, "5"));
        CHECK(test::run_until(loop, [&] { return server.heard.size() == 5; }));
    }
}
