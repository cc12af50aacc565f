// What a cluster's processes tell each other, byte for byte: every notice reads back, and nothing
// else is one. Noise is fuzz/cluster.cpp's matter.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "net/cluster_protocol.h"

namespace {

using net::Notice;
using Kind = Notice::Kind;
using Room = std::array<std::byte, 256>;

std::vector<Notice> all_kinds() {
    net::SharedKey key{.type = net::Type::udp6,
                       .reuse_addr = true,
                       .path_mode = 0640,
                       .index = 7,
                       .local = net::Address::any(net::Family::ipv6, 4321)};
    key.local.scope = 2;
    net::SharedKey by_descriptor{.fd = 5};
    static const std::string text = "hello";
    return {{.kind = Kind::welcome, .number = 0x01020304, .version = 1},
            {.kind = Kind::hello, .version = 9},
            {.kind = Kind::ask, .number = 3, .key = key},
            {.kind = Kind::ask, .number = 4, .key = by_descriptor},
            {.kind = Kind::granted, .number = 3},
            {.kind = Kind::refused,
             .number = 3,
             .error = {platform::Code::address_in_use, platform::Operation::bind, -98}},
            {.kind = Kind::listening,
             .number = 3,
             .address = net::Address::loopback(net::Family::ipv4, 80)},
            {.kind = Kind::released, .number = UINT32_MAX},
            {.kind = Kind::text, .bytes = net::Bytes(text)},
            {.kind = Kind::text},
            {.kind = Kind::stop},
            {.kind = Kind::goodbye}};
}

bool reads(std::string_view bytes) {
    Notice notice;
    return net::read(net::Bytes(bytes), notice);
}

}  // namespace

TEST_CASE("every notice reads back as it was written; cut or longer it is none") {
    for (const Notice& notice : all_kinds()) {
        CAPTURE(static_cast<int>(notice.kind));
        Room room{};
        const std::size_t size = net::write(notice, room);
        REQUIRE(size > 0);
        const std::span<const std::byte> bytes(room);
        Notice again;
        CHECK(net::read(bytes.first(size), again));
        CHECK(again.kind == notice.kind);
        CHECK(again.number == notice.number);
        CHECK(again.version == notice.version);
        CHECK(again.key == notice.key);
        CHECK(again.key.path_mode == notice.key.path_mode);
        CHECK(again.error == notice.error);
        CHECK(again.address == notice.address);
        CHECK(net::Bytes(again.bytes).text() == net::Bytes(notice.bytes).text());
        for (std::size_t shorter = 0; shorter < size; shorter++) {
            CHECK(net::write(notice, std::span(room).first(shorter)) == 0);
        }
        (void)net::write(notice, room);
        if (notice.kind == Kind::text) continue;  // Any length is one.
        for (std::size_t shorter = 0; shorter < size; shorter++) {
            CHECK_FALSE(net::read(bytes.first(shorter), again));
        }
        CHECK_FALSE(net::read(bytes.first(size + 1), again));
    }
}

TEST_CASE("a value out of its range is no notice") {
    using namespace std::string_view_literals;
    CHECK_FALSE(reads(""sv));
    CHECK_FALSE(reads("\x0a"sv));                     // There is no such kind.
    CHECK_FALSE(reads("\4\0\0\0\1\0\0\0\0\0"sv));     // Refused, with success,
    CHECK_FALSE(reads("\4\0\0\0\1\xff\0\0\0\1"sv));   // or a code that there is not.
    CHECK(reads("\4\0\0\0\1\2\0\0\0\1"sv));
    const std::string_view listening = "\5\0\0\0\1\0\1\4\0\x50\0\0\0\0\x7f\0\0\1"sv;
    CHECK(reads(listening));
    const auto with = [&](std::size_t place, char value) {
        std::string changed(listening);
        changed[place] = value;
        return reads(changed);
    };
    CHECK_FALSE(with(5, 3));      // The type,
    CHECK_FALSE(with(5, 1));      // or one of another family than the address;
    CHECK_FALSE(with(6, 4));      // the family,
    CHECK_FALSE(with(7, 3));      // a length that is not the family's,
    CHECK_FALSE(with(7, 109));    // or longer than any,
    CHECK_FALSE(with(13, 1));     // an IPv4 address with a zone.
    CHECK(with(9, 81));
}
