// See session.h.
#include "tools/volley/session.h"

#include <cstdio>
#include <utility>

namespace tool {

net::Type type_of(const Place& place, const Arguments& arguments) {
    if (place.local) return net::Type::unix_dgram;
    return place.ipv6 || arguments.has("--ipv6") ? net::Type::udp6 : net::Type::udp4;
}

Session::Session(const Arguments& arguments, net::Type type)
    : socket(loop, {.type = type,
                    .reuse_addr = arguments.has("--reuse"),
                    .reuse_port = arguments.has("--reuse-port"),
                    .ipv6_only = arguments.has("--ipv6-only")}),
      arguments_(arguments), begin_(loop.now()) {
    socket.on_error([this](const net::Failure& failure) { fail(failure); });
    const platform::Error error = loop.on_interrupt([this] { end(); });
    if (error) fail(net::text(error));
    if (arguments.has("--duration")) {
        loop.after(nanoseconds(arguments.seconds("--duration", 0)), [this] { end(); }).unref();
    }
}

void Session::bind(const Place& place, net::Datagram::Listener bound) {
    socket.once_listening([this, bound = std::move(bound)]() mutable {
        set_options();
        if (!ended_ && bound) bound();
    });
    if (place.local) {
        socket.bind(std::string_view(place.path));
    } else {
        socket.bind(place.port, place.host);
    }
}

void Session::set_options() {
    platform::Error error;
    if (arguments_.has("--broadcast")) error = socket.set_broadcast(true);
    if (!error && arguments_.has("--ttl")) {
        const int hops = static_cast<int>(arguments_.number("--ttl", 64, 1, 255));
        error = socket.set_ttl(hops);
        if (!error) error = socket.set_multicast_ttl(hops);
    }
    if (error) fail(net::text(error));
}

bool Session::join(const std::string& group) {
    const std::string interface = arguments_.text("--interface");
    const std::string source = arguments_.text("--source");
    const platform::Error error =
        source.empty() ? socket.add_membership(group, interface)
                       : socket.add_source_specific_membership(source, group, interface);
    if (!error) return true;
    fail(net::text(error) + " " + group + (source.empty() ? "" : " from " + source) +
         (interface.empty() ? "" : " on " + interface));
    return false;
}

void Session::send(const Place& place, net::Payload payload, net::Datagram::SendCallback callback) {
    if (place.local) {
        socket.send(std::move(payload), std::string_view(place.path), std::move(callback));
    } else {
        socket.send(std::move(payload), place.port, place.host, std::move(callback));
    }
}

void Session::end() {
    if (ended_) return;
    ended_ = true;
    if (close) {
        close();
    } else {
        socket.close();
    }
}

void Session::fail(const std::string& what) {
    if (std::exchange(status_, 1) == 1) return;  // What follows the first error says no more.
    std::fflush(stdout);
    if (complain) {
        complain(what);
    } else {
        std::fprintf(stderr, "volley: %s\n", escaped(what).c_str());
    }
    end();
}

// The library's words, and what would be right where they leave that open.
void Session::fail(const net::Failure& failure) {
    std::string text = failure.text();
    if (failure.error.code == net::Code::invalid_argument && !failure.host.empty()) {
        text += ": neither an address (as 127.0.0.1, ::1, fe80::1%eth0) nor a name";
    } else if (failure.error.code == net::Code::no_such_device && !failure.host.empty()) {
        text += ": there is no such network interface";
    }
    fail(text);
}

int Session::wait() {
    const platform::Error error = loop.run();
    if (error) fatal(net::text(error));
    if (std::fflush(stdout) == EOF || std::ferror(stdout)) fail("standard output takes no more");
    return status_;
}

int Session::run() {
    (void)wait();
    summarize();
    return status_;
}

void Session::summarize() {
    const double seconds =
        static_cast<double>(loop.now().nanoseconds - begin_.nanoseconds) / 1e9;
    std::string text;
    const auto add = [&](const char* what, std::uint64_t count, std::uint64_t bytes) {
        text += (text.empty() ? "" : ", ") + std::string(what) + " " + counted(count, "datagram") +
                " (" + counted(bytes, "byte") + ")";
    };
    if (sent > 0 || received == 0) add("sent", sent, sent_bytes);
    if (received > 0 || sent == 0) add("received", received, received_bytes);
    std::fprintf(stderr, "%s%s in %.3f s\n", name.c_str(), text.c_str(), seconds);
}

}  // namespace tool
