// What is walked, chosen by the linker: the seam, over the simulated platform (simulated.cpp), or
// the system's own calls below it (real.cpp). Sites are rows of the matrix, causes its columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace walk {

// All that a site can be made to do: errno's names, those of look-ups, and lies.
enum class Cause : std::uint8_t {
    eintr, eagain, enobufs, enomem, emfile, enfile, econnrefused, ehostunreach, enetunreach,
    enetdown, eperm, eacces, emsgsize, einval, eio, eaddrinuse, eaddrnotavail, enotconn, epipe,
    enosys, ebadf, ebusy, eexist, enodev, enoent, enotsup, enospc, eai_again, eai_fail, eai_noname,
    short_count, truncated, nameless, nothing, spurious, loopback, no_memory,
    count,
};
constexpr std::size_t cause_count = static_cast<std::size_t>(Cause::count);
std::string_view name(Cause);

struct Site {
    std::string_view name;
    std::vector<Cause> causes{};
    // What lasts there keeps the loop busy, and rightly: it is told again and again.
    bool restless = false;
};
const std::vector<Site>& sites();

// Whether once is not to be noticed by anybody: not told, and nothing missing.
bool harmless(std::size_t site, Cause);
// Whether from some call on, for ever, makes sense.
bool lasts(std::size_t site, Cause);

// Before anything else: whether the system is one that lacks what few lack.
void prepare(bool poor);

struct Strike {
    std::size_t site = 0;
    std::uint64_t skip = 0;
    Cause cause = Cause::count;
    bool lasting = false;
};

// For one run: the world, and what is wrong with it.
class Ground {
   public:
    explicit Ground(bool trace = false);
    ~Ground();
    Ground(const Ground&) = delete;
    Ground& operator=(const Ground&) = delete;

    void arm(const Strike&);
    std::uint64_t lift();  // How often they struck.
    std::uint64_t calls(std::size_t site) const;
    std::string trace() const;
    std::string left_behind() const;  // "" when it is as it was.

   private:
    struct State;
    State* state_;
};

// ---- For scenarios -----------------------------------------------------------------------------

void interrupt();  // Ctrl-C.

// An interface that comes and goes: by this name, with this address; at first it is not there.
struct Roaming {
    std::string_view name;
    std::string_view address;
};
Roaming roaming();
void roam(bool there);

std::string path(std::string_view name);
void remove(const std::string& path);

}  // namespace walk
