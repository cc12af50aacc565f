// Unix-domain names in the file system: a dead server's socket file is replaced, anything else is
// left alone, and of two servers starting at once exactly one wins.
// Probe, unlink and bind are three steps, so they run under an advisory lock on the directory.
// The catch: programs that do not take this lock can still slip in between.
#ifndef _WIN32

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "platform/posix_address.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

// Whoever holds the lock needs it for microseconds. Somebody who holds it for longer than this is
// stuck or hostile (anyone may lock /tmp), and must not stop us for ever.
constexpr int lock_attempts_max = 50;
constexpr timespec lock_pause{0, 1'000'000};

class Descriptor {
   public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    explicit operator bool() const { return value_ >= 0; }
    int get() const { return value_; }

   private:
    int value_;
};

bool lock(int directory) {
    for (int attempt = 0; attempt < lock_attempts_max; attempt++) {
        if (flock(directory, LOCK_EX | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK && errno != EINTR) return false;  // This file system has no locks.
        nanosleep(&lock_pause, nullptr);
    }
    return false;
}

// A path as system calls want it, and the directory it lies in.
struct Place {
    char path[path_max + 1];
    char parent[path_max + 1];
    const char* name = path;

    explicit Place(const Endpoint& endpoint) {
        std::memcpy(path, endpoint.bytes.data(), endpoint.size);
        path[endpoint.size] = 0;
        std::size_t slash = endpoint.size;
        while (slash > 0 && path[slash - 1] != '/') slash--;
        name = path + slash;
        std::memcpy(parent, path, slash);
        if (slash == 0) parent[slash++] = '.';
        parent[slash] = 0;
    }
};

// The lock is held as long as the descriptor is open.
struct Directory {
    Descriptor descriptor;
    bool locked = false;

    // Without permission to read it there is still its name, but no lock.
    explicit Directory(const Place& place)
        : descriptor(::open(place.parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (descriptor) locked = lock(descriptor.get());
    }

    int base() const { return descriptor ? descriptor.get() : AT_FDCWD; }
    const char* name(const Place& place) const { return descriptor ? place.name : place.path; }

    bool inspect(const Place& place, struct stat& status) const {
        return fstatat(base(), name(place), &status, AT_SYMLINK_NOFOLLOW) == 0;
    }
    bool remove(const Place& place) const { return unlinkat(base(), name(place), 0) == 0; }
};

PathClaim to_claim(const struct stat& status) {
    const timespec changed = change_time(status);
    return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
            static_cast<std::int64_t>(changed.tv_sec) * 1'000'000'000 + changed.tv_nsec};
}

bool same_claim(const PathClaim& a, const PathClaim& b) {
    return a.device == b.device && a.inode == b.inode && a.changed == b.changed;
}

// Nobody listens there: the kernel refuses a connection. Anything else, a full queue, the wrong
// type or no permission, is an answer of somebody alive.
bool is_dead(const Endpoint& endpoint) {
    const Descriptor probe(::socket(AF_UNIX, SOCK_DGRAM | birth_flags, 0));
    if (!probe) return false;
    return connect(Socket{probe.get()}, endpoint).code == Code::connection_refused;
}

// True when the path is free afterwards. Looks twice, so that what is removed is what was probed.
bool remove_dead_socket(const Directory& directory, const Place& place, const Endpoint& endpoint) {
    struct stat before;
    struct stat after;
    if (!directory.inspect(place, before)) return errno == ENOENT;
    if (!S_ISSOCK(before.st_mode) || !is_dead(endpoint)) return false;
    if (!directory.inspect(place, after)) return errno == ENOENT;
    return same_claim(to_claim(before), to_claim(after)) && directory.remove(place);
}

// The kernel withholds from the file what the process's umask says, and some systems do not look
// at the socket's own mode at all.
void adjust_mode(const Directory& directory, const Place& place, mode_t mode, struct stat& status) {
    if ((status.st_mode & 07777) == mode) return;
    if (fchmodat(directory.base(), directory.name(place), mode, AT_SYMLINK_NOFOLLOW) == 0) {
        directory.inspect(place, status);
    }
}

}  // namespace

Result<PathClaim> bind_path(Socket socket, const Endpoint& endpoint, std::uint32_t mode) {
    if (endpoint.family != Family::local || endpoint.size == 0) {
        return to_error(EINVAL, Operation::bind);
    }
    if (endpoint.bytes[0] == 0) {  // Abstract: the name dies with its socket.
        if (const Error error = bind(socket, endpoint)) return error;
        return PathClaim{};
    }
    if (endpoint.size > path_max) return to_error(ENAMETOOLONG, Operation::bind);
    if (std::memchr(endpoint.bytes.data(), 0, endpoint.size)) {
        return to_error(EINVAL, Operation::bind);
    }
    const auto permissions = static_cast<mode_t>(mode & 0777);
    // Before bind, so that the file has never been open to others. Where the system refuses, the
    // mode is set afterwards.
    (void)fchmod(descriptor_of(socket), permissions);

    const Place place(endpoint);
    const Directory directory(place);
    Error error = bind(socket, endpoint);
    // Without the lock a plain bind is still safe, but replacing is not: the file may be another
    // server's that has just replaced it.
    if (error.code == Code::address_in_use && directory.locked &&
        remove_dead_socket(directory, place, endpoint)) {
        error = bind(socket, endpoint);
    }
    if (error) return error;
    struct stat status;
    if (!directory.inspect(place, status)) return PathClaim{};  // Gone already; nothing is ours.
    adjust_mode(directory, place, permissions, status);
    return to_claim(status);
}

void release_path(const Endpoint& endpoint, const PathClaim& claim) {
    const bool on_disk = endpoint.family == Family::local && endpoint.size > 0 &&
                         endpoint.size <= path_max && endpoint.bytes[0] != 0;
    if (!on_disk || claim.inode == 0) return;
    const Place place(endpoint);
    // Without the lock too: left behind in a directory that cannot be locked, the file would never
    // be replaced.
    const Directory directory(place);
    struct stat status;
    if (directory.inspect(place, status) && same_claim(to_claim(status), claim)) {
        directory.remove(place);
    }
}

}  // namespace platform

#endif
