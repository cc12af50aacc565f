// Questions and settings: addresses, hops, broadcast, multicast by interface, buffers. What leaves
// and how is seen by a socket below the library, which gets packet information.
#include <array>
#include <functional>

#include "tests/net/receiver.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::Datagram;
using net::Error;
using net::Family;
using net::Options;
using net::Type;
using platform::Option;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::runs_out;
using test::settle;
using test::Told;

const std::string not_bound = "Could not get or set buffer size: ";

// Sees what net does not tell: the hop limit of each datagram.
class Observer {
   public:
    Observer(core::Loop& loop, Type type) : loop_(loop) {
        const Family family = type == Type::udp6 ? Family::ipv6 : Family::ipv4;
        const auto opened = platform::open_datagram(loop.poller(), family);
        REQUIRE(opened);
        if (!opened) return;
        socket_ = *opened;
        CHECK_FALSE(platform::bind(socket_, Address::loopback(family)));
        CHECK_FALSE(platform::set_option(socket_, Option::packet_info, 1));
        const auto local = platform::local_endpoint(socket_);
        REQUIRE(local);
        if (local) address = *local;
    }
    ~Observer() {
        if (socket_) platform::close(socket_);
    }
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;

    // Of so many datagrams, in order.
    std::vector<int> hops(std::size_t count) {
        std::vector<int> seen;
        std::array<std::byte, 100> buffer;
        run_until(loop_, [&] {
            platform::PacketInfo info;
            platform::Incoming incoming;
            incoming.buffer = buffer;
            incoming.info = &info;
            while (platform::receive(socket_, {&incoming, 1})) {
                seen.push_back(info.hop_limit);
            }
            return seen.size() >= count;
        });
        return seen;
    }

    Address address;

   private:
    core::Loop& loop_;
    platform::Socket socket_;
};

// Without network, joining on the system's choice may fail; on loopback it does not.
constexpr const char* group = "239.255.77.1";

// Hears what is sent to the group by way of loopback.
struct Member {
    explicit Member(core::Loop& loop)
        : socket(loop, Options{.type = Type::udp4, .reuse_addr = true}) {
        const net::Result<Address> local = socket.bind_sync();
        REQUIRE(local);
        if (local) port = local->port;
        CHECK_FALSE(socket.add_membership(group, "127.0.0.1"));
        socket.on_message([this](const net::Message& message) {
            texts.emplace_back(message.text());
        });
    }
    Datagram socket;
    std::uint16_t port = 0;
    std::vector<std::string> texts;
};

}  // namespace

// ---- Addresses ----------------------------------------------------------------------------------

TEST_CASE("[43] address tells address, family and port; unbound it is EBADF") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Datagram socket(loop, type);
        CHECK(net::text(socket.address().error()) == "getsockname EBADF");
        socket.bind(0, test::loopback(type));
        CHECK(net::text(socket.address().error()) == "getsockname EBADF");
        settle(loop, 1);
        const net::Result<Address> local = socket.address();
        CHECK(local);
        if (!local) continue;
        CHECK(local->host() == test::loopback(type));
        CHECK(local->family_name() == (type == Type::udp4 ? "IPv4" : "IPv6"));
        CHECK(local->port != 0);
        CHECK(socket.address()->port == local->port);
        socket.close();
        CHECK(runs_out(loop));
        CHECK(net::text(socket.address().error()) == "getsockname EBADF");
    }
    Datagram local(loop, Type::unix_dgram);
    CHECK(net::text(local.address().error()) == "getsockname EBADF");
}

// ---- Range and state ----------------------------------------------------------------------------

TEST_CASE("[44] before bind each setting is EBADF, with the method's name") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Datagram socket(loop, type);
        for (const bool asked : {false, true}) {
            if (asked) socket.bind();
            CHECK(net::text(socket.set_broadcast(true)) == "setBroadcast EBADF");
            CHECK(net::text(socket.set_ttl(64)) == "setTTL EBADF");
            CHECK(net::text(socket.set_ttl(999)) == "setTTL EBADF");
            CHECK(net::text(socket.set_multicast_ttl(1)) == "setMulticastTTL EBADF");
            CHECK(net::text(socket.set_multicast_loopback(true)) == "setMulticastLoopback EBADF");
            CHECK(net::text(socket.set_multicast_interface("127.0.0.1")) ==
                  "setMulticastInterface EBADF");
        }
    }
}

