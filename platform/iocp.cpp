// Readiness on Windows: a completion port fed by AFD polls.
// Winsock sits on the Auxiliary Function Driver, whose poll request is what select() issues
// underneath; sent asynchronously, it completes on a port. The catch: two at once for one socket
// can be mixed up by the driver (piscisaureus/wepoll#35), so each socket has at most one in flight,
// and only wait() starts them.
#ifdef _WIN32

#include <new>

#include "platform/windows_error.h"
#include "platform/windows_sockets.h"
#include "platform/windows_watches.h"

namespace platform {

namespace {

constexpr ULONG batch_max = 32;  // What is ready beyond it is reported by the next wait.
constexpr ULONG_PTR wake_key = 1;
constexpr DWORD base_handle = _WSAIOR(IOC_WS2, 34);  // SIO_BASE_HANDLE; not in every mswsock.h.

// What makes a socket readable: on a user's stream, also its end, and a guest.
constexpr ULONG poll_readable = poll_receive | poll_disconnect | poll_accept;

ULONG to_afd(Interest interest) {
    const ULONG wanted =
        (interest.readable ? poll_readable : 0) | (interest.writable ? poll_send : 0);
    return wanted ? wanted | poll_local_close | poll_abort | poll_connect_fail : 0;
}

// Rounds up, so that there is no last fraction of a millisecond to spin through.
DWORD milliseconds_until(Instant deadline, Instant now) {
    if (deadline == Instant::never()) return INFINITE;
    if (deadline <= now) return 0;
    // Unsigned, because a deadline far in the past of the clock's origin must not overflow.
    const std::uint64_t left = static_cast<std::uint64_t>(deadline.nanoseconds) -
                               static_cast<std::uint64_t>(now.nanoseconds);
    const std::uint64_t milliseconds = left / 1'000'000 + (left % 1'000'000 != 0 ? 1 : 0);
    return milliseconds >= INFINITE ? INFINITE - 1 : static_cast<DWORD>(milliseconds);
}

// AFD knows nothing of the wrappings of layered providers.
SOCKET base_of(SOCKET socket) {
    SOCKET base = INVALID_SOCKET;
    DWORD size = 0;
    (void)WSAIoctl(socket, base_handle, nullptr, 0, &base, sizeof base, &size, nullptr, nullptr);
    return base == INVALID_SOCKET ? socket : base;
}

}  // namespace

struct Poller::State {
    Ntdll ntdll{};
    HANDLE port = nullptr;
    HANDLE afd = nullptr;
    std::int64_t clock_frequency = 1;
    std::atomic<bool> woken{false};
    Watches watches;
    Watch* queue = nullptr;  // Those whose poll may have to be started or canceled.
    std::size_t polls_in_flight = 0;
    std::size_t reported = 0;
    OVERLAPPED_ENTRY ready[batch_max];
    Event events[batch_max];

