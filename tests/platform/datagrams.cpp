// Sending and receiving datagrams, as every implementation of the seam owes it.
#include <doctest/doctest.h>

#include "tests/platform/support.h"

using namespace platform;

namespace {

constexpr Family families[] = {Family::ipv4, Family::ipv6};

// Everything that is there, at most `count` datagrams, however many calls it takes.
std::vector<std::string> receive_all(Poller& poller, Socket socket, std::size_t count) {
    std::vector<std::string> texts;
    Inbox inbox(64, 2048);
    while (texts.size() < count && becomes_readable(poller, socket)) {
        const auto received = receive(socket, inbox.incoming);
        if (!received) break;
        for (std::size_t i = 0; i < *received; i++) texts.push_back(text_of(inbox.incoming[i]));
    }
    return texts;
}

// Texts, each as a datagram of one part, to one peer.
struct Batch {
    std::vector<std::span<const std::byte>> parts;
    std::vector<Outgoing> outgoing;

    Batch(std::span<const std::string> texts, const Endpoint* peer) {
        for (const std::string& text : texts) parts.push_back(bytes_of(text));
        for (const auto& part : parts) outgoing.push_back({{&part, 1}, peer, nullptr, 0});
    }
};

std::vector<std::string> numbered(std::size_t count) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; i++) texts.push_back("datagram " + std::to_string(i));
    return texts;
}

}  // namespace

TEST_CASE("a datagram arrives with its bytes and its sender") {
    const auto poller = open_poller();
    for (const Family family : families) {
        const Owned receiver(*poller, loopback(family));
        const Owned sender(*poller, loopback(family));
        const Endpoint to = receiver.address();
        CHECK(to.family == family);
        CHECK(to.port != 0);
        CHECK(!send_text(sender, "hello", &to));
        Inbox inbox(2);
        CHECK(receive_next(*poller, receiver, inbox));
        const Incoming& incoming = inbox.incoming[0];
        CHECK(text_of(incoming) == "hello");
        CHECK(!incoming.truncated);
        CHECK(incoming.segment_size == 0);
        CHECK(incoming.peer == sender.address());
        // Nobody asked for more.
        CHECK(incoming.info->local.family == Family::none);
        CHECK(incoming.info->interface_index == 0);
        CHECK(incoming.info->hop_limit == -1);
        CHECK(incoming.info->traffic_class == -1);
        CHECK(incoming.info->timestamp == 0);
        const auto nothing = receive(receiver, inbox.incoming);
        CHECK(nothing.error().code == Code::would_block);
        CHECK(nothing.error().operation == Operation::receive);
    }
}

TEST_CASE("what an earlier datagram left in the slot does not show") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Endpoint to = receiver.address();
    Inbox inbox(1);
    Incoming& incoming = inbox.incoming[0];
    incoming.truncated = true;
    incoming.segment_size = 7;
    incoming.size = 99;
    incoming.peer = loopback(Family::ipv6, 9);
    incoming.peer.scope = 9;
    *incoming.info = {.local = incoming.peer, .interface_index = 9, .hop_limit = 9,
                      .traffic_class = 9, .to_many = true, .drops = 9, .timestamp = 9};
    CHECK(!send_text(receiver, "", &to));
    CHECK(receive_next(*poller, receiver, inbox));
    CHECK(incoming.size == 0);
    CHECK(!incoming.truncated);
    CHECK(incoming.segment_size == 0);
    CHECK(incoming.peer == to);
    CHECK(incoming.info->local.family == Family::none);
    CHECK(incoming.info->hop_limit == -1);
    CHECK(incoming.info->timestamp == 0);
}

TEST_CASE("an empty datagram is a datagram") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Endpoint to = receiver.address();
    const Outgoing none{{}, &to, nullptr, 0};  // No part at all.
    const auto sent = send(receiver, {&none, 1});
    CHECK(sent);
    CHECK(!send_text(receiver, "", &to));  // An empty part.
    Inbox inbox(1);
    for (int i = 0; i < 2; i++) {
        CHECK(receive_next(*poller, receiver, inbox));
        CHECK(inbox.incoming[0].size == 0);
        CHECK(!inbox.incoming[0].truncated);
    }
}

TEST_CASE("a datagram longer than the buffer is cut and marked") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Endpoint to = receiver.address();
    CHECK(!send_text(receiver, "0123456789", &to));
    CHECK(!send_text(receiver, "01234567", &to));
    Inbox inbox(1, 8);
    CHECK(receive_next(*poller, receiver, inbox));
    CHECK(text_of(inbox.incoming[0]) == "01234567");
    CHECK(inbox.incoming[0].truncated);
    CHECK(receive_next(*poller, receiver, inbox));
    CHECK(text_of(inbox.incoming[0]) == "01234567");
    CHECK(!inbox.incoming[0].truncated);
}