TEST_CASE("[44] what is out of range is EINVAL, with the method's name") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Datagram socket(loop, type);
        REQUIRE(socket.bind_sync());
        for (const int hops : {0, -1, 256, INT32_MAX, INT32_MIN}) {
            CHECK(net::text(socket.set_ttl(hops)) == "setTTL EINVAL");
            CHECK(socket.set_ttl(hops).native == 0);
        }
        for (const int hops : {-1, 256, INT32_MAX, INT32_MIN}) {
            CHECK(net::text(socket.set_multicast_ttl(hops)) == "setMulticastTTL EINVAL");
        }
        for (const int hops : {1, 128, 255}) CHECK_FALSE(socket.set_ttl(hops));
        for (const int hops : {0, 1, 128, 255}) CHECK_FALSE(socket.set_multicast_ttl(hops));
        for (const bool on : {false, true, true, false}) {
            CHECK_FALSE(socket.set_broadcast(on));
            CHECK_FALSE(socket.set_multicast_loopback(on));
        }
    }
}

TEST_CASE("[44] settings do what their names say") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Observer observer(loop, type);
        Datagram socket(loop, type);
        REQUIRE(socket.bind_sync());
        for (const int hops : {1, 7, 255}) {
            CHECK_FALSE(socket.set_ttl(hops));
            socket.send("x", observer.address);
            CHECK(observer.hops(1) == std::vector{hops});
        }
    }
}

TEST_CASE("[44] send, setTTL, send means what it says") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Observer observer(loop, type);
        Told told;
        Datagram socket(loop, type);
        REQUIRE(socket.bind_sync());
        CHECK_FALSE(socket.set_ttl(11));
        socket.send("a", observer.address, told.sent());
        socket.send("a", observer.address, told.sent());
        CHECK_FALSE(socket.set_ttl(22));
        CHECK(observer.hops(2) == std::vector{11, 11});  // They have left, inside the call,
        CHECK(told.count() <= 2);
        socket.send("b", observer.address, told.sent());
        CHECK_FALSE(socket.set_ttl(33));
        CHECK(socket.get_send_queue_count() == 0);
        socket.send("c", observer.address, told.sent());
        CHECK(observer.hops(2) == std::vector{22, 33});
        CHECK(run_until(loop, [&] { return told.count() == 4; }));
        CHECK(told.text() == "1 1 1 1");
    }
}

TEST_CASE("[44] each setting of how datagrams leave lets the earlier ones leave") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Datagram socket(loop, Type::udp4);
    REQUIRE(socket.bind_sync());
    const std::function<Error()> changes[] = {
        [&] { return socket.set_broadcast(true); },
        [&] { return socket.set_ttl(9); },
        [&] { return socket.set_multicast_ttl(9); },
        [&] { return socket.set_multicast_loopback(false); },
        [&] { return socket.set_multicast_interface("127.0.0.1"); },
    };
    for (const std::function<Error()>& change : changes) {
        socket.send("x", receiver.port());
        CHECK(socket.get_send_queue_count() == 1);
        CHECK_FALSE(change());
        CHECK(socket.get_send_queue_count() == 0);
    }
    CHECK(receiver.hears(5));
}

TEST_CASE("[44] the callbacks of what left early come later all the same, after the settings") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram socket(loop, Type::udp4);
    REQUIRE(socket.bind_sync());
    settle(loop);
    socket.send("a", receiver.port(), told.sent());
    CHECK_FALSE(socket.set_broadcast(true));
    CHECK(socket.get_send_queue_count() == 0);
    CHECK(told.count() == 0);
    socket.send("x", 9, "127.255.255.255", told.sent());
    CHECK_FALSE(socket.set_broadcast(false));
    socket.send("x", 9, "127.255.255.255", told.sent());
    CHECK(told.count() == 0);
    CHECK(run_until(loop, [&] { return told.count() == 3; }));
    CHECK(told.lines == std::vector{"1"s, "1"s, "send EACCES 127.255.255.255:9"s});
    CHECK(receiver.hears(1));
}

TEST_CASE("[44] an impossible value lets the earlier sends leave, and changes nothing") {
    const Audit audit;
    core::Loop loop;
    Observer observer(loop, Type::udp4);
    Datagram socket(loop, Type::udp4);
    REQUIRE(socket.bind_sync());
    CHECK_FALSE(socket.set_ttl(5));
    CHECK(socket.set_ttl(0));
    socket.send("x", observer.address);
    CHECK(observer.hops(1) == std::vector{5});
}

