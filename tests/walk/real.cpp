// The sites below the seam, over Linux: the system's calls, as tests/net/faults.h and this file
// stand in front of them. What each can say is what its manual page lists, and what sandboxes add.
// Time is virtual, so a run takes as long as its calls.
#ifdef __linux__

#include "tests/walk/virtual_time.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "tests/walk/system.h"

namespace walk {

namespace {

using test::Call;
using test::Fault;

// Beside those of faults.h.
enum class Extra : std::size_t {
    open,
    flock,
    fstatat,
    unlinkat,
    fchmod,
    getaddrinfo,
    pthread_create,
    getifaddrs,
    if_nametoindex,
    if_indextoname,
    if_nameindex,
    sigaction,
    count,
};

constexpr std::size_t calls_count = static_cast<std::size_t>(Call::count);

using enum Cause;

// In the order of test::Call and of Extra.
const std::vector<Site> table{
    {"socket", {eacces, eperm, emfile, enfile, enobufs, enomem, enosys, einval, enotsup}},
    {"bind", {eacces, eperm, eaddrinuse, eaddrnotavail, ebadf, einval, enobufs, enomem, enoent,
              enosys, eio}},
    {"connect", {eacces, eperm, eaddrinuse, eaddrnotavail, eagain, ebadf, econnrefused, eintr,
                 einval, ehostunreach, enetunreach, enetdown, enobufs, enoent, enosys}},
    {"getsockname", {ebadf, einval, enobufs, enotconn, enosys}},
    {"getpeername", {ebadf, einval, enobufs, enotconn, enosys, nameless}},
    {"setsockopt", {ebadf, einval, enobufs, enomem, eperm, eacces, enotsup, enosys, enodev,
                    eaddrinuse, eaddrnotavail}},
    {"getsockopt", {ebadf, einval, enobufs, enotsup, enosys}},
    {"sendmsg", {eagain, eintr, enobufs, enomem, eacces, eperm, ebadf, econnrefused, ehostunreach,
                 enetunreach, enetdown, emsgsize, einval, eio, enotconn, epipe, enosys, enoent}},
    {"sendmmsg", {eagain, eintr, enobufs, enomem, eacces, ebadf, econnrefused, ehostunreach,
                  enetunreach, enetdown, emsgsize, einval, eio, enotconn, epipe, short_count}},
    {"recvmsg", {eagain, eintr, ebadf, econnrefused, ehostunreach, enetunreach, enetdown, einval,
                 enobufs, enomem, enotconn, eperm, eio, enosys, truncated, nameless}, true},
    {"recvmmsg", {eagain, eintr, ebadf, econnrefused, ehostunreach, enetunreach, enetdown, einval,
                  enobufs, enomem, enotconn, eio, truncated, nameless}, true},
    {"open_poller", {emfile, enfile, enomem, enosys, eperm, einval}},
    {"watch", {enomem, enospc, eperm, ebadf, einval, eexist}},
    {"forget", {enoent, ebadf, einval}},
    {"wait", {eintr, ebadf, einval}, true},
    {"open", {eacces, enoent, emfile, enfile, enomem, eintr}},
    {"flock", {eagain, eintr, enosys, ebadf, enotsup}},
    {"fstatat", {enoent, eacces, enomem, eio}},
    {"unlinkat", {enoent, eacces, eperm, ebusy, eio}},
    {"fchmod", {eperm, einval, eio, enosys}},
    {"getaddrinfo", {eai_again, eai_fail, eai_noname, enomem, eintr, eio, emfile, nameless}},
    {"pthread_create", {eagain, eperm, einval}},
    {"getifaddrs", {enobufs, enomem, emfile, eperm}},
    {"if_nametoindex", {enodev, emfile, eperm}},
    {"if_indextoname", {enodev, emfile, eperm}},
    {"if_nameindex", {enobufs, emfile, eperm}},
    {"sigaction", {einval}},
};

int number_of(Cause cause) {
    static constexpr int numbers[] = {
        EINTR, EAGAIN, ENOBUFS, ENOMEM, EMFILE, ENFILE, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH,
        ENETDOWN, EPERM, EACCES, EMSGSIZE, EINVAL, EIO, EADDRINUSE, EADDRNOTAVAIL, ENOTCONN, EPIPE,
        ENOSYS, EBADF, EBUSY, EEXIST, ENODEV, ENOENT, EOPNOTSUPP, ENOSPC, EAI_AGAIN, EAI_FAIL,
        EAI_NONAME};
    return numbers[static_cast<std::size_t>(cause)];
}

bool is_lie(Cause cause) {
    return cause == short_count || cause == truncated || cause == nameless;
}

// ---- What is wrong with the other calls --------------------------------------------------------

class Extras {
   public:
    bool strikes(Extra extra, Cause* what = nullptr) {
        const std::lock_guard hold(mutex_);
        counts_[static_cast<std::size_t>(extra)]++;
        if (!armed_ || armed_->site != calls_count + static_cast<std::size_t>(extra)) return false;
        if (armed_->skip > 0) {
            armed_->skip--;
            return false;
        }
        hits_++;
        const Strike strike = *armed_;
        if (!strike.lasting) armed_.reset();
        if (what) *what = strike.cause;
        if (!is_lie(strike.cause)) errno = number_of(strike.cause);
        return true;
    }
    void arm(const Strike& strike) {
        const std::lock_guard hold(mutex_);
        armed_ = strike;
    }
    std::uint64_t lift() {
        const std::lock_guard hold(mutex_);
        armed_.reset();
        return std::exchange(hits_, 0);
    }
    std::uint64_t calls(std::size_t extra) {
        const std::lock_guard hold(mutex_);
        return counts_[extra];
    }

