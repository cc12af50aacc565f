// A host name between a request and its address. The rest of the socket knows it by pointers only:
// a program that uses no text addresses links neither name.cpp nor the resolver.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/datagram_state.h"
#include "net/lookup.h"

namespace net {

struct Name : LookupWaiter {
    static constexpr std::size_t host_max = 253;  // RFC 1035; the parser refuses longer ones.

    Name(Datagram::State&, Request&, std::string_view host, std::uint16_t port);

    // Null when memory is out.
    static Name* make(Datagram::State&, Request&, std::string_view host, std::uint16_t port);

    void begin();
    void answered(Result<Address>);

    // The request does not wait for it any more, and has its storage back.
    static void cancel(Request& request) { request.name->part(); }
    void part() {
        LookupWaiter::cancel();
        request->bytes = static_cast<const std::byte*>(storage);
        request->stage = Request::Stage::ready;
        request = nullptr;
        if (!beginning) delete this;
    }

    std::string_view text() const { return {host, host_size}; }

    Datagram::State* state;
    Request* request;        // Null once parted.
    void (*start)(Name&);    // begin(), by pointer.
    const void* storage;     // What stood in the request's place for the name.
    std::uint16_t port;
    bool beginning = false;  // A custom look-up is on the stack, with the text in its hands.
    std::uint8_t host_size;
    char host[host_max];
};

}  // namespace net