TEST_CASE("[44] a unix socket has no hops and no groups") {
    const Audit audit;
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("settings");
    Datagram socket(loop, Type::unix_dgram);
    REQUIRE(socket.bind_sync(path));
    CHECK(net::text(socket.set_ttl(5)) == "setTTL ENOTSUP");
    CHECK(net::text(socket.set_multicast_ttl(5)) == "setMulticastTTL ENOTSUP");
    CHECK(net::text(socket.set_multicast_loopback(true)) == "setMulticastLoopback ENOTSUP");
    CHECK(net::text(socket.set_multicast_interface("127.0.0.1")) ==
          "setMulticastInterface ENOTSUP");
    CHECK(net::text(socket.add_membership(group)) == "addMembership ENOTSUP");
    CHECK(net::text(socket.drop_membership(group)) == "dropMembership ENOTSUP");
}

// ---- Multicast ----------------------------------------------------------------------------------

TEST_CASE("[47] the multicast interface is checked") {
    const Audit audit;
    core::Loop loop;
    const std::string name = "setMulticastInterface ";
    Datagram ipv4(loop, Type::udp4);
    Datagram ipv6(loop, Type::udp6);
    REQUIRE(ipv4.bind_sync());
    REQUIRE(ipv6.bind_sync());
    for (Datagram* socket : {&ipv4, &ipv6}) {
        for (const char* text : {"", "127.1", "::%", "1.2.3.4.5", "fe80::%", "::1%"}) {
            CHECK(net::text(socket->set_multicast_interface(text)) == name + "EINVAL");
        }
    }
    CHECK(net::text(ipv4.set_multicast_interface("198.51.100.77")) == name + "EADDRNOTAVAIL");
    CHECK(net::text(ipv4.set_multicast_interface("::1")) == name + "EPROTONOSUPPORT");
    CHECK(net::text(ipv6.set_multicast_interface("127.0.0.1")) == name + "EPROTONOSUPPORT");
    CHECK(net::text(ipv6.set_multicast_interface("fd00::77")) == name + "EADDRNOTAVAIL");
    CHECK(net::text(ipv4.set_multicast_interface("nonsense")) == name + "ENODEV");
    CHECK(net::text(ipv6.set_multicast_interface("nonsense")) == name + "ENODEV");
    CHECK(net::text(ipv6.set_multicast_interface("::%no.such0")) == name + "ENODEV");
    CHECK(ipv6.set_multicast_interface("::%4000000000"));
    CHECK_FALSE(ipv4.set_multicast_interface("127.0.0.1"));
    CHECK_FALSE(ipv4.set_multicast_interface("0.0.0.0"));
    CHECK_FALSE(ipv6.set_multicast_interface("::%1"));
    CHECK_FALSE(ipv6.set_multicast_interface("::%lo"));
    CHECK_FALSE(ipv6.set_multicast_interface("::"));
}