TEST_CASE("a bare read tells of one datagram what any other read does") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned receiver(*poller, loopback(family));
        const Owned sender(*poller, loopback(family));
        const Endpoint to = receiver.address();
        for (const std::string_view text : {"", "x", "01234567", "0123456789"}) {
            CHECK(!send_text(sender, text, &to));
            Inbox inbox(1, 8);
            Incoming& incoming = inbox.incoming[0];
            incoming.bare = true;
            incoming.info = nullptr;
            incoming.truncated = text.size() <= 8;
            incoming.segment_size = 7;
            CHECK(receive_next(*poller, receiver, inbox));
            CHECK(text_of(incoming) == text.substr(0, 8));
            CHECK(incoming.truncated == (text.size() > 8));
            CHECK(incoming.segment_size == 0);
            CHECK(incoming.peer == sender.address());
            const auto nothing = receive(receiver, inbox.incoming);
            CHECK(nothing.error().code == Code::would_block);
            CHECK(nothing.error().operation == Operation::receive);
        }
    }
}

TEST_CASE("a hundred datagrams leave in one call and arrive in order") {
    const auto poller = open_poller();
    for (const Family family : families) {
        const Owned receiver(*poller, loopback(family));
        const Owned sender(*poller, family);
        const Endpoint to = receiver.address();
        const auto texts = numbered(100);
        const Batch batch(texts, &to);
        CHECK(must(send(sender, batch.outgoing), "send") == 100);
        CHECK(receive_all(*poller, receiver, 100) == texts);
    }
}

TEST_CASE("parts are gathered into one datagram, in any number that the system allows") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Endpoint to = receiver.address();
    const std::string letters = "abcdefghijklmnopqrstuvwxyz";
    // The numbers lie around what the stack has room for, and at the system's own limit.
    for (const std::size_t count : {1u, 2u, 255u, 256u, 257u, 1000u, 1024u}) {
        std::string expected;
        std::vector<std::span<const std::byte>> parts;
        for (std::size_t i = 0; i < count; i++) {
            parts.push_back(bytes_of(letters).subspan(i % 26, 1));
            expected += letters[i % 26];
        }
        const Outgoing outgoing{parts, &to, nullptr, 0};
        CHECK(must(send(receiver, {&outgoing, 1}), "send") == 1);
        Inbox inbox(1);
        CHECK(receive_next(*poller, receiver, inbox));
        CHECK(text_of(inbox.incoming[0]) == expected);
    }
}

TEST_CASE("more parts than the system allows are too big a message") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    const Endpoint to = socket.address();
    const std::vector<std::span<const std::byte>> parts(5000, bytes_of("x"));
    const Outgoing outgoing{parts, &to, nullptr, 0};
    const Error error = send(socket, {&outgoing, 1}).error();
    CHECK(error.code == Code::message_too_big);
    CHECK(error.operation == Operation::send);
}

TEST_CASE("datagrams of many parts and of few share a call") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Endpoint to = receiver.address();
    const std::vector<std::span<const std::byte>> many(300, bytes_of("m"));
    const std::vector<std::span<const std::byte>> some(100, bytes_of("s"));
    const std::span<const std::byte> one = bytes_of("o");
    const Outgoing outgoing[] = {{{&one, 1}, &to, nullptr, 0}, {some, &to, nullptr, 0},
                                 {some, &to, nullptr, 0},      {some, &to, nullptr, 0},
                                 {many, &to, nullptr, 0},      {{&one, 1}, &to, nullptr, 0},
                                 {many, &to, nullptr, 0}};
    CHECK(must(send(receiver, outgoing), "send") == 7);
    const std::string m(300, 'm');
    const std::string s(100, 's');
    CHECK(receive_all(*poller, receiver, 7) ==
          std::vector<std::string>{"o", s, s, s, m, "o", m});
}

