// Names instead of addresses in send, bind and connect: through the system's resolver, which every
// machine lets know localhost, and through a custom look-up with all its whims. A resolver that
// hangs is in names_hanging.cpp.
#include <functional>
#include <memory>
#include <optional>

#include "tests/net/receiver.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::BlockList;
using net::Bytes;
using net::Code;
using net::Datagram;
using net::Error;
using net::Failure;
using net::Family;
using net::Lookup;
using net::LookupAnswer;
using net::Message;
using net::Operation;
using net::Options;
using net::Type;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::runs_out;
using test::settle;
using test::Told;

// Keeps the questions, to be answered when the test likes.
struct Questions {
    Lookup lookup() {
        return [this](std::string_view host, Family family, LookupAnswer answer) {
            hosts.emplace_back(host);
            families.push_back(family);
            answers.push_back(std::move(answer));
        };
    }
    void answer_all(const Address& address) {
        for (LookupAnswer& answer : answers) answer(address);
        answers.clear();
    }
    std::vector<std::string> hosts;
    std::vector<Family> families;
    std::vector<LookupAnswer> answers;
};

Lookup at_once(std::function<net::Result<Address>(std::string_view)> function) {
    return [function = std::move(function)](std::string_view host, Family, LookupAnswer answer) {
        answer(function(host));
    };
}

Lookup to_loopback() {
    return [](std::string_view, Family family, LookupAnswer answer) {
        answer(Address::loopback(family));
    };
}

const Error not_found{Code::lookup_not_found, Operation::none};

}  // namespace

// ---- The system's resolver ----------------------------------------------------------------------

// The v0.4 documentation's own example, word for word.
TEST_CASE("[28][34] send to localhost and close: it arrives") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    const std::string message = "Some bytes";
    Datagram client(loop, Type::udp4);
    client.on_close(told.word("close"));
    client.send(message, 0, message.size(), receiver.port(), "localhost", told.sent());
    client.close();
    CHECK(runs_out(loop));
    CHECK(told.text() == "10 close");
    CHECK(receiver.hears(1));
    CHECK(receiver.text() == "Some bytes");
}

TEST_CASE("[28] send, bind and connect understand names, for both families") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram bound(loop, Type::udp4);
    bound.bind(0, "localhost", [&] {
        const net::Result<Address> local = bound.address();
        CHECK(local);
        if (local) told.add(local->host());
        bound.send("x", receiver.port(), "localhost", [&] { bound.close(told.word("close")); });
    });
    CHECK(runs_out(loop));
    CHECK(told.text() == "127.0.0.1 close");
    CHECK(receiver.hears(1));
    told.lines.clear();
    Datagram connected(loop, Type::udp4);
    connected.connect(receiver.port(), "LOCALHOST", told.connected());
    connected.send("queued", told.sent());
    CHECK(receiver.hears(2));
    CHECK(told.text() == "connected 6");
    const net::Result<Address> remote = connected.remote_address();
    CHECK(remote);
    if (remote) CHECK(*remote == receiver.address);
}

// ---- A custom look-up ---------------------------------------------------------------------------

TEST_CASE("[11] it is asked for names, with the socket's family, and never for literals") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Receiver receiver(loop, type);
        Questions questions;
        Told told;
        Datagram socket(loop, Options{.type = type, .lookup = questions.lookup()});
        socket.send("literal", receiver.port(), test::loopback(type), told.sent());
        socket.send("default", receiver.port(), told.sent());
        socket.send("name", receiver.port(), "Some.Name", told.sent());
        CHECK(questions.hosts.empty());  // Not inside the call.
        CHECK(receiver.hears(2));
        CHECK(run_until(loop, [&] { return !questions.hosts.empty(); }));
        CHECK(questions.hosts == std::vector{"Some.Name"s});
        CHECK(questions.families.front() == receiver.address.family);
        // The answer's port is ignored.
        questions.answer_all(Address::loopback(receiver.address.family, 9));
        CHECK(receiver.hears(3));
        CHECK(receiver.texts.back() == "name");
        CHECK(told.text() == "7 7 4");
    }
}

