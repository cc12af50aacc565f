// The words of failures: Node's, so that its documentation and a search for the message explain
// ours. Where Node's say too little, a remark follows in brackets or after a colon.
// Catch: IPv6 stands without brackets, as in Node ("bind EINVAL ::1:1234").
#include "net/failure.h"

#include <algorithm>
#include <new>
#include <utility>

#include "net/text.h"

namespace net {
namespace {

// "127.0.0.1:80", "::1:80", "127.1:80", "/tmp/a"; a look-up has a name and no port.
void add_place(Text& text, const Failure& failure, std::string_view host) {
    const bool lookup = failure.error.operation == Operation::lookup;
    text.add_word(host);
    if (host.empty() || lookup || failure.address.port == 0) return;
    text.add(":").add_number(failure.address.port);
}

// What every system says: "bind EADDRINUSE 127.0.0.1:47080".
void add_system_text(Text& text, const Failure& failure, std::string_view host) {
    const Error error = failure.error;
    text.add(failure.syscall()).add_word(failure.code());
    add_place(text, failure, host);
    if (error.code == Code::unknown) {
        text.add(" (system error ").add_number(error.native).add(")");
    }
    if (!failure.detail.empty()) text.add_sentence(" (%)", failure.detail);
    const bool local = failure.address.family == Family::local;
    if (local && error.code == Code::family_not_supported) {
        text.add(": this system has no unix-domain datagram sockets");
    }
}

// Only a bind takes port 0: it leaves the choice to the system. What stood in place of a number,
// such as "no destination", is named by the detail.
void add_bad_port(Text& text, const Failure& failure) {
    const bool bind = failure.error.operation == Operation::bind;
    text.add_sentence("Port should be % 0 and < 65536. Received ", bind ? ">=" : ">");
    const bool number = failure.detail.empty() || failure.detail == "port";
    number ? text.add_number(failure.value) : text.add(failure.detail);
    text.add(".");
}

// Questions and settings answer with a bare Error, but most operations lack only one thing.
std::string_view missing_argument(Operation operation) {
    switch (operation) {
        case Operation::add_membership:
        case Operation::drop_membership:
            return "\"multicastAddress\" argument";
        case Operation::add_source_membership:
        case Operation::drop_source_membership:
            return "\"sourceAddress\" and \"groupAddress\" arguments";
        case Operation::bind:
        case Operation::connect:
        case Operation::send:
            return "\"path\" argument";
        default:
            return "missing argument";
    }
}

}  // namespace

HostText::HostText(std::string_view text) {
    if (!text.empty()) text_.reset(new (std::nothrow) char[text.size()]);
    if (!text_) return;
    std::copy(text.begin(), text.end(), text_.get());
    size_ = text.size();
}

HostText& HostText::operator=(HostText other) noexcept {
    text_ = std::move(other.text_);
    size_ = std::exchange(other.size_, 0);
    return *this;
}

Failure::Failure() = default;
Failure::Failure(Error what) : error(what) {}
Failure::Failure(Error what, const Endpoint& about) : error(what), address(about) {}
Failure::Failure(const Failure&) = default;
Failure::Failure(Failure&&) noexcept = default;
Failure::~Failure() = default;

Failure& Failure::operator=(Failure other) noexcept {
    error = other.error;
    address = other.address;
    host = std::move(other.host);
    detail = other.detail;
    value = other.value;
    return *this;
}

Failure Failure::of_text(Error error, std::string_view host, std::uint16_t port) {
    Failure failure(error);
    failure.host = HostText(host);
    failure.address.port = port;
    return failure;
}

Failure Failure::of_argument(Error error, std::string_view detail, std::int64_t value) {
    Failure failure(error);
    failure.detail = detail;
    failure.value = value;
    return failure;
}

std::string_view Failure::code() const {
    return error ? platform::name(error.code) : std::string_view{};
}

std::string_view Failure::syscall() const {
    return error ? platform::name(error.operation) : std::string_view{};
}

std::string Failure::text() const {
    const AddressText written = address.host_text();
    std::string_view word = detail;
    Text text;
    const auto sentence = [&](const char* pattern) { text.add_sentence(pattern, word); };
    switch (error.code) {
        case Code::ok: break;
        case Code::already_bound: sentence("Socket is already bound"); break;
        case Code::already_connected: sentence("Already connected"); break;
        case Code::bad_buffer_size: sentence("Buffer size must be a positive integer"); break;
        case Code::bad_port: add_bad_port(text, *this); break;
        case Code::blocked:
            word = written;
            sentence("IP(%) is blocked by net.BlockList");
            break;
        case Code::buffer_out_of_bounds:
            sentence(word.empty() ? "Attempt to access memory outside buffer bounds"
                                  : "\"%\" is outside of buffer bounds");
            break;
        case Code::buffer_size_unavailable:
            text.add("Could not get or set buffer size:").add_word(syscall());
            sentence(word.empty() ? " EBADF (the socket is not bound)" : " EBADF (%)");
            break;
        case Code::invalid_descriptor_type:
            sentence(word.empty() ? "Unsupported fd type: not a datagram socket of this system"
                                  : "Unsupported fd type: %");
            break;
        case Code::missing_argument:
            if (word.empty()) {
                word = missing_argument(error.operation);
                sentence("The % must be specified");
            } else {
                sentence("The \"%\" argument must be specified");
            }
            break;
        case Code::not_connected_to_peer: sentence("Not connected"); break;
        case Code::not_running: sentence("Not running"); break;
        default: add_system_text(text, *this, host.empty() ? written.view() : host.view());
    }
    return text.joined();
}

std::string text(Error error) { return Failure(error).text(); }

}  // namespace net
