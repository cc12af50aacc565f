// What the kernel does not take: waiting for room, the retries of ENOBUFS, the bound and 'drain',
// and errors of the system at every place. A full kernel is a Fault, or a unix receiver that does
// not read; it cannot be had from UDP on loopback.
#ifdef __linux__

#include <array>
#include <initializer_list>
#include <optional>

#include "tests/net/faults.h"
#include "tests/net/receiver.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Bytes;
using net::Datagram;
using net::Failure;
using net::Options;
using net::Type;
using test::Audit;
using test::Call;
using test::Fault;
using test::Receiver;
using test::run_until;
using test::Told;

constexpr int for_ever = 1 << 30;

// The kernel's answer to sends, alone or in batches.
struct Refusing {
    explicit Refusing(int error, int times = for_ever)
        : one(Call::sendmsg, error, times), many(Call::sendmmsg, error, times) {}
    int hits() const { return one.hits() + many.hits(); }
    Fault one;
    Fault many;
};

std::vector<std::string> numbers(int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; i++) texts.push_back(std::to_string(i));
    return texts;
}

std::string failed_to(const char* code, const Receiver& receiver) {
    return std::string("send ") + code + " " + receiver.address.text();
}

}  // namespace

// ---- EAGAIN -------------------------------------------------------------------------------------

TEST_CASE("[35] what finds no room waits, and leaves in order when there is some") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_error(told.failed());
    const std::vector<std::string> texts = numbers(50);
    {
        const Refusing full(EAGAIN);
        for (const std::string& text : texts) sender.send(text, receiver.port(), told.sent());
        test::settle(loop);
        CHECK(full.hits() > 0);
        CHECK(told.count() == 0);
        CHECK(sender.get_send_queue_count() == 50);
        CHECK(sender.get_send_queue_size() == 90);
        sender.send("later", receiver.port(), told.sent());
        test::settle(loop);
        CHECK(sender.get_send_queue_count() == 51);
    }
    CHECK(receiver.hears(51));
    CHECK(receiver.texts.back() == "later");
    receiver.texts.pop_back();
    CHECK(receiver.texts == texts);
    CHECK(told.count() == 51);
    CHECK(sender.get_send_queue_count() == 0);
    CHECK(sender.get_send_queue_size() == 0);
    test::settle(loop);
    CHECK(told.count() == 51);
}

TEST_CASE("[35] a connected unix sender waits for its receiver without spinning; nothing is lost") {
    const Audit audit;
    core::Loop loop;
    core::Loop other;
    const test::Path path("full");
    const std::vector<std::string> texts = numbers(100);
    Told told;
    Datagram sender(loop, Type::unix_dgram);
    {
        Receiver receiver(other, path);
        REQUIRE(sender.connect_sync(path));
        for (const std::string& text : texts) sender.send(text, told.sent());
        CHECK(run_until(loop, [&] { return told.count() > 0; }));
        const std::size_t taken = told.count();
        CHECK(taken < 100);
        CHECK(sender.get_send_queue_count() == 100 - taken);
        const std::uint64_t tick = loop.tick();
        CHECK_FALSE(loop.turn({loop.now().nanoseconds + 50'000'000}));
        CHECK_FALSE(loop.turn({loop.now().nanoseconds + 50'000'000}));
        CHECK(loop.tick() - tick == 2);
        CHECK(told.count() == taken);
        const bool all = run_until(loop, [&] {
            CHECK_FALSE(other.turn());
            return receiver.texts.size() == 100;
        });
        CHECK(all);
        CHECK(receiver.texts == texts);
        CHECK(told.count() == 100);
    }
    CHECK(told.lines.front() == "1");
    CHECK(told.lines.back() == "2");
}

