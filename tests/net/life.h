// A short life of two sockets, for walks through everything that can fail in it: bind, connect,
// five sends in every storage, a setting, receiving, close. It counts what it is told, and
// complains of whatever comes twice, or after 'close'.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "tests/net/receiver.h"

namespace test {

class Life {
   public:
    static constexpr std::size_t sends = 5;

    // Where nothing fails there is all the time in the world; elsewhere something may never come.
    Life(core::Loop& loop, bool clean)
        : grace_(clean ? 4s : 3ms), receiver_(loop, short_lived()), sender_(loop, short_lived()) {
        watch(receiver_, receiver_closed);
        watch(sender_, sender_closed);
        receiver_.on_error([this] {
            check_open(receiver_closed);
            errors++;
            if (!bound) end();
        });
        sender_.on_error([this](const net::Failure& failure) {
            check_open(sender_closed);
            errors++;
            if (failure.error.code == net::Code::out_of_memory) end();  // Something is gone.
        });
        receiver_.on_message([this](const net::Message& message) {
            check_open(receiver_closed);
            CHECK(message.size() <= whole.size());
            CHECK(message.text() == std::string_view(whole).substr(0, message.size()));
            heard++;
            end_when_heard();
        });
        receiver_.bind(0, "127.0.0.1", [this, held = token] { connect(); });
        patience_ = loop.after(clean ? 4s : 40ms, [this] { end(); });
        patience_.unref();
    }
    ~Life() { patience_.cancel(); }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    // Everything has been told exactly once.
    bool complete() const {
        for (const int told : outcomes) {
            if (told != (connected ? 1 : 0)) return false;
        }
        return receiver_closed == 1 && sender_closed == 1 && bound + (errors > 0) >= 1;
    }

    int bound = 0;
    int connects = 0;
    bool connected = false;
    std::array<int, sends> outcomes{};
    std::size_t sent = 0;
    std::size_t failed = 0;
    std::size_t heard = 0;
    int errors = 0;
    int receiver_closed = 0;
    int sender_closed = 0;
    std::shared_ptr<int> token = std::make_shared<int>(0);  // Held by each callback.

   private:
    static net::Options short_lived() {
        return {.type = net::Type::udp4, .recv_buffer_size = 20'000, .linger = 20ms};
    }

    void watch(net::Datagram& socket, int& closed) {
        socket.on_close([&closed] {
            closed++;
            CHECK(closed == 1);
        });
    }
    void check_open(int closed) { CHECK(closed == 0); }

    void connect() {
        check_open(receiver_closed);
        bound++;
        CHECK(bound == 1);
        const net::Result<net::Address> local = receiver_.address();
        if (!local) return end();
        sender_.connect(*local, [this, held = token](const net::Failure& failure) {
            check_open(sender_closed);
            connects++;
            CHECK(connects == 1);
            connected = !failure;
            failure ? end() : send();
        });
    }

    void send() {
        sender_.send(whole, outcome(0));
        sender_.send(whole.substr(0, 3), outcome(1));
        sender_.send({"w", "h", "ol", "e "}, outcome(2));
        const net::Error refused = sender_.set_ttl(7);  // Lets them leave.
        if (refused) errors++;
        sender_.send("", outcome(3));
        sender_.send(whole, 0, 9, outcome(4));
    }

    net::Datagram::SendCallback outcome(std::size_t index) {
        return [this, index, held = token](const net::Failure& failure, std::size_t bytes) {
            check_open(sender_closed);
            outcomes[index]++;
            CHECK(outcomes[index] == 1);
            failure ? failed++ : sent++;
            if (failure) CHECK(bytes == 0);
            if (sent + failed < sends) return;
            if (!patience_.restart(grace_)) end();
            end_when_heard();
        };
    }

    void end_when_heard() {
        if (sent + failed == sends && heard == sent) end();
    }

    void end() {
        if (std::exchange(ending_, true)) return;
        receiver_.close();
        sender_.close();
    }

    const std::string whole = "whole and more";
    const std::chrono::nanoseconds grace_;
    core::Timer patience_;
    bool ending_ = false;
    net::Datagram receiver_;
    net::Datagram sender_;
};

// That nothing is broken for those who come after.
inline bool fresh_socket_works() {
    core::Loop loop;
    Receiver receiver(loop);
    receiver.socket.send("fresh", receiver.address);
    return receiver.hears(1) && receiver.text() == "fresh";
}

}  // namespace test
