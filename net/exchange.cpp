// See exchange.h.
#include "net/exchange.h"

#include <new>

#include "net/datagram_state.h"
#include "net/volley.h"

namespace net {

namespace {
const char exchange_key = 0;
}

Exchange::Exchange(platform::Poller& owner)
    : core::Service{&exchange_key,
                    [](core::Service& self) { delete static_cast<Exchange*>(&self); }},
      poller(owner) {}

Exchange* Exchange::of(core::Loop& loop) {
    if (core::Service* found = loop.service(&exchange_key)) return static_cast<Exchange*>(found);
    Exchange* exchange = new (std::nothrow) Exchange(loop.poller());
    if (!exchange) return nullptr;
    if (!exchange->parts.reserve(Volley::batch_max)) {
        delete exchange;
        return nullptr;
    }
    loop.add_service(*exchange);
    return exchange;
}

Counters counters(core::Loop& loop) {
    return Exchange::counters(loop);
}

Counters Exchange::counters(core::Loop& loop) {
    core::Service* const found = loop.service(&exchange_key);
    if (!found) return {};
    Counters sum = static_cast<Exchange*>(found)->past;
    loop.each(Datagram::State::phases, [&sum](core::Source& source) {
        sum += static_cast<Datagram::State&>(source).counted();
    });
    return sum;
}

bool Exchange::lets_read(const core::Source& reader, std::uint64_t tick) {
    const bool awaited = next_reader_ && tick <= turned_away_in_ + 1;
    if (arrivals.empty() && (!awaited || next_reader_ == &reader)) {
        next_reader_ = nullptr;
        return true;
    }
    if (!awaited && arrivals.owner() != &reader) next_reader_ = &reader;
    if (next_reader_ == &reader) turned_away_in_ = tick;
    return false;
}

}  // namespace net