TEST_CASE("the largest datagram passes, and one byte more does not") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    must(set_option(receiver, Option::send_buffer_size, 200'000), "send_buffer_size");
    const Endpoint to = receiver.address();
    const std::string largest(65507, 'x');
    CHECK(!send_text(receiver, largest, &to));
    Inbox inbox(1);
    CHECK(receive_next(*poller, receiver, inbox));
    CHECK(inbox.incoming[0].size == largest.size());
    const Error error = send_text(receiver, largest + 'x', &to);
    CHECK(error.code == Code::message_too_big);
    CHECK(error.operation == Operation::send);
    CHECK(error.native != 0);
}

TEST_CASE("a refused datagram in a batch: those before it have left, and asking again tells why") {
    const auto poller = open_poller();
    const std::string too_big(70'000, 'x');
    for (const std::size_t refused : {0u, 1u, 5u, 31u, 32u, 33u, 39u}) {
        const Owned receiver(*poller, loopback(Family::ipv4));
        const Endpoint to = receiver.address();
        auto texts = numbered(40);
        texts[refused] = too_big;
        const Batch batch(texts, &to);
        const std::span<const Outgoing> all = batch.outgoing;
        if (refused > 0) CHECK(must(send(receiver, all), "send") == refused);
        CHECK(send(receiver, all.subspan(refused)).error().code == Code::message_too_big);
        const std::size_t rest = 40 - refused - 1;
        if (rest > 0) CHECK(must(send(receiver, all.subspan(refused + 1)), "send") == rest);
        texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(refused));
        CHECK(receive_all(*poller, receiver, 39) == texts);
    }
}

TEST_CASE("a train leaves as datagrams of its segments, or not at all where there are none") {
    const auto poller = open_poller();
    const bool has_trains = segmentation(*poller).segments_max > 1;
    for (const Family family : families) {
        const Owned receiver(*poller, loopback(family));
        const Endpoint to = receiver.address();
        const Error error = send_text(receiver, "abcdefgh", &to, 3);
        CHECK(error.code == (has_trains ? Code::ok : Code::not_supported));
        const std::vector<std::string> expected{"abc", "def", "gh"};
        CHECK(receive_all(*poller, receiver, has_trains ? 3 : 0) ==
              (has_trains ? expected : std::vector<std::string>{}));
        CHECK(!becomes_readable(*poller, receiver, 5));
        const Outgoing batch[] = {{{}, &to, nullptr, 0}, {{}, &to, nullptr, 3}};
        if (!has_trains) CHECK(must(send(receiver, batch), "send") == 1);
    }
}

TEST_CASE("a destination that is none, or of another family, is refused before it harms others") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    const Endpoint to = socket.address();
    const Endpoint nowhere{};
    const Endpoint other = loopback(Family::ipv6, to.port);
    CHECK(send_text(socket, "x", &nowhere).code == Code::family_not_supported);
    CHECK(send_text(socket, "x", &other));
    CHECK(send_text(socket, "x", nullptr).code == Code::destination_required);
    const std::span<const std::byte> part = bytes_of("x");
    const Outgoing outgoing[] = {{{&part, 1}, &to, nullptr, 0}, {{&part, 1}, &nowhere, nullptr, 0}};
    CHECK(must(send(socket, outgoing), "send") == 1);
    CHECK(receive_all(*poller, socket, 1) == std::vector<std::string>{"x"});
}

TEST_CASE("a connected socket needs no destination and hears only its peer") {
    const auto poller = open_poller();
    for (const Family family : families) {
        const Owned a(*poller, loopback(family));
        const Owned b(*poller, loopback(family));
        const Owned stranger(*poller, loopback(family));
        const Endpoint a_address = a.address();
        CHECK(peer_endpoint(a).error().code == Code::not_connected);
        CHECK(!connect(a, b.address()));
        CHECK(must(peer_endpoint(a), "peer_endpoint") == b.address());
        CHECK(!send_text(stranger, "from a stranger", &a_address));
        CHECK(!send_text(b, "from the peer", &a_address));
        CHECK(receive_all(*poller, a, 1) == std::vector<std::string>{"from the peer"});
        CHECK(!send_text(a, "back", nullptr));
        CHECK(receive_all(*poller, b, 1) == std::vector<std::string>{"back"});

        CHECK(!disconnect(a));
        CHECK(peer_endpoint(a).error().code == Code::not_connected);
        CHECK(peer_endpoint(a).error().operation == Operation::peer_endpoint);
    }
}

TEST_CASE("after a disconnect a destination is needed again") {
    const auto poller = open_poller();
    for (const Family family : families) {
        const Owned socket(*poller, loopback(family));
        const Owned peer(*poller, loopback(family));
        CHECK(!connect(socket, peer.address()));
        CHECK(!disconnect(socket));
        CHECK(send_text(socket, "nobody", nullptr).code == Code::destination_required);
    }
}

TEST_CASE("a refusal is told at most once, by a call of its own, and costs no datagram") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    const Endpoint to = socket.address();
    {
        const Owned peer(*poller, loopback(Family::ipv4));
        CHECK(!connect(socket, peer.address()));
        for (const std::string& text : numbered(5)) CHECK(!send_text(peer, text, &to));
    }
    CHECK(!send_text(socket, "to nobody", nullptr));
    std::vector<std::string> texts;
    int refusals = 0;
    Inbox inbox(3, 64);
    while (texts.size() < 5 && becomes_readable(*poller, socket)) {
        const auto received = receive(socket, inbox.incoming);
        for (std::size_t i = 0; received && i < *received; i++) {
            texts.push_back(text_of(inbox.incoming[i]));
        }
        if (received || received.error().code == Code::would_block) continue;
        const Code code = received.error().code;
        CHECK((code == Code::connection_refused || code == Code::connection_reset));
        refusals++;
    }
    CHECK(texts == numbered(5));
    CHECK(refusals <= 1);
    CHECK(receive(socket, inbox.incoming).error());
}

