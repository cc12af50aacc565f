// The end of a socket: what close() waits for, what abort() cancels, what destruction leaves
// behind, and each of these inside each kind of callback.
#ifdef __linux__

#include <functional>
#include <memory>
#include <optional>

#include "tests/net/faults.h"
#include "tests/net/receiver.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::Bytes;
using net::Datagram;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Message;
using net::Options;
using net::Type;
using test::Audit;
using test::Call;
using test::Fault;
using test::Receiver;
using test::run_until;
using test::runs_out;
using test::settle;
using test::Told;

constexpr int for_ever = 1 << 30;

struct Full {  // A kernel that takes nothing.
    Fault one{Call::sendmsg, EAGAIN, for_ever};
    Fault many{Call::sendmmsg, EAGAIN, for_ever};
};

}  // namespace

// ---- close() ------------------------------------------------------------------------------------

TEST_CASE("[34] send, close: the datagrams arrive, their callbacks run, then comes 'close'") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_listening(told.word("listening"));
    sender.on_close(told.word("close"));
    sender.on_error(told.failed());
    sender.send("a", receiver.port(), told.sent());
    sender.send("bb", receiver.port(), "127.0.0.1", told.sent());
    sender.close(told.word("callback"));
    CHECK(told.count() == 0);
    CHECK(runs_out(loop));
    CHECK(told.text() == "1 2 close callback");
    CHECK(receiver.hears(2));
    CHECK(receiver.text() == "a bb");
    settle(loop);
    CHECK(told.count() == 4);
}

TEST_CASE("[34] the same connected, connecting, and inside a callback") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram connected(loop, Type::udp4);
    REQUIRE(connected.connect_sync(receiver.port()));
    connected.send("connected", told.sent());
    connected.close(told.word("close"));
    CHECK(runs_out(loop));
    CHECK(told.text() == "9 close");
    told.lines.clear();
    Datagram connecting(loop, Type::udp4);
    connecting.on_connect(told.word("connect"));
    connecting.connect(receiver.port(), told.connected());
    connecting.send("connecting", told.sent());
    connecting.close(told.word("close"));  // What the send needs happens, in silence.
    CHECK(runs_out(loop));
    CHECK(told.text() == "10 close");
    told.lines.clear();
    Datagram inside(loop, Type::udp4);
    loop.post([&] {
        inside.send("inside", receiver.port(), told.sent());
        inside.close(told.word("close"));
        CHECK(told.count() == 0);
    });
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.text() == "6 close");
    CHECK(receiver.hears(3));
    CHECK(receiver.text() == "connected connecting inside");
}

TEST_CASE("[34] close stops receiving at once, and lets what waits for room leave") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_message(told.word("message"));
    const Address address = test::bind_loopback(sender);
    {
        const Full full;
        sender.send("waits", receiver.port(), told.sent());
        settle(loop);
        receiver.socket.send("too late", address);
        sender.close(told.word("close"));
        settle(loop);
        CHECK(told.count() == 0);
        CHECK(sender.get_send_queue_count() == 1);
    }
    CHECK(runs_out(loop));
    CHECK(told.text() == "5 close");
    CHECK(receiver.hears(1));
    settle(loop);
    CHECK(told.count() == 2);
}

TEST_CASE("[34] what is still waiting after `linger` gets ETIMEDOUT, then comes 'close'") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Options{.type = Type::udp4, .linger = 60ms});
    sender.on_error(told.failed());
    REQUIRE(sender.bind_sync());
    const Full full;
    sender.send("x", 9, told.sent());
    sender.send("y", 9);
    settle(loop);
    const std::int64_t begin = loop.now().nanoseconds;
    sender.close(told.word("close"));
    CHECK(runs_out(loop));
    CHECK(loop.now().nanoseconds - begin >= 60'000'000);
    CHECK(loop.now().nanoseconds - begin < 2'000'000'000);
    CHECK(told.text() == "send ETIMEDOUT 127.0.0.1:9 send ETIMEDOUT 127.0.0.1:9 close");
    CHECK_FALSE(sender.address());
}

