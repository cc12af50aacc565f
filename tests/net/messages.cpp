// 'messages': one call for what arrived together, a train or several datagrams, with 'message' and
// without it; and what a listener may do in the middle of a train: the rest is judged anew.
#ifdef __linux__

#include <netinet/in.h>

#include <optional>

#include "tests/net/faults.h"
#include "tests/net/trains.h"

namespace {

using net::Address;
using net::Datagram;
using net::Message;
using net::Messages;
using net::Options;
using net::Type;
using test::Audit;
using test::kernel_has_trains;
using test::Log;
using test::run_until;
using test::runs_out;
using test::settle;

// A sender that runs by itself: what it has sent waits for the receiver before the loop turns.
struct Source {
    explicit Source(std::string_view word) : name(word), socket(loop, Type::udp4) {
        address = test::bind_loopback(socket);
        socket.unref();
    }

    // "a000", "a001"... as one train, where there are any.
    void send(const Address& to, int count) {
        for (int i = 0; i < count; i++) {
            std::string number = std::to_string(next++);
            number.insert(0, 3 - std::min<std::size_t>(3, number.size()), '0');
            socket.send(name + number, to);
        }
        CHECK(runs_out(loop));
    }

    core::Loop loop;
    std::string name;
    Datagram socket;
    Address address;
    int next = 0;
};

struct Fixture {
    explicit Fixture(Options options = {}, bool taught = true)
        : source("a"), receiver(loop, std::move(options)),
          to(test::bind_loopback(receiver)) {
        kernel_has_trains();
        if (taught) test::teach_trains(loop, receiver, to);
    }

    Audit audit;
    core::Loop loop;
    Source source;
    std::optional<Datagram> gone;  // Where a test destroys it.
    Datagram receiver;
    Address to;
    Log log;

    auto noting() {
        return [this](const Message& message) { log.add(std::string(message.text())); };
    }
    // All of a call as one line: "a000 a001".
    auto noting_all() {
        return [this](Messages messages) {
            std::string line;
            for (const Message& message : messages) {
                line += (line.empty() ? "" : " ") + std::string(message.text());
            }
            log.add(line);
        };
    }
};

// "a000 a001 a002"
std::string numbered(char letter, int begin, int end) {
    std::string all;
    for (int i = begin; i < end; i++) {
        const std::string number = std::to_string(1000 + i);
        all += (all.empty() ? "" : " ") + std::string(1, letter) + number.substr(1);
    }
    return all;
}

}  // namespace

// ---- What is told ------------------------------------------------------------------------------

TEST_CASE("a train is one call: its datagrams in order, their sizes, and their sender") {
    for (const int count : {2, 20, 127, 128}) {
        CAPTURE(count);
        Fixture f;
        int calls = 0;
        f.receiver.on_messages([&](Messages messages) {
            calls++;
            for (const Message& message : messages) {
                CHECK(message.sender == f.source.address);
                CHECK(message.size() == 4);
                CHECK_FALSE(message.truncated);
            }
        });
        f.receiver.on_messages(f.noting_all());
        f.source.send(f.to, count);
        CHECK(run_until(f.loop, [&] { return f.log.text() == numbered('a', 0, count); }));
        settle(f.loop);
        CHECK(f.log.text() == numbered('a', 0, count));
        CHECK((calls == 1 || !kernel_has_trains()));
    }
}

TEST_CASE("several senders: one call, each datagram with its own, and no call of more than 128") {
    Fixture f;
    std::vector<std::unique_ptr<Source>> sources;
    for (const char* name : {"b", "c", "d"}) sources.push_back(std::make_unique<Source>(name));
    std::size_t longest = 0;
    std::size_t most_senders = 0;
    std::string heard;
    f.receiver.on_messages([&](Messages messages) {
        longest = std::max(longest, messages.size());
        std::vector<std::string> senders;
        for (const Message& message : messages) {
            heard += (heard.empty() ? "" : " ") + std::string(message.text());
            const auto& source = *sources[static_cast<std::size_t>(message.text()[0] - 'b')];
            CHECK(message.sender == source.address);
            senders.push_back(message.sender.text());
        }
        std::sort(senders.begin(), senders.end());
        senders.erase(std::unique(senders.begin(), senders.end()), senders.end());
        most_senders = std::max(most_senders, senders.size());
    });
    std::string expected;
    for (int round = 0; round < 6; round++) {
        for (std::size_t i = 0; i < 3; i++) {
            const int begin = sources[i]->next;
            sources[i]->send(f.to, 5 + 3 * round + static_cast<int>(i));
            const char letter = static_cast<char>('b' + i);
            expected += (expected.empty() ? "" : " ") + numbered(letter, begin, sources[i]->next);
        }
    }
    CHECK(run_until(f.loop, [&] { return heard.size() >= expected.size(); }));
    CHECK(heard == expected);
    CHECK(most_senders == 3);
    CHECK((longest > 16 || !kernel_has_trains()));
    CHECK(longest <= 128);
}

