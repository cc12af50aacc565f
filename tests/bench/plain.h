// Sockets in plain system calls, without trains: what all contenders open alike, and the other side
// of the rows that measure one side alone.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/child.h"
#include "tests/bench/content.h"

namespace bench {

constexpr int receive_buffer_size = 4 << 20;

// An address as the system writes it.
struct Place {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage); }
    bool is_local() const { return storage.ss_family == AF_UNIX; }
    std::uint16_t port() const;
    std::string path() const;  // "@name": an abstract name.
};

Place loopback(std::uint16_t port = 0);
Place local_name(int number);  // Abstract, of this process.

int open_socket(const Place& place);  // Bound and non-blocking, with the buffer that all have.
Place place_of(int descriptor);
void allow_descriptors(std::size_t count);  // Or the row is left out.

class Plain {
   public:
    explicit Plain(const Place& place) : descriptor_(open_socket(place)) {}
    Plain(Plain&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
    Plain& operator=(Plain&&) = delete;
    ~Plain();

    Place place() const { return place_of(descriptor_); }
    void send(Bytes bytes, const Place& destination);
    // Exactly these are there, `count` of them from `first` on.
    void take(std::size_t count, std::size_t size, std::uint32_t first);

   private:
    int descriptor_;
};

// A process of its own that sends back what it gets.
class Echo {
   public:
    Echo();
    const Place& place() const { return place_; }

   private:
    Place place_;
    std::optional<Child> child_;
};

}  // namespace bench