TEST_CASE("[34] without any `linger`, what can leave still does") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    for (const std::chrono::nanoseconds linger : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        Datagram sender(loop, Options{.type = Type::udp4, .linger = linger});
        sender.send("x", receiver.port(), told.sent());
        sender.close(told.word("close"));
        CHECK(runs_out(loop));
        CHECK(told.text() == "1 close");
        told.lines.clear();
    }
    CHECK(receiver.hears(3));
    Datagram sender(loop, Options{.type = Type::udp4, .linger = 0ns});
    const Full full;
    sender.send("x", 9, told.sent());
    sender.close(told.word("close"));
    CHECK(runs_out(loop));
    CHECK(told.text() == "send ETIMEDOUT 127.0.0.1:9 close");
}

TEST_CASE("[34][36] there is no 'drain' after close()") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    for (const bool abort : {false, true}) {
        Told told;
        Datagram sender(loop, Options{.type = Type::udp4, .send_queue_datagrams_max = 1});
        sender.on_drain(told.word("drain"));
        {
            const Full full;
            sender.send("x", receiver.port(), told.sent());
            sender.send("y", receiver.port(), told.sent());
            settle(loop);
            abort ? sender.abort(told.word("close")) : sender.close(told.word("close"));
        }
        CHECK(runs_out(loop));
        CHECK(told.count() == 3);
        CHECK(told.lines.back() == "close");
    }
}

TEST_CASE("[34] the endless `linger` is no overflow") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Options{.type = Type::udp4, .linger = std::chrono::nanoseconds::max()});
    const Full full;
    sender.send("x", 9, told.sent());
    sender.close(told.word("close"));
    settle(loop);
    CHECK(told.count() == 0);
}

TEST_CASE("[34] ENOBUFS is retried while closing, and then closes") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Type::udp4);
    const Fault one(Call::sendmsg, ENOBUFS, for_ever);
    sender.send("x", 9, told.sent());
    sender.close(told.word("close"));
    CHECK(runs_out(loop));
    CHECK(one.hits() == 6);
    CHECK(told.text() == "send ENOBUFS 127.0.0.1:9 close");
}

TEST_CASE("[34] a bind that fails while closing fails the sends, and 'close' comes last") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_error(told.failed());
    const Fault fault(Call::socket, EMFILE);
    sender.send("x", 9, told.sent());
    sender.close(told.word("close"));
    CHECK(runs_out(loop));
    CHECK(told.text() == "bind EMFILE 0.0.0.0 close");
}

// ---- abort() ------------------------------------------------------------------------------------

TEST_CASE("[34] abort completes everything pending with ECANCELED") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    std::vector<LookupAnswer> answers;
    Datagram sender(loop, Options{.type = Type::udp4,
                                  .lookup = [&](std::string_view, Family, LookupAnswer answer) {
                                      answers.push_back(std::move(answer));
                                  }});
    sender.on_error(told.failed());
    REQUIRE(sender.bind_sync());
    sender.send("left", receiver.port(), told.sent());
    CHECK(receiver.hears(1));
    sender.send("named", 9, "name.example", told.sent());
    settle(loop);
    CHECK(answers.size() == 1);
    {
        const Full full;
        sender.send("waits", 9, told.sent());
        settle(loop);
        sender.send("asked", 9, told.sent());
        sender.send("silent", 9);
        sender.abort(told.word("close"));
        CHECK(sender.get_send_queue_count() == 0);
        CHECK(told.text() == "4");
        CHECK(runs_out(loop));
    }
    CHECK(told.lines.size() == 6);
    CHECK(told.lines[1] == "send ECANCELED");  // Nobody knows its address.
    for (std::size_t i = 2; i < 5 && i < told.lines.size(); i++) {
        CHECK(told.lines[i] == "send ECANCELED 127.0.0.1:9");
    }
    CHECK(told.lines.back() == "close");
    answers.clear();
    CHECK(receiver.texts.size() == 1);
}