// The poller calls an unconnected sender writable whatever its peers do.
TEST_CASE("[35] an unconnected unix sender retries by time, and a full path blocks only its own") {
    const Audit audit;
    core::Loop loop;
    core::Loop other;
    const test::Path full_path("full");
    const test::Path free_path("free");
    const std::vector<std::string> texts = numbers(60);
    Told told;
    Told told_free;
    Datagram sender(loop, Type::unix_dgram);
    Receiver full(other, full_path);
    Receiver free(loop, free_path);
    for (const std::string& text : texts) {
        sender.send(text, full_path, told.sent());
        sender.send(text, free_path, told_free.sent());
    }
    CHECK(free.hears(60));
    CHECK(free.texts == texts);
    CHECK(told_free.count() == 60);
    CHECK(told.count() < 60);
    const std::size_t waiting = sender.get_send_queue_count();
    CHECK(waiting == 60 - told.count());
    const std::uint64_t tick = loop.tick();
    const std::int64_t begin = loop.now().nanoseconds;
    while (loop.now().nanoseconds < begin + 100'000'000) {
        CHECK_FALSE(loop.turn({begin + 100'000'000}));
    }
    CHECK(loop.tick() - tick < 20);  // 1 + 2 + 4 + 8 + 16 + 16 + ... ms
    CHECK(sender.get_send_queue_count() == waiting);
    const bool all = run_until(loop, [&] {
        CHECK_FALSE(other.turn());
        return full.texts.size() == 60;
    });
    CHECK(all);
    CHECK(full.texts == texts);
    CHECK(told.count() == 60);
}

TEST_CASE("[35] a peer that goes away fails those that wait for it, and no others") {
    const Audit audit;
    core::Loop loop;
    const test::Path gone_path("gone");
    const test::Path there_path("there");
    Told told;
    Told told_there;
    Datagram sender(loop, Type::unix_dgram);
    Receiver there(loop, there_path);
    {
        core::Loop other;  // Never turned: nobody reads.
        Receiver gone(other, gone_path);
        const std::vector<std::string> texts = numbers(30);
        for (const std::string& text : texts) sender.send(text, gone_path, told.sent());
        sender.send("x", there_path, told_there.sent());
        CHECK(there.hears(1));
        CHECK(told.count() < 30);
    }
    CHECK(run_until(loop, [&] { return told.count() == 30; }));
    CHECK(told_there.text() == "1");
    CHECK(told.lines.back() == "send ENOENT " + gone_path.text());
}

TEST_CASE("[35] without the poller's help the retry is timed") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync());
    {
        const Fault unwatched(Call::watch, ENOMEM, for_ever);
        const Refusing full(EAGAIN, 2);
        sender.send("x", receiver.port(), told.sent());
        CHECK(run_until(loop, [&] { return told.count() == 1; }));
        CHECK(unwatched.hits() > 0);
    }
    CHECK(told.text() == "1");
    CHECK(receiver.hears(1));
}

TEST_CASE("[35][26] what waits at a disconnect still goes to the peer of that time") {
    const Audit audit;
    core::Loop loop;
    Receiver before(loop);
    Receiver after(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.connect_sync(before.port()));
    {
        const Refusing full(EAGAIN);
        sender.send("before", told.sent());
        CHECK_FALSE(sender.disconnect());
        sender.connect(after.port());
        sender.send("after", told.sent());
        test::settle(loop);
        CHECK(told.count() == 0);
    }
    CHECK(after.hears(1));
    CHECK(before.text() == "before");
    CHECK(after.text() == "after");
    CHECK(told.text() == "6 5");
}

// ---- Errors -------------------------------------------------------------------------------------

TEST_CASE("[35] an error is charged to the datagram that caused it, wherever it stands") {
    const Audit audit;
    core::Loop loop;
    const std::string big(65508, 'x');
    for (std::size_t at = 0; at < 40; at += 3) {
        Receiver receiver(loop);
        Told told;
        Datagram sender(loop, Type::udp4);
        std::vector<std::string> texts = numbers(40);
        for (std::size_t i = 0; i < 40; i++) {
            sender.send(i == at ? big : texts[i], receiver.port(), told.sent());
        }
        CHECK(receiver.hears(39));
        CHECK(told.count() == 40);
        CHECK(told.lines[at] == failed_to("EMSGSIZE", receiver));
        texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(at));
        CHECK(receiver.texts == texts);
    }
}

