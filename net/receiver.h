// Receiving in a coroutine: `co_await receiver.receive()` is the next datagram. From the moment a
// Receiver is made nothing is lost between two awaits: what arrives while nobody awaits is kept, at
// most 1,024 datagrams or 8 MiB; beyond that it is dropped and counted, as a kernel does.
//
// Errors that would be 'error' events come out of receive() too, in their order, so they are heard:
// `bind EADDRINUSE` of a bind that was asked for, ECONNREFUSED of a connected socket.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/await.h"
#include "core/growing.h"
#include "core/ring.h"
#include "core/strand.h"
#include "net/datagram.h"

namespace net {

class Receiver;

// A Message is valid until the next co_await, whatever that awaits. A send of its bytes is asked
// for before that, so both of these are right, and copy nothing:
//     co_await net::send(socket, message->bytes, message->sender);
//     socket.send(message->bytes, message->sender);
// Errors: ECANCELED (the token stopped; the socket or the receiver has gone), ETIMEDOUT, EALREADY
// (somebody awaits already), ERR_SOCKET_DGRAM_NOT_RUNNING (it has closed), and those of 'error'.
class [[nodiscard]] Receiving : public core::Awaitable<Receiving> {
   public:
    explicit Receiving(Receiver& receiver)
        : Awaitable(Operation::receive), receiver_(&receiver) {}
    ~Receiving();

   private:
    friend class core::Awaitable<Receiving>;
    friend class Receiver;
    void begin();
    Result<Message> outcome() const {
        if (error()) return error();
        return *message_;
    }

    Receiver* receiver_;
    const Message* message_ = nullptr;
};

// What arrived while nobody awaited it, in order: bytes behind bytes, in one piece of memory that
// grows to what it has to be and stays.
class Backlog : private core::AnyGrowing {
   public:
    static constexpr std::size_t count_max = 1024;
    static constexpr std::size_t bytes_max = 8u << 20;

    struct Record {
        Address sender;
        Error error;  // Instead of a datagram.
        std::uint32_t size = 0;
        bool truncated = false;
        bool informed = false;  // PacketInfo stands between this and the bytes.
    };

    bool empty() const { return count_ == 0; }
    bool push(Record, Bytes, const PacketInfo* = nullptr);  // False: no room, or no memory.
    Record front() const;
    Bytes front_bytes() const;  // Until the next push.
    const PacketInfo* front_info() const;  // The same.
    void pop();

   private:
    std::byte* begin() const { return static_cast<std::byte*>(items_) + begin_; }
    bool make_room(std::size_t size);

    std::size_t begin_ = 0;
    std::size_t count_ = 0;
};

// Listens to 'message', 'error' and 'close' of the socket, beside other listeners. Either may go
// first, and the socket may be moved.
class Receiver : private core::Claim::Owner {
   public:
    explicit Receiver(Datagram&);
    ~Receiver();

    Receiving receive() { return Receiving(*this); }
    std::uint64_t dropped_count() const { return dropped_count_; }  // For lack of room.

   private:
    friend class core::Claim;
    friend class Receiving;
    struct Delivery : core::Deferred {
        explicit Delivery(Receiver&);
        Receiver& receiver;
    };

    void stop_listening();
    void expect(Receiving&);
    void arrived(const Message&);
    void failed(Error);
    void end(Error);
    void deliver();
    bool deliver_front();
    bool awaited() const;

    Datagram::State* state_;  // Null once the socket has gone.
    ListenerId listeners_[3] = {};
    Receiving* awaiting_ = nullptr;
    core::Ring watchers_;  // Who has to know whether this is still there.
    Backlog backlog_;
    Delivery delivery_{*this};
    Error ended_{};
    std::uint64_t dropped_count_ = 0;
};

}  // namespace net