   private:
    std::mutex mutex_;
    std::optional<Strike> armed_;
    std::array<std::uint64_t, static_cast<std::size_t>(Extra::count)> counts_{};
    std::uint64_t hits_ = 0;
};
Extras extras;

// ---- Lies of the calls in faults.h -------------------------------------------------------------

// Which call a message belongs to is seen from the counts that change with each.
class Lie {
   public:
    void arm(const Strike& strike) {
        strike_ = strike;
        call_ = static_cast<Call>(strike.site);
        first_ = Fault::calls(call_);
        test::on_received = [this](msghdr& message) { received(message); };
        test::on_peer_asked = [this](sockaddr* name) { asked(name); };
        test::on_sending = [this](const msghdr&) { return sending(); };
    }
    std::uint64_t lift() {
        test::on_received = {};
        test::on_peer_asked = {};
        test::on_sending = {};
        return std::exchange(hits_, 0);
    }

   private:
    bool applies(int index) {
        const std::uint64_t number = static_cast<std::uint64_t>(index);
        const bool applies = strike_.lasting ? number >= strike_.skip : number == strike_.skip;
        hits_ += applies;
        return applies;
    }
    void received(msghdr& message) {
        for (const Call call : {Call::recvmsg, Call::recvmmsg}) {
            int& seen = seen_[call == Call::recvmmsg];
            if (std::exchange(seen, Fault::calls(call)) != Fault::calls(call)) latest_ = call;
        }
        if (latest_ != call_ || !applies(Fault::calls(call_) - first_ - 1)) return;
        if (strike_.cause == nameless) message.msg_namelen = 0;
        if (strike_.cause != truncated) return;
        message.msg_flags |= MSG_TRUNC | MSG_CTRUNC;
        message.msg_controllen = 0;
    }
    void asked(sockaddr* name) {
        const bool ours = call_ == Call::getpeername && strike_.cause == nameless;
        if (ours && applies(Fault::calls(call_) - first_ - 1)) name->sa_family = AF_UNSPEC;
    }
    int sending() {
        const bool ours = call_ == Call::sendmmsg && strike_.cause == short_count;
        return ours && applies(Fault::calls(call_) - first_) ? test::cut_short : 0;
    }

    Strike strike_;
    Call call_ = Call::count;
    Call latest_ = Call::count;
    int first_ = 0;
    int seen_[2] = {0, 0};
    std::uint64_t hits_ = 0;
};
Lie lie;

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int i = 0; i < 64; i++) count += ::syscall(SYS_fcntl, i, F_GETFD) >= 0;
    return count;
}

bool without_batches = false;

bool hidden = false;  // The interface that roams.

}  // namespace

const std::vector<Site>& sites() { return table; }

