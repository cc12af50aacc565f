// send_many where memory is out, at each allocation in turn: the callback is told, or 'error' is;
// nothing is told twice, and what the callback holds is freed. Once warm, nothing is allocated.
#include "tests/core/scarce_memory.h"
#include "tests/net/receiver.h"

namespace {

using net::Addressed;
using net::Bytes;
using net::Datagram;
using net::Failure;
using net::Type;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::settle;

}  // namespace

TEST_CASE("any one allocation may fail, or all from then on") {
    for (const bool lasting : {false, true}) {
        bool failed = true;
        for (int allowed = 0; failed; allowed++) {
            CAPTURE(allowed);
            REQUIRE(allowed < 100);
            const Audit audit;
            core::Loop loop;
            Receiver receiver(loop);
            receiver.socket.send("warm", receiver.address);
            CHECK(receiver.hears(1));
            receiver.texts.clear();
            int errors = 0;
            int told = 0;
            std::size_t left = 0;
            bool complete = false;
            const auto witness = std::make_shared<int>();
            {
                Datagram sender(loop, Type::udp4);
                sender.on_error([&](const Failure& failure) {
                    CHECK(failure.code() == "ENOMEM");
                    errors++;
                });
                CHECK(sender.bind_sync());
                const std::string text(100, 'x');
                const std::vector<Bytes> texts(60, Bytes(text));  // Four times a pool's chunk.
                test::allocations_left = allowed;
                test::lasting = lasting;
                sender.send_many(texts, receiver.address, [&, witness](const Failure& first,
                                                                       std::size_t sent,
                                                                       std::size_t bytes) {
                    told++;
                    left = sent;
                    CHECK(bytes == sent * 100);
                    complete = !first;
                    CHECK(complete == (sent == 60));
                });
                settle(loop);
                failed = test::allocations_left == -1 || (lasting && test::allocations_left == 0);
                test::allocations_left = -1;
                test::lasting = false;
                settle(loop);
                CHECK(told + (errors > 0) >= 1);
                CHECK(told <= 1);
            }
            settle(loop);
            CHECK(witness.use_count() == 1);
            CHECK(run_until(loop, [&] { return receiver.texts.size() == left || !told; }));
        }
    }
}
