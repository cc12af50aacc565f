// Memory of one size that is used again. Unlike a BlockPool this keeps so many pieces at most, for
// what is needed rarely, but then often in a row.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace net {

class Spares {
   public:
    Spares(std::size_t size, std::size_t kept_max) : size_(size), room_(kept_max) {}
    Spares(const Spares&) = delete;
    Spares& operator=(const Spares&) = delete;
    ~Spares() {
        while (first_) ::operator delete(std::exchange(first_, first_->next));
    }

    std::size_t size() const { return size_; }
    void* take() {  // Null when memory is out.
        if (!first_) return ::operator new(size_, std::nothrow);
        room_++;
        return std::exchange(first_, first_->next);
    }
    void give(void* memory) {
        if (room_ == 0) return ::operator delete(memory);
        room_--;
        first_ = ::new (memory) Spare{first_};
    }

   private:
    struct Spare {
        Spare* next;
    };
    const std::size_t size_;
    std::size_t room_;
    Spare* first_ = nullptr;
};

}  // namespace net
