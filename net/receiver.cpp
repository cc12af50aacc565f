// See receiver.h. What arrives while somebody awaits is handed on where it lies, in the arena; what
// had to be kept is put there once more before it is handed on. So a message is always good for
// the same time, and a send of its bytes holds their place as it does inside a listener.
#include "net/receiver.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <type_traits>
#include <utility>

#include "net/datagram_state.h"

namespace net {

// ---- The backlog -------------------------------------------------------------------------------

namespace {

// So that each record is aligned.
std::size_t padded(std::size_t size) {
    constexpr std::size_t alignment = alignof(std::max_align_t);
    return (size + alignment - 1) / alignment * alignment;
}

// What stands before the bytes.
std::size_t head_of(const Backlog::Record& record) {
    return padded(sizeof record) + (record.informed ? padded(sizeof(PacketInfo)) : 0);
}

static_assert(std::is_trivially_copyable_v<PacketInfo>);

}  // namespace

bool Backlog::push(Record record, Bytes bytes, const PacketInfo* info) {
    record.informed = info != nullptr;
    const std::size_t size = head_of(record) + padded(bytes.size());
    if (count_ == count_max || size_ - begin_ + size > bytes_max || !make_room(size)) return false;
    std::byte* const end = static_cast<std::byte*>(items_) + size_;
    std::memcpy(end, &record, sizeof record);
    if (info) std::memcpy(end + padded(sizeof record), info, sizeof *info);
    std::copy(bytes.begin(), bytes.end(), end + head_of(record));
    size_ += size;
    count_++;
    return true;
}

// What has been taken makes room first.
bool Backlog::make_room(std::size_t size) {
    if (size_ + size <= capacity_) return true;
    std::copy(begin(), begin() + (size_ - begin_), static_cast<std::byte*>(items_));
    size_ -= std::exchange(begin_, 0);
    return size_ + size <= capacity_ || grow(std::max(2 * capacity_, size_ + size), 1);
}

Backlog::Record Backlog::front() const {
    Record record;
    std::memcpy(static_cast<void*>(&record), begin(), sizeof record);
    return record;
}

Bytes Backlog::front_bytes() const {
    const Record record = front();
    return std::span<const std::byte>(begin() + head_of(record), record.size);
}

const PacketInfo* Backlog::front_info() const {
    if (!front().informed) return nullptr;
    return std::launder(reinterpret_cast<const PacketInfo*>(begin() + padded(sizeof(Record))));
}

void Backlog::pop() {
    const Record record = front();
    begin_ += head_of(record) + padded(record.size);
    if (--count_ == 0) size_ = begin_ = 0;
}

// ---- The receiver ------------------------------------------------------------------------------

Receiver::Delivery::Delivery(Receiver& owner)
    : Deferred([](Deferred& self) { static_cast<Delivery&>(self).receiver.deliver(); }),
      receiver(owner) {}

Receiver::Receiver(Datagram& socket)
    : Owner([](Owner& self) {
          Receiver& receiver = static_cast<Receiver&>(self);
          receiver.state_ = nullptr;
          receiver.ended_ = {Code::canceled, Operation::receive};
          if (receiver.awaiting_) receiver.awaiting_->complete_later(receiver.ended_);
      }),
      state_(socket.state_) {
    // A claim that finds no place says at once that the socket has gone.
    listeners_[0] = socket.on_message([claim = core::Claim(*this)](const Message& message) {
        if (Receiver* self = claim.owner<Receiver>()) self->arrived(message);
    });
    listeners_[1] = socket.on_error([this](const Failure& failure) { failed(failure.error); });
    listeners_[2] = socket.on_close([this] { end({Code::not_running, Operation::receive}); });
    state_ = socket.state_;
    if (std::find(std::begin(listeners_), std::end(listeners_), 0u) != std::end(listeners_)) {
        stop_listening();
        ended_ = {Code::out_of_memory, Operation::receive};
    } else if (state_->life == Datagram::State::Life::closed) {
        ended_ = {Code::not_running, Operation::receive};
    }
}

// The socket's listeners may go now, or the socket.
void Receiver::stop_listening() {
    renounce();
    for (const ListenerId id : listeners_) (void)Datagram::State::off(state_, id);
    state_ = nullptr;
}

Receiver::~Receiver() {
    stop_listening();
    if (!awaiting_) return;
    awaiting_->receiver_ = nullptr;
    awaiting_->complete_later({Code::canceled, Operation::receive});
}

bool Receiver::awaited() const { return awaiting_ && awaiting_->waiting(); }

void Receiver::expect(Receiving& receiving) {
    if (awaiting_) return receiving.complete_later(receiving.because(Code::already_in_progress));
    if (ended_ && backlog_.empty()) return receiving.complete_later(ended_);
    awaiting_ = &receiving;
    if (!backlog_.empty()) delivery_.schedule(receiving.strand().strands());
}

void Receiver::arrived(const Message& message) {
    if (awaited() && backlog_.empty()) {
        awaiting_->message_ = &message;
        return std::exchange(awaiting_, nullptr)->complete();
    }
    const Backlog::Record record{message.sender, {}, static_cast<std::uint32_t>(message.size()),
                                 message.truncated};
    if (!backlog_.push(record, message.bytes, message.info)) dropped_count_++;
}

void Receiver::failed(Error error) {
    if (awaited() && backlog_.empty()) return std::exchange(awaiting_, nullptr)->complete(error);
    Backlog::Record record;
    record.error = error;
    if (!backlog_.push(record, {})) dropped_count_++;
}

void Receiver::end(Error reason) {
    ended_ = reason;
    if (awaited() && backlog_.empty()) std::exchange(awaiting_, nullptr)->complete(reason);
}

void Receiver::deliver() {
    core::Ring watching;  // Alone once a coroutine has ended this receiver.
    watching.enter_before(watchers_);
    while (!watching.alone() && awaited() && !backlog_.empty()) {
        core::Strands& strands = awaiting_->strand().strands();
        if (!deliver_front()) return delivery_.schedule(strands);
    }
}

// False when the arena is full, which a tick's end mends.
bool Receiver::deliver_front() {
    core::Loop& loop = awaiting_->loop();
    const Backlog::Record record = backlog_.front();
    if (record.error) {
        backlog_.pop();
        std::exchange(awaiting_, nullptr)->complete(record.error);
        return true;
    }
    Exchange* const exchange = Exchange::of(loop);
    if (!exchange || !exchange->arena.open()) {
        std::exchange(awaiting_, nullptr)->complete({Code::out_of_memory, Operation::receive});
        return true;
    }
    Arena& arena = exchange->arena;
    if (arena.free_count() == 0) loop.flush_requests();
    const Arena::Slot slot = arena.take();
    if (slot == Arena::no_slot) return false;
    HeldSlots held(arena);
    held.add(slot);
    const Bytes kept = backlog_.front_bytes();
    std::copy(kept.begin(), kept.end(), arena.bytes(slot).begin());
    const PacketInfo* const info = backlog_.front_info();
    backlog_.pop();
    const Message message{arena.bytes(slot).first(record.size), record.sender, record.truncated,
                          info};
    awaiting_->message_ = &message;
    std::exchange(awaiting_, nullptr)->complete();
    return true;
}

// ---- One await ---------------------------------------------------------------------------------

Receiving::~Receiving() {
    if (receiver_ && receiver_->awaiting_ == this) receiver_->awaiting_ = nullptr;
}

void Receiving::begin() { receiver_->expect(*this); }

}  // namespace net