// The process remembers what it lacks, so that is another walk's: see prepare().
bool harmless(std::size_t site, Cause cause) {
    switch (static_cast<Call>(site)) {
        case Call::sendmsg:
        case Call::sendmmsg:
            return cause == eagain || cause == eintr || cause == enobufs || cause == short_count;
        case Call::recvmsg:
        case Call::recvmmsg: return cause == eagain || cause == eintr;
        case Call::forget: return true;
        case Call::wait: return cause == eintr;
        default: return false;
    }
}

bool lasts(std::size_t, Cause cause) { return cause != eintr; }

void prepare(bool poor) { without_batches = poor; }

struct Ground::State {
    std::size_t descriptors = open_descriptors();
    std::array<int, calls_count> calls{};
    std::array<std::uint64_t, static_cast<std::size_t>(Extra::count)> others{};
    std::vector<std::unique_ptr<Fault>> faults;
    std::unique_ptr<Fault> poverty[2];
};

Ground::Ground(bool) : state_(new State) {
    test::wait_instead = wait_virtually;
    hidden = false;
    if (without_batches) {
        state_->poverty[0] = std::make_unique<Fault>(Call::sendmmsg, ENOSYS, 1 << 30);
        state_->poverty[1] = std::make_unique<Fault>(Call::recvmmsg, EPERM, 1 << 30);
    }
    for (std::size_t i = 0; i < calls_count; i++) {
        state_->calls[i] = Fault::calls(static_cast<Call>(i));
    }
    for (std::size_t i = 0; i < state_->others.size(); i++) state_->others[i] = extras.calls(i);
}

Ground::~Ground() { delete state_; }

void Ground::arm(const Strike& strike) {
    if (strike.site >= calls_count) return extras.arm(strike);
    if (is_lie(strike.cause)) return lie.arm(strike);
    const int times = strike.lasting ? 1 << 30 : 1;
    state_->faults.push_back(std::make_unique<Fault>(static_cast<Call>(strike.site),
                                                     number_of(strike.cause), times,
                                                     static_cast<int>(strike.skip)));
}

std::uint64_t Ground::lift() {
    std::uint64_t hits = extras.lift() + lie.lift();
    for (const auto& fault : state_->faults) hits += static_cast<std::uint64_t>(fault->hits());
    state_->faults.clear();
    return hits;
}

std::uint64_t Ground::calls(std::size_t site) const {
    if (site >= calls_count) {
        return extras.calls(site - calls_count) - state_->others[site - calls_count];
    }
    return static_cast<std::uint64_t>(Fault::calls(static_cast<Call>(site)) - state_->calls[site]);
}

std::string Ground::trace() const { return ""; }

// Threads leave when their pool has gone; they are given two seconds for it.
std::string Ground::left_behind() const {
    const std::int64_t end = system_time() + 2'000'000'000;
    while (threads > 0) {
        if (system_time() > end) return "a thread is still there";
        sched_yield();
    }
    const std::size_t now = open_descriptors();
    if (now == state_->descriptors) return "";
    return "descriptors: " + std::to_string(now) + ", before: " +
           std::to_string(state_->descriptors);
}

void interrupt() { kill(getpid(), SIGINT); }

// Loopback stays; it is not seen for a while.
Roaming roaming() { return {"lo", "127.0.0.1"}; }

void roam(bool there) { hidden = !there; }

std::string path(std::string_view name) {
    return "/tmp/volley-" + std::to_string(getpid()) + "-" + std::string(name);
}

void remove(const std::string& path) {
    ::syscall(SYS_unlinkat, AT_FDCWD, path.c_str(), 0);
}

}  // namespace walk

// ---- The calls ---------------------------------------------------------------------------------

using walk::Extra;
using walk::extras;

