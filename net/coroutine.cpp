// See coroutine.h.
#include "net/coroutine.h"

#include "net/datagram_state.h"

namespace net {

// ---- send --------------------------------------------------------------------------------------

Sending::Sending(Datagram& socket, Payload payload, Destination destination)
    : Awaitable(Operation::send),
      Owner([](Owner& self) { static_cast<Sending&>(self).cancel(); }), socket_(socket),
      state_(socket.state_), payload_(std::move(payload)), destination_(destination) {}

void Sending::begin() {
    auto sent = [claim = core::Claim(*this)](const Failure& failure, std::size_t bytes) mutable {
        Sending* const self = claim.take<Sending>();
        if (!self) return;
        self->sent_ = bytes;
        self->complete(failure.error);
    };
    const Destination& to = destination_;
    switch (to.form_) {
        case Destination::Form::peer:
            return socket_.send(std::move(payload_), std::move(sent));
        case Destination::Form::endpoint:
            return socket_.send(std::move(payload_), to.endpoint_, std::move(sent));
        case Destination::Form::port:
            return socket_.send(std::move(payload_), to.port_, std::move(sent));
        case Destination::Form::address:
            return socket_.send(std::move(payload_), to.port_, to.text_, std::move(sent));
        case Destination::Form::path:
            return socket_.send(std::move(payload_), to.text_, std::move(sent));
    }
}

// The request holds the callback, where the claim is. What the kernel has taken is done, and found
// no more.
Sending::~Sending() {
    if (!claim()) return;
    const auto inside = reinterpret_cast<std::uintptr_t>(claim());
    renounce();
    Request* pending = nullptr;
    state_->each_undone([&](Request& request) {
        const auto begin = reinterpret_cast<std::uintptr_t>(&request);
        if (inside - begin < sizeof request) pending = &request;
    });
    if (!pending) return;
    state_->fail(*pending, Error{Code::canceled, Operation::send});
    state_->loop->request(*state_);
}

// ---- connect, close, lookup --------------------------------------------------------------------

Connecting::Connecting(Datagram& socket, Destination destination)
    : Awaitable(Operation::connect),
      Owner([](Owner& self) { static_cast<Connecting&>(self).cancel(); }), socket_(socket),
      destination_(destination) {}

void Connecting::begin() {
    auto connected = [claim = core::Claim(*this)](const Failure& failure) mutable {
        if (Connecting* self = claim.take<Connecting>()) self->complete(failure.error);
    };
    const Destination& to = destination_;
    switch (to.form_) {
        case Destination::Form::peer: return;
        case Destination::Form::endpoint:
            return socket_.connect(to.endpoint_, std::move(connected));
        case Destination::Form::port: return socket_.connect(to.port_, std::move(connected));
        case Destination::Form::address:
            return socket_.connect(to.port_, to.text_, std::move(connected));
        case Destination::Form::path: return socket_.connect(to.text_, std::move(connected));
    }
}

Closing::Closing(Datagram& socket)
    : Awaitable(Operation::close),
      Owner([](Owner& self) { static_cast<Closing&>(self).cancel(); }), socket_(socket) {}

void Closing::begin() {
    socket_.close([claim = core::Claim(*this)]() mutable {
        if (Closing* self = claim.take<Closing>()) self->complete();
    });
}

LookingUp::LookingUp(std::string_view host, Family family)
    : Awaitable(Operation::lookup),
      Owner([](Owner& self) { static_cast<LookingUp&>(self).cancel(); }), host_(host),
      family_(family) {}

LookingUp::~LookingUp() {
    if (claim()) (void)Resolver(*asked_).cancel(id_);
}

void LookingUp::begin() {
    asked_ = &loop();
    id_ = Resolver(*asked_).lookup(
        host_, family_,
        [claim = core::Claim(*this)](const Failure& failure,
                                     std::span<const Address> addresses) mutable {
            LookingUp* const self = claim.take<LookingUp>();
            if (!self) return;
            self->addresses_ = addresses;
            self->complete(failure.error);
        });
    if (!id_) complete_later(because(Code::out_of_memory));
}

}  // namespace net
