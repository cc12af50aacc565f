// See text.h.
#include "net/text.h"

#include <algorithm>
#include <cassert>

namespace net {

Text& Text::add(std::string_view piece) {
    if (piece.empty()) return *this;
    assert(count_ < pieces_.size());
    pieces_[count_++] = piece;
    size_ += piece.size();
    return *this;
}

Text& Text::add_word(std::string_view word) {
    if (count_ > 0 && !word.empty()) add(" ");
    return add(word);
}

Text& Text::add_number(std::int64_t number) {
    const std::size_t end = digits_left_;
    const bool negative = number < 0;
    std::uint64_t rest = static_cast<std::uint64_t>(number);
    if (negative) rest = 0 - rest;
    do {
        assert(digits_left_ > 1);
        digits_[--digits_left_] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (negative) digits_[--digits_left_] = '-';
    return add({digits_.data() + digits_left_, end - digits_left_});
}

Text& Text::add_sentence(const char* pattern, std::string_view word) {
    const std::string_view whole(pattern);
    const std::size_t before = whole.find('%');
    if (before == whole.npos) return add(whole);
    return add({pattern, before}).add(word).add(pattern + before + 1);
}

std::string Text::joined() const {
    std::string text(size_, '\0');
    char* end = text.data();
    for (std::size_t i = 0; i < count_; i++) {
        end = std::copy(pieces_[i].begin(), pieces_[i].end(), end);
    }
    return text;
}

}  // namespace net