    ~State();
    Error start();
    void enqueue(Watch& watch);
    void cancel(Watch& watch);
    void report(const Watch& watch, bool readable, bool writable);
    void report_failure(Watch& watch);
    void start_poll(Watch& watch, ULONG wanted);
    void refresh(Watch& watch);
    void refresh_queued();
    void complete(Watch& watch);
    bool take_completions(ULONG count);
};

// The system may write to each Watch until its poll is back.
Poller::State::~State() {
    watches.for_each([this](Watch& watch) {
        if (watch.in_flight && !watch.canceled) cancel(watch);
    });
    while (polls_in_flight > 0) {
        ULONG count = 0;
        if (!GetQueuedCompletionStatusEx(port, ready, batch_max, &count, INFINITE, FALSE)) break;
        for (ULONG i = 0; i < count; i++) {
            if (ready[i].lpCompletionKey != wake_key) polls_in_flight--;
        }
    }
    if (afd) CloseHandle(afd);
    if (port) CloseHandle(port);
}

Error Poller::State::start() {
    if (const Error error = start_winsock(Operation::open)) return error;
    LARGE_INTEGER frequency;
    QueryPerformanceFrequency(&frequency);  // Succeeds on all systems since Windows XP.
    clock_frequency = frequency.QuadPart;
    if (!ntdll.load()) return last_error(Operation::open);

    wchar_t path[] = L"\\Device\\Afd\\Volley";  // The last part is free to choose.
    UNICODE_STRING name{sizeof path - sizeof path[0], sizeof path, path};
    OBJECT_ATTRIBUTES attributes{};
    attributes.Length = sizeof attributes;
    attributes.ObjectName = &name;
    IO_STATUS_BLOCK status;
    const NTSTATUS opened =
        ntdll.create_file(&afd, SYNCHRONIZE, &attributes, &status, nullptr, 0,
                          FILE_SHARE_READ | FILE_SHARE_WRITE, open_existing, 0, nullptr, 0);
    if (opened != status_success) return {Code::not_supported, Operation::open, opened};
    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
    if (!port || !CreateIoCompletionPort(afd, port, 0, 0)) return last_error(Operation::open);
    return {};
}

void Poller::State::enqueue(Watch& watch) {
    if (watch.queued) return;
    watch.queued = true;
    watch.next_queued = queue;
    queue = &watch;
}

// It comes back all the same, by the port. Not found: it has come back already.
void Poller::State::cancel(Watch& watch) {
    IO_STATUS_BLOCK unused;
    (void)ntdll.cancel(afd, &watch.status, &unused);
    watch.canceled = true;
}

void Poller::State::report(const Watch& watch, bool readable, bool writable) {
    events[reported++] = {watch.token, readable, writable};
}

// Once: the next call on the socket tells what is wrong, and polling again would fail again.
void Poller::State::report_failure(Watch& watch) {
    watch.broken = true;
    report(watch, true, true);
}

void Poller::State::start_poll(Watch& watch, ULONG wanted) {
    watch.poll = {{}, 1, FALSE, reinterpret_cast<HANDLE>(watch.base), wanted, 0};
    watch.poll.timeout.QuadPart = INT64_MAX;
    const NTSTATUS status =
        ntdll.control(afd, nullptr, nullptr, &watch, &watch.status, poll_control, &watch.poll,
                      sizeof watch.poll, &watch.poll, sizeof watch.poll);
    if (status < 0) {  // Refused: nothing will come back.
        report_failure(watch);
    } else {
        watch.in_flight = wanted;
        polls_in_flight++;
    }
}

// Makes the poll in flight match the interest: starts it, or cancels a narrower one, whose
// return brings us back here.
void Poller::State::refresh(Watch& watch) {
    const ULONG wanted = watch.broken || watch.forgotten ? 0 : to_afd(watch.interest);
    if (watch.in_flight) {
        const bool fits = wanted != 0 && (wanted & ~watch.in_flight) == 0;
        if (!fits && !watch.canceled) cancel(watch);
    } else if (watch.forgotten) {
        watches.remove(&watch);
    } else if (wanted) {
        start_poll(watch, wanted);
    }
}

// Stops when there is no room to report a failure; the next wait goes on.
void Poller::State::refresh_queued() {
    while (queue && reported < batch_max) {
        Watch& watch = *queue;
        queue = watch.next_queued;
        watch.queued = false;
        refresh(watch);
    }
}

// What a poll in flight has come back with.
void Poller::State::complete(Watch& watch) {
    const bool canceled = watch.canceled;
    watch.in_flight = 0;
    watch.canceled = false;
    polls_in_flight--;
    enqueue(watch);
    const NTSTATUS status = watch.status.Status;
    if (canceled || watch.forgotten || status == status_canceled) return;
    if (status < 0) return report_failure(watch);
    const ULONG seen = watch.poll.count ? watch.poll.events : 0;
    if (seen & poll_local_close) {  // Closed without a forget(): there is nobody to tell.
        watch.broken = true;
        return;
    }
    const bool failed = seen & (poll_abort | poll_connect_fail);
    const bool readable = failed || (watch.interest.readable && (seen & poll_readable));
    const bool writable = failed || (watch.interest.writable && (seen & poll_send));
    if (readable || writable) report(watch, readable, writable);
}

// Whether one of them was a wake-up. The flag is lowered after the packet is taken: who raises it
// later posts again, and who found it raised had posted what the caller looks at after wait().
bool Poller::State::take_completions(ULONG count) {
    bool wake = false;
    for (ULONG i = 0; i < count; i++) {
        if (ready[i].lpCompletionKey == wake_key) {
            woken.exchange(false);
            wake = true;
        } else {
            complete(*reinterpret_cast<Watch*>(ready[i].lpOverlapped));
        }
    }
    return wake;
}

Result<std::unique_ptr<Poller>> Poller::open() {
    const Error no_memory = to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::open);
    std::unique_ptr<State> state(new (std::nothrow) State);
    if (!state) return no_memory;
    if (const Error error = state->start()) return error;
    std::unique_ptr<Poller> poller(new (std::nothrow) Poller(std::move(state)));
    if (!poller) return no_memory;
    return poller;
}