TEST_CASE("[31][35] each error of the system fails one datagram, once, and the others leave") {
    const Audit audit;
    core::Loop loop;
    const std::initializer_list<std::pair<int, const char*>> errors{
        {EPERM, "EPERM"}, {EIO, "EIO"}, {ENOMEM, "ENOMEM"}, {EINVAL, "EINVAL"}, {EBADF, "EBADF"}};
    for (const auto& [error, code] : errors) {
        for (const int count : {1, 2, 5, 33}) {
            Receiver receiver(loop);
            Told told;
            Datagram sender(loop, Type::udp4);
            sender.on_error(told.failed());
            const std::vector<std::string> texts = numbers(count);
            int refusals = 0;
            test::on_sending = [&, number = error](const msghdr& message) {
                const bool first = *static_cast<const char*>(message.msg_iov->iov_base) == '0';
                if (first) refusals++;
                return first ? number : 0;
            };
            for (const std::string& text : texts) sender.send(text, receiver.port(), told.sent());
            const auto all = static_cast<std::size_t>(count);
            CHECK(run_until(loop, [&] { return told.count() == all; }));
            CHECK(told.lines.front() == failed_to(code, receiver));
            CHECK(receiver.hears(all - 1));
            test::settle(loop);
            test::on_sending = nullptr;
            // EPERM for a batch may be a sandbox's: its first datagram is tried again, alone.
            CHECK(refusals <= (error == EPERM ? 2 : 1));
            CHECK(told.count() == all);
            CHECK(receiver.texts == std::vector(texts.begin() + 1, texts.end()));
        }
    }
}

TEST_CASE("[35] interruptions are not noticed") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    const Refusing interrupted(EINTR, 3);
    sender.send("alone", receiver.port(), told.sent());
    CHECK(receiver.hears(1));
    sender.send("to", receiver.port(), told.sent());
    sender.send("gether", receiver.port(), told.sent());
    CHECK(receiver.hears(3));
    CHECK(told.text() == "5 2 6");
    CHECK(interrupted.hits() == (test::has_batch_calls() ? 6 : 3));
}

// ---- ENOBUFS ------------------------------------------------------------------------------------

TEST_CASE("[35] ENOBUFS is retried after 1, 2, 4, 8 and 16 ms; those behind get one try each") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync());
    std::vector<std::int64_t> attempts;
    const std::int64_t begin = loop.now().nanoseconds;
    {
        const Refusing full(ENOBUFS);
        int seen = 0;
        sender.send("a", receiver.port(), told.sent());
        const bool ended = run_until(loop, [&] {
            if (full.hits() > seen) attempts.push_back(loop.now().nanoseconds - begin);
            seen = full.hits();
            return told.count() > 0;
        });
        CHECK(ended);
        CHECK(full.hits() == 6);
        CHECK(attempts.size() == 6);
        const std::array<std::int64_t, 6> earliest{0, 1, 3, 7, 15, 31};  // Milliseconds
        for (std::size_t i = 0; i < attempts.size() && i < earliest.size(); i++) {
            CHECK(attempts[i] >= earliest[i] * 1'000'000);
        }
        CHECK(told.text() == failed_to("ENOBUFS", receiver));
        // Six tries of the first one, one for each of the others.
        told.lines.clear();
        for (int i = 0; i < 4; i++) sender.send("b", receiver.port(), told.sent());
        CHECK(run_until(loop, [&] { return told.count() == 4; }));
        CHECK(full.hits() == 6 + 6 + 3);
        CHECK(told.lines == std::vector(4, failed_to("ENOBUFS", receiver)));
    }
    told.lines.clear();
    sender.send("c", receiver.port(), told.sent());
    CHECK(receiver.hears(1));
    CHECK(told.text() == "1");
}

