// Feeds what a cluster's processes tell each other with noise. Whatever comes: it is a notice that
// writes back as the same bytes, or it is refused; and no notice is too long for its channel.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "net/cluster_protocol.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check_values(const net::Notice& notice) {
    using Kind = net::Notice::Kind;
    if (notice.kind == Kind::ask) {
        const net::SharedKey& key = notice.key;
        require(key.fd >= 0 && key.path_mode <= 0777 && key.type <= net::Type::unix_dgram);
        require(key.local.size <= key.local.bytes.size());
        require(key.fd != 0 || key.local.family == net::family_of(key.type));
    }
    if (notice.kind == Kind::refused) require(static_cast<bool>(notice.error));
    if (notice.kind == Kind::listening) {
        require(notice.address.family == net::family_of(notice.key.type));
        require(notice.address.text().size() <= 127);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::byte> message = std::as_bytes(std::span(data, size));
    net::Notice notice;
    if (!net::read(message, notice)) return 0;
    check_values(notice);
    static std::array<std::byte, platform::Channel::message_max> room;
    const std::size_t written = net::write(notice, room);
    require((written == 0) == (size > room.size()));
    if (written == 0) return 0;
    require(written == size);
    require(std::equal(message.begin(), message.end(), room.begin()));
    net::Notice again;
    require(net::read(std::span<const std::byte>(room).first(written), again));
    require(again.kind == notice.kind && again.number == notice.number);
    require(again.key == notice.key);
    return 0;
}
