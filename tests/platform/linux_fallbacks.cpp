// What old kernels, sandboxes and signals do to system calls, forced: this program has its own
// recvmmsg and so on, which fail as told, and otherwise ask the kernel.
// What the library finds out it remembers for the process, so each case runs in a child.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "tests/platform/support.h"

using namespace platform;

namespace {

// How often a call was made, and what it shall say instead of asking the kernel.
struct Fault {
    int calls = 0;
    int error = 0;
    int times = 0;
    int spared = 0;

    void fail(int number, int count, int after = 0) {
        error = number;
        times = count;
        spared = after;
    }
    bool strikes() {
        calls++;
        if (times == 0 || spared-- > 0) return false;
        times--;
        errno = error;
        return true;
    }
};

constexpr int for_ever = 1'000'000;

Fault recvmsg_fault;
Fault recvmmsg_fault;
Fault sendmsg_fault;
Fault sendmmsg_fault;
Fault epoll_fault;
Fault segment_fault;
Fault chmod_fault;
Fault write_fault;
Fault memory_fault;
std::atomic<int> heap_calls{0};
unsigned sendmmsg_limit = 1024;
bool control_is_cut = false;
bool name_is_missing = false;
const char* release = nullptr;

// A signal handler on another thread, held up where a race would be lost.
enum class HoldUp { none, before_taking, after_posting };
std::atomic<HoldUp> hold_up{HoldUp::none};
std::atomic<bool> handler_entered{false};
std::atomic<bool> handler_done{false};
std::atomic<bool> releaser_waits{false};

// Until the releasing thread waits for the handler, but not for ever: it may have failed to.
void hold_up_handler() {
    handler_entered = true;
    for (int i = 0; i < 500 && !releaser_waits; i++) usleep(1000);
    handler_done = true;
}

}  // namespace

extern "C" {

ssize_t recvmsg(int descriptor, msghdr* message, int flags) {
    if (recvmsg_fault.strikes()) return -1;
    const ssize_t size = syscall(SYS_recvmsg, descriptor, message, flags);
    if (size < 0) return size;
    if (control_is_cut) {
        // The last control message is cut off, as by a buffer that was too small.
        message->msg_flags |= MSG_CTRUNC;
        message->msg_controllen -= std::min<std::size_t>(message->msg_controllen, 24);
    }
    if (name_is_missing) message->msg_namelen = 0;
    return size;
}

int recvmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
    if (recvmmsg_fault.strikes()) return -1;
    return static_cast<int>(syscall(SYS_recvmmsg, descriptor, messages, count, flags, timeout));
}

// Counts as a sendmsg: both are what one datagram takes.
ssize_t sendto(int descriptor, const void* bytes, size_t size, int flags, const sockaddr* address,
               socklen_t address_size) {
    if (sendmsg_fault.strikes()) return -1;
    return syscall(SYS_sendto, descriptor, bytes, size, flags, address, address_size);
}

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
    if (sendmsg_fault.strikes()) return -1;
    return syscall(SYS_sendmsg, descriptor, message, flags);
}

int sendmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) {
    if (sendmmsg_fault.strikes()) return -1;
    count = std::min(count, sendmmsg_limit);
    return static_cast<int>(syscall(SYS_sendmmsg, descriptor, messages, count, flags));
}

int epoll_wait(int descriptor, epoll_event* events, int count, int timeout) {
    if (epoll_fault.strikes()) return -1;
    return static_cast<int>(
        syscall(SYS_epoll_pwait, descriptor, events, count, timeout, nullptr, 8));
}

int setsockopt(int descriptor, int level, int option, const void* value, socklen_t size) noexcept {
    if (level == IPPROTO_UDP && option == UDP_SEGMENT && segment_fault.strikes()) return -1;
    return static_cast<int>(syscall(SYS_setsockopt, descriptor, level, option, value, size));
}

