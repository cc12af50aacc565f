// What is counted, per socket and per loop: each datagram once, under what became of it.
#include "tests/net/receiver.h"

namespace {

using net::Counters;
using net::Datagram;
using net::Options;
using net::Type;
using test::Audit;
using test::Receiver;
using test::Told;
using test::run_until;
using test::settle;

net::Address nobody() { return net::Address::loopback(net::Family::ipv4, 9); }

}  // namespace

TEST_CASE("what is sent and received is counted on both sides, in datagrams and bytes") {
    const Audit audit;
    core::Loop loop;
    CHECK(net::counters(loop) == Counters{});
    Receiver receiver(loop);
    Datagram sender(loop, Type::udp4);
    CHECK(sender.counters() == Counters{});
    const std::string_view texts[] = {"", "a", "bb", "bb", "bb", "ccccc"};
    for (const std::string_view text : texts) sender.send(text, receiver.address);
    CHECK(sender.counters().sent == 0);  // Not before they have left.
    CHECK(receiver.hears(6));
    Counters sent;
    sent.sent = 6;
    sent.sent_bytes = 12;
    CHECK(sender.counters() == sent);
    Counters received;
    received.received = 6;
    received.received_bytes = 12;
    CHECK(receiver.socket.counters() == received);
    Counters both = sent;
    both += received;
    CHECK(net::counters(loop) == both);
}

TEST_CASE("trains are counted as the datagrams that they are") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    test::teach_trains(loop, receiver.socket, receiver.address);
    receiver.texts.clear();
    const Counters before = receiver.socket.counters();
    Datagram sender(loop, Type::udp4);
    const std::string text(100, 'x');
    for (int i = 0; i < 200; i++) sender.send(text, receiver.address);
    CHECK(receiver.hears(200));
    CHECK(sender.counters().sent == 200);
    CHECK(sender.counters().sent_bytes == 20000);
    CHECK(receiver.socket.counters().received - before.received == 200);
    CHECK(receiver.socket.counters().received_bytes - before.received_bytes == 20000);
}

TEST_CASE("a loop counts what its sockets had when they are closed, replaced or gone") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    {
        Datagram sender(loop, Type::udp4);
        sender.send("one", receiver.address);
        CHECK(receiver.hears(1));
        CHECK(net::counters(loop).sent == 1);
    }
    CHECK(net::counters(loop).sent == 1);
    Datagram sender(loop, Type::udp4);
    sender.send("two", receiver.address);
    sender.close();
    CHECK(receiver.hears(2));
    settle(loop);
    CHECK(sender.counters().sent == 1);
    CHECK(net::counters(loop).sent == 2);
    sender = Datagram(loop, Type::udp4);
    CHECK(sender.counters() == Counters{});
    sender.send("three", receiver.address);
    sender = Datagram(loop, Type::udp4);  // It was offered to the kernel.
    CHECK(receiver.hears(3));
    CHECK(net::counters(loop).sent == 3);
    CHECK(net::counters(loop).sent_bytes == 11);
    CHECK(net::counters(loop).received == 3);
}

TEST_CASE("a socket that has outlived its loop can still be asked") {
    const Audit audit;
    auto loop = std::make_unique<core::Loop>();
    Datagram sender(*loop, Type::udp4);
    sender.send("x", nobody());
    settle(*loop);
    loop.reset();
    CHECK(sender.counters().sent == 1);
    CHECK(sender.counters().sent_bytes == 1);
}

TEST_CASE("a send that fails is counted as failed, once, and not as sent") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram sender(loop, Type::udp4);
    const std::string much(65508, 'x');
    sender.send(much, nobody(), told.sent());                      // EMSGSIZE
    sender.send("x", nobody(), told.sent());                       // Leaves.
    sender.send("x", 9, "127.0.0.1", told.sent());                 // Leaves.
    sender.send("x", net::Address::loopback(net::Family::ipv6, 9), told.sent());  // EINVAL
    sender.send("x", 0, told.sent());                              // Never accepted: a bad port.
    CHECK(run_until(loop, [&] { return told.count() == 5; }));
    CHECK(sender.counters().sent == 2);
    CHECK(sender.counters().failed == 2);
    CHECK(sender.counters().refused == 0);
}

TEST_CASE("what is given up by abort, or by the destructor, has failed") {
    const Audit audit;
    core::Loop loop;
    std::vector<net::LookupAnswer> kept;
    const auto later = [&](std::string_view, net::Family, net::LookupAnswer answer) {
        kept.push_back(std::move(answer));
    };
    for (const bool aborts : {true, false}) {
        const std::uint64_t before = net::counters(loop).failed;
        Datagram sender(loop, Options{.type = Type::udp4, .lookup = later});
        for (int i = 0; i < 3; i++) sender.send("x", 9, "some.name", [] {});
        sender.send("x", nobody());
        settle(loop);
        CHECK(sender.counters().failed == 0);
        if (aborts) sender.abort();
        if (aborts) CHECK(sender.counters().failed == 3);
        sender = Datagram(loop, Type::udp4);
        CHECK(net::counters(loop).failed - before == 3);
    }
    CHECK(net::counters(loop).sent == 2);
}

TEST_CASE("a send that the queue has no room for is counted as refused") {
    const Audit audit;
    core::Loop loop;
    Told told;
    std::vector<net::LookupAnswer> kept;
    const auto later = [&](std::string_view, net::Family, net::LookupAnswer answer) {
        kept.push_back(std::move(answer));
    };
    Datagram sender(loop, Options{.type = Type::udp4, .lookup = later,
                                  .send_queue_datagrams_max = 2});
    for (int i = 0; i < 5; i++) sender.send("x", 9, "some.name", told.sent());
    settle(loop);
    CHECK(told.count() == 3);
    CHECK(sender.counters().refused == 3);
    CHECK(sender.counters().failed == 0);
    CHECK(sender.get_send_queue_count() == 2);
    for (net::LookupAnswer& answer : kept) answer(net::Address::loopback(net::Family::ipv4));
    CHECK(run_until(loop, [&] { return told.count() == 5; }));
    CHECK(sender.counters().sent == 2);
    CHECK(net::counters(loop).refused == 3);
}

TEST_CASE("what nobody hears is counted: no listener at all, none any more, a closed socket") {
    const Audit audit;
    core::Loop loop;
    Datagram receiver(loop, Type::udp4);
    receiver.unref();
    const net::Address address = test::bind_loopback(receiver);
    Datagram sender(loop, Type::udp4);
    sender.send("1", address);
    CHECK(run_until(loop, [&] { return receiver.counters().received == 1; }));
    CHECK(receiver.counters().unheard == 1);
    const net::ListenerId listener = receiver.on_message([] {});
    sender.send("2", address);
    CHECK(run_until(loop, [&] { return receiver.counters().received == 2; }));
    CHECK(receiver.counters().unheard == 1);
    receiver.off(listener);
    sender.send("3", address);
    CHECK(run_until(loop, [&] { return receiver.counters().received == 3; }));
    CHECK(receiver.counters().unheard == 2);
    // The rest of a batch that was read already.
    int heard = 0;
    receiver.on_message([&] {
        heard++;
        receiver.close();
    });
    for (const std::string_view text : {"4", "55"}) sender.send(text, address);
    settle(loop);
    CHECK(heard == 1);
    const Counters counted = receiver.counters();
    CHECK(counted.received - counted.unheard == 2);  // "2" and "4".
}
