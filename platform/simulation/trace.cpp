// The trace: each line goes into the hash by its numbers, and into the text by its words.
// Nothing of the process is in it, neither pointers nor handles: equal runs have equal traces.
#include "platform/simulation/trace.h"

#include "platform/simulation/text.h"

namespace simulation {

namespace {

constexpr std::string_view words[] = {
    "send",              "arrive",         "lose",           "duplicate", "reorder", "cut",
    "drop: queue full",  "drop: buffer full", "drop: nobody", "drop: filtered",
    "drop: too big",     "refuse",         "translate",      "report",    "resolve", "job",
    "jump",              "down",           "up",             "partition", "heal",    "interrupt",
    "fault"};
static_assert(std::size(words) == static_cast<std::size_t>(What::fault) + 1);

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

// Seconds with nine digits behind the point.
std::string time_text(std::int64_t nanoseconds) {
    const std::string fraction = std::to_string(nanoseconds % nanoseconds_per_second);
    return std::to_string(nanoseconds / nanoseconds_per_second) + "." +
           std::string(9 - fraction.size(), '0') + fraction;
}

// Byte by byte into a word, so that the order of bytes in memory does not matter.
std::uint64_t word_of(const std::uint8_t* bytes, std::size_t size) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; i++) word |= std::uint64_t{bytes[i]} << (8 * i);
    return word;
}

}  // namespace

// The finalizer of MurmurHash3 (Appleby), chained: not for enemies.
void Trace::mix(std::uint64_t word) {
    std::uint64_t h = (hash_ ^ word) * 0xff51afd7ed558ccd;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
    hash_ = h ^ (h >> 33);
}

void Trace::mix(const platform::Endpoint* endpoint) {
    if (!endpoint) return;
    mix(std::uint64_t{endpoint->port} << 16 | std::uint64_t{endpoint->size} << 8 |
        static_cast<std::uint64_t>(endpoint->family));
    const std::uint8_t* const bytes = endpoint->bytes.data();
    for (std::size_t i = 0; i < endpoint->size; i += 8) {
        mix(word_of(bytes + i, std::min<std::size_t>(8, endpoint->size - i)));
    }
}

void Trace::add_bytes(std::span<const std::byte> bytes) {
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        mix(word_of(begin + i, std::min<std::size_t>(8, bytes.size() - i)));
    }
}

void Trace::add(const Line& line) {
    mix(static_cast<std::uint64_t>(line.time));
    mix(static_cast<std::uint64_t>(line.what) << 32 | line.host);
    mix(line.number);
    mix(line.from);
    mix(line.to);
    if (!line.text.empty()) add_bytes(std::as_bytes(std::span(line.text)));
    if (!keeps_text_) return;
    text_ += time_text(line.time);
    text_ += ' ';
    text_ += line.host_name;
    text_ += ' ';
    text_ += words[static_cast<std::size_t>(line.what)];
    if (line.from) text_ += " " + full_text(*line.from);
    if (line.to) text_ += " > " + full_text(*line.to);
    text_ += " " + std::to_string(line.number);
    if (!line.text.empty()) {
        text_ += ' ';
        text_ += line.text;
    }
    text_ += '\n';
}

}  // namespace simulation