TEST_CASE("[3][11] an answer at once is late enough: the send leaves on a later tick") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    std::uint64_t asked = 0;
    std::uint64_t sent = 0;
    Datagram socket(loop, Options{.type = Type::udp4, .lookup = to_loopback()});
    REQUIRE(socket.bind_sync());
    settle(loop);
    loop.post([&] {
        asked = loop.tick();
        socket.send("name", receiver.port(), "name", [&] { sent = loop.tick(); });
        socket.send("literal", receiver.port(), [&] {
            CHECK(loop.tick() == asked);
            CHECK(sent == 0);
        });
    });
    CHECK(receiver.hears(2));
    CHECK(sent > asked);
    CHECK(receiver.text() == "literal name");
}

TEST_CASE("[1][15] a look-up that fails at once takes no other outcome's place") {
    const Audit audit;
    core::Loop loop;
    const auto fails = [](std::string_view) -> net::Result<Address> {
        return Error{Code::lookup_not_found, Operation::lookup};
    };
    Datagram first(loop, Options{.type = Type::udp4, .lookup = at_once(fails)});
    Datagram second(loop, Type::udp4);
    std::string told;
    std::vector<std::uint64_t> ticks;
    const auto note = [&](const char* who) {
        return [&, who](const Failure& failure) {
            told += std::string(who) + std::string(failure.code()) + " ";
            ticks.push_back(loop.tick());
        };
    };
    first.on_error(note("1:"));
    second.on_error(note("2:"));
    first.bind(0, "no.such.name");
    first.bind(0);
    second.bind(-1);
    settle(loop);
    CHECK(told == "1:ENOTFOUND 1:ERR_SOCKET_ALREADY_BOUND 2:ERR_SOCKET_BAD_PORT ");
    REQUIRE(ticks.size() == 3);
    CHECK(ticks[1] == ticks[2]);  // Refusals have nothing to wait for.
    CHECK(ticks[0] <= ticks[1]);
}

TEST_CASE("[1][11] what a look-up that answers at once lets leave takes no other outcome's place") {
    const Audit audit;
    core::Loop loop;
    int questions = 0;
    Datagram socket(loop, Options{.type = Type::udp4,
                                  .lookup = [&](std::string_view, Family, LookupAnswer answer) {
                                      if (++questions == 2) {  // A setting lets sends leave.
                                          CHECK_FALSE(socket.set_multicast_loopback(true));
                                      }
                                      answer(Error{Code::lookup_not_found, Operation::lookup});
                                  }});
    Receiver receiver(loop);
    Told told;
    REQUIRE(socket.bind_sync());
    settle(loop);
    std::vector<std::uint64_t> ticks;
    const auto note = [&](const Failure& failure) {
        told.add(failure.code().empty() ? "ok" : std::string(failure.code()));
        ticks.push_back(loop.tick());
    };
    socket.send("1", receiver.port(), "a.name", note);
    socket.send("2", receiver.port(), "b.name", note);
    socket.send("3", receiver.port(), note);
    socket.send("4", 0, note);
    settle(loop);
    REQUIRE(ticks.size() == 4);
    CHECK(told.text() == "ENOTFOUND ok ERR_SOCKET_BAD_PORT ENOTFOUND");
    CHECK(ticks[0] == ticks[2]);
}

TEST_CASE("[11][30] answers may come in any order, and to one name the order is kept") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Questions questions;
    Datagram socket(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
    for (const char* text : {"1", "2", "3"}) {
        socket.send(text, receiver.port(), "same.name", told.sent());
    }
    CHECK(run_until(loop, [&] { return questions.answers.size() == 3; }));
    CHECK(socket.get_send_queue_count() == 3);
    questions.answer_all(receiver.address);
    CHECK(receiver.hears(3));
    CHECK(receiver.text() == "1 2 3");
    receiver.texts.clear();
    socket.send("first", receiver.port(), "one.name");
    socket.send("second", receiver.port(), "other.name");
    CHECK(run_until(loop, [&] { return questions.answers.size() == 2; }));
    questions.answers[1](receiver.address);
    CHECK(receiver.hears(1));
    questions.answers[0](receiver.address);
    CHECK(receiver.hears(2));
    CHECK(receiver.text() == "second first");
    questions.answers.clear();
    CHECK(told.text() == "1 1 1");
}

