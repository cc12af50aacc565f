// One thing asked of a socket, from the call to its outcome: a cache line from the loop's pool.
// What a request needs at different times shares its place; `stage` and `storage` tell which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/callback.h"
#include "net/arena.h"
#include "net/block_pool.h"
#include "net/failure.h"
#include "net/payload.h"
#include "net/peer_table.h"

namespace net {

struct Name;

using Outcome = core::Callback<void(const Failure&, std::size_t)>;

// The parts of one datagram, in call order; the bytes are the caller's.
struct PartList {
    static constexpr std::uint32_t parts_max = 3;
    PartList* next = nullptr;
    std::uint32_t count = 0;
    std::span<const std::byte> parts[parts_max];
};

struct Request {
    enum class Kind : std::uint8_t { refusal, bind, adopt, connect, send, drain };
    enum class Stage : std::uint8_t {
        named,  // Waits for a look-up: see `name`.
        shared, // Waits for the cluster's primary, who has the socket.
        ready,  // Waits for its turn: the tick's end, the socket, room in the kernel.
        done,   // Waits to be reported.
    };
    enum class Storage : std::uint8_t {
        none,        // Nothing to free.
        list,        // `list`
        kept,        // `keeper`
        error,       // Done, and failed: `error`
        failure,     // The same, with more to say: `failure`
    };

    Request(Kind what, Outcome&& callback) : outcome(std::move(callback)), kind(what) {}

    Request* next = nullptr;
    Outcome outcome;  // Empty: a failure is 'error'.
    union {
        const std::byte* bytes = nullptr;  // A send's, as long as they are in one place.
        PartList* list;
        Keeper* keeper;
        std::intptr_t descriptor;  // What to adopt.
        Error error;
        Failure* failure;
        Name* name;  // Which stands in front of the storage.
    };
    std::uint32_t size = 0;  // A send's bytes; a bind's one-shot 'listening' listener.
    union {
        PeerTable::Index peer = PeerTable::none;
        std::int32_t number;  // Of a refused argument: the bad port; 1 for "length".
    };
    Kind kind;
    Stage stage = Stage::ready;
    Arena::Slot slot = Arena::no_slot;  // Held, because the bytes lie in it.
    Storage storage : 3 = Storage::none;
    bool silent : 1 = false;   // Nobody wants its event any more.
    bool waiting : 1 = false;  // In the list of those that outlast their tick.
    bool has_number : 1 = false;
    bool uncounted : 1 = false;  // Asked of a closed socket: 'close' does not wait for it.
    bool directed : 1 = false;  // `keeper` is a Directed: it has options of its own.
    bool shared : 1 = false;   // A bind whose socket all workers of a cluster share.

    bool failed() const { return storage == Storage::error || storage == Storage::failure; }
};

// What changes a socket, rather than using it: taken in the order of the calls, before sends.
constexpr bool is_step(const Request& request) {
    return request.kind == Request::Kind::bind || request.kind == Request::Kind::adopt ||
           request.kind == Request::Kind::connect;
}

static_assert(sizeof(Request) <= 64 && sizeof(Request) <= BlockPool::block_size);
static_assert(sizeof(PartList) <= BlockPool::block_size);

// A send that has neither left nor failed.
constexpr bool is_queued(const Request& request) {
    return request.kind == Request::Kind::send && request.stage != Request::Stage::done;
}

// First in, first out.
struct RequestList {
    Request* first = nullptr;
    Request* last = nullptr;

    void push(Request& request) {
        request.next = nullptr;
        (last ? last->next : first) = &request;
        last = &request;
    }
    Request* pop() {
        Request* request = first;
        if (request && !(first = request->next)) last = nullptr;
        return request;
    }
};

}  // namespace net
