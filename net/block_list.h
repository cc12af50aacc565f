// Node's net.BlockList for datagrams: which addresses are not talked to. It judges addresses, never
// names, and sees through every way of writing an IPv4 address inside an IPv6 one.
// Catches: ports and zones are ignored, so a link-local rule holds on every interface; adding takes
// linear time unless rules come in ascending order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "platform/error.h"

namespace net {

class BlockList {
   public:
    BlockList();
    ~BlockList();
    BlockList(const BlockList&);  // Without memory the copy blocks every address: it fails closed.
    BlockList(BlockList&&) noexcept;
    BlockList& operator=(BlockList) noexcept;

    // EINVAL for what is no IP literal, a range that mixes families or runs backwards, and a prefix
    // longer than the address; ENOMEM. Nothing is added then. A zone in a text has to be a number.
    Error add_address(std::string_view address);
    Error add_address(const Endpoint& address);
    Error add_range(std::string_view first, std::string_view last);  // Both ends included.
    Error add_range(const Endpoint& first, const Endpoint& last);
    Error add_subnet(std::string_view network, int prefix);
    Error add_subnet(const Endpoint& network, int prefix);

    // An IPv4 address and its ::ffff: form are one. Others are judged as they are and as the IPv4
    // address inside: compatible, SIIT, 6to4, NAT64, ISATAP, Teredo. The unspecified address is
    // judged as loopback too, where systems deliver it. Paths are never blocked.
    bool blocks(const Endpoint& peer) const { return judge_ && judge_(*this, peer); }

    // The latest first, as Node lists them: "Address: IPv4 1.2.3.4", "Subnet: IPv4 8.8.8.0/24".
    std::vector<std::string> rules() const;

   private:
    struct Rules;
    enum class Kind : std::uint8_t;
    Error add(Kind, const Endpoint& first, const Endpoint& last, int prefix);
    static bool judge(const BlockList&, const Endpoint& peer);

    std::unique_ptr<Rules> rules_;  // Null while there are none.
    bool lost_ = false;             // A copy that found no memory.
    // judge(), by pointer: sockets ask every list, and programs without one do not link this.
    bool (*judge_)(const BlockList&, const Endpoint& peer) = nullptr;
};

}  // namespace net
