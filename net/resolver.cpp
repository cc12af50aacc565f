// See resolver.h. A Question is a job, and those who wait for it in the order of their calls. They
// may leave at any time; the job cannot: once a thread has it, it is the Workers', which hand it
// back or, when the loop has gone, discard it. So nobody ever waits for a thread.
// Names that no thread has taken up yet stay here and go with their last waiter: what nobody wants
// any more is not in the way when a system that hung answers again.
// Catch: while a thread has a Query it owns one half of it, and the loop the other.
#include "net/resolver.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "core/growing.h"
#include "net/spares.h"
#include "platform/platform.h"

namespace net {

namespace {

using platform::Job;

constexpr unsigned threads_max = 4;
constexpr std::size_t names_max = 256;      // In flight: with a thread, or waiting for one.
constexpr std::size_t addresses_max = 16;   // A look-up's outcome: those that are wanted among
constexpr std::size_t candidates_max = 64;  // the first that the system gives.
constexpr std::size_t host_size_max = 253;  // parse_host lets through nothing longer.
constexpr std::size_t usual_host_size = 48;

const char service_key = 0;

struct Lookups;

struct Question : Job {
    explicit Question(Lookups& owner) : lookups(&owner) {}
    void append(LookupWaiter&);
    void remove(LookupWaiter&);

    // The loop's half.
    Lookups* lookups;
    LookupWaiter* first = nullptr;
    LookupWaiter* last = nullptr;
    std::uint64_t earliest_tick = 0;  // To answer in: none of the waiters asked in it.
    bool queued = false;              // Waits for a thread.

    // The thread's half.
    Error error{};
    std::span<const Address> addresses{};
};

void Question::append(LookupWaiter& waiter) {
    waiter.next = nullptr;
    waiter.previous = last;
    (last ? last->next : first) = &waiter;
    last = &waiter;
}

void Question::remove(LookupWaiter& waiter) {
    (waiter.previous ? waiter.previous->next : first) = waiter.next;
    (waiter.next ? waiter.next->previous : last) = waiter.previous;
}

// Through the jobs' own links, first in, first out.
class Questions {
   public:
    Questions() = default;
    Questions(const Questions&) = delete;
    Questions& operator=(const Questions&) = delete;

    Question* first() const { return static_cast<Question*>(first_); }
    void push(Question& question) {
        question.next = nullptr;
        *end_ = &question;
        end_ = &question.next;
    }
    void remove(Question& question) {
        Job** link = &first_;
        while (*link != &question) link = &(*link)->next;
        *link = question.next;
        if (!*link) end_ = link;
    }

   private:
    Job* first_ = nullptr;
    Job** end_ = &first_;
};

// What needs no thread: a literal, a refusal.
struct Known : Question {
    Known(Lookups& owner, const Result<Address>& outcome) : Question(owner) {
        discard = &Known::end;
        error = outcome.error();
        if (!outcome) return;
        address = *outcome;
        addresses = {&address, 1};
    }
    static void end(Job&);
    Address address;
};

// What getaddrinfo is asked.
struct Query : Question {
    Query(Lookups& owner, std::string_view name, Family wanted)
        : Question(owner), family(wanted), size(static_cast<std::uint8_t>(name.size())) {
        run = [](Job& job) { static_cast<Query&>(job).resolve(); };
        discard = [](Job& job) { delete static_cast<Query*>(&job); };
        std::copy(name.begin(), name.end(), text);
    }
    std::string_view host() const { return {text, size}; }
    void resolve();