TEST_CASE("[31][34] abort inside a callback keeps the order of the calls") {
    const Audit audit;
    core::Loop loop;
    Told told;
    std::vector<LookupAnswer> answers;
    Datagram sender(loop, Options{.type = Type::udp4,
                                  .lookup = [&](std::string_view, Family, LookupAnswer answer) {
                                      answers.push_back(std::move(answer));
                                  }});
    sender.on_error(told.failed());
    sender.bind(0, "name.example");
    sender.send("first", 9, told.sent());
    sender.send("refused", -1, [&](const Failure&, std::size_t) {
        told.add("refused");
        sender.abort(told.word("close"));
    });
    sender.send("second", 9, [&](const Failure&, std::size_t) { told.add("second"); });
    CHECK(runs_out(loop));
    CHECK(told.text() == "refused send ECANCELED 127.0.0.1:9 second close");
    answers.clear();
}

TEST_CASE("[34][24] abort leaves only 'close' of a bind and a connect") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram socket(loop, Type::udp4);
    socket.on_listening(told.word("listening"));
    socket.on_connect(told.word("connect"));
    socket.on_error(told.failed());
    socket.bind(0, told.word("bound"));
    socket.connect(9, told.connected());
    socket.abort(told.word("close"));
    CHECK(runs_out(loop));
    CHECK(told.text() == "close");
}

// ---- 'close' ------------------------------------------------------------------------------------

TEST_CASE("[42] 'close' is emitted once, last, on a later tick") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram socket(loop, Type::udp4);
    socket.on_close(told.word("close"));
    socket.bind(0, [&] {
        const std::uint64_t tick = loop.tick();
        told.add("listening");
        socket.close([&, tick] {
            CHECK(loop.tick() >= tick);
            told.add("callback");
        });
        CHECK(told.text() == "listening");
    });
    CHECK(runs_out(loop));
    CHECK(told.text() == "listening close callback");
    Datagram idle(loop, Type::udp4);  // It never had a descriptor.
    idle.close(told.word("idle"));
    CHECK(told.count() == 3);
    CHECK(runs_out(loop));
    CHECK(told.lines.back() == "idle");
    settle(loop);
    CHECK(told.count() == 4);
}

TEST_CASE("[42] what is refused after close() does not put 'close' off") {
    const Audit audit;
    core::Loop loop;
    int errors = 0;
    int errors_at_close = 0;
    Datagram socket(loop, Type::udp4);
    socket.on_error([&] {  // A habit: whatever goes wrong, close.
        if (++errors < 20) socket.close();
    });
    socket.on_close([&] { errors_at_close = errors; });
    for (int i = 0; i < 3; i++) socket.send("x", 0);
    CHECK(runs_out(loop));
    CHECK(errors == 21);
    CHECK(errors_at_close == 3);
}

TEST_CASE("[42] on a closed socket each request is refused, and nothing else follows 'close'") {
    const Audit audit;
    core::Loop loop;
    const std::string gone = "Not running";
    for (const bool early : {true, false}) {  // Between close() and 'close', and after it.
        Told told;
        Datagram socket(loop, Type::udp4);
        REQUIRE(socket.bind_sync());
        socket.on_error(told.failed());
        socket.on_listening(told.word("listening"));
        socket.on_connect(told.word("connect"));
        settle(loop);
        CHECK(told.text() == "listening");
        told.lines.clear();
        socket.close();
        if (!early) CHECK(runs_out(loop));
        socket.close(told.word("never"));
        socket.abort(told.word("never"));
        socket.bind();
        socket.bind(0, "127.0.0.1", told.word("never"));
        socket.bind(0, "name.example");
        socket.bind({.port = 1, .exclusive = true});
        socket.bind(Address::any(Family::ipv4));
        socket.adopt(0);
        socket.connect(9, told.connected());
        socket.connect(9, "name.example", told.connected());
        socket.connect(Address::loopback(Family::ipv4, 9));
        socket.send("x", 9, told.sent());
        socket.send("x", told.sent());
        socket.send("x", 9, "name.example");
        CHECK(told.count() == 0);
        CHECK(runs_out(loop));
        CHECK(told.lines == std::vector(14, gone));
        settle(loop);
        CHECK(told.count() == 14);
    }
}