TEST_CASE("trains that come together are cut where a call is full, and go on with the next one") {
    Fixture f;
    std::size_t longest = 0;
    std::string heard;
    f.receiver.on_messages([&](Messages messages) {
        longest = std::max(longest, messages.size());
        for (const Message& message : messages) {
            heard += (heard.empty() ? "" : " ") + std::string(message.text());
        }
    });
    const int trains = kernel_has_trains() ? 14 : 4;  // As datagrams they need more room.
    for (int i = 0; i < trains; i++) f.source.send(f.to, 40);
    CHECK(run_until(f.loop, [&] { return heard == numbered('a', 0, trains * 40); }));
    CHECK((longest == 128 || !kernel_has_trains()));
}

TEST_CASE("empty datagrams, and those of a unix socket, come as messages too") {
    Fixture f;
    f.receiver.on_messages([&](Messages messages) {
        for (const Message& message : messages) f.log.add(std::to_string(message.size()));
    });
    for (const std::string_view text : {"", "a", "", "bc"}) f.source.socket.send(text, f.to);
    CHECK(runs_out(f.source.loop));
    CHECK(run_until(f.loop, [&] { return f.log.text() == "0 1 0 2"; }));

    const test::Path path("messages");
    Datagram local(f.loop, Type::unix_dgram);
    CHECK(local.bind_sync(path));
    local.on_messages([&](Messages messages) {
        for (const Message& message : messages) f.log.add(std::string(message.text()));
    });
    Datagram client(f.loop, Type::unix_dgram);
    client.send("by", path);
    client.send("path", path);
    CHECK(run_until(f.loop, [&] { return f.log.text() == "0 1 0 2 by path"; }));
}

TEST_CASE("beside a listener of 'message' they come one by one, each to 'messages' first") {
    Fixture f;
    f.receiver.on_message(f.noting());
    f.receiver.on_messages([&](Messages messages) {
        f.log.add(std::to_string(messages.size()) + std::string(messages[0].text()));
    });
    f.source.send(f.to, 3);
    CHECK(run_until(f.loop, [&] { return f.log.lines.size() == 6; }));
    CHECK(f.log.text() == "1a000 a000 1a001 a001 1a002 a002");
}

TEST_CASE("once_messages is told once; off and listener_count know them") {
    Fixture f;
    CHECK(f.receiver.listener_count(net::Event::messages) == 0);
    const net::ListenerId first = f.receiver.on_messages(f.noting_all());
    const net::ListenerId second = f.receiver.once_messages(f.noting_all());
    CHECK(first != 0);
    CHECK(second != 0);
    CHECK(f.receiver.listener_count(net::Event::messages) == 2);
    CHECK(f.receiver.listener_count(net::Event::message) == 0);
    f.source.send(f.to, 1);
    CHECK(run_until(f.loop, [&] { return f.log.text() == "a000 a000"; }));
    CHECK(f.receiver.listener_count(net::Event::messages) == 1);
    f.source.send(f.to, 1);
    CHECK(run_until(f.loop, [&] { return f.log.text() == "a000 a000 a001"; }));
    CHECK(f.receiver.off(first));
    CHECK_FALSE(f.receiver.off(first));
    CHECK_FALSE(f.receiver.off(second));
    CHECK(f.receiver.listener_count(net::Event::messages) == 0);
    f.source.send(f.to, 5);
    settle(f.loop);
    CHECK(f.log.text() == "a000 a000 a001");
}

// ---- In the middle of a train ------------------------------------------------------------------