extern "C" {

int open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if ((flags & O_DIRECTORY) && extras.strikes(Extra::open)) return -1;
    return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int flock(int descriptor, int operation) noexcept {
    if (extras.strikes(Extra::flock)) return -1;
    return static_cast<int>(::syscall(SYS_flock, descriptor, operation));
}

int fstatat(int directory, const char* name, struct stat* status, int flags) noexcept {
    static const auto next =
        test::next_version<int(int, const char*, struct stat*, int)>("fstatat");
    return extras.strikes(Extra::fstatat) ? -1 : next(directory, name, status, flags);
}

int unlinkat(int directory, const char* name, int flags) noexcept {
    if (extras.strikes(Extra::unlinkat)) return -1;
    return static_cast<int>(::syscall(SYS_unlinkat, directory, name, flags));
}

int fchmod(int descriptor, mode_t mode) noexcept {
    if (extras.strikes(Extra::fchmod)) return -1;
    return static_cast<int>(::syscall(SYS_fchmod, descriptor, mode));
}

// Knows one name, in both families.
int getaddrinfo(const char* host, const char*, const addrinfo* hints, addrinfo** found) {
    walk::Cause cause{};
    const bool struck = extras.strikes(Extra::getaddrinfo, &cause);
    if (struck && cause == walk::Cause::enomem) return EAI_MEMORY;
    if (struck && cause >= walk::Cause::eai_again && cause <= walk::Cause::eai_noname) return errno;
    if (struck && cause != walk::Cause::nameless) return EAI_SYSTEM;
    if (std::strcmp(host, "localhost") != 0 && std::strcmp(host, "LOCALHOST") != 0) {
        return EAI_NONAME;
    }
    *found = nullptr;
    for (const int family : {AF_INET6, AF_INET}) {
        if (hints->ai_family != AF_UNSPEC && hints->ai_family != family) continue;
        struct Made {
            addrinfo info;
            sockaddr_storage name;
        };
        auto* const made = static_cast<Made*>(std::calloc(1, sizeof(Made)));
        if (!made) return EAI_MEMORY;
        made->info.ai_family = family;
        made->info.ai_addr = reinterpret_cast<sockaddr*>(&made->name);
        made->name.ss_family = static_cast<sa_family_t>(struck ? AF_UNSPEC : family);
        if (family == AF_INET) {
            auto* const four = reinterpret_cast<sockaddr_in*>(&made->name);
            four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            made->info.ai_addrlen = sizeof *four;
        } else {
            auto* const six = reinterpret_cast<sockaddr_in6*>(&made->name);
            six->sin6_addr = in6addr_loopback;
            made->info.ai_addrlen = sizeof *six;
        }
        made->info.ai_next = *found;
        *found = &made->info;
    }
    return 0;
}

void freeaddrinfo(addrinfo* found) noexcept {
    while (found) std::free(std::exchange(found, found->ai_next));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*routine)(void*),
                   void* argument) noexcept {
    static const auto next = test::next_version<int(pthread_t*, const pthread_attr_t*,
                                                    void* (*)(void*), void*)>("pthread_create");
    if (extras.strikes(Extra::pthread_create)) return errno;
    auto* const start = static_cast<walk::Start*>(std::malloc(sizeof(walk::Start)));
    if (!start) return EAGAIN;
    *start = {routine, argument};
    walk::threads++;
    walk::busy++;
    const int error = next(thread, attributes, walk::work, start);
    if (error == 0) return 0;
    walk::threads--;
    walk::busy--;
    std::free(start);
    return error;
}

int getifaddrs(ifaddrs** found) noexcept {
    static const auto next = test::next_version<int(ifaddrs**)>("getifaddrs");
    return extras.strikes(Extra::getifaddrs) ? -1 : next(found);
}

unsigned if_nametoindex(const char* name) noexcept {
    static const auto next = test::next_version<unsigned(const char*)>("if_nametoindex");
    if (extras.strikes(Extra::if_nametoindex)) return 0;
    return walk::hidden && name == walk::roaming().name ? 0 : next(name);
}

char* if_indextoname(unsigned index, char* name) noexcept {
    static const auto next = test::next_version<char*(unsigned, char*)>("if_indextoname");
    return extras.strikes(Extra::if_indextoname) ? nullptr : next(index, name);
}

struct if_nameindex* if_nameindex() noexcept {
    static const auto next = test::next_version<struct if_nameindex*()>("if_nameindex");
    if (extras.strikes(Extra::if_nameindex)) return nullptr;
    struct if_nameindex* const all = next();
    for (auto* each = all; walk::hidden && each && each->if_index != 0;) {
        if (each->if_name != walk::roaming().name) {
            each++;
            continue;
        }
        std::free(each->if_name);
        for (auto* at = each; at->if_index != 0; at++) *at = at[1];
    }
    return all;
}

int sigaction(int signal, const struct sigaction* action, struct sigaction* before) noexcept {
    static const auto next =
        test::next_version<int(int, const struct sigaction*, struct sigaction*)>("sigaction");
    return extras.strikes(Extra::sigaction) ? -1 : next(signal, action, before);
}

}  // extern "C"

#endif
