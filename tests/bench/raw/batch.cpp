// Trains and batches in system calls, without a fallback: a kernel that lacks them fails the row.
#ifdef __linux__

#include "tests/bench/raw/batch.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>

namespace bench {

namespace {

constexpr std::size_t segments_max = 128;
constexpr std::size_t train_size_max = 65507;

}  // namespace

void accept_trains(int descriptor) {
    constexpr int on = 1;
    if (setsockopt(descriptor, SOL_UDP, UDP_GRO, &on, sizeof on) != 0) leave_out("no UDP_GRO");
}

// ---- Out ---------------------------------------------------------------------------------------

// Each peer's datagrams side by side, in their order.
void Outgoing::sort() {
    std::uint32_t next = 0;
    for (Group& group : groups_) {
        group.next = next;
        next += group.count;
    }
    sorted_.resize(pending_.size());
    for (const Pending& pending : pending_) sorted_[groups_[pending.group].next++] = pending.vector;
}

void Outgoing::add_message(Group& group, iovec* vectors, std::size_t count) {
    mmsghdr message{};
    message.msg_hdr.msg_name = group.place.address();
    message.msg_hdr.msg_namelen = group.place.size;
    message.msg_hdr.msg_iov = vectors;
    message.msg_hdr.msg_iovlen = count;
    if (count > 1) {
        Control& control = controls_.emplace_back();
        message.msg_hdr.msg_control = control.bytes.data();
        message.msg_hdr.msg_controllen = CMSG_SPACE(sizeof(std::uint16_t));
        cmsghdr* const header = CMSG_FIRSTHDR(&message.msg_hdr);
        header->cmsg_level = SOL_UDP;
        header->cmsg_type = UDP_SEGMENT;
        header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto size = static_cast<std::uint16_t>(vectors->iov_len);
        std::memcpy(CMSG_DATA(header), &size, sizeof size);
    }
    messages_.push_back(message);
}

void Outgoing::add_group(Group& group) {
    iovec* const vectors = sorted_.data() + group.next - group.count;
    const std::size_t longest =
        trains_ ? std::min(segments_max, train_size_max / vectors->iov_len) : 1;
    for (std::size_t i = 0; i < group.count; i += longest) {
        add_message(group, vectors + i, std::min<std::size_t>(longest, group.count - i));
    }
}

std::size_t Outgoing::leave(int descriptor) {
    const std::size_t count = pending_.size();
    if (count == 1) {
        const iovec& vector = pending_[0].vector;
        const Place& place = groups_[0].place;
        if (sendto(descriptor, vector.iov_base, vector.iov_len, 0, place.address(), place.size) < 0)
            fail("sendto failed");
    } else {
        sort();
        messages_.clear();
        controls_.clear();
        controls_.reserve(count);
        for (Group& group : groups_) add_group(group);
        for (std::size_t sent = 0; sent < messages_.size();) {
            const std::size_t wanted = std::min<std::size_t>(messages_.size() - sent, 512);
            const int taken = sendmmsg(descriptor, messages_.data() + sent,
                                       static_cast<unsigned>(wanted), 0);
            if (taken <= 0) fail("sendmmsg failed");
            sent += static_cast<std::size_t>(taken);
        }
    }
    pending_.clear();
    groups_.clear();
    round_ = next_round_++;
    return count;
}

// ---- In ----------------------------------------------------------------------------------------

Incoming::Incoming(bool trains)
    : slot_size_(trains ? 64 << 10 : 2 << 10), buffer_(new std::byte[slots * slot_size_]) {
    if (trains) controls_.resize(slots);
    trains_.reserve(slots);
    for (std::size_t i = 0; i < slots; i++) {
        vectors_[i] = {buffer_.get() + i * slot_size_, slot_size_};
        messages_[i] = {};
        messages_[i].msg_hdr.msg_name = senders_[i].place.address();
        messages_[i].msg_hdr.msg_iov = &vectors_[i];
        messages_[i].msg_hdr.msg_iovlen = 1;
        messages_[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
        if (!trains) continue;
        messages_[i].msg_hdr.msg_control = controls_[i].bytes.data();
        messages_[i].msg_hdr.msg_controllen = controls_[i].bytes.size();
    }
}

bool Incoming::receive(int descriptor) {
    trains_.clear();
    const int count = recvmmsg(descriptor, messages_.data(), slots, 0, nullptr);
    if (count < 0 && errno != EAGAIN) fail("recvmmsg failed");
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(count, 0)); i++) {
        msghdr& header = messages_[i].msg_hdr;
        const Bytes bytes(buffer_.get() + i * slot_size_, messages_[i].msg_len);
        std::size_t segment = std::max<std::size_t>(bytes.size(), 1);
        if (const cmsghdr* control = CMSG_FIRSTHDR(&header)) {
            int size = 0;
            std::memcpy(&size, CMSG_DATA(control), sizeof size);
            segment = static_cast<std::size_t>(size);
        }
        senders_[i].place.size = header.msg_namelen;
        senders_[i].round = 0;
        header.msg_namelen = sizeof(sockaddr_storage);
        if (!controls_.empty()) header.msg_controllen = controls_[i].bytes.size();
        trains_.push_back({bytes, segment, senders_[i]});
    }
    return count > 0;
}

}  // namespace bench

#endif
