// What a socket does, to be awaited in a coroutine: opt-in, nothing else of the library includes
// it. Awaitables take a deadline and a stop token: `.within(5s)` (ETIMEDOUT), `.unless(token)`
// (ECANCELED). To bind there is nothing to wait for: socket.bind_sync(), or socket.bind(), whose
// errors come out of receive(). Receiving is in net/receiver.h.
//
// All lie in the coroutine's frame, as sockets and receivers may: no await allocates.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "core/await.h"
#include "core/task.h"
#include "net/datagram.h"
#include "net/receiver.h"
#include "net/resolver.h"

namespace net {

// Where to, in the forms that Datagram knows. A text has to stay until the co_await.
class Destination {
   public:
    Destination() = default;  // The connected peer.
    Destination(const Endpoint& endpoint) : form_(Form::endpoint), endpoint_(endpoint) {}
    Destination(int port) : form_(Form::port), port_(port) {}
    Destination(int port, std::string_view address)
        : form_(Form::address), port_(port), text_(address) {}
    Destination(std::string_view path) : form_(Form::path), text_(path) {}
    Destination(const char* path) : Destination(std::string_view(path)) {}

   private:
    friend class Connecting;
    friend class Sending;
    enum class Form : std::uint8_t { peer, endpoint, port, address, path };
    Form form_ = Form::peer;
    int port_ = 0;
    std::string_view text_;
    Endpoint endpoint_;
};

// The bytes sent, when the datagram has left. One that is given up, by its deadline, its token or
// with its frame, is taken back if it has not left: its bytes are the caller's again. Errors: as
// Datagram::send(); ECANCELED also when the socket has gone.
class [[nodiscard]] Sending : public core::Awaitable<Sending>, private core::Claim::Owner {
   public:
    Sending(Datagram&, Payload, Destination);
    ~Sending();

   private:
    friend class core::Awaitable<Sending>;
    friend class core::Claim;
    void begin();
    Result<std::size_t> outcome() const {
        if (error()) return error();
        return sent_;
    }

    Datagram& socket_;
    Datagram::State* state_;  // Which stays where it is.
    Payload payload_;
    Destination destination_;
    std::size_t sent_ = 0;
};

// As Datagram::connect(). One that is given up goes on all the same.
class [[nodiscard]] Connecting : public core::Awaitable<Connecting>, private core::Claim::Owner {
   public:
    Connecting(Datagram&, Destination);

   private:
    friend class core::Awaitable<Connecting>;
    friend class core::Claim;
    void begin();
    Error outcome() const { return error(); }

    Datagram& socket_;
    Destination destination_;
};

// As Datagram::close(): until accepted sends have left. One that is given up goes on all the same.
class [[nodiscard]] Closing : public core::Awaitable<Closing>, private core::Claim::Owner {
   public:
    explicit Closing(Datagram&);

   private:
    friend class core::Awaitable<Closing>;
    friend class core::Claim;
    void begin();
    Error outcome() const { return error(); }

    Datagram& socket_;
};

// As Resolver::lookup(): the addresses are valid until the next co_await. One that is given up is
// canceled.
class [[nodiscard]] LookingUp : public core::Awaitable<LookingUp>, private core::Claim::Owner {
   public:
    LookingUp(std::string_view host, Family);
    ~LookingUp();

   private:
    friend class core::Awaitable<LookingUp>;
    friend class core::Claim;
    void begin();
    Result<std::span<const Address>> outcome() const {
        if (error()) return error();
        return addresses_;
    }

    std::string_view host_;
    Family family_;
    core::Loop* asked_ = nullptr;
    Resolver::Id id_;
    std::span<const Address> addresses_;
};

// send(socket, bytes, endpoint), (.., port), (.., port, address), (.., path), and (..) to the peer.
// One datagram from several places takes an array of Bytes: g++ 12 cannot await "{a, b}".
template <class... To>
    requires std::constructible_from<Destination, const To&...>
Sending send(Datagram& socket, Payload payload, const To&... to) {
    return Sending(socket, std::move(payload), Destination(to...));
}

template <class... To>
    requires(sizeof...(To) > 0 && std::constructible_from<Destination, const To&...>)
Connecting connect(Datagram& socket, const To&... to) {
    return Connecting(socket, Destination(to...));
}

inline Closing close(Datagram& socket) { return Closing(socket); }

inline LookingUp lookup(std::string_view host, Family family = Family::none) {
    return LookingUp(host, family);
}

}  // namespace net