TEST_CASE("[42][44][45] on a closed socket each setting is refused") {
    const Audit audit;
    core::Loop loop;
    for (const bool early : {true, false}) {
        Datagram socket(loop, Type::udp4);
        REQUIRE(socket.bind_sync());
        socket.close();
        if (!early) CHECK(runs_out(loop));
        const net::Error errors[] = {
            socket.bind_sync().error(),
            socket.bind_sync("/nowhere").error(),
            socket.connect_sync(9).error(),
            socket.connect_sync("/nowhere").error(),
            socket.disconnect(),
            socket.set_broadcast(true),
            socket.set_ttl(1),
            socket.set_multicast_ttl(1),
            socket.set_multicast_loopback(true),
            socket.set_multicast_interface("127.0.0.1"),
            socket.set_recv_buffer_size(1000),
            socket.set_send_buffer_size(1000),
            socket.add_membership("239.1.2.3"),
            socket.drop_membership("239.1.2.3"),
            socket.add_membership_everywhere("239.1.2.3"),
            socket.add_source_specific_membership("127.0.0.1", "232.1.2.3"),
            socket.drop_source_specific_membership("127.0.0.1", "232.1.2.3"),
        };
        for (const net::Error& error : errors) {
            CHECK(platform::name(error.code) == "ERR_SOCKET_DGRAM_NOT_RUNNING");
            CHECK(net::text(error) == "Not running");
        }
        if (!early) CHECK_FALSE(socket.address());
        CHECK_FALSE(socket.remote_address());
        CHECK(runs_out(loop));
    }
}

// ---- Destruction --------------------------------------------------------------------------------

TEST_CASE("[42] destruction offers queued sends to the kernel, runs nothing and emits nothing") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    const std::shared_ptr<int> captured = std::make_shared<int>(0);
    {
        Datagram sender(loop, Type::udp4);
        sender.on_listening(told.word("listening"));
        sender.on_close(told.word("close"));
        sender.on_error(told.failed());
        sender.send("a", receiver.port(), [&told, captured] { told.add("a"); });
        sender.send(std::string("b"), receiver.port(), [&told, captured] { told.add("b"); });
        sender.send({"c", "d"}, receiver.port(), [&told, captured] { told.add("cd"); });
        sender.send("x", 70000, [&told, captured] { told.add("refused"); });
        CHECK(captured.use_count() == 5);
    }
    CHECK(captured.use_count() == 1);
    CHECK(receiver.hears(3));
    CHECK(receiver.text() == "a b cd");
    CHECK(told.count() == 0);
}

TEST_CASE("[42] destruction drops what is not taken or waits for a name; the bytes are free") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    std::vector<LookupAnswer> answers;
    const std::shared_ptr<int> captured = std::make_shared<int>(0);
    auto bytes = std::make_unique<std::string>(1000, 'x');
    {
        Datagram sender(loop, Options{.type = Type::udp4,
                                      .lookup = [&](std::string_view, Family, LookupAnswer answer) {
                                          answers.push_back(std::move(answer));
                                      }});
        REQUIRE(sender.bind_sync());
        sender.send(*bytes, 9, "looked.up", [&told, captured] { told.add("named"); });
        settle(loop);
        CHECK(answers.size() == 1);
        const Full full;
        sender.send(*bytes, receiver.port(), [&told, captured] { told.add("waits"); });
        settle(loop);
        sender.send(*bytes, receiver.port(), [&told, captured] { told.add("asked"); });
        sender.send({*bytes, "and more"}, receiver.port(), [&told, captured] { told.add("list"); });
        sender.send(*bytes, 9, "not.yet", [&told, captured] { told.add("not yet"); });
    }
    CHECK(captured.use_count() == 1);
    bytes.reset();  // AddressSanitizer sees whoever looks at them from now on.
    for (LookupAnswer& answer : answers) answer(Address::loopback(Family::ipv4));
    answers.clear();
    CHECK(runs_out(loop));
    settle(loop);
    CHECK(told.count() == 0);
    CHECK(receiver.texts.empty());
}

