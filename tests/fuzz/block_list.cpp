// Feeds a block list with rules and peers out of noise, and compares its judgement with a model
// that keeps every rule and looks at the bytes of every form one after the other.
#ifndef _WIN32
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

#include "net/block_list.h"

namespace {

using net::Address;
using net::BlockList;
using net::Family;

using Bytes = std::array<std::uint8_t, 16>;

void require(bool holds) {
    if (!holds) std::abort();
}

class Noise {
   public:
    Noise(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    bool empty() const { return size_ == 0; }
    std::uint8_t byte() {
        if (size_ == 0) return 0;
        size_--;
        return *data_++;
    }

    // Mostly an address of a form that holds another one, for noise alone would never find them.
    Bytes address() {
        static const Bytes forms[] = {
            {},
            {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
            {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
            {0, 0x64, 0xff, 0x9b},
            {0, 0x64, 0xff, 0x9b, 0, 1},
            {0x20, 0x02},
            {0x20, 0x01},
            {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x5e, 0xfe},
            {0x20, 0x02, 0, 0, 0, 0, 0, 0, 2, 0, 0x5e, 0xfe},
        };
        Bytes bytes = forms[byte() % std::size(forms)];
        for (std::uint8_t count = byte() % 8; count > 0; count--) {
            const std::size_t place = byte() % bytes.size();
            bytes[place] = byte();
        }
        return bytes;
    }

   private:
    const std::uint8_t* data_;
    std::size_t size_;
};

Bytes mapped(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
}

bool starts_with(const Bytes& bytes, std::initializer_list<std::uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

struct Model {
    std::vector<std::pair<Bytes, Bytes>> rules;

    bool contains(const Bytes& bytes) const {
        return std::any_of(rules.begin(), rules.end(), [&](const auto& rule) {
            return rule.first <= bytes && bytes <= rule.second;
        });
    }
    bool contains(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) const {
        const bool unspecified = !a && !b && !c && !d;
        return contains(mapped(a, b, c, d)) || (unspecified && contains(mapped(127, 0, 0, 1)));
    }

    bool blocks(const Bytes& x) const {
        const Bytes loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        if (contains(x)) return true;
        if (x == Bytes{}) return contains(loopback) || contains(mapped(127, 0, 0, 1));
        if (x == loopback) return false;
        const bool isatap = (x[8] & 0xfd) == 0 && x[9] == 0 && x[10] == 0x5e && x[11] == 0xfe;
        const bool last = isatap || starts_with(x, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) ||
                          starts_with(x, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}) ||
                          starts_with(x, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}) ||
                          starts_with(x, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}) ||
                          starts_with(x, {0, 0x64, 0xff, 0x9b, 0, 1});
        if (last && contains(x[12], x[13], x[14], x[15])) return true;
        if (starts_with(x, {0x20, 0x02}) && contains(x[2], x[3], x[4], x[5])) return true;
        const auto flipped = [&](std::size_t i) { return static_cast<std::uint8_t>(~x[i]); };
        if (starts_with(x, {0x20, 0x01, 0, 0}) &&
            contains(flipped(12), flipped(13), flipped(14), flipped(15))) {
            return true;
        }
        if (!starts_with(x, {0, 0x64, 0xff, 0x9b, 0, 1})) return false;
        return (x[6] && contains(x[6], x[7], x[9], x[10])) ||
               (x[7] && contains(x[7], x[9], x[10], x[11])) ||
               (x[9] && contains(x[9], x[10], x[11], x[12]));
    }
};

// As the plain IPv4 address where it is one and noise says so: both forms must be judged alike.
Address endpoint(const Bytes& bytes, bool plain) {
    Address address = Address::any(Family::ipv6);
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    return plain ? address.unmapped() : address;
}

void add(Noise& noise, BlockList& list, Model& model) {
    Bytes first = noise.address();
    Bytes last = first;
    const std::uint8_t kind = noise.byte();
    const bool plain = kind & 4;
    const Address address = endpoint(first, plain);
    if (kind % 4 == 0) {
        require(!list.add_address(address));
    } else if (kind % 4 == 1) {
        const int prefix = noise.byte();
        const bool fits = prefix <= (address.family == Family::ipv4 ? 32 : 128);
        require(!list.add_subnet(address, prefix) == fits);
        if (!fits) return;
        const unsigned skipped = address.family == Family::ipv4 ? 96 : 0;
        for (unsigned bit = skipped + static_cast<unsigned>(prefix); bit < 128; bit++) {
            const auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
            first[bit / 8] = static_cast<std::uint8_t>(first[bit / 8] & ~mask);
            last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | mask);
        }
    } else {
        last = noise.address();
        const Address end = endpoint(last, plain);
        const bool fits = first <= last && address.family == end.family;
        require(!list.add_range(address, end) == fits);
        if (!fits) return;
    }
    model.rules.emplace_back(first, last);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Noise noise(data, size);
    BlockList list;
    Model model;
    while (!noise.empty()) {
        if (noise.byte() % 2) {
            add(noise, list, model);
            continue;
        }
        const Bytes peer = noise.address();
        const bool expected = model.blocks(peer);
        require(list.blocks(endpoint(peer, false)) == expected);
        require(list.blocks(endpoint(peer, true)) == expected);
    }
    for (const auto& [first, last] : model.rules) {
        require(list.blocks(endpoint(first, false)) && list.blocks(endpoint(last, true)));
    }
    const BlockList copy = list;
    require(copy.rules() == list.rules() && copy.rules().size() == model.rules.size());
    return 0;
}
#endif
