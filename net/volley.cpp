// See volley.h.
#include "net/volley.h"

#include <algorithm>

#include "net/directed.h"

namespace net {

namespace {

// A train is one UDP datagram until it is cut: 65,535 bytes, less the headers of UDP, IPv6 and
// Ethernet. Linux sends longer ones too, but takes them apart itself.
constexpr std::size_t train_bytes_max = 65473;

// A train of two costs no more than two datagrams, and of three less.
constexpr std::size_t train_length_min = 2;

std::size_t part_count(const Request& request) {
    if (request.storage != Request::Storage::list) return 1;
    std::size_t count = 0;
    for (const PartList* list = request.list; list; list = list->next) count += list->count;
    return count;
}

}  // namespace

void Volley::clear() {
    next = plain_end = size_ = 0;
    suspect = mixed_ = false;
}

// Chains each destination's requests by their positions, then walks chain after chain.
void Volley::regroup(PeerTable& peers) {
    if (!mixed_) return;
    using Position = std::uint16_t;
    constexpr Position none = UINT16_MAX;
    std::array<Position, size_max> following;
    std::array<bool, size_max> leads;
    const std::uint64_t volley = peers.begin_volley();
    bool repeated = false;
    for (std::size_t i = 0; i < size_; i++) {
        const auto position = static_cast<Position>(i);
        PeerTable::Mark& last = peers.mark(requests_[i]->peer);
        leads[i] = last.volley != volley;
        if (!leads[i]) following[last.position] = position;
        repeated |= !leads[i];
        last = {volley, position};
        following[i] = none;
    }
    if (!repeated) return;
    const std::array<Request*, size_max> asked = requests_;
    std::size_t size = 0;
    for (std::size_t i = 0; i < size_; i++) {
        if (!leads[i]) continue;
        for (std::size_t k = i; k != none; k = following[k]) requests_[size++] = asked[k];
    }
}

std::size_t Volley::train_length(std::size_t begin, const Limits& limits) const {
    const Request& first = *requests_[begin];
    if (first.size == 0 || first.size > limits.segment_bytes || begin < plain_end) return 1;
    const std::size_t end_max = std::min(size_, begin + limits.segments);
    const bool directed = first.directed;
    std::size_t bytes = 0;
    std::size_t parts = 0;
    std::size_t end = begin;
    while (end < end_max) {
        const Request& request = *requests_[end];
        if (request.peer != first.peer || request.size > first.size || request.size == 0) break;
        const bool plain = request.storage == Request::Storage::none;  // So it has no options.
        if ((!plain || directed) && !same_direction(request, first)) break;
        bytes += request.size;
        parts += plain ? 1 : part_count(request);
        if (bytes > train_bytes_max || parts > limits.parts) break;
        end++;
        if (request.size < first.size) break;
    }
    return end - begin >= train_length_min ? end - begin : 1;
}

}  // namespace net