TEST_CASE("[35] after a success, ENOBUFS is worth its retries again") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync());
    // The first one fails for good, the second leaves, the third waits for a retry and leaves.
    const Fault first(Call::any_send, ENOBUFS, 6);
    const Fault third(Call::any_send, ENOBUFS, 2, 7);
    for (const char* text : {"a", "b", "c", "d"}) sender.send(text, receiver.port(), told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 4; }));
    CHECK(told.lines[0] == failed_to("ENOBUFS", receiver));
    CHECK(told.lines[1] == "1");
    CHECK(receiver.hears(3));
    CHECK(receiver.text() == "b c d");
}

TEST_CASE("[35] the retry of ENOBUFS does not wait for writability, nor spin") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync());
    const Refusing full(ENOBUFS, 4);
    const std::uint64_t tick = loop.tick();
    sender.send("x", receiver.port(), told.sent());
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    CHECK(told.text() == "1");
    CHECK(full.hits() == 4);
    CHECK(loop.tick() - tick <= 12);
    CHECK(receiver.hears(1));
}

// ---- The bound ----------------------------------------------------------------------------------

TEST_CASE("[36] at its bound the queue leaves early, inside the call: nothing is refused") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram receiver(loop, Options{.type = Type::udp4, .recv_buffer_size = 8 << 20});
    const net::Address address = test::bind_loopback(receiver);
    Datagram sender(loop, Type::udp4);
    for (int i = 0; i < 3000; i++) {
        sender.send("x", address, told.sent());
        CHECK(sender.get_send_queue_count() <= 1024);
    }
    CHECK(sender.get_send_queue_count() == 3000 - 2 * 1024);
    CHECK(told.count() == 0);  // Its callbacks wait for their tick all the same.
    CHECK(run_until(loop, [&] { return told.count() == 3000; }));
    CHECK(told.lines == std::vector(3000, "1"s));
    CHECK(sender.get_send_queue_count() == 0);
}

TEST_CASE("[36] a full queue refuses with ENOBUFS, and says 'drain' when it has emptied") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    int refused = 0;
    Datagram sender(loop, Options{.type = Type::udp4, .send_queue_datagrams_max = 8});
    sender.on_drain([&] {
        CHECK(sender.get_send_queue_count() == 0);
        told.add("drain");
    });
    REQUIRE(sender.bind_sync());
    {
        const Refusing full(EAGAIN);
        for (int i = 0; i < 12; i++) {
            sender.send("x", receiver.port(), [&](const Failure& failure) {
                if (!failure) return told.add("sent");
                CHECK(failure.code() == "ENOBUFS");
                CHECK(failure.text() == failed_to("ENOBUFS", receiver));
                refused++;
            });
        }
        CHECK(full.hits() > 0);  // They were offered inside the calls.
        CHECK(sender.get_send_queue_count() == 8);
        CHECK(sender.get_send_queue_size() == 8);
        CHECK(refused == 0);
        test::settle(loop);
        CHECK(refused == 4);
        CHECK(told.count() == 0);
    }
    CHECK(receiver.hears(8));
    CHECK(run_until(loop, [&] { return told.count() == 9; }));
    CHECK(told.lines.back() == "drain");
    CHECK(refused == 4);
    // Who refused nothing has nothing to say.
    for (int i = 0; i < 8; i++) sender.send("y", receiver.port());
    CHECK(receiver.hears(16));
    test::settle(loop);
    CHECK(told.count() == 9);
}

TEST_CASE("[36] a refusal of a connected socket names its peer; without a callback it is 'error'") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Options{.type = Type::udp4, .send_queue_datagrams_max = 1});
    sender.on_error(told.failed());
    REQUIRE(sender.connect_sync(receiver.port()));
    {
        const Refusing full(EAGAIN);
        sender.send("x");
        sender.send("y");
        test::settle(loop);
    }
    CHECK(receiver.hears(1));
    CHECK(told.text() == failed_to("ENOBUFS", receiver));
}

