// Plans as text: near enough to code that a regression test can be written from it line by line.
#include "tests/simulation/swarm/places.h"

namespace swarm {

namespace {

constexpr const char* const names[] = {
    "bind",     "bind_sync", "connect",    "connect_sync", "disconnect", "send",
    "echo",     "close",     "abort",      "destroy",      "create",     "move",
    "setting",  "membership", "on",        "off",          "ref",        "stop",
    "post",     "timer",     "change_timer", "lookup",     "world",
    "send_many", "pause",     "resume"};

constexpr const char* const moments[] = {"",      "message", "listening", "connect",
                                         "error", "close",   "drain",     "sent",
                                         "timer", "post",    "lookup"};

constexpr const char* const forms[] = {"plain", "port", "text", "endpoint",
                                       "options", "part", "list", "kept"};

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

bool has_place(Do what) {
    return what == Do::bind || what == Do::bind_sync || what == Do::connect ||
           what == Do::connect_sync || what == Do::send || what == Do::send_many;
}

std::string option(bool set, const std::string& text) { return set ? ", " + text : ""; }

}  // namespace

std::string text_of(const Plan& plan, const Operation& operation) {
    const SocketPlan& socket = plan.sockets[operation.socket];
    std::string text;
    if (operation.moment == Moment::outside) {
        text = "at " + std::to_string(operation.at) + "ms: ";
    } else {
        text = "in h" + std::to_string(socket.host) + "'s " +
               moments[static_cast<std::size_t>(operation.moment)] + " no. " +
               std::to_string(operation.at) + ": ";
    }
    text += "s" + std::to_string(operation.socket) + ".";
    text += names[static_cast<std::size_t>(operation.what)];
    text += "(";
    if (has_place(operation.what)) {
        const Place place = place_of(plan, socket, operation.target, operation.port);
        if (operation.what == Do::send) text += std::to_string(operation.number) + " bytes, ";
        if (operation.what == Do::send_many) text += std::to_string(operation.number) + ", ";
        text += std::to_string(operation.port) + ", " + quoted(place.text) + ", as " +
                forms[static_cast<std::size_t>(operation.form)];
    } else if (operation.what == Do::membership) {
        text += std::to_string(operation.number % 3) + ", target " +
                std::to_string(static_cast<int>(operation.target));
    } else {
        text += std::to_string(operation.number) + ", " + std::to_string(operation.port);
    }
    return text + (operation.callback ? ", callback" : "") + ");";
}

std::string text_of(const Plan& plan) {
    const WorldPlan& world = plan.world;
    const auto number = [](const char* name, std::uint32_t value) {
        return value ? ", " + std::string(name) + " " + std::to_string(value) : "";
    };
    std::string text = "world: seed " + std::to_string(plan.seed) + number("hosts", world.hosts) +
                       number("delay_ms", world.delay_ms) + number("jitter_ms", world.jitter_ms) +
                       number("loss/128", world.loss) +
                       number("duplicate/128", world.duplicate) +
                       number("reorder/128", world.reorder) +
                       number("bandwidth", world.bandwidth) + number("queue", world.queue) +
                       number("mtu", world.mtu) + option(!world.fragments, "no fragments") +
                       option(world.heartbeat, "heartbeat") + "\n";
    for (std::size_t i = 0; i < plan.sockets.size(); i++) {
        const SocketPlan& socket = plan.sockets[i];
        static const char* const types[] = {"udp4", "udp6", "unix_dgram"};
        static const char* const look_ups[] = {"", "answers at once", "answers later", "drops"};
        text += "s" + std::to_string(i) + ": on h" + std::to_string(socket.host) + ", " +
                types[static_cast<std::size_t>(socket.type)] +
                option(socket.reuse_addr, "reuse_addr") + option(socket.reuse_port, "reuse_port") +
                option(socket.ipv6_only, "ipv6_only") +
                option(!socket.segmentation, "no segmentation") +
                option(socket.deaf, "no on_error") + option(socket.batches, "on_messages") +
                option(socket.send_list, "send_block_list of h0") +
                option(socket.receive_list, "receive_block_list of h0") +
                number("recv_buffer_size", static_cast<std::uint32_t>(socket.recv_buffer_size)) +
                number("send_buffer_size", static_cast<std::uint32_t>(socket.send_buffer_size)) +
                option(socket.datagrams_max != 1024,
                       "queue " + std::to_string(socket.datagrams_max)) +
                option(socket.bytes_max != 8u << 20,
                       "queue bytes " + std::to_string(socket.bytes_max)) +
                option(socket.linger_ms != 30'000,
                       "linger_ms " + std::to_string(socket.linger_ms)) +
                option(socket.names != Names::system,
                       "lookup " + std::string(look_ups[static_cast<std::size_t>(socket.names)])) +
                "\n";
    }
    for (const Operation& each : plan.operations) text += text_of(plan, each) + "\n";
    return text;
}

}  // namespace swarm
