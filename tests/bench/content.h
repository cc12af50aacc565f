// What a datagram carries: its number at its beginning, and the number's complement at its end.
// Checked by all contenders alike: that it is the next one, whole and unspoiled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "tests/bench/row.h"

namespace bench {

using Bytes = std::span<const std::byte>;

inline void check(Bytes bytes, std::size_t size, std::uint32_t number) {
    std::uint32_t head = 0;
    std::uint32_t tail = 0;
    if (bytes.size() != size) fail("a datagram of another length arrived");
    std::memcpy(&head, bytes.data(), sizeof head);
    std::memcpy(&tail, bytes.data() + size - sizeof tail, sizeof tail);
    if (head != number) fail("a datagram was lost, doubled or overtaken");
    if (tail != ~number) fail("a datagram arrived spoiled");
}

// Places for the datagrams of one round, which stay as they are until those have left.
class Buffers {
   public:
    Buffers(std::size_t count, std::size_t size) : size_(size), bytes_(count * size) {}

    Bytes write(std::size_t place, std::uint32_t number) {
        const std::uint32_t complement = ~number;
        std::byte* const begin = bytes_.data() + place * size_;
        std::memcpy(begin, &number, sizeof number);
        std::memcpy(begin + size_ - sizeof complement, &complement, sizeof complement);
        return {begin, size_};
    }

   private:
    std::size_t size_;
    std::vector<std::byte> bytes_;
};

}  // namespace bench
