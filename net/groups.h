// The groups of one socket: what it has joined, and what it wants to join again when an interface
// comes back. Comes into being with the first membership. Not part of the API.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/growing.h"
#include "core/loop.h"
#include "net/datagram.h"

namespace net {

// What was asked for: resolved anew each time, because an interface that comes back has the same
// name, but seldom the same index.
struct Wish {
    enum class By : std::uint8_t { choice, everywhere, index, name, address };

    Address group;
    Address source;              // Family::none: of all sources.
    Address address;             // By::address
    std::uint32_t index = 0;     // Where it was found last; 0: nowhere, or the system's choice.
    By by = By::choice;
    std::uint8_t name_size = 0;  // By::name
    std::array<char, 128> name_bytes{};

    std::string_view name() const { return {name_bytes.data(), name_size}; }
    bool is_for(const Address& which, const Address& from) const {
        return group == which && source.family == from.family &&
               (from.family == Family::none || source == from);
    }
    // Of the same group and source: whether who leaves as `other` says leaves this one.
    bool ends_with(const Wish& other) const {
        if (by == By::choice || by == By::everywhere || other.by == By::choice) return true;
        if (index != 0 && index == other.index) return true;
        if (by != other.by) return false;
        return by == By::name ? name() == other.name()
                              : by == By::address && address == other.address;
    }
};

struct Groups {
    ~Groups() { timer.cancel(); }

    core::Growing<Membership> joined;
    core::Growing<Wish> wishes;  // Only with Options::rejoin.
    core::Timer timer;
    bool chosen = false;         // set_multicast_all was called: nobody else decides.
};

}  // namespace net