TEST_CASE("[40] closed, destroyed or unheard after any one of a train: nothing more is told") {
    enum class End { close, destroy, off };
    for (const End end : {End::close, End::destroy, End::off}) {
        for (const int after : {1, 2, 19, 20}) {
            CAPTURE(static_cast<int>(end));
            CAPTURE(after);
            Fixture f;
            f.gone.emplace(std::move(f.receiver));
            net::ListenerId id = 0;
            id = f.gone->on_message([&](const Message& message) {
                f.log.add(std::string(message.text()));
                if (static_cast<int>(f.log.lines.size()) != after) return;
                if (end == End::close) f.gone->close();
                if (end == End::destroy) f.gone.reset();
                if (end == End::off) CHECK(f.gone->off(id));
            });
            f.source.send(f.to, 20);
            f.source.send(f.to, 20);
            CHECK(run_until(f.loop, [&] {
                return static_cast<int>(f.log.lines.size()) >= after;
            }));
            settle(f.loop);
            CHECK(f.log.text() == numbered('a', 0, after));
        }
    }
}

TEST_CASE("[40] closed, destroyed or unheard inside 'messages': no other train is told") {
    enum class End { close, destroy, off };
    for (const End end : {End::close, End::destroy, End::off}) {
        CAPTURE(static_cast<int>(end));
        Fixture f;
        f.gone.emplace(std::move(f.receiver));
        int others = 0;
        net::ListenerId id = 0;
        id = f.gone->on_messages([&](Messages messages) {
            f.noting_all()(messages);
            if (end == End::close) f.gone->close();
            if (end == End::destroy) f.gone.reset();
            if (end == End::off) CHECK(f.gone->off(id));
            CHECK(messages[0].text() == "a000");  // The bytes stay until this returns.
            CHECK(messages.back().sender == f.source.address);
        });
        if (end != End::off) f.gone->on_message([&] { others++; });
        f.source.send(f.to, 20);
        f.source.send(f.to, 20);
        CHECK(run_until(f.loop, [&] { return !f.log.lines.empty(); }));
        settle(f.loop);
        CHECK(f.log.lines.size() == 1);
        CHECK(others == 0);
    }
}

TEST_CASE("[25] a connect to somebody else in the middle of a train: its rest is a stranger's") {
    for (const bool together : {false, true}) {
        CAPTURE(together);
        Fixture f;
        Source other("b");
        const auto connect = [&] {
            CHECK(f.receiver.connect_sync(other.address.port));
        };
        if (together) {
            f.receiver.once_messages([&](Messages messages) {
                f.log.add(std::string(messages[0].text()));
                connect();
            });
        }
        f.receiver.on_message([&](const Message& message) {
            f.log.add(std::string(message.text()));
            if (!together && f.log.lines.size() == 3) connect();
        });
        f.source.send(f.to, 10);
        f.source.send(f.to, 10);
        other.send(f.to, 2);
        CHECK(run_until(f.loop, [&] { return f.receiver.counters().strangers > 0; }));
        other.send(f.to, 2);
        CHECK(run_until(f.loop, [&] { return f.log.lines.back() == "b003"; }));
        CHECK(f.receiver.counters().strangers == (together ? 19 : 17));
        const std::string before = together ? "a000 a000" : "a000 a001 a002";
        CHECK(f.log.text() == before + " " + numbered('b', 0, 4));
    }
}

TEST_CASE("a listener of 'messages' that comes in the middle of a train hears the rest") {
    for (const bool once : {false, true}) {
        CAPTURE(once);
        Fixture f;
        const auto join_in = [&](const Message& message) {
            f.log.add(std::string(message.text()));
            if (f.log.lines.size() > 1) return;
            f.receiver.on_messages([&](Messages messages) {
                for (const Message& each : messages) f.log.add("+" + std::string(each.text()));
            });
        };
        once ? f.receiver.once_message(join_in) : f.receiver.on_message(join_in);
        f.source.send(f.to, 4);
        settle(f.loop);
        CHECK(f.log.text() ==
              (once ? "a000 +a001 +a002 +a003" : "a000 +a001 a001 +a002 a002 +a003 a003"));
    }
}

// ---- Who is not heard --------------------------------------------------------------------------

