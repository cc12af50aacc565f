// See exchange.h.
#include "net/exchange.h"

#include <new>

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
    if (!exchange->parts.reserve(send_batch_max * 4)) {
        delete exchange;
        return nullptr;
    }
    loop.add_service(*exchange);
    return exchange;
}

}  // namespace net
