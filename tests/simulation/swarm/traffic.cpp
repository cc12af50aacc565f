// What may arrive: bytes that somebody has sent, to this socket, once, whole, and in order.
#include "tests/simulation/swarm/traffic.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace swarm {

namespace {

constexpr std::size_t number_size = 4;
constexpr std::uint32_t too_short = 0x80000000;

// Whether a socket can be meant by this address, which was its own at the time.
bool is_meant(const Socket& socket, const net::Address& to, std::uint8_t from_host) {
    if (socket.is_local()) {
        return to.family == net::Family::local && to.host() == socket.local.host();
    }
    if (!socket.ports.contains(to.port)) return false;
    const net::Address inner = to.unmapped();
    if (inner.is_multicast()) return socket.joined_ever.contains(inner.host());
    if (inner.host() == "255.255.255.255") return true;
    const bool near = inner.is_loopback() || inner.is_unspecified();
    if (near) return socket.host == from_host;
    return is_of_host(inner, socket.host);
}

bool is_senders(const Socket& sender, const net::Address& from, std::uint8_t at_host) {
    const bool any = sender.any_port || sender.has_untold(Request::Kind::bind);
    if (sender.is_local()) {
        return any || from.host().empty() || from.host() == sender.local.host();
    }
    if (!any && !sender.ports.contains(from.port)) return false;
    const net::Address inner = from.unmapped();
    if (inner.is_loopback()) return sender.host == at_host;
    return inner.host() == host_text(sender.host, inner.family == net::Family::ipv6);
}

}  // namespace

std::unique_ptr<std::byte[]> Traffic::bytes_of(std::uint32_t content, std::size_t size) {
    auto bytes = std::make_unique<std::byte[]>(size);
    for (std::size_t i = 0; i < size; i++) {
        const bool in_number = size >= number_size && i < number_size;
        const std::size_t value = in_number ? content >> (8 * i) : content * 31 + i * 7 + (i >> 8);
        bytes[i] = static_cast<std::byte>(size < number_size ? i + size : value);
    }
    return bytes;
}

std::uint32_t Traffic::content_of(net::Bytes bytes) {
    if (bytes.size() < number_size) return too_short | static_cast<std::uint32_t>(bytes.size());
    std::uint32_t content = 0;
    for (std::size_t i = 0; i < number_size; i++) {
        content |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
    }
    return content;
}

Record& Traffic::add(const Socket& sender, std::size_t size, std::uint32_t content) {
    Record& record = records_.emplace_back();
    record.number = static_cast<std::uint32_t>(records_.size() - 1);
    record.content = content != nothing ? content : record.number;
    if (size < number_size) record.content = too_short | static_cast<std::uint32_t>(size);
    record.sender = sender.number;
    record.host = sender.host;
    record.local = sender.is_local();
    record.size = size;
    record.bytes = bytes_of(record.content, size);
    by_content_.emplace(record.content, record.number);
    return record;
}

std::string Traffic::receive(const std::deque<Socket>& sockets, const Socket& receiver,
                             net::Bytes bytes, const net::Address& from, const WorldPlan& world) {
    const std::uint32_t content = content_of(bytes);
    const auto expected = bytes_of(content, bytes.size());
    if (bytes.size() > 0 && std::memcmp(expected.get(), bytes.data(), bytes.size()) != 0) {
        return "a datagram arrived that is not what was sent";
    }
    std::string why = "a datagram arrived that nobody has sent";
    // Short ones are alike: those whose sender has this name now come first.
    const auto has_other_name = [&](std::uint32_t number) {
        const Socket& sender = sockets[records_[number].sender];
        return sender.is_local() && from.host() != sender.local.host();
    };
    std::vector<std::uint32_t> alike;
    const auto [first, last] = by_content_.equal_range(content);
    for (auto each = first; each != last; ++each) alike.push_back(each->second);
    std::stable_partition(alike.begin(), alike.end(), std::not_fn(has_other_name));
    for (const std::uint32_t number : alike) {
        Record& record = records_[number];
        const Socket& sender = sockets[record.sender];
        if (!record.accepted || record.size != bytes.size()) continue;
        if (record.local != receiver.is_local()) continue;
        const auto to = std::find_if(record.to.begin(), record.to.end(), [&](const auto& address) {
            return is_meant(receiver, address, record.host);
        });
        if (to == record.to.end()) {
            why = "a datagram arrived at a socket that it was not sent to";
            continue;
        }
        if (!is_senders(sender, from, receiver.host)) {
            why = "a datagram arrived with the wrong sender, " + written(from);
            continue;
        }
        if (record.failed) {
            why = "a datagram arrived whose send had failed";
            continue;
        }
        std::uint32_t& count = record.received[receiver.number];
        if (count > 0 && (world.duplicate == 0 || record.local)) {
            why = "a datagram arrived twice";
            continue;
        }
        return count++ > 0 ? "" : order(record, receiver, *to, world);
    }
    return why;
}

std::string Traffic::order(const Record& record, const Socket& receiver, const net::Address& to,
                           const WorldPlan& world) {
    if (!record.literal || world.reorder > 0 || record.size < number_size) return {};
    if (record.content != record.number) return {};
    const std::string pair = std::to_string(record.sender) + ">" +
                             std::to_string(receiver.number) + "@" + written(to);
    std::uint32_t& latest = last_[pair];
    const bool late = record.number + 1 < latest;
    latest = std::max(latest, record.number + 1);
    return late ? "a datagram overtook one that was sent before it" : "";
}

}  // namespace swarm