TEST_CASE("[38] a blocked sender's trains are dropped, and counted by their datagrams") {
    const auto blocked = std::make_shared<net::BlockList>();
    CHECK_FALSE(blocked->add_address("127.0.0.1"));
    for (const bool together : {false, true}) {
        Fixture f({.receive_block_list = blocked}, false);
        int heard = 0;
        if (together) {
            f.receiver.on_messages([&] { heard++; });
        } else {
            f.receiver.on_message([&] { heard++; });
        }
        f.source.send(f.to, 20);
        f.source.send(f.to, 1);
        f.source.send(f.to, 7);
        CHECK(run_until(f.loop, [&] { return f.receiver.counters().blocked >= 28; }));
        settle(f.loop);
        CHECK(f.receiver.counters().blocked == 28);
        CHECK(heard == 0);
    }
}

TEST_CASE("[25] strangers are left out of what arrived together, and counted by datagrams") {
    for (const bool together : {false, true}) {
        Fixture f;
        Source friendly("f");
        CHECK(f.receiver.connect_sync(friendly.address.port));
        CHECK_FALSE(f.receiver.disconnect());
        for (int i = 0; i < 3; i++) {  // Into the queue while nobody is a stranger.
            f.source.send(f.to, 5);
            friendly.send(f.to, 4);
        }
        CHECK(f.receiver.connect_sync(friendly.address.port));
        if (together) {
            f.receiver.on_messages(f.noting_all());
        } else {
            f.receiver.on_message(f.noting());
        }
        CHECK(run_until(f.loop, [&] { return f.log.text() == numbered('f', 0, 12); }));
        CHECK(f.receiver.counters().strangers == 15);
    }
}

// ---- Sent on as they are -----------------------------------------------------------------------

TEST_CASE("[3] a whole train is sent back out of its place, without a copy, 200 times over") {
    Fixture f;
    f.source.socket.on_message(f.noting());
    std::vector<const void*> places;
    f.receiver.on_messages([&](Messages messages) {
        for (const Message& message : messages) {
            places.push_back(message.bytes.data());
            f.receiver.send(message.bytes, message.sender);
        }
    });
    std::vector<const void*> left;
    test::on_sending = [&](const msghdr& message) {
        const auto* const to = static_cast<const sockaddr_in*>(message.msg_name);
        if (!to || ntohs(to->sin_port) != f.source.address.port) return 0;
        for (std::size_t i = 0; i < message.msg_iovlen; i++) {
            left.push_back(message.msg_iov[i].iov_base);
        }
        return 0;
    };
    for (int round = 0; round < 200; round++) {
        f.log.lines.clear();
        f.source.next = 0;
        f.source.send(f.to, 30);
        CHECK(run_until(f.loop, [&] { return left.size() == 30u * (1u + unsigned(round)); }));
        CHECK(run_until(f.source.loop, [&] { return f.log.lines.size() == 30; }));
        CHECK(f.log.text() == numbered('a', 0, 30));
    }
    test::on_sending = nullptr;
    CHECK(left == places);
    CHECK(f.receiver.get_send_queue_count() == 0);
}

TEST_CASE("[3] what cannot leave at once is copied out of its place, and arrives as it was") {
    for (const int error : {EAGAIN, ENOBUFS}) {
        CAPTURE(error);
        Fixture f;
        f.source.socket.on_message(f.noting());
        f.receiver.on_messages([&](Messages messages) {
            for (const Message& message : messages) {
                f.receiver.send(message.bytes, message.sender);
            }
        });
        bool full = true;
        test::on_sending = [&](const msghdr& message) {
            const auto* const to = static_cast<const sockaddr_in*>(message.msg_name);
            const bool echo = to && ntohs(to->sin_port) == f.source.address.port;
            return echo && full ? error : 0;
        };
        f.source.send(f.to, 30);
        CHECK(run_until(f.loop, [&] { return f.receiver.get_send_queue_count() == 30; }));
        for (int i = 0; i < 5; i++) {  // The place is used again meanwhile.
            f.source.send(f.to, 30);
            f.loop.post([] {});
            CHECK_FALSE(f.loop.turn());
        }
        full = false;
        CHECK(run_until(f.loop, [&] { return f.receiver.get_send_queue_count() == 0; }));
        CHECK(run_until(f.source.loop, [&] { return f.log.lines.size() >= 180; }));
        test::on_sending = nullptr;
        CHECK(f.log.text() == numbered('a', 0, 180));
    }
}

#endif
