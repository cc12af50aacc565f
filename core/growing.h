// An array that grows without exceptions: std::vector would end the program when memory is out,
// and running out of memory is an outcome like any other here. For plain values only.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace core {

template <class T>
class Growing {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

   public:
    Growing() = default;
    ~Growing() { ::operator delete(items_); }
    Growing(const Growing&) = delete;
    Growing& operator=(const Growing&) = delete;

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T* data() { return items_; }
    T& operator[](std::size_t i) { return items_[i]; }
    const T& operator[](std::size_t i) const { return items_[i]; }
    T& back() { return items_[size_ - 1]; }
    T* begin() { return items_; }
    T* end() { return items_ + size_; }

    // False when memory is out; the array is then as it was.
    bool push(const T& item) {
        constexpr std::size_t first = sizeof(T) > 64 ? 4 : 16;
        if (size_ == capacity_ && !reserve(capacity_ ? capacity_ * 2 : first)) return false;
        ::new (items_ + size_++) T(item);
        return true;
    }
    bool reserve(std::size_t capacity) {
        if (capacity <= capacity_) return true;
        void* grown = ::operator new(capacity * sizeof(T), std::nothrow);
        if (!grown) return false;
        if (size_) std::memcpy(grown, items_, size_ * sizeof(T));
        ::operator delete(std::exchange(items_, static_cast<T*>(grown)));
        capacity_ = capacity;
        return true;
    }
    void pop() { size_--; }
    void clear() { size_ = 0; }
    void erase(std::size_t i, std::size_t count = 1) {  // Keeps the order.
        if (count == 0) return;
        std::memmove(items_ + i, items_ + i + count, (size_ - i - count) * sizeof(T));
        size_ -= count;
    }

   private:
    T* items_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace core
