// See cluster_link.h.
#include "net/cluster_link.h"

#include <algorithm>
#include <new>
#include <utility>

namespace net {

namespace {
constexpr std::size_t room_size = platform::Channel::message_max;
}

struct ClusterLink::Waiting {
    Waiting() = default;
    ~Waiting() {
        if (passed) platform::close(passed);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    Waiting* next = nullptr;
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
    platform::Socket passed;  // A duplicate: the caller may close its own meanwhile.
    bool text = false;
};

Error ClusterLink::open(platform::Channel channel) {
    close();
    rooms_.reset(new (std::nothrow) std::byte[2 * room_size]);
    if (!rooms_) return {Code::out_of_memory, Operation::spawn};
    channel_ = std::move(channel);
    return {};
}

void ClusterLink::close() {
    while (Waiting* const gone = first_) {
        first_ = gone->next;
        delete gone;
    }
    last_ = nullptr;
    text_waiting_ = 0;
    channel_ = platform::Channel();
}

// ---- Out ---------------------------------------------------------------------------------------

Error ClusterLink::send(const Notice& notice, platform::Socket passed) {
    if (!channel_) return {Code::broken_pipe, Operation::send};
    const std::span<std::byte> room(rooms_.get() + room_size, room_size);
    const std::size_t size = write(notice, room);
    if (size == 0) return {Code::message_too_big, Operation::send};
    const bool text = notice.kind == Notice::Kind::text;
    if (!unsent()) {
        const Error error = channel_.send(room.first(size), passed);
        if (error.code != Code::would_block) return error;
    }
    return keep(room.first(size), passed, text);
}

Error ClusterLink::keep(std::span<const std::byte> message, platform::Socket passed, bool text) {
    if (text && text_waiting_ + message.size() > unsent_max) {
        return {Code::no_buffer_space, Operation::send};
    }
    const Error out_of_memory{Code::out_of_memory, Operation::send};
    std::unique_ptr<Waiting> waiting(new (std::nothrow) Waiting);
    if (!waiting) return out_of_memory;
    waiting->bytes.reset(new (std::nothrow) std::byte[message.size()]);
    if (!waiting->bytes) return out_of_memory;
    if (passed) {
        const Result<platform::Socket> twin = platform::duplicate(passed);
        if (!twin) return twin.error();
        waiting->passed = *twin;
    }
    std::copy(message.begin(), message.end(), waiting->bytes.get());
    waiting->size = message.size();
    waiting->text = text;
    if (text) text_waiting_ += message.size();
    (last_ ? last_->next : first_) = waiting.get();
    last_ = waiting.release();
    return {};
}

Error ClusterLink::flush() {
    if (const Error error = channel_.flush()) return error;
    while (Waiting* const oldest = first_) {
        const std::span<const std::byte> message(oldest->bytes.get(), oldest->size);
        if (const Error error = channel_.send(message, oldest->passed)) return error;
        if (oldest->text) text_waiting_ -= oldest->size;
        first_ = oldest->next;
        if (!first_) last_ = nullptr;
        delete oldest;
        if (const Error error = channel_.flush()) return error;
    }
    return {};
}

// ---- In ----------------------------------------------------------------------------------------

Error ClusterLink::receive(Notice& notice, platform::Socket& passed) {
    if (!channel_) return {Code::broken_pipe, Operation::receive};
    const std::span<std::byte> room(rooms_.get(), room_size);
    const Result<platform::Parcel> parcel = channel_.receive(room);
    if (!parcel) return parcel.error();
    const bool known = read(room.first(parcel->size), notice);
    const bool grant = known && notice.kind == Notice::Kind::granted;
    const bool unexpected = parcel->surplus || (!grant && (parcel->passed || parcel->lost));
    if (known && !unexpected) {
        passed = parcel->passed;
        return {};
    }
    if (parcel->passed) platform::close(parcel->passed);
    return {Code::invalid_argument, Operation::receive};
}

}  // namespace net