TEST_CASE("[42] a socket that outlives its loop is closed by it") {
    const Audit audit;
    Told told;
    core::Loop other;
    Receiver receiver(other);
    const std::shared_ptr<int> captured = std::make_shared<int>(0);
    std::optional<core::Loop> loop(std::in_place);
    std::optional<Datagram> bound(std::in_place, *loop, Type::udp4);
    Datagram connected(*loop, Type::udp4);
    Datagram idle(*loop, Type::udp4);
    Datagram closing(*loop, Type::udp4);
    const std::size_t descriptors = test::entries("/proc/self/fd");
    const Address address = test::bind_loopback(*bound);
    bound->on_close(told.word("close"));
    bound->on_error(told.failed());
    REQUIRE(connected.connect_sync(receiver.port()));
    connected.send("offered", [&told, captured] { told.add("offered"); });
    bound->send("too", receiver.port(), [&told, captured] { told.add("too"); });
    closing.send("and this", receiver.port(), [&told, captured] { told.add("three"); });
    closing.close(told.word("closed"));
    CHECK(test::entries("/proc/self/fd") > descriptors);
    loop.reset();
    CHECK(captured.use_count() == 1);
    CHECK(receiver.hears(3));
    // Its questions are answered, its requests go nowhere.
    for (Datagram* socket : {&*bound, &connected, &idle, &closing}) {
        CHECK(net::text(socket->address().error()) == "getsockname EBADF");
        CHECK(net::text(socket->remote_address().error()) == "Not connected");
        CHECK(socket->get_send_queue_count() == 0);
        CHECK_FALSE(socket->get_recv_buffer_size());
        CHECK(net::text(socket->set_ttl(1)) == "Not running");
        CHECK(net::text(socket->add_membership("239.1.2.3")) == "Not running");
        CHECK(net::text(socket->add_membership_everywhere("239.1.2.3")) == "Not running");
        CHECK(net::text(socket->set_multicast_interface("127.0.0.1")) == "Not running");
        CHECK(net::text(socket->bind_sync().error()) == "Not running");
        CHECK(net::text(socket->bind_sync("@x").error()) == "Not running");
        CHECK(net::text(socket->connect_sync(9).error()) == "Not running");
        CHECK(net::text(socket->disconnect()) == "Not running");
        socket->on_message([] {});
        socket->ref().unref().ref();
        socket->bind();
        socket->bind(0, "name.example");
        socket->bind("@path");
        socket->adopt(0);
        socket->connect(9);
        socket->connect(9, "name.example");
        socket->send("x", 9, told.sent());
        socket->send("x", 9, "name.example", told.sent());
        socket->send("x", told.sent());
        socket->send("x", address, told.sent());
        socket->close();
        socket->abort();
    }
    bound.emplace(other, Type::udp4);
    CHECK(told.count() == 0);
}

TEST_CASE("[42] assigning to a socket destroys the one that was there") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram socket(loop, Type::udp4);
    socket.on_close(told.word("close"));
    socket.send("old", receiver.port(), told.sent());
    socket = Datagram(loop, Type::udp4);
    socket.send("new", receiver.port(), told.sent());
    Datagram& same = socket;
    socket = std::move(same);
    CHECK(receiver.hears(2));
    CHECK(receiver.text() == "old new");
    CHECK(told.text() == "3");
}

TEST_CASE("[42] a socket may be destroyed by what its own callbacks hold") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    struct Session {
        explicit Session(core::Loop& owner) : socket(owner, Type::udp4) {}
        Datagram socket;
    };
    // The only reference lies in the callback, and goes with it.
    auto session = std::make_shared<Session>(loop);
    Datagram& socket = session->socket;
    socket.send("x", receiver.port(), [session] {});
    session.reset();
    CHECK(receiver.hears(1));
    CHECK(runs_out(loop));
    // The same among what a closing socket cancels.
    session = std::make_shared<Session>(loop);
    session->socket.send("y", receiver.port(), [session] {});
    session->socket.abort([session] {});
    session.reset();
    CHECK(runs_out(loop));
    CHECK(receiver.texts.size() == 1);
}

#endif
