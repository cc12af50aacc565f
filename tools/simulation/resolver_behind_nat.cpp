// A resolver in the manner of DNS, asked from behind a NAT: a question has a number, and is asked
// again until there is an answer to it. Half way through, the gateway is restarted and forgets
// whose questions are under way.
// Usage: resolver_behind_nat.world [--seed=N] [--trace=FILE]
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "net/datagram.h"
#include "platform/simulation/simulation.h"

namespace {

using namespace std::chrono_literals;
using simulation::World;

constexpr int port = 53;

// "7 www.example" is answered by "7 192.0.2.80".
class Server {
   public:
    explicit Server(core::Loop& loop) : socket_(loop, net::Type::udp4) {
        socket_.bind(port);
        socket_.on_message([this](const net::Message& message) {
            const std::string text(message.text());
            const std::size_t blank = text.find(' ');
            const auto found = names_.find(text.substr(blank + 1));
            const std::string answer = found == names_.end() ? "none" : found->second;
            socket_.send(text.substr(0, blank + 1) + answer, message.sender);
            from = message.sender.host();
        });
    }
    std::string from;

   private:
    net::Datagram socket_;
    std::map<std::string, std::string> names_{{"www.example", "192.0.2.80"},
                                              {"mail.example", "192.0.2.25"}};
};

class Client {
   public:
    using Answer = std::function<void(std::string_view)>;

    explicit Client(core::Loop& loop) : loop_(loop), socket_(loop, net::Type::udp4) {
        socket_.connect(port, "203.0.113.53");
        socket_.on_message([this](const net::Message& message) {
            const std::string text(message.text());
            const auto asked = asked_.find(std::stoi(text));
            if (asked == asked_.end()) return;  // A second answer.
            const Question question = std::move(asked->second);
            asked_.erase(asked);
            question.again.cancel();
            question.answer(text.substr(text.find(' ') + 1));
        });
    }

    void ask(const std::string& name, Answer answer) {
        const int number = next_++;
        const std::string text = std::to_string(number) + " " + name;
        asked_[number] = {std::move(answer), loop_.every(300ms, [this, text] {
                              repeats++;
                              socket_.send(std::string(text));
                          })};
        socket_.send(std::string(text));
    }
    void close() { socket_.close(); }

    int repeats = 0;

   private:
    struct Question {
        Answer answer;
        mutable core::Timer again;
    };
    core::Loop& loop_;
    net::Datagram socket_;
    std::map<int, Question> asked_;
    int next_ = 1;
};

}  // namespace

int main(int argc, char** argv) {
    World world(simulation::arguments(argc, argv, {.seed = 1}));
    world.default_path({.delay = 15ms, .loss = 0.1});
    const simulation::Nat rules{.endpoint_independent = false};
    simulation::Host gateway = world.nat("gateway", "198.51.100.7", rules);
    simulation::On<core::Loop> home(gateway.host("laptop", {"192.168.1.2"}));
    simulation::On<core::Loop> away(world.host("resolver", {"203.0.113.53"}));
    Server server(*away);
    Client client(*home);

    constexpr int questions = 200;
    int right = 0;
    int answered = 0;
    core::Timer asking = home->every(10ms, [&, asked = 0]() mutable {
        const std::string name = asked % 3 == 0 ? "www" : asked % 3 == 1 ? "mail" : "nothing";
        const std::string wanted =
            asked % 3 == 0 ? "192.0.2.80" : asked % 3 == 1 ? "192.0.2.25" : "none";
        client.ask(name + ".example", [&, wanted](std::string_view answer) {
            right += answer == wanted;
            if (++answered == questions) client.close();
        });
        if (++asked == questions) asking.cancel();
    });
    world.after(1s, [&] { gateway.rebind(); });
    (void)simulation::run(world, *home, *away);

    std::printf("%d of %d answers are right, after %d repeats in %.1f s; the resolver saw %s;"
                " hash %016llx\n",
                right, questions, client.repeats, static_cast<double>(world.now().count()) / 1e9,
                server.from.c_str(), static_cast<unsigned long long>(world.hash()));
    if (right != questions) world.fail("a question without its answer");
    if (server.from != "198.51.100.7") world.fail("the resolver saw who asked");
}
