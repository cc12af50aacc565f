// What a callback or an 'error' listener gets: an Error and what it was about, with Node's words on
// demand. Nothing is formatted until text() is called.
// Catch: `detail` is a view of a literal, never of anything that ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/address.h"
#include "platform/error.h"

namespace net {

// A text of the caller's, kept. Empty when there was no memory for it: a failure is told all the
// same.
class HostText {
   public:
    HostText() = default;
    HostText(std::string_view);
    HostText(const HostText& other) : HostText(other.view()) {}
    HostText(HostText&&) noexcept = default;
    HostText& operator=(HostText other) noexcept;

    std::string_view view() const { return {text_.get(), size_}; }
    operator std::string_view() const { return view(); }
    bool empty() const { return size_ == 0; }
    friend bool operator==(const HostText& a, std::string_view b) { return a.view() == b; }

   private:
    std::unique_ptr<char[]> text_;
    std::size_t size_ = 0;
};

struct Failure {
    Error error{};
    Address address{};          // Family::none when it does not apply; a port of 0 is not written.
    HostText host{};            // The caller's text where it never became an address.
    std::string_view detail{};  // Which argument: "offset"; or a remark.
    std::int64_t value = 0;     // What was received instead: a bad port.

    // Not inline: they are large, and failures are rare.
    Failure();  // None: success.
    Failure(Error);
    Failure(Error, const Endpoint& about);
    Failure(const Failure&);
    Failure(Failure&&) noexcept;
    Failure& operator=(Failure) noexcept;
    ~Failure();

    // About a text that never became an address: a name not found, a literal that is none.
    static Failure of_text(Error, std::string_view host, std::uint16_t port = 0);
    // About an argument: which one, and what it was where that is a number.
    static Failure of_argument(Error, std::string_view detail, std::int64_t value = 0);

    explicit operator bool() const { return static_cast<bool>(error); }
    std::string_view code() const;     // "EADDRINUSE", "ERR_SOCKET_BAD_PORT"; "" for success.
    std::string_view syscall() const;  // "bind", "getaddrinfo", "recvmsg"; "" where none was.
    std::int32_t native() const { return error.native; }  // errno, or what Windows says.

    // "bind EADDRINUSE 127.0.0.1:47080", "Socket is already bound"; "" for success.
    std::string text() const;
};

// The same for the answers of questions and settings: "setTTL EINVAL".
std::string text(Error);

}  // namespace net