TEST_CASE("a port named by the caller survives a disconnect") {
    const auto poller = open_poller();
    Endpoint address = Owned(*poller, loopback(Family::ipv4)).address();  // Free again.
    const Owned socket(*poller, address);
    const Owned peer(*poller, loopback(Family::ipv4));
    CHECK(!connect(socket, peer.address()));
    CHECK(!disconnect(socket));
    CHECK(socket.address().port == address.port);
}

TEST_CASE("after a disconnect the saved address can be bound again") {
    const auto poller = open_poller();
    for (const Family family : families) {
        const Owned socket(*poller, loopback(family));
        const Owned peer(*poller, loopback(family));
        const Endpoint before = socket.address();
        CHECK(!connect(socket, peer.address()));
        CHECK(!disconnect(socket));
        if (socket.address().port == 0) CHECK(!bind(socket, before));
        CHECK(socket.address() == before);
        CHECK(!send_text(peer, "still there?", &before));
        CHECK(receive_all(*poller, socket, 1) == std::vector<std::string>{"still there?"});
    }
}

TEST_CASE("binding an address of no interface says so") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::ipv4);
    CHECK(bind(socket, ipv4({1, 1, 1, 1})).code == Code::address_not_available);
    CHECK(!bind(socket, loopback(Family::ipv4)));  // It is still usable.
}

TEST_CASE("binding an address in use, or a second time, says so") {
    const auto poller = open_poller();
    const Owned first(*poller, loopback(Family::ipv4));
    const Owned second(*poller, Family::ipv4);
    const Error in_use = bind(second, first.address());
    CHECK(in_use.code == Code::address_in_use);
    CHECK(in_use.operation == Operation::bind);
    CHECK(bind(second, Endpoint{}).code == Code::family_not_supported);
    CHECK(!bind(second, loopback(Family::ipv4)));  // It is still usable.
    CHECK(bind(second, loopback(Family::ipv4)).code == Code::invalid_argument);
}

TEST_CASE("no family, no socket; no socket, no anything") {
    const auto poller = open_poller();
    CHECK(open_datagram(*poller, Family::none).error().code == Code::family_not_supported);
    const Socket nothing;
    Inbox inbox(2);
    CHECK(bind(nothing, loopback(Family::ipv4)).code == Code::bad_descriptor);
    CHECK(connect(nothing, loopback(Family::ipv4, 9)).code == Code::bad_descriptor);
    CHECK(disconnect(nothing).code == Code::bad_descriptor);
    CHECK(local_endpoint(nothing).error().code == Code::bad_descriptor);
    CHECK(peer_endpoint(nothing).error().code == Code::bad_descriptor);
    CHECK(receive(nothing, inbox.incoming).error().code == Code::bad_descriptor);
    CHECK(receive(nothing, {inbox.incoming.data(), 1}).error().code == Code::bad_descriptor);
    const Endpoint to = loopback(Family::ipv4, 9);
    CHECK(send_text(nothing, "x", &to).code == Code::bad_descriptor);
    CHECK(adopt(*poller, nothing).error().code == Code::bad_descriptor);
}

TEST_CASE("asking for nothing is an error, not zero") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    CHECK(receive(socket, {}).error().code == Code::invalid_argument);
    CHECK(send(socket, {}).error().code == Code::invalid_argument);
}

TEST_CASE("a dual-stack socket hears both families, IPv4 as mapped addresses") {
    const auto poller = open_poller();
    const Owned receiver(*poller, any_address(Family::ipv6));
    const std::uint16_t port = receiver.address().port;
    const Owned four(*poller, loopback(Family::ipv4));
    const Owned six(*poller, loopback(Family::ipv6));
    const Endpoint to_four = loopback(Family::ipv4, port);
    const Endpoint to_six = loopback(Family::ipv6, port);
    const Endpoint mapped =
        ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, four.address().port);
    Inbox inbox(1);
    CHECK(!send_text(four, "four", &to_four));
    CHECK(receive_next(*poller, receiver, inbox));
    CHECK(inbox.incoming[0].peer == mapped);
    CHECK(!send_text(six, "six", &to_six));
    CHECK(receive_next(*poller, receiver, inbox));
    CHECK(inbox.incoming[0].peer == six.address());
    // And answers both.
    CHECK(!send_text(receiver, "back", &mapped));
    CHECK(receive_all(*poller, four, 1) == std::vector<std::string>{"back"});
}
