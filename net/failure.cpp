// The words of failures: Node's, so that its documentation and a search for the message explain
// ours. Where Node's say too little, a remark follows in brackets or after a colon.
// Catch: IPv6 stands without brackets, as in Node ("bind EINVAL ::1:1234").
#include "net/failure.h"

#include <algorithm>
#include <new>
#include <utility>

namespace net {
namespace {

void append_word(std::string& text, std::string_view word) {
    if (!text.empty() && !word.empty()) text += ' ';
    text += word;
}

// "127.0.0.1:80", "::1:80", "127.1:80", "/tmp/a"; a look-up has a name and no port.
std::string place(const Failure& failure) {
    std::string text = failure.host.empty() ? failure.address.host() : std::string(failure.host);
    const std::uint16_t port =
        failure.error.operation == Operation::lookup ? 0 : failure.address.port;
    if (port != 0 && !text.empty()) text.append(":").append(std::to_string(port));
    return text;
}

// What every system says: "bind EADDRINUSE 127.0.0.1:47080".
std::string system_text(const Failure& failure) {
    const Error error = failure.error;
    std::string text(failure.syscall());
    append_word(text, failure.code());
    append_word(text, place(failure));
    if (error.code == Code::unknown) {
        text.append(" (system error ").append(std::to_string(error.native)).append(")");
    }
    if (!failure.detail.empty()) text.append(" (").append(failure.detail).append(")");
    const bool local = failure.address.family == Family::local;
    if (local && error.code == Code::family_not_supported) {
        text += ": this system has no unix-domain datagram sockets";
    }
    return text;
}

// Only a bind takes port 0: it leaves the choice to the system. What stood in place of a number,
// such as "no destination", is named by the detail.
std::string bad_port_text(const Failure& failure) {
    const bool bind = failure.error.operation == Operation::bind;
    std::string text = "Port should be ";
    text.append(bind ? ">=" : ">").append(" 0 and < 65536. Received ");
    const bool number = failure.detail.empty() || failure.detail == "port";
    if (!number) return text.append(failure.detail).append(".");
    return text.append(std::to_string(failure.value)).append(".");
}

std::string out_of_bounds_text(const Failure& failure) {
    if (failure.detail.empty()) return "Attempt to access memory outside buffer bounds";
    return std::string("\"").append(failure.detail).append("\" is outside of buffer bounds");
}

std::string buffer_size_text(const Failure& failure) {
    std::string text = "Could not get or set buffer size: ";
    if (!failure.syscall().empty()) text.append(failure.syscall()).append(" ");
    const std::string_view remark = failure.detail;
    return text.append("EBADF (").append(remark.empty() ? "the socket is not bound" : remark) +
           ")";
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

std::string missing_argument_text(const Failure& failure) {
    std::string text = "The ";
    if (failure.detail.empty()) {
        text += missing_argument(failure.error.operation);
    } else {
        text.append("\"").append(failure.detail).append("\" argument");
    }
    return text += " must be specified";
}

std::string descriptor_text(const Failure& failure) {
    const std::string_view remark = failure.detail;
    return std::string("Unsupported fd type: ")
        .append(remark.empty() ? "not a datagram socket of this system" : remark);
}

}  // namespace

HostText::HostText(std::string_view text) : text_(new (std::nothrow) char[text.size() + 1]) {
    if (!text_) return;
    std::copy(text.begin(), text.end(), text_.get());
    size_ = text.size();
}

HostText& HostText::operator=(HostText other) noexcept {
    text_ = std::move(other.text_);
    size_ = std::exchange(other.size_, 0);
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
    switch (error.code) {
        case Code::ok:
            return {};
        case Code::already_bound:
            return "Socket is already bound";
        case Code::already_connected:
            return "Already connected";
        case Code::bad_buffer_size:
            return "Buffer size must be a positive integer";
        case Code::bad_port:
            return bad_port_text(*this);
        case Code::blocked:
            return std::string("IP(").append(address.host_text()) + ") is blocked by net.BlockList";
        case Code::buffer_out_of_bounds:
            return out_of_bounds_text(*this);
        case Code::buffer_size_unavailable:
            return buffer_size_text(*this);
        case Code::invalid_descriptor_type:
            return descriptor_text(*this);
        case Code::missing_argument:
            return missing_argument_text(*this);
        case Code::not_connected_to_peer:
            return "Not connected";
        case Code::not_running:
            return "Not running";
        default:
            return system_text(*this);
    }
}

std::string text(Error error) { return Failure(error).text(); }

}  // namespace net
