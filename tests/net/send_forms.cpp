// What send accepts: everything that holds bytes, destinations in every form, and callbacks that
// take as many arguments as they like. Much of the proof is that this compiles.
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "tests/net/receiver.h"

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using net::Address;
using net::Bytes;
using net::Datagram;
using net::Failure;
using net::Payload;
using net::Type;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::Told;

// What moves in must not be looked at later, so nothing may be taken by a view by mistake.
template <class... Arguments>
constexpr bool can_send = requires(Datagram& socket, Arguments&&... arguments) {
    socket.send(std::forward<Arguments>(arguments)...);
};
static_assert(can_send<std::string, int>);
static_assert(can_send<std::string&, int>);
static_assert(can_send<std::vector<unsigned char>, int>);
static_assert(!can_send<std::array<char, 3>, int>, "it would be gone before it leaves");
static_assert(!can_send<const std::string, int>, "it cannot be moved");
static_assert(!can_send<char (&)[5], int>, "a text, or a buffer?");
static_assert(!can_send<std::vector<int>&, int>, "not bytes");
static_assert(!can_send<int, int>, "not bytes");
static_assert(!can_send<std::string, int, int, int>, "a view of what is gone");

int calls = 0;
void count_call() { calls++; }
void count_failure(const Failure&) { calls++; }
void count_sent(const Failure&, std::size_t) { calls++; }

}  // namespace

TEST_CASE("[28] a message is anything that holds bytes") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    const int port = receiver.port();
    Datagram sender(loop, Type::udp4);

    const std::string text = "string";
    std::string changing = "mutable";
    const std::string_view view = "view";
    const char* const pointer = "pointer";
    char letters[] = {'c', 'h', 'a', 'r', 's'};
    const std::vector<std::byte> bytes{std::byte{'b'}, std::byte{'y'}};
    const std::vector<char> chars{'c', 'v'};
    const std::vector<unsigned char> unsigned_chars{'u', 'v'};
    const std::vector<std::uint8_t> octets{'8', 'v'};
    const std::array<std::byte, 2> array{std::byte{'a'}, std::byte{'r'}};
    const std::array<unsigned char, 2> octet_array{'8', 'a'};
    const unsigned char plain[] = {'p', 'l'};
    const std::byte plain_bytes[] = {std::byte{'p'}, std::byte{'b'}};
    const std::span<const std::byte> span(bytes);
    const std::span<char> mutable_span(letters, 2);
    const std::span<const std::byte, 2> fixed(array);
    const Bytes ours(bytes);

    sender.send("literal", port);
    sender.send(text, port);
    sender.send(changing, port);
    sender.send(view, port);
    sender.send(pointer, port);
    sender.send(Bytes(std::span(letters)), port);
    sender.send(bytes, port);
    sender.send(chars, port);
    sender.send(unsigned_chars, port);
    sender.send(octets, port);
    sender.send(array, port);
    sender.send(octet_array, port);
    sender.send(plain, port);
    sender.send(plain_bytes, port);
    sender.send(span, port);
    sender.send(mutable_span, port);
    sender.send(fixed, port);
    sender.send(ours, port);
    sender.send("view literal"sv, port);
    sender.send(Payload("payload"), port);
    const std::vector expected{"literal"s, "string"s, "mutable"s, "view"s, "pointer"s,
                               "chars"s,   "by"s,     "cv"s,      "uv"s,   "8v"s,
                               "ar"s,      "8a"s,     "pl"s,      "pb"s,   "by"s,
                               "ch"s,      "ar"s,     "by"s,      "view literal"s, "payload"s};
    CHECK(receiver.hears(expected.size()));
    CHECK(receiver.texts == expected);
}