int fchmodat(int directory, const char* path, mode_t mode, int) noexcept {
    if (chmod_fault.strikes()) return -1;
    return static_cast<int>(syscall(SYS_fchmodat, directory, path, mode));
}

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
    if (write_fault.strikes()) return -1;
    if (hold_up.exchange(HoldUp::none) == HoldUp::after_posting) hold_up_handler();
    return syscall(SYS_write, descriptor, bytes, size);
}

int sched_yield() noexcept {
    releaser_waits = true;
    return static_cast<int>(syscall(SYS_sched_yield));
}

int sigaction(int number, const struct sigaction* action, struct sigaction* previous) noexcept {
    if (hold_up == HoldUp::before_taking) {
        hold_up = HoldUp::none;
        hold_up_handler();
    }
    static const auto original =
        reinterpret_cast<decltype(&sigaction)>(dlsym(RTLD_NEXT, "sigaction"));
    return original(number, action, previous);
}

int uname(utsname* system) noexcept {
    const int result = static_cast<int>(syscall(SYS_uname, system));
    if (release) std::strcpy(system->release, release);
    return result;
}

}  // extern "C"

// Not inlined, or g++ takes the two halves for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
    heap_calls++;
    if (void* const memory = std::malloc(size)) return memory;
    abandon("out of memory");
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return memory_fault.strikes() ? nullptr : ::operator new(size);
}

void* operator new[](std::size_t size) { return ::operator new(size); }

void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return memory_fault.strikes() ? nullptr : ::operator new(size);
}

