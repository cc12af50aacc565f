// One end of the channel between a cluster's primary and a worker: notices out and in. What the
// kernel does not take at once waits here, in order; who sends must not be held up by who is slow.
#pragma once

#include <cstddef>
#include <memory>

#include "net/cluster_protocol.h"
#include "platform/platform.h"

namespace net {

class ClusterLink {
   public:
    static constexpr std::size_t unsent_max = 1 << 20;  // Bytes of the user's that may wait.

    ClusterLink() = default;
    ~ClusterLink() { close(); }
    ClusterLink(const ClusterLink&) = delete;
    ClusterLink& operator=(const ClusterLink&) = delete;

    Error open(platform::Channel);  // ENOMEM, and the channel is closed.
    void close();  // What waits is dropped.
    explicit operator bool() const { return static_cast<bool>(channel_); }
    platform::Socket socket() const { return channel_.socket(); }

    // The socket is passed along, and stays the caller's. ENOMEM, EMSGSIZE; EPIPE: the other end
    // has gone; ENOBUFS: too much of the user's text waits.
    Error send(const Notice&, platform::Socket passed = {});
    bool unsent() const { return first_ || channel_.unsent(); }
    Error flush();  // When it is writable. EAGAIN: not all of it.

    // `bytes` are good until the next call, and `passed` is the caller's. EAGAIN: there is nothing.
    // EPIPE: the other end has gone. EINVAL: what arrived is no notice, or came with descriptors
    // that it must not have, which are closed. A grant may lack its one: there was no room for it.
    Error receive(Notice&, platform::Socket& passed);

   private:
    struct Waiting;
    Error keep(std::span<const std::byte> message, platform::Socket passed, bool text);

    platform::Channel channel_;
    std::unique_ptr<std::byte[]> rooms_;  // For the one that is read, and the one that is written.
    Waiting* first_ = nullptr;
    Waiting* last_ = nullptr;
    std::size_t text_waiting_ = 0;
};

}  // namespace net
