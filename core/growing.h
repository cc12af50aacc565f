// An array that grows without exceptions: std::vector would end the program when memory is out,
// and running out of memory is an outcome like any other here. For plain values only.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>

namespace core {

// What does not depend on what is kept.
class AnyGrowing {
   public:
    AnyGrowing() = default;
    AnyGrowing(const AnyGrowing&) = delete;
    AnyGrowing& operator=(const AnyGrowing&) = delete;

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    void pop() { size_--; }
    void clear() { size_ = 0; }

   protected:
    ~AnyGrowing() { ::operator delete(items_); }
    bool grow(std::size_t capacity, std::size_t item_size);

    void* items_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

template <class T>
class Growing : public AnyGrowing {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

   public:
    T* data() { return items(); }
    T& operator[](std::size_t i) { return items()[i]; }
    const T& operator[](std::size_t i) const { return items()[i]; }
    T& back() { return items()[size_ - 1]; }
    T* begin() { return items(); }
    T* end() { return items() + size_; }

    // False when memory is out; the array is then as it was.
    bool push(const T& item) {
        constexpr std::size_t first = sizeof(T) > 64 ? 4 : 16;
        if (size_ == capacity_ && !reserve(capacity_ ? capacity_ * 2 : first)) return false;
        ::new (items() + size_++) T(item);
        return true;
    }
    bool reserve(std::size_t capacity) {
        return capacity <= capacity_ || grow(capacity, sizeof(T));
    }
    void erase(std::size_t i, std::size_t count = 1) {  // Keeps the order.
        if (count == 0) return;
        T* const first = items() + i;
        std::memmove(first, first + count, (size_ - i - count) * sizeof(T));
        size_ -= count;
    }

   private:
    T* items() const { return static_cast<T*>(items_); }
};

}  // namespace core
