// A text in pieces, which are joined at the end: every string is built by the same few lines, and
// with one allocation. Not part of the API.
// Catch: the pieces are views, and have to be there until then; numbers are kept inside.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace net {

class Text {
   public:
    Text() = default;
    explicit Text(std::string_view piece) { add(piece); }
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;

    Text& add(std::string_view);
    Text& add(const char* piece) { return add(std::string_view(piece)); }
    Text& add_word(std::string_view);  // With a blank between it and what is there.
    Text& add_number(std::int64_t);    // At most two.
    Text& add_sentence(const char* pattern, std::string_view word);  // Which stands for its '%'.
    std::string joined() const;

   private:
    std::array<std::string_view, 16> pieces_;
    std::size_t count_ = 0;
    std::size_t size_ = 0;
    std::array<char, 40> digits_;  // Filled from the end.
    std::size_t digits_left_ = digits_.size();
};

}  // namespace net
