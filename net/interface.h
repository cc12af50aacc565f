// How a user names a network interface: by name ("eth0", "Ethernet 2"), by index (2 or "2"), by an
// address of it, or as a zone ("::%eth0", "::%2").
// Catch: a view of the text, for the length of a call.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace net {

class Interface {
   public:
    Interface() = default;  // None in particular: the system's choice.
    Interface(std::string_view text) : text_(text) {}
    Interface(const std::string& text) : text_(text) {}
    Interface(const char* text) : text_(text) {}
    Interface(std::integral auto index)
        : index_(std::in_range<std::uint32_t>(index) ? static_cast<std::uint32_t>(index)
                                                     : UINT32_MAX),  // No interface has it.
          by_index_(true) {}  // 0: the system's choice.
    Interface(std::nullptr_t) = delete;

    std::string_view text() const { return text_; }
    std::uint32_t index() const { return index_; }
    bool by_index() const { return by_index_; }
    bool empty() const { return by_index_ ? index_ == 0 : text_.empty(); }

   private:
    std::string_view text_;
    std::uint32_t index_ = 0;
    bool by_index_ = false;
};

}  // namespace net
