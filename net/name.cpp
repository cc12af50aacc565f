// bind, connect and send with an address as text: literals at once, names by the custom look-up or
// the resolver, one tick later at least. See semantics 3, 11, 28 and 37.
#include "net/name.h"

#include <algorithm>
#include <new>

#include "net/resolver.h"

namespace net {

Name::Name(Datagram::State& owner, Request& named, std::string_view text, std::uint16_t number)
    : LookupWaiter([](LookupWaiter& self, Result<Address> answer) {
          static_cast<Name&>(self).answered(std::move(answer));
      }),
      state(&owner), request(&named), start([](Name& self) { self.begin(); }),
      storage(named.bytes), port(number), host_size(static_cast<std::uint8_t>(text.size())) {
    std::copy(text.begin(), text.end(), host);
}

Name* Name::make(Datagram::State& state, Request& request, std::string_view host,
                 std::uint16_t port) {
    Name* name = new (std::nothrow) Name(state, request, host, port);
    if (!name) return nullptr;
    request.name = name;
    request.stage = Request::Stage::named;
    return name;
}

// A custom look-up may answer at once, throw, or destroy the socket: the text stays for it.
void Name::begin() {
    struct Beginning {
        explicit Beginning(Name& owner) : name(owner) { name.beginning = true; }
        ~Beginning() {
            name.beginning = false;
            if (!name.request) delete &name;
        }
        Name& name;
    } const guard(*this);
    if (state->options().lookup) {
        state->extras->options.lookup(text(), state->family(), LookupAnswer(*this));
    } else {
        resolve(*state->loop, *this, text(), state->family());
    }
}

void Name::answered(Result<Address> answer) {
    Datagram::State& owner = *state;
    Request& named = *request;
    if (!answer) {
        Failure failure = Failure::of_text(answer.error().during(Operation::lookup), text());
        part();
        owner.step_failed(named, std::move(failure));
    } else {
        answer->port = port;
        part();
        (void)owner.accept(named, *answer);  // A refused one has failed.
    }
    owner.loop->request(owner);
}

namespace {

// What is to be done with a host's text: an address, a name to look up, or a refusal.
struct Destination {
    Host host;
    Failure refusal;
};

Destination parse(platform::Poller& poller, std::string_view text, Operation operation,
                  std::uint16_t port, const Address& otherwise) {
    if (otherwise.family == Family::local) {  // A path has no port, and is no resolver's business.
        return {{}, Failure::of_text({Code::invalid_argument, operation}, text)};
    }
    Destination destination{parse_host(poller, text), {}};
    Host& host = destination.host;
    if (host.kind == HostKind::empty) host.address = otherwise;
    if (host.kind == HostKind::malformed) {
        const Error error = host.error.operation == Operation::none
                                ? host.error.during(operation) : host.error;
        destination.refusal = Failure::of_text(error, text, port);
    }
    host.address.port = port;
    return destination;
}

}  // namespace

void Datagram::bind(int port, std::string_view address, Listener listener) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_bind(port)) {
        return state_->refuse_number(refusal, port, {});
    }
    const std::uint16_t number = static_cast<std::uint16_t>(port);
    Destination local = parse(state_->loop->poller(), address, Operation::bind, number,
                              Address::any(state_->family()));
    if (local.refusal) return state_->refuse_failure(std::move(local.refusal), {});
    if (local.host.kind != HostKind::name) return bind(local.host.address, std::move(listener));
    Request* request =
        state_->make_bind(Request::Kind::bind, std::move(listener), !state_->exclusive);
    if (!request) return;
    if (!Name::make(*state_, *request, address, number)) {
        state_->step_failed(*request, Failure({Code::out_of_memory, Operation::lookup}));
    }
    state_->ask(*request);
}

void Datagram::bind(BindOptions chosen, Listener listener) {
    if (!state_ || !state_->loop) return;
    if (chosen.fd != 0) {
        return state_->ask_adopt(chosen.fd, std::move(listener), !chosen.exclusive);
    }
    state_->exclusive = chosen.exclusive;
    if (state_->is_local() && chosen.port == 0) {
        bind(chosen.address, std::move(listener));
    } else {
        bind(chosen.port, chosen.address, std::move(listener));
    }
    state_->exclusive = false;
}

void Datagram::connect(int port, std::string_view address, ConnectCallback callback) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_connect(port)) {
        return state_->refuse_number(refusal, port, std::move(callback));
    }
    const std::uint16_t number = static_cast<std::uint16_t>(port);
    Destination remote = parse(state_->loop->poller(), address, Operation::connect, number,
                               Address::loopback(state_->family()));
    if (remote.refusal) {
        return state_->refuse_failure(std::move(remote.refusal), std::move(callback));
    }
    if (remote.host.kind != HostKind::name) {
        return connect(remote.host.address, std::move(callback));
    }
    state_->bind_implicitly();
    Request* request = state_->make_connect(std::move(callback));
    if (!request) return;
    if (!Name::make(*state_, *request, address, number)) {
        state_->step_failed(*request, Failure({Code::out_of_memory, Operation::lookup}));
    }
    state_->ask(*request);
}

void Datagram::send(Payload payload, int port, std::string_view address, SendCallback callback) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_send(payload, true, port)) {
        return state_->refuse_send(refusal, payload, port, std::move(callback));
    }
    const std::uint16_t number = static_cast<std::uint16_t>(port);
    Destination remote = parse(state_->loop->poller(), address, Operation::send, number,
                               Address::loopback(state_->family()));
    if (remote.refusal) {
        return state_->refuse_failure(std::move(remote.refusal), std::move(callback));
    }
    if (remote.host.kind != HostKind::name) {
        return send(std::move(payload), remote.host.address, std::move(callback));
    }
    Request* request = state_->make_send(payload, nullptr, std::move(callback));
    if (!request) return;
    if (request->stage == Request::Stage::ready &&
        !Name::make(*state_, *request, address, number)) {
        state_->fail(*request, Error{Code::out_of_memory, Operation::lookup});
    }
    state_->ask_send(*request);
}

}  // namespace net