Poller::Poller(std::unique_ptr<State> state) : state_(std::move(state)) {}

Poller::~Poller() = default;

Instant Poller::now() const {
    constexpr std::int64_t second = 1'000'000'000;
    LARGE_INTEGER counter;
    QueryPerformanceCounter(&counter);
    const std::int64_t frequency = state_->clock_frequency;
    return {counter.QuadPart / frequency * second +
            counter.QuadPart % frequency * second / frequency};
}

Error Poller::watch(Socket socket, Token token, Interest interest) {
    const SOCKET handle = handle_of(socket);
    Watch* watch = state_->watches.find(handle);
    if (!watch || watch->forgotten) {
        const auto type = get_integer(handle, SOL_SOCKET, SO_TYPE);
        if (!type) return type.error().during(Operation::watch);
    }
    if (!watch) watch = state_->watches.add(handle);
    if (!watch) return to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::watch);
    if (watch->forgotten || watch->base == INVALID_SOCKET) watch->base = base_of(handle);
    watch->token = token;
    watch->interest = interest;
    watch->forgotten = false;
    watch->broken = false;
    state_->enqueue(*watch);
    return {};
}

void Poller::forget(Socket socket, Token) {
    Watch* const watch = state_->watches.find(handle_of(socket));
    if (!watch) return;
    watch->forgotten = true;
    if (watch->in_flight && !watch->canceled) state_->cancel(*watch);
    state_->enqueue(*watch);
}

// The port counts in milliseconds and by the system's tick, and may be early: it is asked again.
Result<std::span<const Event>> Poller::wait(Instant deadline) {
    State& state = *state_;
    state.reported = 0;
    while (true) {
        state.refresh_queued();
        const auto room = static_cast<ULONG>(batch_max - state.reported);
        const bool sleeps = state.reported == 0;
        if (room == 0) break;
        ULONG count = 0;
        if (!GetQueuedCompletionStatusEx(state.port, state.ready, room, &count,
                                         sleeps ? milliseconds_until(deadline, now()) : 0, FALSE)) {
            if (GetLastError() != WAIT_TIMEOUT) return last_error(Operation::wait);
            count = 0;
        }
        const bool woken = state.take_completions(count);
        if (woken || state.reported > 0 || now() >= deadline) break;
    }
    return std::span<const Event>(state.events, state.reported);
}

// A packet that cannot be posted leaves the flag down, so that the next one is tried again.
void Poller::wake() {
    if (state_->woken.exchange(true)) return;
    const DWORD saved = GetLastError();  // Whoever wakes may be about to ask for it.
    if (!PostQueuedCompletionStatus(state_->port, 0, wake_key, nullptr)) state_->woken = false;
    SetLastError(saved);
}

Result<std::intptr_t> Poller::handle() const {
    return to_error(WSAEOPNOTSUPP, Operation::none);
}

}  // namespace platform

#endif
