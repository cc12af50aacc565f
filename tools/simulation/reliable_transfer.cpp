// A file that crosses a bad network whole: 20 % of the datagrams are lost and 5 % come twice.
// A window of blocks is under way; each is sent again until it is acknowledged.
// Usage: reliable_transfer.world [--seed=N] [--trace=FILE]
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "net/datagram.h"
#include "platform/simulation/simulation.h"

namespace {

using namespace std::chrono_literals;
using simulation::World;

constexpr int port = 7000;
constexpr std::size_t block_size = 1024;
constexpr std::size_t window = 64;

std::string number_of(std::uint32_t value) {
    std::string bytes(sizeof value, '\0');
    for (char& byte : bytes) {
        byte = static_cast<char>(value);
        value >>= 8;
    }
    return bytes;
}

std::uint32_t read_number(std::string_view bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < sizeof value; i++) {
        value |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
}

// Sends each block with its number; what is acknowledged is forgotten.
class Sender {
   public:
    Sender(core::Loop& loop, std::string_view file) : socket_(loop, net::Type::udp4), file_(file) {
        socket_.on_message([this](const net::Message& message) {
            open_.erase(read_number(message.text()));
            advance();
        });
        socket_.connect(port, "10.0.0.2", [this](const net::Failure&) { advance(); });
        again_ = loop.every(100ms, [this] {
            for (const auto& [number, sent] : open_) send(number);
        });
    }

   private:
    void advance() {
        while (open_.size() < window && next_ * block_size < file_.size()) {
            open_[next_] = true;
            send(next_++);
        }
        if (!open_.empty()) return;
        again_.cancel();
        socket_.close();
    }
    void send(std::uint32_t number) {
        sends++;
        const std::string_view block = file_.substr(number * block_size, block_size);
        socket_.send(number_of(number) + std::string(block));
    }

    net::Datagram socket_;
    std::string_view file_;
    std::map<std::uint32_t, bool> open_;
    std::uint32_t next_ = 0;
    core::Timer again_;

   public:
    int sends = 0;
};

// Puts blocks where they belong, however often they come, and acknowledges every one.
class Receiver {
   public:
    explicit Receiver(core::Loop& loop) : socket_(loop, net::Type::udp4) {
        socket_.bind(port);
        socket_.on_message([this](const net::Message& message) {
            const std::string_view text = message.text();
            blocks_[read_number(text)] = text.substr(4);
            socket_.send(std::string(text.substr(0, 4)), message.sender);
        });
    }
    std::string file() const {
        std::string all;
        for (const auto& [number, block] : blocks_) all += block;
        return all;
    }

   private:
    net::Datagram socket_;
    std::map<std::uint32_t, std::string> blocks_;
};

}  // namespace

int main(int argc, char** argv) {
    World world(simulation::arguments(argc, argv, {.seed = 1}));
    world.default_path({.delay = 20ms, .jitter = 10ms, .loss = 0.2, .duplicate = 0.05});
    simulation::On<core::Loop> near(world.host("near", {"10.0.0.1"}));
    simulation::On<core::Loop> far(world.host("far", {"10.0.0.2"}));

    std::string file(1'000'000, '\0');
    for (std::size_t i = 0; i < file.size(); i++) file[i] = static_cast<char>(i * i >> 5);
    Receiver receiver(*far);
    Sender sender(*near, file);
    (void)simulation::run(world, *near, *far);

    const World::Counts counts = world.counts();
    std::printf("%zu bytes in %.1f s of the world: %d sends, %llu lost, %llu doubled;"
                " hash %016llx\n",
                file.size(), static_cast<double>(world.now().count()) / 1e9, sender.sends,
                static_cast<unsigned long long>(counts.lost),
                static_cast<unsigned long long>(counts.duplicated),
                static_cast<unsigned long long>(world.hash()));
    if (receiver.file() != file) world.fail("the file did not arrive as it was");
}
