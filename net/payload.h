// What a send is given: bytes, text, or a list of these as one datagram. A view: the bytes belong
// to the caller until the callback has run, unless they were moved in.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <new>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace net {

// Holds its elements itself: those of a temporary would be gone before they leave.
template <class R>
concept Container = std::ranges::range<R> && !std::ranges::borrowed_range<R> &&
                    !std::is_base_of_v<std::span<const std::byte>, R>;

// Bytes, from whatever holds them next to each other, and for longer than a call.
class Bytes : public std::span<const std::byte> {
   public:
    using span = std::span<const std::byte>;
    constexpr Bytes() = default;
    constexpr Bytes(span bytes) : span(bytes) {}
    Bytes(std::string_view text) : span(std::as_bytes(std::span(text.data(), text.size()))) {}
    Bytes(const std::string& text) : Bytes(std::string_view(text)) {}
    Bytes(const char* text) : Bytes(std::string_view(text)) {}

    // Vectors, arrays and spans of std::byte, unsigned char and their like.
    template <std::ranges::contiguous_range R>
        requires(std::ranges::sized_range<R> && sizeof(std::ranges::range_value_t<R>) == 1 &&
                 std::is_trivially_copyable_v<std::ranges::range_value_t<R>> &&
                 !std::is_convertible_v<const R&, std::string_view> && !std::is_base_of_v<span, R>)
    Bytes(const R& range)
        : span(std::as_bytes(std::span(std::ranges::data(range), std::ranges::size(range)))) {}
    template <Container R>
    Bytes(const R&&) = delete;

    std::string_view text() const {
        return {reinterpret_cast<const char*>(data()), size()};
    }
};

// Bytes that the library frees: what was moved into a send, or had to be copied.
struct Keeper {
    void (*drop)(Keeper&);
    std::span<const std::byte> bytes;
};

class Payload {
   public:
    // One datagram from one place.
    template <class B>
        requires(std::is_convertible_v<const B&, Bytes> && !std::is_same_v<B, Payload>)
    Payload(const B& bytes) : single_(bytes), parts_(nullptr), count_(1) {}

    // One datagram from several places; an empty list is an empty datagram.
    Payload(std::initializer_list<Bytes> parts) : parts_(std::data(parts)), count_(parts.size()) {}
    template <std::ranges::contiguous_range R>
        requires std::is_same_v<std::ranges::range_value_t<R>, Bytes>
    Payload(const R& parts) : parts_(std::ranges::data(parts)), count_(std::ranges::size(parts)) {}

    // Is it a text or a buffer? net::Bytes(std::span(buffer)) or a string_view says so.
    template <std::size_t size>
    Payload(char (&buffer)[size]) = delete;

    // Moved in: nobody has to keep them. Other temporaries are refused.
    Payload(std::string&& text) { keep(std::move(text)); }
    template <class Byte>
        requires std::is_convertible_v<const std::vector<Byte>&, Bytes>
    Payload(std::vector<Byte>&& bytes) { keep(std::move(bytes)); }
    template <Container R>
        requires std::is_convertible_v<const R&, Bytes>
    Payload(const R&&) = delete;

    Payload(Payload&& other) noexcept
        : single_(other.single_), parts_(other.parts_), count_(other.count_),
          outside_(other.outside_), keeper_(std::exchange(other.keeper_, nullptr)),
          lost_(other.lost_) {}
    Payload& operator=(Payload&&) = delete;
    ~Payload() {
        if (keeper_) keeper_->drop(*keeper_);
    }

    // A part of a message, in bytes; one that does not lie inside is refused by the send.
    Payload(Bytes bytes, std::size_t offset, std::size_t length) : count_(1) {
        if (offset > bytes.size()) {
            outside_ = "offset";
        } else if (length > bytes.size() - offset) {
            outside_ = "length";
        } else {
            single_ = bytes.subspan(offset, length);
        }
    }

    std::span<const Bytes> parts() const { return {parts_ ? parts_ : &single_, count_}; }
    std::size_t size() const {
        if (!parts_) return single_.size();
        std::size_t sum = 0;
        for (const Bytes& part : parts()) sum += part.size();
        return sum;
    }
    const char* outside() const { return outside_; }  // The argument out of bounds, or null.
    bool lost() const { return lost_; }               // No memory to keep what was moved in.
    Keeper* release() { return std::exchange(keeper_, nullptr); }

   private:
    template <class Container>
    void keep(Container&& container) {
        struct Kept : Keeper {
            explicit Kept(Container&& source) : held(std::move(source)) {
                bytes = Bytes(held);
                drop = [](Keeper& self) { delete static_cast<Kept*>(&self); };
            }
            Container held;
        };
        keeper_ = new (std::nothrow) Kept(std::move(container));
        lost_ = !keeper_;
        if (keeper_) single_ = keeper_->bytes;
        count_ = 1;
    }

    Bytes single_;
    const Bytes* parts_ = nullptr;
    std::size_t count_ = 0;
    const char* outside_ = nullptr;
    Keeper* keeper_ = nullptr;
    bool lost_ = false;
};

}  // namespace net