    const Family family;
    const std::uint8_t size;
    char text[host_size_max];
    std::array<Address, addresses_max> found;
};

// On the thread. What the system says is not taken on trust: it is the way in for strangers.
void Query::resolve() {
    std::array<Endpoint, candidates_max> candidates;
    const Result<std::size_t> count = platform::resolve(*this, host(), family, candidates);
    auto end = found.begin();
    for (std::size_t i = 0; count && i < *count && end != found.end(); i++) {
        Address candidate = candidates[i];
        candidate.port = 0;
        const bool wanted = family == Family::none
                                ? candidate.family == Family::ipv4 ||
                                      candidate.family == Family::ipv6
                                : candidate.family == family;
        if (wanted && std::find(found.begin(), end, candidate) == end) *end++ = candidate;
    }
    addresses = {found.begin(), end};
    if (!addresses.empty()) return;
    error = count ? Error{Code::lookup_not_found, Operation::lookup} : count.error();
}

// One call of Resolver::lookup. The host follows it in memory, as the caller wrote it.
struct Request : LookupWaiter {
    struct Free {
        void operator()(Request*) const;
    };
    using Pointer = std::unique_ptr<Request, Free>;

    static Pointer make(Lookups&, std::string_view host, Resolver::Callback);
    static void answered(LookupWaiter&, Result<Address>);
    std::string_view host() const { return {reinterpret_cast<const char*>(this + 1), size}; }

    Lookups& lookups;
    Resolver::Callback callback;
    const std::size_t size;
    Resolver::Id id{};

   private:
    Request(Lookups& owner, Resolver::Callback&& answer, std::size_t host_size)
        : LookupWaiter(&answered), lookups(owner), callback(std::move(answer)), size(host_size) {}
};

// The requests by their Ids.
class Requests {
   public:
    Request* enter(Request::Pointer);     // Null, and the request gone, when memory is out.
    Request::Pointer take(Resolver::Id);  // Null when it is not there any more.
    void clear();

   private:
    struct Slot {
        Request* request;
        std::uint32_t generation;
        std::uint32_t next_free;
    };
    static constexpr std::uint32_t none = UINT32_MAX;

    core::Growing<Slot> slots_;
    std::uint32_t free_ = none;
};

Request* Requests::enter(Request::Pointer request) {
    if (free_ == none) {
        if (slots_.size() == none || !slots_.push({nullptr, 0, none})) return nullptr;
        free_ = static_cast<std::uint32_t>(slots_.size() - 1);
    }
    Slot& slot = slots_[free_];
    if (++slot.generation == 0) slot.generation = 1;
    request->id = {std::exchange(free_, slot.next_free), slot.generation};
    return slot.request = request.release();
}

Request::Pointer Requests::take(Resolver::Id id) {
    if (id.index >= slots_.size()) return nullptr;
    Slot& slot = slots_[id.index];
    if (!slot.request || slot.generation != id.generation) return nullptr;
    slot.next_free = std::exchange(free_, id.index);
    return Request::Pointer(std::exchange(slot.request, nullptr));
}

void Requests::clear() {
    for (std::size_t i = 0; i < slots_.size(); i++) {
        if (slots_[i].request) take(slots_[i].request->id);
    }
}

struct Lookups : core::Service {
    static Lookups* of(core::Loop&);
    explicit Lookups(core::Loop& owner);
    ~Lookups();

    Question* ask(std::string_view host, Family);  // To be joined at once. Null: out of memory.
    void join(Question&, LookupWaiter&);

    core::Loop& loop;
    Spares request_memory{sizeof(Request) + usual_host_size, names_max};
    Spares known_memory{sizeof(Known), 4};
    Requests requests;

   private:
    struct InFlight {
        std::uint32_t hash;
        Query* query;
    };

    Question* tell(const Result<Address>&);
    Question* ask_system(std::string_view host, Family);
    void start();
    void finish(Question&);
    void forget(Question&);
    void leave(Question&, LookupWaiter&);
    void answer();
    void work();

