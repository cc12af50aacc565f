// A question and its answer over something that loses both: asked again after ever longer waits,
// given up after five, and at once by Ctrl-C.
//     coroutine_client [port]          41234 unless told otherwise, on localhost
#include <cstdio>
#include <cstdlib>

#include "net/coroutine.h"

using namespace std::chrono_literals;

static core::Task<bool> ask(net::Datagram& socket, std::string_view question,
                            core::StopToken stop) {
    net::Receiver receiver(socket);
    for (auto patience = 50ms; patience < 1s; patience *= 2) {
        net::Result<std::size_t> sent = co_await net::send(socket, question).unless(stop);
        net::Result<net::Message> answer =
            co_await receiver.receive().within(patience).unless(stop);
        if (answer) {
            std::printf("answer: %.*s\n", static_cast<int>(answer->size()),
                        answer->text().data());
            co_return true;
        }
        const net::Error failed = sent ? answer.error() : sent.error();
        std::printf("no answer: %s\n", net::text(failed).c_str());
        if (failed.code == net::Code::canceled) co_return false;
        // A refusal comes at once; asking again as soon would help nobody.
        if (failed.code != net::Code::timed_out && co_await core::sleep(patience).unless(stop)) {
            co_return false;
        }
    }
    co_return false;
}

static core::Task<> run(core::Loop& loop, int port, core::StopToken stop, bool& answered) {
    net::Datagram socket(loop, net::Type::udp4);
    const net::Error failed =
        co_await net::connect(socket, port, "localhost").within(5s).unless(stop);
    if (failed) {
        std::printf("%s\n", net::text(failed).c_str());
    } else {
        answered = co_await ask(socket, "Some bytes", stop);
    }
}

int main(int count, char** arguments) {
    core::Loop loop;
    core::StopSource stop;
    bool answered = false;
    core::spawn(loop, run(loop, count > 1 ? std::atoi(arguments[1]) : 41234, stop.token(),
                          answered));
    const core::Error error = loop.on_interrupt([&] { stop.stop(); });
    return error || loop.run() || !answered ? 1 : 0;
}
