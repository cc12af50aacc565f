// Control messages and addresses as raw bytes, the broken ones included: what a kernel reports is
// believed only as far as it fits, and nothing behind it is read.
#ifndef _WIN32

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <random>

#include "platform/posix_address.h"
#include "platform/posix_control.h"
#include "tests/platform/support.h"

using namespace platform;

namespace {

// What the writer made of three values.
struct Written {
    ControlBuffer<PosixControl, 256> buffer;
    msghdr message{};

    Written() {
        PosixControlWriter writer(message, buffer.bytes);
        writer.put(1, 2, std::uint8_t{0xab});
        writer.put(3, 4, std::uint64_t{0x1122334455667788});
        writer.put(5, 6, int{-7});
    }
    std::span<const std::byte> bytes() const {
        return {buffer.bytes, static_cast<std::size_t>(message.msg_controllen)};
    }
};

int count_items(std::span<const std::byte> bytes) {
    PosixControlReader reader(bytes);
    ControlItem item;
    int count = 0;
    while (reader.next(item)) count++;
    return count;
}

// A copy on the heap of exactly this size, so that a sanitizer sees each byte too many.
std::vector<std::byte> copy_of(std::span<const std::byte> bytes) {
    return std::vector<std::byte>(bytes.begin(), bytes.end());
}

Endpoint round_trip(const Endpoint& endpoint) {
    sockaddr_storage storage;
    const socklen_t size = to_sockaddr(endpoint, storage);
    const auto exact = copy_of({reinterpret_cast<const std::byte*>(&storage), size});
    return to_endpoint(exact.data(), exact.size());
}

}  // namespace

TEST_CASE("what the writer wrote the reader reads") {
    const Written written;
    PosixControlReader reader(written.bytes());
    ControlItem item;
    std::uint8_t byte = 0;
    std::uint64_t large = 0;
    int integer = 0;
    CHECK(reader.next(item));
    CHECK(item.level == 1);
    CHECK(item.type == 2);
    CHECK(item.data.size() == 1);
    CHECK(item.read(byte));
    CHECK(byte == 0xab);
    CHECK(!item.read(integer));  // One byte is no integer.
    CHECK(reader.next(item));
    CHECK(item.read(large));
    CHECK(large == 0x1122334455667788);
    CHECK(reader.next(item));
    CHECK(item.level == 5);
    CHECK(item.type == 6);
    CHECK(item.read(integer));
    CHECK(integer == -7);
    CHECK(!reader.next(item));
    CHECK(!reader.next(item));
}

TEST_CASE("the system's own walk finds the same") {
    Written written;
    int count = 0;
    for (cmsghdr* each = CMSG_FIRSTHDR(&written.message); each;
         each = CMSG_NXTHDR(&written.message, each)) {
        count++;
        CHECK(each->cmsg_level == 2 * count - 1);
        CHECK(each->cmsg_type == 2 * count);
    }
    CHECK(count == 3);
}

TEST_CASE("a writer that wrote nothing attaches nothing") {
    ControlBuffer<PosixControl, 64> buffer;
    msghdr message{};
    message.msg_controllen = 64;
    { const PosixControlWriter writer(message, buffer.bytes); }
    CHECK(message.msg_control == nullptr);
    CHECK(message.msg_controllen == 0);
}

TEST_CASE("a buffer cut anywhere yields the whole items before the cut") {
    const Written written;
    const auto all = written.bytes();
    const std::size_t ends[] = {PosixControl::length(1),
                                PosixControl::space(1) + PosixControl::length(8),
                                PosixControl::space(1) + PosixControl::space(8) +
                                    PosixControl::length(sizeof(int))};
    for (std::size_t size = 0; size <= all.size(); size++) {
        int whole = 0;
        for (const std::size_t end : ends) whole += size >= end;
        CHECK(count_items(copy_of(all.first(size))) == whole);
    }
}

TEST_CASE("lengths that lie end the walk") {
    const Written written;
    for (const std::size_t lie : {std::size_t{0}, std::size_t{1}, sizeof(cmsghdr) - 1,
                                  std::size_t{10'000}, SIZE_MAX, SIZE_MAX - 7}) {
        auto bytes = copy_of(written.bytes());
        cmsghdr header;
        std::memcpy(&header, bytes.data(), sizeof header);
        header.cmsg_len = static_cast<decltype(header.cmsg_len)>(lie);
        std::memcpy(bytes.data(), &header, sizeof header);
        CHECK(count_items(bytes) == 0);
    }
}

TEST_CASE("noise neither hangs the walk nor leads it out of the buffer") {
    std::mt19937 dice(20'240'601);
    for (int round = 0; round < 20'000; round++) {
        std::vector<std::byte> bytes(dice() % 200);
        for (std::byte& each : bytes) each = std::byte(dice() % 4 == 0 ? dice() : 0);
        // Often enough a plausible length, so that the walk gets somewhere.
        if (bytes.size() >= sizeof(cmsghdr)) bytes[0] = std::byte(16 + dice() % 40);
        PosixControlReader reader(bytes);
        ControlItem item;
        std::size_t covered = 0;
        int count = 0;
        while (reader.next(item)) {
            count++;
            covered += item.data.size();
        }
        CHECK(covered <= bytes.size());
        CHECK(count <= 13);  // 200 bytes hold no more headers.
    }
}

TEST_CASE("addresses survive the way to the system and back") {
    Endpoint zoned = ipv6({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 53);
    zoned.scope = 7;
    for (const Endpoint& endpoint : {loopback(Family::ipv4, 65535), ipv4({255, 255, 255, 255}, 1),
                                     loopback(Family::ipv6, 9), zoned, local("/a"), local("")}) {
        CHECK(round_trip(endpoint) == endpoint);
    }
    const std::size_t limit = sizeof(sockaddr_un::sun_path);
    for (std::size_t size = 1; size <= limit; size++) {
        CHECK(round_trip(local(std::string(size, 'p'))) == local(std::string(size, 'p')));
        const std::string abstract = std::string(1, '\0') + std::string(size - 1, '\0');
        CHECK(round_trip(local(abstract)) == local(abstract));
    }
}

TEST_CASE("a path without its NUL, with a length beyond the structure, is 108 bytes") {
    sockaddr_storage storage{};
    storage.ss_family = AF_UNIX;
    std::memset(reinterpret_cast<char*>(&storage) + path_offset, 'p', path_max);
    for (const std::size_t reported : {path_offset + path_max, path_offset + path_max + 1}) {
        const Endpoint endpoint = to_endpoint(storage, static_cast<socklen_t>(reported));
        CHECK(endpoint.family == Family::local);
        CHECK(endpoint.size == path_max);
        CHECK(path_of(endpoint) == std::string(path_max, 'p'));
    }
}

TEST_CASE("addresses that are too short, or of no family of ours, are none") {
    sockaddr_storage storage;
    const socklen_t full = to_sockaddr(loopback(Family::ipv6, 9), storage);
    for (socklen_t size = 0; size < full; size++) {
        const auto exact = copy_of({reinterpret_cast<const std::byte*>(&storage), size});
        CHECK(to_endpoint(exact.data(), exact.size()).family == Family::none);
    }
    storage.ss_family = AF_UNSPEC;
    CHECK(to_endpoint(storage, sizeof storage).family == Family::none);
    CHECK(to_endpoint(nullptr, 0).family == Family::none);
    CHECK(to_sockaddr(Endpoint{}, storage) == 0);
}

#endif
