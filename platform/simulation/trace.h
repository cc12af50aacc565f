// All that happens in a world, as a hash and, if wanted, as lines of text.
// For platform/simulation/ only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "platform/endpoint.h"

namespace simulation {

// What happened; the words of the trace.
enum class What : std::uint8_t {
    send,
    arrive,
    lose,
    duplicate,
    reorder,
    cut,
    overflow,
    full,
    nobody,
    filter,
    too_big,
    refuse,
    translate,
    report,
    resolve,
    job,
    jump,
    down,
    up,
    partition,
    heal,
    interrupt,
    fault,
};

class Trace {
   public:
    explicit Trace(bool keeps_text) : keeps_text_(keeps_text) {}

    struct Line {
        std::int64_t time = 0;
        What what = What::send;
        std::uint32_t host = 0;
        std::string_view host_name;
        const platform::Endpoint* from = nullptr;
        const platform::Endpoint* to = nullptr;
        std::uint64_t number = 0;  // A size, usually.
        std::string_view text{};
    };
    void add(const Line&);
    void add_bytes(std::span<const std::byte>);  // To the hash alone.

    bool keeps_text() const { return keeps_text_; }
    std::uint64_t hash() const { return hash_; }
    const std::string& text() const { return text_; }

   private:
    void mix(std::uint64_t);
    void mix(const platform::Endpoint*);

    const bool keeps_text_;
    std::uint64_t hash_ = 0x6a09e667f3bcc908;
    std::string text_;
};

}  // namespace simulation
