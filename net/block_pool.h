// Blocks of one cache line for what is short-lived and frequent: requests, and lists of parts.
// After warm-up nothing is allocated. One pool for each loop; blocks are never given back to the
// system before it ends.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace net {

class BlockPool {
   public:
    static constexpr std::size_t block_size = 64;

    BlockPool() = default;
    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;
    ~BlockPool() {
        while (chunks_) delete std::exchange(chunks_, chunks_->next);
    }

    void* take() {  // Null when memory is out.
        if (!free_ && !grow()) return nullptr;
        return std::exchange(free_, free_->next);
    }
    void give(void* block) { free_ = ::new (block) Free{free_}; }

   private:
    struct Free {
        Free* next;
    };
    struct Chunk {
        alignas(block_size) std::byte blocks[15 * block_size];
        Chunk* next;
    };

    bool grow() {
        Chunk* chunk = new (std::nothrow) Chunk;
        if (!chunk) return false;
        chunk->next = std::exchange(chunks_, chunk);
        for (std::size_t i = sizeof chunk->blocks; i > 0; i -= block_size) {
            give(chunk->blocks + i - block_size);
        }
        return true;
    }

    Free* free_ = nullptr;
    Chunk* chunks_ = nullptr;
};

}  // namespace net
