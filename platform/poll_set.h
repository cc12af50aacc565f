// What poll(2) is given: descriptors in a row, in any order, and where each of them is, so that
// adding, finding and removing one take the same time however many there are. For platform/ only.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "platform/platform.h"

namespace platform {

class PollSet {
   public:
    pollfd* data() { return entries_.get(); }
    std::size_t size() const { return size_; }
    Token token(std::size_t place) const { return tokens_[place]; }

    // Waiting for nothing yet, and with nothing found. Null, with ENOMEM: memory is out.
    pollfd* find_or_add(int descriptor, Token token) {
        const auto index = static_cast<std::size_t>(descriptor);
        if (!reserve(index)) {
            errno = ENOMEM;
            return nullptr;
        }
        if (places_[index] == nowhere) places_[index] = ++size_;
        const std::size_t place = places_[index] - 1;
        tokens_[place] = token;
        entries_[place] = {descriptor, 0, 0};
        return &entries_[place];
    }

    void remove(int descriptor) {
        const auto index = static_cast<std::size_t>(descriptor);  // A negative one is too large.
        if (index >= places_size_ || places_[index] == nowhere) return;
        const std::size_t place = std::exchange(places_[index], nowhere) - 1;
        if (place == --size_) return;
        entries_[place] = entries_[size_];
        tokens_[place] = tokens_[size_];
        const int moved = entries_[place].fd;
        places_[static_cast<std::size_t>(moved < 0 ? ~moved : moved)] = place + 1;
    }

    // It stays where it is, and poll looks past it.
    void ignore(std::size_t place) { entries_[place].fd = ~entries_[place].fd; }

   private:
    static constexpr std::size_t nowhere = 0;  // Other places count from one.

    // An array of so many values at least, the old ones first; false when memory is out.
    template <class Value>
    static bool grow(std::unique_ptr<Value[]>& values, std::size_t size, std::size_t wanted) {
        std::unique_ptr<Value[]> larger(new (std::nothrow) Value[wanted]{});
        if (!larger) return false;
        std::copy_n(values.get(), size, larger.get());
        values = std::move(larger);
        return true;
    }

    // Room for one more, which has this descriptor.
    bool reserve(std::size_t descriptor) {
        if (size_ == capacity_) {
            const std::size_t wanted = std::max<std::size_t>(16, capacity_ * 2);
            if (!grow(entries_, size_, wanted) || !grow(tokens_, size_, wanted)) return false;
            capacity_ = wanted;
        }
        if (descriptor >= places_size_) {
            const std::size_t wanted = std::max(descriptor + 1, places_size_ * 2);
            if (!grow(places_, places_size_, wanted)) return false;
            places_size_ = wanted;
        }
        return true;
    }

    std::unique_ptr<pollfd[]> entries_;
    std::unique_ptr<Token[]> tokens_;        // Of the entries.
    std::unique_ptr<std::size_t[]> places_;  // By descriptor.
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    std::size_t places_size_ = 0;
};

}  // namespace platform