TEST_CASE("[28][3] what is moved in is kept") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    const int port = receiver.port();
    Datagram sender(loop, Type::udp4);
    std::string long_text(100, 'l');
    std::vector<std::byte> bytes(3, std::byte{'b'});
    sender.send(std::string("temporary"), port);
    sender.send("concatenated " + std::to_string(7), port);
    sender.send(std::move(long_text), port);
    sender.send(std::move(bytes), port);
    sender.send(std::vector<char>(40, 'c'), port);
    sender.send(std::vector<unsigned char>(41, 'u'), port, "127.0.0.1");
    sender.send(std::string(42, 'e'), receiver.address);
    CHECK(receiver.hears(7));
    const std::vector expected{"temporary"s, "concatenated 7"s, std::string(100, 'l'), "bbb"s,
                               std::string(40, 'c'), std::string(41, 'u'), std::string(42, 'e')};
    CHECK(receiver.texts == expected);
}

TEST_CASE("[28] a list may be braces, a vector, an array or a span of bytes") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    const int port = receiver.port();
    Datagram sender(loop, Type::udp4);
    const std::string text = "t";
    const std::vector<char> chars{'v'};
    const std::vector<Bytes> parts{"a", text, chars};
    const std::array<Bytes, 2> array{Bytes("b"), Bytes(text)};
    const Bytes plain[] = {"p", "q"};
    sender.send({"one"}, port);
    sender.send({"x", "y"}, port);
    sender.send({"x", "y", "z"}, port);
    sender.send({text, text}, port);
    sender.send({Bytes(text), Bytes("w"), Bytes(chars)}, port);
    sender.send({text, "mixed", chars, "view"sv, Bytes("ours")}, port);
    sender.send(parts, port);
    sender.send(array, port);
    sender.send(plain, port);
    sender.send(std::span<const Bytes>(parts).first(2), port);
    sender.send(std::vector<Bytes>{"temporary ", "list"}, port);
    sender.send({}, port);
    const std::vector expected{"one"s, "xy"s,  "xyz"s, "tt"s, "twv"s, "tmixedvviewours"s,
                               "atv"s, "bt"s,  "pq"s,  "at"s, "temporary list"s, ""s};
    CHECK(receiver.hears(expected.size()));
    CHECK(receiver.texts == expected);
}

TEST_CASE("[28] a destination is a port, a port and an address, or an endpoint") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    const std::uint16_t port = receiver.address.port;
    const platform::Endpoint endpoint = receiver.address;
    const std::string address = "127.0.0.1";
    const char* const pointer = "127.0.0.1";
    Datagram sender(loop, Type::udp4);
    sender.send("1", port);
    sender.send("2", static_cast<int>(port));
    sender.send("3", port, "127.0.0.1");
    sender.send("4", port, address);
    sender.send("5", port, std::string_view(address));
    sender.send("6", port, pointer);
    sender.send("7", port, std::string("127.0.0.1"));
    sender.send("8", receiver.address);
    sender.send("9", endpoint);
    sender.send("10", *receiver.socket.address());
    CHECK(receiver.hears(10));
    CHECK(receiver.text() == "1 2 3 4 5 6 7 8 9 10");
}

TEST_CASE("[28] offset and length are integers of any kind") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    const int port = receiver.port();
    Told told;
    Datagram sender(loop, Type::udp4);
    const std::string text = "0123456789";
    const std::vector<char> chars(text.begin(), text.end());
    sender.send(text, 0, 1, port);
    sender.send(text, std::size_t{1}, std::size_t{1}, port);
    sender.send(text, 2u, 1L, port, "127.0.0.1");
    sender.send(text, std::uint8_t{3}, std::int64_t{1}, receiver.address);
    sender.send(text, text.size() - 1, 1, port, told.sent());
    sender.send("literal", 3, 4, port, "127.0.0.1", told.sent());
    sender.send(chars, 5, 2, receiver.address, told.sent());
    sender.send(Bytes(text), 6, 1, port, [] {});
    CHECK(receiver.hears(8));
    CHECK(receiver.text() == "0 1 2 3 9 eral 56 6");
    CHECK(told.text() == "1 4 2");
    Datagram connected(loop, Type::udp4);
    REQUIRE(connected.connect_sync(port));
    connected.send(text, 7, 2);
    connected.send(text, 8, 2, told.sent());
    CHECK(receiver.hears(10));
    CHECK(receiver.texts.back() == "89");
}