TEST_CASE("[47] it affects later sends only, and 0.0.0.0 gives the choice back") {
    const Audit audit;
    core::Loop loop;
    Member member(loop);
    Told told;
    Datagram socket(loop, Type::udp4);
    REQUIRE(socket.bind_sync());
    // The system chooses another interface, or has none to choose; never loopback.
    socket.send("before", member.port, group, told.sent());
    CHECK_FALSE(socket.set_multicast_interface("127.0.0.1"));
    socket.send("one", member.port, group, told.sent());
    socket.send("two", member.port, group, told.sent());
    CHECK_FALSE(socket.set_multicast_interface("0.0.0.0"));
    socket.send("after", member.port, group, told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(run_until(loop, [&] { return member.texts.size() >= 2; }));
    settle(loop);
    CHECK(member.texts == std::vector{"one"s, "two"s});
}

// Loopback has no route for IPv6 groups, other interfaces have: whatever leaves shows its way.
TEST_CASE("[47] on udp6 the zone chooses, by number") {
    const Audit audit;
    core::Loop loop;
    std::array<std::uint32_t, 16> indexes;
    const auto count = platform::interface_indexes(loop.poller(), indexes);
    REQUIRE(count);
    for (std::size_t i = 0; count && i < *count && i < indexes.size(); i++) {
        const std::string zone = "::%" + std::to_string(indexes[i]);
        std::vector<std::uint32_t> heard;
        Datagram member(loop, Type::udp6, [&](const net::Message& message) {
            heard.push_back(message.sender.scope);
        });
        const net::Result<Address> local = member.bind_sync();
        Datagram socket(loop, Type::udp6);
        REQUIRE(socket.bind_sync());
        if (!local || member.add_membership("ff12::7777", zone)) continue;
        CHECK_FALSE(socket.set_multicast_interface(zone));
        bool done = false;
        bool left = false;
        socket.send("x", local->port, "ff12::7777", [&](const net::Failure& failure) {
            done = true;
            left = !failure;
        });
        CHECK(run_until(loop, [&] { return done; }));
        if (!left) continue;
        settle(loop, 10);
        for (const std::uint32_t scope : heard) CHECK(scope == indexes[i]);
    }
}

// Asked below the library, which has no getters.
TEST_CASE("[44][48] multicast: the TTL is 1 unless set, this host hears itself unless told") {
    const Audit audit;
    core::Loop loop;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const auto opened = platform::open_datagram(loop.poller(), family);
        REQUIRE(opened);
        if (!opened) return;
        CHECK_FALSE(platform::bind(*opened, Address::any(family)));
        const auto value = [&](Option option) {
            const auto found = platform::get_option(*opened, option);
            CHECK(found);
            return found ? *found : -1;
        };
        Datagram socket(loop, family == Family::ipv4 ? Type::udp4 : Type::udp6);
        socket.adopt(opened->handle);
        settle(loop, 1);
        CHECK(value(Option::multicast_hop_limit) == 1);
        CHECK_FALSE(socket.set_multicast_ttl(9));
        CHECK(value(Option::multicast_hop_limit) == 9);
        CHECK(value(Option::multicast_loopback) == 1);
        CHECK_FALSE(socket.set_multicast_loopback(false));
        CHECK(value(Option::multicast_loopback) == 0);
        CHECK_FALSE(socket.set_multicast_loopback(true));
        CHECK(value(Option::multicast_loopback) == 1);
    }
}

// ---- Buffers ------------------------------------------------------------------------------------

TEST_CASE("[48] buffer sizes are read and set once bound; Linux doubles them") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    CHECK(net::text(socket.get_recv_buffer_size().error()) ==
          not_bound + "getRecvBufferSize EBADF (the socket is not bound)");
    CHECK(net::text(socket.get_send_buffer_size().error()) ==
          not_bound + "getSendBufferSize EBADF (the socket is not bound)");
    CHECK(net::text(socket.set_recv_buffer_size(8000)) ==
          not_bound + "setRecvBufferSize EBADF (the socket is not bound)");
    CHECK(net::text(socket.set_send_buffer_size(8000)) ==
          not_bound + "setSendBufferSize EBADF (the socket is not bound)");
    CHECK(platform::name(socket.set_send_buffer_size(8000).code) == "ERR_SOCKET_BUFFER_SIZE");
    REQUIRE(socket.bind_sync());
    const net::Result<int> before = socket.get_recv_buffer_size();
    CHECK(before);
    if (before) CHECK(*before > 0);
    CHECK(socket.get_send_buffer_size());
    CHECK_FALSE(socket.set_recv_buffer_size(8000));
    CHECK_FALSE(socket.set_send_buffer_size(9000));
    const net::Result<int> receive = socket.get_recv_buffer_size();
    const net::Result<int> send = socket.get_send_buffer_size();
    CHECK(receive);
    CHECK(send);
    if (receive) CHECK((*receive == 16000 || *receive == 8000));
    if (send) CHECK((*send == 18000 || *send == 9000));
}

TEST_CASE("[48] a size that is not positive is refused before all else") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    for (const bool bound : {false, true}) {
        if (bound) REQUIRE(socket.bind_sync());
        for (const int size : {0, -1, INT32_MIN}) {
            const Error receive = socket.set_recv_buffer_size(size);
            const Error send = socket.set_send_buffer_size(size);
            CHECK(platform::name(receive.code) == "ERR_SOCKET_BAD_BUFFER_SIZE");
            CHECK(platform::name(send.code) == "ERR_SOCKET_BAD_BUFFER_SIZE");
            CHECK(net::text(send) == "Buffer size must be a positive integer");
        }
    }
}
