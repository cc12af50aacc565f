// Where received datagrams lie: 64 slots of 64 KiB for each loop, so no datagram and no train of
// them is ever cut, and a socket needs no buffer of its own. Virtual memory: a slot costs nothing
// until it is touched, and the slot used last is used next, so few ever are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace net {

class Arena {
   public:
    using Slot = std::uint8_t;
    static constexpr std::size_t slot_size = 65536;
    static constexpr std::size_t slot_count = 64;
    static constexpr Slot no_slot = 255;

    bool open();  // False: no memory.
    std::size_t free_count() const { return free_count_; }

    // A slot is held by what was received into it, and by each send made of its bytes.
    Slot take() {  // no_slot when none is free.
        if (free_count_ == 0) return no_slot;
        const Slot slot = free_[--free_count_];
        holders_[slot] = 1;
        return slot;
    }
    void hold(Slot slot) { holders_[slot]++; }
    void release(Slot slot) {
        if (--holders_[slot] == 0) free_[free_count_++] = slot;
    }

    std::span<std::byte> bytes(Slot slot) const {
        return {memory_.get() + slot * slot_size, slot_size};
    }
    Slot slot_of(const std::byte* at) const {  // no_slot when it lies elsewhere.
        // As numbers: pointers into different objects have no order, nor a difference.
        const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(at) -
                                      reinterpret_cast<std::uintptr_t>(memory_.get());
        const bool inside = memory_ && offset < slot_size * slot_count;
        return inside ? static_cast<Slot>(offset / slot_size) : no_slot;
    }

   private:
    std::unique_ptr<std::byte[]> memory_;
    std::array<std::uint32_t, slot_count> holders_{};
    std::array<Slot, slot_count> free_{};  // The top is the one used last.
    std::size_t free_count_ = 0;
};

// Slots that a scope holds on to, and releases at its end.
class HeldSlots {
   public:
    explicit HeldSlots(Arena& arena) : arena_(arena) {}
    ~HeldSlots() {
        while (size_ > 0) arena_.release(slots_[--size_]);
    }
    HeldSlots(const HeldSlots&) = delete;
    HeldSlots& operator=(const HeldSlots&) = delete;
    void add(Arena::Slot slot) { slots_[size_++] = slot; }

   private:
    Arena& arena_;
    std::size_t size_ = 0;
    std::array<Arena::Slot, 16> slots_;
};

}  // namespace net