TEST_CASE("[28] connected, and to a path") {
    const Audit audit;
    core::Loop loop;
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("forms");
    Receiver receiver(loop, path);
    Told told;
    Datagram sender(loop, Type::unix_dgram);
    const std::string text = "text";
    sender.send("literal", path.text());
    sender.send("pointer", path.text().c_str(), told.sent());
    sender.send(text, std::string_view(path.text()), told.sent());
    sender.send({"li", "st"}, path, told.sent());
    sender.send(text, 1, 2, path, told.sent());
    sender.send(std::string("kept"), path, told.sent());
    CHECK(receiver.hears(6));
    CHECK(receiver.text() == "literal pointer text list ex kept");
    CHECK(told.text() == "7 4 4 2 4");
    REQUIRE(sender.connect_sync(path));
    receiver.texts.clear();
    told.lines.clear();
    sender.send("a");
    sender.send("b", told.sent());
    sender.send({"c", "d"});
    sender.send({"e", "f"}, told.sent());
    sender.send({}, told.sent());
    sender.send(std::string("kept"), told.sent());
    sender.send(text);
    sender.send(std::vector<Bytes>{"g", "h"}, told.sent());
    CHECK(receiver.hears(8));
    CHECK(receiver.text() == "a b cd ef  kept text gh");
    CHECK(told.text() == "1 2 0 4 2");
}

TEST_CASE("[28][31] a callback takes the failure and the bytes, the failure, or nothing") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    const int port = receiver.port();
    Datagram sender(loop, Type::udp4);
    calls = 0;
    sender.send("x", port, [] { calls++; });
    sender.send("x", port, [](const Failure&) { calls++; });
    sender.send("x", port, [](Failure) { calls++; });
    sender.send("x", port, [](const Failure&, std::size_t) { calls++; });
    sender.send("x", port, [](const Failure&, auto) { calls++; });
    sender.send("x", port, [](auto&&...) { calls++; });
    sender.send("x", port, [] { return ++calls; });
    sender.send("x", port, count_call);
    sender.send("x", port, count_failure);
    sender.send("x", port, &count_sent);
    sender.send("x", port, std::function<void()>(count_call));
    sender.send("x", port, std::function<void(const Failure&, std::size_t)>(count_sent));
    sender.send("x", port, "127.0.0.1", [] { calls++; });
    sender.send("x", receiver.address, [] { calls++; });
    sender.send("x", receiver.address, [count = 0]() mutable { calls += ++count; });
    sender.send("x", port, [owned = std::make_unique<int>(1)] { calls += *owned; });
    const std::array<long, 8> large{1};  // More than fits inside a callback.
    sender.send("x", port, [large] { calls += static_cast<int>(large[0]); });
    Datagram::SendCallback named = [] { calls++; };
    sender.send("x", port, std::move(named));
    sender.send("x", port, Datagram::SendCallback());
    CHECK(calls == 0);
    CHECK(receiver.hears(19));
    CHECK(calls == 18);
}

TEST_CASE("[28] a socket that is moved takes its requests with it") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram first(loop, Type::udp4);
    first.send("a", receiver.port(), told.sent());
    Datagram second(std::move(first));
    second.send("b", receiver.port(), told.sent());
    std::vector<Datagram> several;
    several.push_back(std::move(second));
    several.back().send("c", receiver.port(), told.sent());
    CHECK(receiver.hears(3));
    CHECK(receiver.text() == "a b c");
    CHECK(told.text() == "1 1 1");
    // What was moved from is nobody: it asks for nothing, and answers with errors.
    first.send("x", receiver.port(), told.sent());
    first.close();
    CHECK_FALSE(first.address());
    CHECK(first.get_send_queue_count() == 0);
    test::settle(loop);
    CHECK(told.count() == 3);
}