[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { ::operator delete(memory); }
void operator delete[](void* memory) noexcept { ::operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { ::operator delete(memory); }

namespace {

// Runs in a child; says 0, or the number of the first expectation that was not met.
template <class Function>
int in_child(Function function) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(function());
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

struct Expectations {
    int count = 0;
    int first_failed = 0;
    void expect(bool met) {
        count++;
        if (!met && first_failed == 0) first_failed = count;
    }
};

// A socket that sends to itself, batches of numbered datagrams.
struct Echo {
    std::unique_ptr<Poller> poller = open_poller();
    Owned socket{*poller, loopback(Family::ipv4)};
    Endpoint to = socket.address();
    std::vector<std::string> texts;
    std::vector<std::span<const std::byte>> parts;
    std::vector<Outgoing> outgoing;
    Inbox inbox{8, 2048};

    explicit Echo(std::size_t count) {
        for (std::size_t i = 0; i < count; i++) texts.push_back("datagram " + std::to_string(i));
        for (const auto& text : texts) parts.push_back(bytes_of(text));
        for (const auto& part : parts) outgoing.push_back({{&part, 1}, &to, nullptr, 0});
    }

    std::size_t send_all() {
        const auto sent = send(socket, outgoing);
        return sent ? *sent : 0;
    }

    std::vector<std::string> receive_all() {
        std::vector<std::string> received;
        while (const auto count = receive(socket, inbox.incoming)) {
            for (std::size_t i = 0; i < *count; i++) {
                received.push_back(text_of(inbox.incoming[i]));
            }
        }
        return received;
    }
};

// The kernel says EAGAIN whenever a thread is to be started.
bool forbid_threads() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog filter{sizeof program / sizeof program[0], program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

std::atomic<int> own_reactions{0};

// Catches an interrupt, sends it to another thread, and releases it while that thread's handler is
// held up. What the mailbox has then.
Job* release_during_handler(Mailbox& mailbox, Job& job, HoldUp where) {
    signal(SIGINT, [](int) { own_reactions++; });
    must(catch_interrupt(mailbox, job), "catch_interrupt");
    hold_up = where;
    pthread_t thread;
    const auto interrupt = [](void*) -> void* {
        raise(SIGINT);
        return nullptr;
    };
    if (pthread_create(&thread, nullptr, interrupt, nullptr) != 0) abandon("pthread_create");
    while (!handler_entered) usleep(100);
    release_interrupt(job);
    Job* const posted = mailbox.take();
    if (!handler_done) abandon("released while a handler was at work");
    pthread_join(thread, nullptr);
    return posted;
}

struct Errand : Job {
    std::atomic<bool> gate{false};
    Errand() {
        run = [](Job& job) {
            while (!static_cast<Errand&>(job).gate.load()) usleep(100);
        };
        discard = [](Job&) {};
    }
};

}  // namespace

TEST_CASE("without recvmmsg every datagram still arrives, and the kernel is asked once") {
    for (const int error : {ENOSYS, EPERM}) {
        CHECK(in_child([&] {
                  Expectations all;
                  Echo echo(20);
                  recvmmsg_fault.fail(error, for_ever);
                  for (int round = 0; round < 3; round++) {
                      all.expect(echo.send_all() == 20);
                      all.expect(echo.receive_all() == echo.texts);
                  }
                  all.expect(recvmmsg_fault.calls == 1);
                  return all.first_failed;
              }) == 0);
    }
}

TEST_CASE("without sendmmsg every datagram still leaves, and the kernel is asked once") {
    for (const int error : {ENOSYS, EPERM}) {
        CHECK(in_child([&] {
                  Expectations all;
                  Echo echo(40);
                  sendmmsg_fault.fail(error, for_ever);
                  for (int round = 0; round < 3; round++) {
                      all.expect(echo.send_all() == 40);
                      all.expect(echo.receive_all() == echo.texts);
                  }
                  all.expect(sendmmsg_fault.calls == 1);
                  return all.first_failed;
              }) == 0);
    }
}

TEST_CASE("without sendmmsg a refused datagram still is where the count says") {
    for (const std::size_t refused : {0u, 1u, 7u}) {
        CHECK(in_child([&] {
                  Expectations all;
                  Echo echo(10);
                  sendmmsg_fault.fail(ENOSYS, for_ever);
                  const std::string too_big(70'000, 'x');
                  echo.parts[refused] = bytes_of(too_big);
                  all.expect(echo.send_all() == refused);
                  const auto rest = std::span<const Outgoing>(echo.outgoing).subspan(refused);
                  all.expect(send(echo.socket, rest).error().code == Code::message_too_big);
                  all.expect(echo.receive_all().size() == refused);
                  return all.first_failed;
              }) == 0);
    }
}

TEST_CASE("EPERM of a packet filter is an error of the datagram; batches go on") {
    CHECK(in_child([&] {
              Expectations all;
              Echo echo(5);
              sendmmsg_fault.fail(EPERM, 1);
              sendmsg_fault.fail(EPERM, 1);
              all.expect(send(echo.socket, echo.outgoing).error().code == Code::not_permitted);
              all.expect(echo.send_all() == 5);
              all.expect(sendmmsg_fault.calls == 2);
              all.expect(sendmsg_fault.calls == 1);
              all.expect(echo.receive_all() == echo.texts);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("an interrupted call is made again") {
    CHECK(in_child([&] {
              Expectations all;
              Echo echo(5);
              sendmmsg_fault.fail(EINTR, 2);
              all.expect(echo.send_all() == 5);
              recvmmsg_fault.fail(EINTR, 2);
              all.expect(echo.receive_all() == echo.texts);
              sendmsg_fault.fail(EINTR, 2);
              all.expect(!send_text(echo.socket, "alone", &echo.to));
              recvmsg_fault.fail(EINTR, 2);
              all.expect(static_cast<bool>(receive(echo.socket, {echo.inbox.incoming.data(), 1})));
              all.expect(text_of(echo.inbox.incoming[0]) == "alone");
              all.expect(sendmmsg_fault.calls == 3 && sendmsg_fault.calls == 3);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("a batch that the kernel cuts short is reported as such, and goes on when asked again") {
    CHECK(in_child([&] {
              Expectations all;
              Echo echo(10);
              sendmmsg_limit = 3;
              std::size_t sent = 0;
              const std::span<const Outgoing> outgoing = echo.outgoing;
              while (sent < 10) {
                  const auto count = send(echo.socket, outgoing.subspan(sent));
                  if (!count) break;
                  all.expect(*count == std::min<std::size_t>(3, 10 - sent));
                  sent += *count;
              }
              all.expect(sent == 10);
              all.expect(echo.receive_all() == echo.texts);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("an error after the first of several calls leaves the count of those before it") {
    CHECK(in_child([&] {
              Expectations all;
              Echo echo(100);
              sendmmsg_fault.fail(ENOBUFS, 2, 1);
              all.expect(echo.send_all() == 32);
              const auto rest = std::span<const Outgoing>(echo.outgoing).subspan(32);
              all.expect(send(echo.socket, rest).error().code == Code::no_buffer_space);
              const auto sent = send(echo.socket, rest);
              all.expect(sent && *sent == 68);
              all.expect(echo.receive_all() == echo.texts);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("a kernel that does not cut trains is not given any, and is asked once") {
    CHECK(in_child([&] {
              Expectations all;
              Echo echo(1);
              segment_fault.fail(ENOPROTOOPT, for_ever);
              for (int round = 0; round < 3; round++) {
                  const Error error = send_text(echo.socket, "0123456789", &echo.to, 5);
                  all.expect(error.code == Code::not_supported);
                  all.expect(error.operation == Operation::send);
              }
              all.expect(segment_fault.calls == 1);
              all.expect(sendmsg_fault.calls == 0);
              all.expect(echo.receive_all().empty());
              return all.first_failed;
          }) == 0);
}

TEST_CASE("kernels that spoil trains on network cards cut them for the loopback interface only") {
    const struct {
        const char* release;
        bool spoils;
    } kernels[] = {{"7.0.0", true},       {"7.0.12-arch1", true}, {"7.1-rc3", true},
                   {"7.1.4", true},       {"7.1.5", false},       {"7.2.0", false},
                   {"6.18.44-fc", false}, {"8.0.0", false},       {"17.0.0", false}};
    for (const auto& kernel : kernels) {
        CHECK(in_child([&] {
                  Expectations all;
                  Echo echo(1);
                  release = kernel.release;
                  all.expect(!send_text(echo.socket, "0123456789", &echo.to, 5));
                  all.expect(echo.receive_all().size() == 2);
                  const Owned remote(*echo.poller, Family::ipv4);
                  const Endpoint far = ipv4({192, 0, 2, 1}, 9);  // RFC 5737: nobody's.
                  const bool refused =
                      send_text(remote, "0123456789", &far, 5).code == Code::not_supported;
                  all.expect(refused == kernel.spoils);
                  all.expect(!connect(echo.socket, echo.to));
                  all.expect(!send_text(echo.socket, "0123456789", nullptr, 5));
                  return all.first_failed;
              }) == 0);
    }
}

TEST_CASE("cut control messages cost the packet information, never the datagram") {
    CHECK(in_child([&] {
              Expectations all;
              Echo echo(1);
              must(set_option(echo.socket, Option::packet_info, 1), "packet_info");
              must(set_option(echo.socket, Option::coalesce, 1), "coalesce");
              const std::span<Incoming> one{echo.inbox.incoming.data(), 1};
              const PacketInfo& info = *one[0].info;
              for (const bool cut : {false, true}) {
                  control_is_cut = cut;
                  all.expect(!send_text(echo.socket, "0123456789", &echo.to, 5));
                  all.expect(static_cast<bool>(receive(echo.socket, one)));
                  all.expect(text_of(one[0]) == "0123456789");
                  all.expect(one[0].segment_size == 5);
                  all.expect(one[0].peer == echo.to);
                  all.expect((info.local.family == Family::none) == cut);
                  all.expect((info.interface_index == 0) == cut);
                  all.expect((info.hop_limit == -1) == cut);
                  all.expect((info.timestamp == 0) == cut);
              }
              return all.first_failed;
          }) == 0);
}

TEST_CASE("a report whose reason is cut off is of unknown reason, and no message") {
    CHECK(in_child([&] {
              Expectations all;
              const auto poller = open_poller();
              const Endpoint dead = Owned(*poller, loopback(Family::ipv4)).address();
              const Owned socket(*poller, Family::ipv4);
              must(set_option(socket, Option::icmp_errors, 1), "icmp_errors");
              must(connect(socket, dead), "connect");
              all.expect(!send_text(socket, "our own payload", nullptr));
              control_is_cut = true;
              Report reports[4];
              const auto count = receive_errors(socket, reports);
              all.expect(count && *count == 1);
              all.expect(reports[0].error.code == Code::unknown);
              all.expect(reports[0].error.native == 0);
              all.expect(reports[0].destination == dead);
              all.expect(reports[0].offender.family == Family::none);
              control_is_cut = false;
              Inbox inbox(2, 64);
              const Error error = receive(socket, inbox.incoming).error();
              all.expect(error.code == Code::would_block);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("a sender without a name is nobody, not whoever sent before") {
    CHECK(in_child([&] {
              Expectations all;
              Echo echo(1);
              const std::span<Incoming> one{echo.inbox.incoming.data(), 1};
              for (const bool missing : {false, true}) {
                  name_is_missing = missing;
                  all.expect(echo.send_all() == 1);
                  all.expect(static_cast<bool>(receive(echo.socket, one)));
                  const Endpoint& peer = one[0].peer;
                  all.expect(peer.family == (missing ? Family::none : Family::ipv4));
                  all.expect(peer.size == (missing ? 0 : 4));
                  all.expect((peer.port == 0) == missing);
              }
              return all.first_failed;
          }) == 0);
}

TEST_CASE("a signal ends a wait early without an error; anything else is an error") {
    CHECK(in_child([&] {
              Expectations all;
              const auto poller = open_poller();
              epoll_fault.fail(EINTR, 1);
              const auto interrupted = poller->wait(in_milliseconds(*poller, 10'000));
              all.expect(interrupted && interrupted->empty());
              epoll_fault.fail(EINVAL, 1);
              const auto failed = poller->wait(in_milliseconds(*poller, 10'000));
              all.expect(failed.error().code == Code::invalid_argument);
              all.expect(failed.error().operation == Operation::wait);
              poller->wake();
              const auto woken = poller->wait(in_milliseconds(*poller, 10'000));
              all.expect(woken && woken->empty());
              return all.first_failed;
          }) == 0);
}

TEST_CASE("[53] a path has its mode from birth: nobody else could ever open it") {
    CHECK(in_child([&] {
              Expectations all;
              chmod_fault.fail(EPERM, for_ever);
              umask(0);
              const auto poller = open_poller();
              const Owned socket(*poller, Family::local);
              const std::string path = "/tmp/volley-" + std::to_string(getpid());
              const auto claim = bind_path(socket, local(path), 0600);
              struct stat status {};
              all.expect(static_cast<bool>(claim));
              all.expect(stat(path.c_str(), &status) == 0);
              all.expect((status.st_mode & 07777) == 0600);
              all.expect(chmod_fault.calls == 0);
              unlink(path.c_str());
              return all.first_failed;
          }) == 0);
}

TEST_CASE("releasing an interrupt waits for the handler that is posting it") {
    CHECK(in_child([&] {
              Expectations all;
              const auto poller = open_poller();
              all.expect(static_cast<bool>(poller->handle()));  // So that wake-ups are written.
              Mailbox mailbox(*poller);
              Errand job;
              all.expect(release_during_handler(mailbox, job, HoldUp::after_posting) == &job);
              all.expect(own_reactions == 0);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("an interrupt that is released before the handler takes it reaches the program itself") {
    CHECK(in_child([&] {
              Expectations all;
              const auto poller = open_poller();
              Mailbox mailbox(*poller);
              Errand job;
              all.expect(release_during_handler(mailbox, job, HoldUp::before_taking) == nullptr);
              all.expect(own_reactions == 1);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("waking from a signal handler leaves errno alone, even if it fails") {
    CHECK(in_child([&] {
              Expectations all;
              const auto poller = open_poller();
              all.expect(static_cast<bool>(poller->handle()));  // So that they are written.
              write_fault.fail(EAGAIN, 1);
              errno = 1234;
              poller->wake();
              all.expect(errno == 1234);
              all.expect(write_fault.calls == 1);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("running out of memory is an error wherever it happens, and harms nothing") {
    CHECK(in_child([&] {
              Expectations all;
              const int lowest = dup(0);
              for (const int spared : {0, 1}) {
                  memory_fault.fail(0, 1, spared);
                  const auto poller = Poller::open();
                  all.expect(poller.error().code == Code::out_of_memory);
                  all.expect(poller.error().operation == Operation::open);
              }
              const int as_low = dup(0);
              all.expect(as_low == lowest + 1);  // Nothing was left open.
              Echo echo(1);
              memory_fault.fail(0, 1);
              {
                  Workers workers(*echo.poller, 1);
                  Errand job;
                  const Error error = workers.submit(job);
                  all.expect(error.code == Code::out_of_memory);
                  all.expect(error.operation == Operation::start_worker);
                  all.expect(workers.finished() == nullptr);
              }
              const std::vector<std::span<const std::byte>> parts(300, bytes_of("x"));
              const Outgoing outgoing{parts, &echo.to, nullptr, 0};
              memory_fault.fail(0, 1);
              all.expect(send(echo.socket, {&outgoing, 1}).error().code == Code::out_of_memory);
              all.expect(static_cast<bool>(send(echo.socket, {&outgoing, 1})));
              return all.first_failed;
          }) == 0);
}

TEST_CASE("nothing is allocated while datagrams and wake-ups come and go") {
    CHECK(in_child([&] {
              Expectations all;
              Echo echo(100);
              must(set_option(echo.socket, Option::packet_info, 1), "packet_info");
              must(echo.poller->watch(echo.socket, test_token, {true, true}), "watch");
              memory_fault.calls = 0;
              heap_calls = 0;
              std::size_t received = 0;
              for (int round = 0; round < 3; round++) {
                  all.expect(echo.send_all() == 100);
                  all.expect(static_cast<bool>(echo.poller->wait({0})));
                  while (const auto count = receive(echo.socket, echo.inbox.incoming)) {
                      received += *count;
                  }
                  echo.poller->wake();
              }
              all.expect(received == 300);
              all.expect(memory_fault.calls == 0);
              all.expect(heap_calls == 0);
              return all.first_failed;
          }) == 0);
}

TEST_CASE("a job without any thread to run it stays the caller's; one thread is enough") {
    CHECK(in_child([&] {
              Expectations all;
              const auto poller = open_poller();
              Errand first;
              Errand second;
              {
                  Workers workers(*poller, 4);
                  must(workers.submit(first), "submit");  // Its thread is there already.
                  if (!forbid_threads()) return 100;
                  all.expect(!workers.submit(second));
                  Workers others(*poller, 4);
                  Errand unwanted;
                  const Error error = others.submit(unwanted);
                  all.expect(error.code == Code::would_block);
                  all.expect(error.operation == Operation::start_worker);
                  all.expect(others.finished() == nullptr);
                  first.gate = true;
                  second.gate = true;
                  int finished = 0;
                  while (finished < 2) {
                      if (workers.finished()) {
                          finished++;
                      } else {
                          (void)must(poller->wait(in_milliseconds(*poller, 1000)), "wait");
                      }
                  }
              }
              return all.first_failed;
          }) == 0);
}

#endif