TEST_CASE("[11][31] an answer counts once; a look-up that forgets to answer is ECANCELED") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    const auto answer_often = [](std::string_view, Family family, LookupAnswer answer) {
        answer(Address::loopback(family));
        answer(not_found);
        LookupAnswer moved(std::move(answer));
        moved(not_found);
    };
    Datagram twice(loop, Options{.type = Type::udp4, .lookup = answer_often});
    twice.send("x", receiver.port(), "name", told.sent());
    CHECK(receiver.hears(1));
    settle(loop);
    CHECK(told.text() == "1");
    told.lines.clear();
    Datagram forgetful(loop, Options{.type = Type::udp4, .lookup = [] {}});
    forgetful.on_error(told.failed());
    forgetful.send("x", receiver.port(), "name", told.sent());
    forgetful.send("x", receiver.port(), "name");
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.text() == "getaddrinfo ECANCELED name getaddrinfo ECANCELED name");
    told.lines.clear();
    Questions questions;
    Datagram late(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
    late.send("x", receiver.port(), "name", told.sent());
    settle(loop);
    CHECK(told.count() == 0);
    questions.answers.clear();
    CHECK(told.count() == 0);  // Never inside a call, nor inside a destructor.
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    CHECK(told.text() == "getaddrinfo ECANCELED name");
}

TEST_CASE("[16][31] a name that is not found fails what asked for it, and names the name") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram socket(loop, Options{.type = Type::udp4, .lookup = at_once([](std::string_view) {
                                      return not_found;
                                  })});
    socket.on_error(told.failed());
    socket.on_listening(told.word("listening"));
    socket.send("x", 9, "nope.invalid", [&](const Failure& failure) {
        CHECK(failure.text() == "getaddrinfo ENOTFOUND nope.invalid");
        CHECK(failure.host == "nope.invalid");
        CHECK(failure.syscall() == "getaddrinfo");
        told.add("sent");
    });
    socket.connect(9, "nope.invalid", [&](const Failure& failure) {
        told.add(failure.text());
        socket.connect(receiver.port(), told.connected());  // It may try again.
    });
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(told.text() == "listening sent getaddrinfo ENOTFOUND nope.invalid connected");
    told.lines.clear();
    Datagram bound(loop, Options{.type = Type::udp4, .lookup = at_once([](std::string_view) {
                                     return not_found;
                                 })});
    bound.on_error([&](const Failure& failure) {
        told.add(failure.text());
        bound.bind(0, "127.0.0.1", told.word("bound"));
    });
    bound.bind(0, "nope.invalid", told.word("never"));
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.text() == "getaddrinfo ENOTFOUND nope.invalid bound");
}

TEST_CASE("[11][32] an address of the wrong family is EINVAL, whoever found it") {
    const Audit audit;
    core::Loop loop;
    Told told;
    const auto make = [] {
        return Options{.type = Type::udp4, .lookup = at_once([](std::string_view) {
                           return Address::loopback(Family::ipv6, 1);
                       })};
    };
    Datagram socket(loop, make());
    socket.on_error(told.failed());
    socket.send("x", 9, "name", told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    CHECK(told.lines.back() == "send EINVAL ::1:9");
    socket.connect(9, "name", told.connected());
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.lines.back() == "connect EINVAL ::1:9");
    Datagram bound(loop, make());
    bound.on_error(told.failed());
    bound.bind(9, "name");
    CHECK(run_until(loop, [&] { return told.count() == 3; }));
    CHECK(told.lines.back() == "bind EINVAL ::1:9");
    socket.send("x", 9, "literal", told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(told.lines.back() == "send EINVAL ::1:9");
}

TEST_CASE("[38] the address that was found is judged, not the name") {
    const Audit audit;
    core::Loop loop;
    Told told;
    auto blocked = std::make_shared<BlockList>();
    REQUIRE_FALSE(blocked->add_subnet("127.0.0.0", 8));
    Datagram socket(loop, Options{.type = Type::udp4, .lookup = to_loopback(),
                                  .send_block_list = blocked});
    socket.send("x", 9, "innocent.name", told.sent());
    socket.connect(9, "innocent.name", told.connected());
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.lines == std::vector(2, "IP(127.0.0.1) is blocked by net.BlockList"s));
}

// ---- What a send carries meanwhile --------------------------------------------------------------