TEST_CASE("[36] bytes are bounded too, and one datagram always has room") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Options{.type = Type::udp4, .send_queue_bytes_max = 1000});
    REQUIRE(sender.bind_sync());
    const std::string big(5000, 'b');
    const std::string small(600, 's');
    {
        const Refusing full(EAGAIN);
        sender.send(small, receiver.port(), told.sent());
        CHECK(sender.get_send_queue_size() == 600);
        sender.send(small, receiver.port(), told.sent());
        CHECK(sender.get_send_queue_size() == 600);
        sender.send("fits", receiver.port(), told.sent());
        CHECK(sender.get_send_queue_size() == 604);
        test::settle(loop);
        CHECK(told.text() == failed_to("ENOBUFS", receiver));
    }
    CHECK(receiver.hears(2));
    CHECK(told.count() == 3);
    {
        const Refusing full(EAGAIN);
        sender.send(big, receiver.port(), told.sent());
        CHECK(sender.get_send_queue_size() == 5000);
        test::settle(loop);
    }
    CHECK(receiver.hears(3));
    CHECK(told.lines.back() == "5000");
}

TEST_CASE("[36] by default 1,024 datagrams wait, or 8 MiB") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_error([] {});
    REQUIRE(sender.bind_sync());
    const Refusing full(EAGAIN);
    for (int i = 0; i < 1030; i++) sender.send("x", 9);
    CHECK(sender.get_send_queue_count() == 1024);
    const std::string kilobytes(65000, 'k');
    Datagram heavy(loop, Type::udp4);
    heavy.on_error([] {});
    REQUIRE(heavy.bind_sync());
    for (int i = 0; i < 140; i++) heavy.send(kilobytes, 9);
    CHECK(heavy.get_send_queue_count() == (8 << 20) / 65000);
    sender.abort();
    heavy.abort();
    CHECK_FALSE(loop.run());
}

TEST_CASE("[36] inside 'drain' a socket may send, close, and be destroyed") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    for (const std::string what : {"send", "close", "destroy"}) {
        Told told;
        receiver.texts.clear();
        std::optional<Datagram> sender(
            std::in_place, loop, Options{.type = Type::udp4, .send_queue_datagrams_max = 1});
        sender->on_close(told.word("close"));
        sender->on_drain([&] {
            told.add("drain");
            if (what == "send") sender->send("again", receiver.port());
            if (what == "close") sender->close();
            if (what == "destroy") sender.reset();
        });
        sender->on_drain(told.word("second"));
        sender->on_error([] {});
        {
            const Refusing full(EAGAIN);
            sender->send("x", receiver.port());
            sender->send("y", receiver.port());
            test::settle(loop);
        }
        CHECK(receiver.hears(what == "send" ? 2 : 1));
        test::settle(loop);
        if (what == "send") CHECK(told.text() == "drain second");
        if (what == "close") CHECK(told.text() == "drain second close");
        if (what == "destroy") CHECK(told.text() == "drain");
    }
}

// ---- Implicit binding that fails ----------------------------------------------------------------

TEST_CASE("[30] when the implicit bind fails, 'error' says so once, and every callback gets it") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Told errors;
    Datagram sender(loop, Type::udp4);
    sender.on_error(errors.failed());
    sender.on_listening(told.word("listening"));
    for (const Call call : {Call::socket, Call::bind, Call::watch}) {
        told.lines.clear();
        errors.lines.clear();
        {
            const Fault fault(call, EMFILE);
            sender.send("a", receiver.port(), told.sent());
            sender.send("b", receiver.port());
            sender.send("c", receiver.port(), told.sent());
            CHECK(run_until(loop, [&] { return told.count() == 2; }));
            test::settle(loop);
        }
        CHECK(errors.count() == 1);
        CHECK(told.lines == std::vector(2, errors.lines.front()));
        CHECK(errors.lines.front() == "bind EMFILE 0.0.0.0");
        CHECK_FALSE(sender.address());
        CHECK(sender.get_send_queue_count() == 0);
    }
    told.lines.clear();
    sender.send("again", receiver.port(), told.sent());
    CHECK(receiver.hears(1));
    CHECK(told.text() == "listening 5");
    CHECK(receiver.text() == "again");
}

#endif