    std::optional<platform::Workers> workers_;
    unsigned running_ = 0;  // Questions that the workers have.
    core::Growing<InFlight> in_flight_;
    Query* latest_ = nullptr;  // Of those in flight: whoever asks again is spared the search.
    Questions queued_;   // Of those in flight: no thread for them yet.
    Questions answers_;  // With their outcome, to be told.
};

Lookups* Lookups::of(core::Loop& loop) {
    if (core::Service* service = loop.service(&service_key)) return static_cast<Lookups*>(service);
    Lookups* const lookups = new (std::nothrow) Lookups(loop);
    if (lookups) loop.add_service(*lookups);
    return lookups;
}

Lookups::Lookups(core::Loop& owner)
    : Service{&service_key, [](Service& self) { delete static_cast<Lookups*>(&self); },
              [](Service& self) { static_cast<Lookups&>(self).work(); }},
      loop(owner) {}

void Known::end(Job& job) {
    Known& self = static_cast<Known&>(job);
    Spares& memory = self.lookups->known_memory;
    self.~Known();
    memory.give(&self);
}

Request::Pointer Request::make(Lookups& lookups, std::string_view host, Resolver::Callback call) {
    void* const memory = host.size() <= usual_host_size
                             ? lookups.request_memory.take()
                             : ::operator new(sizeof(Request) + host.size(), std::nothrow);
    if (!memory) return nullptr;
    Pointer request(::new (memory) Request(lookups, std::move(call), host.size()));
    std::copy(host.begin(), host.end(), reinterpret_cast<char*>(request.get() + 1));
    return request;
}

void Request::Free::operator()(Request* request) const {
    const bool usual = request->size <= usual_host_size;
    Spares& memory = request->lookups.request_memory;
    request->~Request();
    usual ? memory.give(request) : ::operator delete(request);
}

// The loop ends. Callbacks go last, because what they hold may look at anything when it dies.
Lookups::~Lookups() {
    const auto abandon = [](Question& question) {
        while (LookupWaiter* waiter = question.first) {
            question.remove(*waiter);
            waiter->wait(nullptr, nullptr);
        }
    };
    for (InFlight& each : in_flight_) abandon(*each.query);
    workers_.reset();
    for (Questions* questions : {&queued_, &answers_}) {
        while (Question* question = questions->first()) {
            abandon(*question);
            questions->remove(*question);
            question->discard(*question);
        }
    }
    requests.clear();
}

// ---- Asking ------------------------------------------------------------------------------------

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_host(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::uint32_t hash_of(std::string_view host, Family family) {  // FNV-1a
    std::uint32_t hash = 2166136261u ^ static_cast<std::uint32_t>(family);
    for (char c : host) hash = (hash ^ static_cast<unsigned char>(lower(c))) * 16777619u;
    return hash;
}

Question* Lookups::ask(std::string_view host, Family family) {
    const auto failed = [](Code code) { return Error{code, Operation::lookup}; };
    if (const Error error = loop.open_error()) return tell(error);
    if (latest_ && latest_->family == family && latest_->host() == host) return latest_;
    if (family == Family::local) return tell(failed(Code::lookup_family));
    const Host parsed = parse_host(loop.poller(), host);
    switch (parsed.kind) {
        case HostKind::name:
            return ask_system(host, family);
        case HostKind::empty:
            return tell(failed(Code::lookup_not_found));
        case HostKind::malformed:
            return tell(parsed.error.during(Operation::lookup));
        default:
            const bool wanted = family == Family::none || family == parsed.address.family;
            return wanted ? tell(parsed.address) : tell(failed(Code::invalid_argument));
    }
}

Question* Lookups::tell(const Result<Address>& outcome) {
    void* const memory = known_memory.take();
    if (!memory) return nullptr;
    Known* const known = ::new (memory) Known(*this, outcome);
    answers_.push(*known);
    due = true;
    return known;
}

Question* Lookups::ask_system(std::string_view host, Family family) {
    const std::uint32_t hash = hash_of(host, family);
    for (const InFlight& each : in_flight_) {
        const bool same = each.hash == hash && each.query->family == family &&
                          same_host(each.query->host(), host);
        if (same) return latest_ = each.query;
    }
    if (in_flight_.size() == names_max) {
        return tell(Error{Code::no_buffer_space, Operation::lookup});
    }
    std::unique_ptr<Query> query(new (std::nothrow) Query(*this, host, family));
    if (!query || !in_flight_.push({hash, query.get()})) return nullptr;
    query->queued = true;
    queued_.push(*query);
    return latest_ = query.release();
}

void Lookups::join(Question& question, LookupWaiter& waiter) {
    assert(!waiter.waiting());
    question.append(waiter);
    question.earliest_tick = loop.tick() + 1;
    waiter.wait(&question, [](LookupWaiter& gone) {
        Question& left = *static_cast<Question*>(gone.answerer());
        left.lookups->leave(left, gone);
    });
    loop.hold();
    start();
}

void Lookups::leave(Question& question, LookupWaiter& waiter) {
    question.remove(waiter);
    loop.release();
    if (question.first || !question.queued) return;
    queued_.remove(question);
    forget(question);
    question.discard(question);
}

void Lookups::start() {
    while (Question* question = running_ < threads_max ? queued_.first() : nullptr) {
        queued_.remove(*question);
        question->queued = false;
        if (!workers_) workers_.emplace(loop.poller(), threads_max);
        if (const Error error = workers_->submit(*question)) {
            question->error = error;
            finish(*question);
            if (running_ == 0) workers_.reset();  // They may be without memory for themselves.
        } else {
            running_++;
        }
    }
}

// ---- Answering ---------------------------------------------------------------------------------

void Lookups::forget(Question& question) {
    std::size_t i = 0;
    while (in_flight_[i].query != &question) i++;
    in_flight_.erase(i);
    if (latest_ == &question) latest_ = nullptr;
}

void Lookups::finish(Question& question) {
    forget(question);
    answers_.push(question);
    due = true;
}

void Lookups::work() {
    while (Job* job = workers_ ? workers_->finished() : nullptr) {
        running_--;
        finish(static_cast<Question&>(*job));
    }
    start();
    answer();
}

// Whatever is not told yet stays in its list, so that a callback may throw.
void Lookups::answer() {
    while (Question* question = answers_.first()) {
        if (question->earliest_tick > loop.tick()) return;
        while (LookupWaiter* waiter = question->first) {
            question->remove(*waiter);
            loop.release();
            if (question->error) {
                waiter->answer(question->error);
            } else {
                waiter->answer(question->addresses.front());
            }
        }
        answers_.remove(*question);
        question->discard(*question);
    }
    due = false;
}

void Request::answered(LookupWaiter& waiter, Result<Address>) {
    const Question& question = *static_cast<Question*>(waiter.answerer());
    Request& self = static_cast<Request&>(waiter);
    const Pointer request = self.lookups.requests.take(self.id);
    Failure failure;
    if (question.error) {
        failure = Failure::of_text(question.error, std::string(request->host()));
    }
    if (request->callback) request->callback(failure, question.addresses);
}

}  // namespace

// ---- The public face ---------------------------------------------------------------------------

Resolver::Id Resolver::lookup(std::string_view host, Family family, Callback callback) {
    Lookups* const lookups = Lookups::of(loop_);
    Request::Pointer made = lookups ? Request::make(*lookups, host, std::move(callback)) : nullptr;
    Request* const request = made ? lookups->requests.enter(std::move(made)) : nullptr;
    const Id id = request ? request->id : Id();
    Question* const question = request ? lookups->ask(host, family) : nullptr;
    if (!question) {
        if (request) lookups->requests.take(id);
        loop_.fail({Code::out_of_memory, Operation::lookup});
        return {};
    }
    lookups->join(*question, *request);
    return id;
}

bool Resolver::cancel(Id id) {
    core::Service* const service = loop_.service(&service_key);
    return service && static_cast<Lookups&>(*service).requests.take(id);
}

void resolve(core::Loop& loop, LookupWaiter& waiter, std::string_view host, Family family) {
    Lookups* const lookups = Lookups::of(loop);
    Question* const question = lookups ? lookups->ask(host, family) : nullptr;
    if (!question) return waiter.answer(Error{Code::out_of_memory, Operation::lookup});
    lookups->join(*question, waiter);
}

}  // namespace net
