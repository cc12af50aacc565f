// The ledger of datagrams: what was handed to send, and what of it has arrived where. Bytes begin
// with a number, so that each can be told from all others; those too short for it are counted.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/swarm/model.h"

namespace swarm {

struct Record {
    std::uint32_t number = 0;
    std::uint32_t content = 0;  // An echo has the content of what it answers.
    std::uint32_t sender = 0;
    std::uint8_t host = 0;
    bool local = false;
    std::size_t size = 0;
    std::vector<net::Address> to;  // Candidates.
    std::unique_ptr<std::byte[]> bytes;  // The caller's: gone as soon as the contract allows it.
    bool accepted = true;
    bool failed = false;
    bool succeeded = false;
    bool refused = false;  // For want of room.
    bool literal = false;  // One destination, known when it was asked for.
    std::int64_t asked_at = 0;
    std::map<std::uint32_t, std::uint32_t> received;  // How often, by socket.
};

class Traffic {
   public:
    Record& add(const Socket& sender, std::size_t size, std::uint32_t content = nothing);
    Record& at(std::uint32_t number) { return records_[number]; }
    std::deque<Record>& all() { return records_; }

    // What is wrong with a datagram that has arrived, or nothing. `more` of one are fine where
    // paths duplicate.
    std::string receive(const std::deque<Socket>&, const Socket& receiver, net::Bytes,
                        const net::Address& from, const WorldPlan&);

    static std::unique_ptr<std::byte[]> bytes_of(std::uint32_t content, std::size_t size);
    // The number that the bytes begin with; or what stands for all that are as short.
    static std::uint32_t content_of(net::Bytes);

   private:
    std::string order(const Record&, const Socket& receiver, const net::Address& to,
                      const WorldPlan&);

    std::deque<Record> records_;
    std::multimap<std::uint32_t, std::uint32_t> by_content_;
    std::map<std::string, std::uint32_t> last_;  // Of each pair and destination.
};

}  // namespace swarm