TEST_CASE("[3][28] lists, kept strings and received bytes survive the wait for a name") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Questions questions;
    std::string text = "text";
    Datagram socket(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
    const Address self = test::bind_loopback(socket);
    socket.on_message([&](const Message& message) {
        socket.send(message.bytes, receiver.port(), "name");
        socket.send({"<", message.bytes, ">"}, receiver.port(), "name");
    });
    socket.send({"li", "st", "of", "more", "than", "three"}, receiver.port(), "name");
    socket.send(std::string("kept in a place of its own"), receiver.port(), "name");
    socket.send(text, receiver.port(), "name");
    for (const char* received : {"received", "RECEIVED"}) receiver.socket.send(received, self);
    CHECK(run_until(loop, [&] { return questions.answers.size() == 7; }));
    text = "TEXT";  // Not copied, so it may still change.
    for (int i = 0; i < 20; i++) receiver.socket.send("overwrites the arena", receiver.address);
    CHECK(receiver.hears(20));
    receiver.texts.clear();
    questions.answer_all(receiver.address);
    CHECK(receiver.hears(7));
    CHECK(receiver.texts == std::vector{"listofmorethanthree"s, "kept in a place of its own"s,
                                        "TEXT"s, "received"s, "<received>"s, "RECEIVED"s,
                                        "<RECEIVED>"s});
}

TEST_CASE("[36] sends that wait for a name count, and are bounded") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Questions questions;
    Datagram socket(loop, Options{.type = Type::udp4, .lookup = questions.lookup(),
                                  .send_queue_datagrams_max = 3});
    socket.on_drain(told.word("drain"));
    for (int i = 0; i < 5; i++) socket.send("four", 9, "name", told.sent());
    CHECK(socket.get_send_queue_count() == 3);
    CHECK(socket.get_send_queue_size() == 12);
    settle(loop);
    CHECK(told.lines == std::vector(2, "send ENOBUFS"s));
    CHECK(questions.answers.size() == 3);
    for (LookupAnswer& answer : questions.answers) answer(not_found);
    CHECK(run_until(loop, [&] { return told.count() == 6; }));
    CHECK(told.lines.back() == "drain");
    CHECK(socket.get_send_queue_count() == 0);
    CHECK(socket.get_send_queue_size() == 0);
}

// ---- The end, meanwhile -------------------------------------------------------------------------

TEST_CASE("[34] close waits for a look-up, as long as `linger`") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Questions questions;
    {
        Datagram socket(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
        socket.send("answered", receiver.port(), "name", told.sent());
        socket.close(told.word("close"));
        settle(loop);
        CHECK(told.count() == 0);
        questions.answer_all(receiver.address);
        CHECK(runs_out(loop));
        CHECK(told.text() == "8 close");
        CHECK(receiver.hears(1));
    }
    told.lines.clear();
    for (const bool connecting : {false, true}) {
        Datagram socket(loop,
                        Options{.type = Type::udp4, .lookup = questions.lookup(), .linger = 30ms});
        socket.on_connect(told.word("connect"));
        socket.on_error(told.failed());
        if (connecting) socket.connect(receiver.port(), "name", told.connected());
        if (connecting) socket.send("x", told.sent());
        if (!connecting) socket.send("x", receiver.port(), "name", told.sent());
        socket.close(told.word("close"));
        const std::int64_t begin = loop.now().nanoseconds;
        CHECK(runs_out(loop));
        CHECK(loop.now().nanoseconds - begin >= 30'000'000);
        CHECK(told.text() == "send ETIMEDOUT close");
        told.lines.clear();
        questions.answer_all(receiver.address);  // Nobody waits any more.
        settle(loop);
        CHECK(told.count() == 0);
    }
}

