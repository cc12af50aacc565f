// Control messages (cmsg(3), WSAMSG), written once over a Layout that names a system's header.
// The lengths come from the system and, for Unix sockets, from strangers: every step is checked.
// The writer's destructor sets the length, so it cannot be forgotten. For platform/ only.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstring>
#include <span>

namespace platform {

// A Layout has: Header, with cmsg_len, cmsg_level and cmsg_type; static length(payload)
// and space(payload), the header included, the latter padded to the next header; and
// attach(message, bytes, size), which hands a buffer to the system's message.

template <class Layout, std::size_t size>
struct ControlBuffer {
    alignas(typename Layout::Header) std::byte bytes[size];
};

// Appends to a buffer, and attaches what it wrote to the message when it goes out of scope.
template <class Layout, class Message>
class ControlWriter {
   public:
    ControlWriter(Message& message, std::span<std::byte> room) : message_(message), room_(room) {}
    ~ControlWriter() { Layout::attach(message_, used_ ? room_.data() : nullptr, used_); }
    ControlWriter(const ControlWriter&) = delete;
    ControlWriter& operator=(const ControlWriter&) = delete;

    template <class Value>
    void put(int level, int type, const Value& value) {
        put_bytes(level, type, &value, sizeof value);
    }

   private:
    void put_bytes(int level, int type, const void* value, std::size_t size) {
        const std::size_t space = Layout::space(size);
        assert(space <= room_.size() - used_);
        typename Layout::Header header{};
        header.cmsg_len = static_cast<decltype(header.cmsg_len)>(Layout::length(size));
        header.cmsg_level = level;
        header.cmsg_type = type;
        std::byte* start = room_.data() + used_;
        std::memset(start, 0, space);  // The padding goes to the kernel too.
        std::memcpy(start, &header, sizeof header);
        std::memcpy(start + Layout::length(0), value, size);
        used_ += space;
    }

    Message& message_;
    std::span<std::byte> room_;
    std::size_t used_ = 0;
};

struct ControlItem {
    int level = 0;
    int type = 0;
    std::span<const std::byte> data;

    // Copies, because the data is not aligned for every type; false when it is too short.
    template <class Value>
    bool read(Value& value) const {
        if (data.size() < sizeof value) return false;
        std::memcpy(&value, data.data(), sizeof value);
        return true;
    }
};

// Walks over received control messages and stops at the first that does not fit.
template <class Layout>
class ControlReader {
   public:
    explicit ControlReader(std::span<const std::byte> rest) : rest_(rest) {}

    bool next(ControlItem& item) {
        typename Layout::Header header;
        if (rest_.size() < Layout::length(0)) return false;
        std::memcpy(&header, rest_.data(), sizeof header);
        const std::size_t size = static_cast<std::size_t>(header.cmsg_len);
        if (size < Layout::length(0) || size > rest_.size()) return false;
        item.level = header.cmsg_level;
        item.type = header.cmsg_type;
        item.data = rest_.subspan(Layout::length(0), size - Layout::length(0));
        const std::size_t space = Layout::space(item.data.size());
        rest_ = space < rest_.size() ? rest_.subspan(space) : std::span<const std::byte>();
        return true;
    }

   private:
    std::span<const std::byte> rest_;
};

}  // namespace platform