TEST_CASE("[17][24] close during the look-up of a bind or connect leaves only 'close'") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Questions questions;
    for (const bool abort : {false, true}) {
        for (const bool asked : {false, true}) {
            Datagram bound(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
            Datagram connected(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
            for (Datagram* socket : {&bound, &connected}) {
                socket->on_listening(told.word("listening"));
                socket->on_connect(told.word("connect"));
                socket->on_error(told.failed());
            }
            bound.bind(0, "name", told.word("bound"));
            REQUIRE(connected.bind_sync());
            settle(loop);
            told.lines.clear();
            connected.connect(9, "name", told.connected());
            if (asked) settle(loop);
            for (Datagram* socket : {&bound, &connected}) {
                abort ? socket->abort(told.word("close")) : socket->close(told.word("close"));
            }
            CHECK(runs_out(loop));
            CHECK(told.text() == "close close");
            questions.answer_all(Address::loopback(Family::ipv4));
            settle(loop);
            CHECK(told.count() == 2);
        }
    }
}

TEST_CASE("[11][42] inside its look-up a socket may be closed, aborted, destroyed, replaced") {
    for (const std::string what : {"send", "bind", "connect"}) {
        for (const std::string how : {"close", "abort", "destroy", "replace", "answer, destroy"}) {
            CAPTURE(what);
            CAPTURE(how);
            const Audit audit;
            core::Loop loop;
            Receiver receiver(loop);
            Told told;
            std::optional<Datagram> socket;
            const auto act = [&](std::string_view host, Family family, LookupAnswer answer) {
                told.add(std::string(host));
                if (how == "answer, destroy") answer(Address::loopback(family));
                if (how == "close") socket->close(told.word("close"));
                if (how == "abort") socket->abort(told.word("close"));
                if (how == "destroy" || how == "answer, destroy") socket.reset();
                if (how == "replace") socket.emplace(loop, Type::udp4);
                CHECK(host == "first");  // Still there to be read.
                answer(Address::loopback(family));
            };
            socket.emplace(loop, Options{.type = Type::udp4, .lookup = act});
            if (what == "send") socket->send("x", receiver.port(), "first", told.sent());
            if (what == "bind") socket->bind(0, "first", told.word("bound"));
            if (what == "connect") socket->connect(receiver.port(), "first", told.connected());
            CHECK(run_until(loop, [&] { return told.count() > 0; }));
            settle(loop);
            CAPTURE(told.text());
            CHECK(told.lines.front() == "first");
            // Destruction offers what has an address.
            const bool delivers = what == "send" && (how == "close" || how == "answer, destroy");
            if (how == "close" || how == "abort") {
                CHECK(told.lines.back() == "close");
                CHECK(told.count() == (what == "send" ? 3 : 2));
            } else {
                CHECK(told.count() == 1);
            }
            CHECK(receiver.texts.size() == (delivers ? 1 : 0));
        }
    }
}

TEST_CASE("[11][42] an answer outlives socket and loop without harm") {
    const Audit audit;
    Questions questions;
    Told told;
    {
        core::Loop loop;
        Datagram destroyed(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
        {
            Datagram socket(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
            socket.send("x", 9, "name", told.sent());
            settle(loop);
            CHECK(questions.answers.size() == 1);
        }
        questions.answer_all(Address::loopback(Family::ipv4));
        settle(loop);
        destroyed.send("x", 9, "name", told.sent());
        destroyed.connect(9, "name", told.connected());
        settle(loop);
        CHECK(questions.answers.size() == 2);
    }
    questions.answer_all(Address::loopback(Family::ipv4));
    CHECK(told.count() == 0);
}

TEST_CASE("[42] names that were not looked up yet go with socket or loop") {
    const Audit audit;
    Told told;
    std::optional<core::Loop> loop(std::in_place);
    Datagram outlives(*loop, Type::udp4);
    {
        Datagram socket(*loop, Type::udp4);
        socket.send("x", 9, "name", told.sent());
        socket.connect(9, "name", told.connected());
        Datagram bound(*loop, Type::udp4);
        bound.bind(0, "name");
    }
    outlives.send(std::string("kept"), 9, "name", told.sent());
    outlives.send({"a", "list", "of", "more"}, 9, "name", told.sent());
    loop.reset();
    CHECK(told.count() == 0);
}

// ---- Names that no resolver may see -------------------------------------------------------------

TEST_CASE("[37] a name with a NUL, or longer than 253 octets, is refused unseen") {
    const Audit audit;
    core::Loop loop;
    const std::string label(63, 'a');
    const std::string longest = label + '.' + label + '.' + label + '.' + label.substr(2);
    CHECK(longest.size() == 253);
    const std::vector<std::string> refused{"localhost\0.example"s, "\0"s, "127.0.0.1\0"s,
                                           longest + "a", std::string(70'000, 'a')};
    Questions questions;
    Told told;
    Datagram socket(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
    for (const std::string& name : refused) {
        Datagram bound(loop, Options{.type = Type::udp4, .lookup = questions.lookup()});
        bound.on_error(told.failed());
        bound.bind(9, name);
        socket.send("x", 9, name, told.sent());
        socket.connect(9, name, told.connected());
        CHECK(run_until(loop, [&] { return told.count() == 3; }));
        for (const std::string& line : told.lines) CHECK(line == "getaddrinfo ENOTFOUND " + name);
        told.lines.clear();
    }
    CHECK(questions.hosts.empty());
    socket.send("x", 9, longest, told.sent());
    CHECK(run_until(loop, [&] { return !questions.hosts.empty(); }));
    CHECK(questions.hosts.front() == longest);
}
