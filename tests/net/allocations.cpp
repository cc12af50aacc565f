// No datagram costs an allocation, sent or received, once the loop is warm: every way to the heap
// is this program's own here, and counts. A sanitizer's heap is reached through its own door.
// Catch: for systems where a program may define malloc, and for programs linked dynamically.
#ifdef __linux__

#include <dlfcn.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "net/resolver.h"
#include "tests/net/receiver.h"
#include "tests/net/wire.h"

// The sanitizers' heap, where there is one, and that of the C library.
extern "C" {
void* __interceptor_malloc(std::size_t) __attribute__((weak));
void* __interceptor_calloc(std::size_t, std::size_t) __attribute__((weak));
void* __interceptor_realloc(void*, std::size_t) __attribute__((weak));
void* __libc_malloc(std::size_t) __attribute__((weak));
void* __libc_calloc(std::size_t, std::size_t) __attribute__((weak));
void* __libc_realloc(void*, std::size_t) __attribute__((weak));
}

namespace {

unsigned long allocations = 0;

// Called before a sanitizer is ready for code of its own making.
template <class F>
__attribute__((no_sanitize("address", "thread", "undefined")))
F* next(F* sanitizer, F* library, const char* name) {
    if (sanitizer) return sanitizer;
    return library ? library : reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

__attribute__((no_sanitize("address", "thread", "undefined")))
void* malloc(std::size_t size) noexcept {
    allocations++;
    return next(__interceptor_malloc, __libc_malloc, "malloc")(size);
}

__attribute__((no_sanitize("address", "thread", "undefined")))
void* calloc(std::size_t count, std::size_t size) noexcept {
    allocations++;
    return next(__interceptor_calloc, __libc_calloc, "calloc")(count, size);
}

__attribute__((no_sanitize("address", "thread", "undefined")))
void* realloc(void* memory, std::size_t size) noexcept {
    allocations++;
    return next(__interceptor_realloc, __libc_realloc, "realloc")(memory, size);
}

}  // extern "C"

// Not inlined, or the compiler takes each pair for a mismatched one.
__attribute__((noinline)) void* operator new(std::size_t size) {
    void* const memory = malloc(size ? size : 1);
    if (!memory) std::abort();
    return memory;
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return operator new(size);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }
void operator delete[](void* memory) noexcept { operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { operator delete(memory); }

namespace {

using namespace std::chrono_literals;
using net::Address;
using net::Bytes;
using net::Datagram;
using net::Failure;
using net::Message;
using net::Options;
using net::Type;
using test::Audit;
using test::Wire;

constexpr int datagrams = 40;  // In one tick.

// Does it many times to warm up, then once more; what that costs.
template <class F>
unsigned long cost_of(F round) {
    for (int i = 0; i < 50; i++) round();
    const unsigned long before = allocations;
    for (int i = 0; i < 10; i++) round();
    return allocations - before;
}

// Asks, then turns until everything has been told. False when that fails.
template <class F>
bool tell_all(core::Loop& loop, const int& told, int wanted, F ask) {
    const int end = told + wanted;
    ask();
    for (int turns = 0; told < end && turns < 1000; turns++) {
        if (loop.turn({loop.now().nanoseconds + 50'000'000})) return false;
    }
    return told == end;
}

}  // namespace

TEST_CASE("the counter counts every way to the heap") {
    unsigned long before = allocations;
    const auto counted = [&] { return std::exchange(before, allocations) != allocations; };
    void* volatile memory = std::malloc(10);
    CHECK(counted());
    memory = std::realloc(memory, 100);
    CHECK(counted());
    std::free(memory);
    memory = std::calloc(2, 5);
    CHECK(counted());
    std::free(memory);
    delete new std::string;
    CHECK(counted());
    ::operator delete(::operator new(5, std::nothrow));
    CHECK(counted());
    { const auto array = std::make_unique<char[]>(100); }
    CHECK(counted());
    before = allocations;
    CHECK_FALSE(counted());
}

TEST_CASE("a warm loop allocates nothing for a datagram that is sent, in whatever form") {
    struct Form {
        const char* name;
        void (*send)(Datagram&, const Address&, int& sent);
        bool connected = false;
    };
    static constexpr std::string_view text = "some bytes";
    const Form forms[] = {
        {"to an endpoint",
         [](Datagram& s, const Address& to, int& sent) { s.send(text, to, [&] { sent++; }); }},
        {"to a port",
         [](Datagram& s, const Address& to, int& sent) { s.send(text, to.port, [&] { sent++; }); }},
        {"to an address as text",
         [](Datagram& s, const Address& to, int& sent) {
             s.send(text, to.port, "127.0.0.1", [&] { sent++; });
         }},
        {"a list",
         [](Datagram& s, const Address& to, int& sent) {
             s.send({text, text, text, text, text}, to, [&] { sent++; });
         }},
        {"a part",
         [](Datagram& s, const Address& to, int& sent) {
             s.send(text, 1, 5, to.port, [&] { sent++; });
         }},
        {"nothing",
         [](Datagram& s, const Address& to, int& sent) { s.send("", to, [&] { sent++; }); }},
        {"a callback of three words",
         [](Datagram& s, const Address& to, int& sent) {
             s.send(text, to, [&sent, &s, &to](const Failure& failure, std::size_t bytes) {
                 sent += !failure && bytes == text.size() && s.address() && to.port ? 1 : 0;
             });
         }},
        {"many at once",
         [](Datagram& s, const Address& to, int& sent) {
             const net::Addressed two[] = {{text, to}, {text, to}};
             s.send_many(two, [&](const Failure& first, std::size_t left) {
                 sent += !first && left == 2 ? 1 : 0;
             });
         }},
        {"connected",
         [](Datagram& s, const Address&, int& sent) { s.send(text, [&] { sent++; }); }, true},
    };
    for (const Form& form : forms) {
        const std::string name = form.name;
        CAPTURE(name);
        const Audit audit;
        core::Loop loop;
        const Wire wire;
        const Address to = wire.address();
        Datagram socket(loop, Type::udp4);
        if (form.connected) CHECK(socket.connect_sync(to.port));
        int sent = 0;
        bool complete = true;
        const unsigned long cost = cost_of([&] {
            complete = complete && tell_all(loop, sent, datagrams, [&] {
                           for (int i = 0; i < datagrams; i++) form.send(socket, to, sent);
                       });
        });
        CHECK(complete);
        CHECK(cost == 0);
    }
}

TEST_CASE("a warm loop allocates nothing for a datagram that is received, or sent on") {
    for (const Type type : {Type::udp4, Type::udp6, Type::unix_dgram}) {
        for (const bool echoing : {false, true}) {
            CAPTURE(echoing);
            const Audit audit;
            core::Loop loop;
            const test::Path paths[2] = {test::Path("a"), test::Path("b")};
            Datagram sockets[2] = {Datagram(loop, type), Datagram(loop, type)};
            Address addresses[2];
            for (std::size_t i = 0; i < 2; i++) {
                addresses[i] = test::checked(
                    type == Type::unix_dgram ? sockets[i].bind_sync(paths[i])
                                             : sockets[i].bind_sync(0, test::loopback(type)));
            }
            int received = 0;
            const auto count = [&](const Message& message) {
                received += message.size() == 4 && message.sender.port == addresses[1].port ? 1 : 0;
            };
            if (!echoing) {
                sockets[0].on_message(count);
            } else {
                sockets[0].on_message([&](const Message& message) {
                    sockets[0].send(message.bytes, message.sender);
                });
                sockets[1].on_message([&] { received++; });
            }
            bool complete = true;
            const unsigned long cost = cost_of([&] {
                complete = complete && tell_all(loop, received, datagrams, [&] {
                               for (int i = 0; i < datagrams; i++) {
                                   sockets[1].send("ball", addresses[0]);
                               }
                           });
            });
            CHECK(complete);
            CHECK(cost == 0);
        }
    }
}

TEST_CASE("trains cost a warm loop nothing: mixed, taken apart, together, and sent back") {
    for (const bool together : {false, true}) {
        CAPTURE(together);
        const Audit audit;
        core::Loop loop;
        Datagram client(loop, Type::udp4);
        Datagram servers[2] = {Datagram(loop, Type::udp4), Datagram(loop, Type::udp4)};
        Address addresses[2];
        for (std::size_t i = 0; i < 2; i++) {
            Datagram& server = servers[i];
            addresses[i] = test::bind_loopback(server);
            if (together) {
                server.on_messages([&server](net::Messages messages) {
                    for (const Message& message : messages) {
                        server.send(message.bytes, message.sender);
                    }
                });
            } else {
                server.on_message([&server](const Message& message) {
                    server.send(message.bytes, message.sender);
                });
            }
        }
        int received = 0;
        std::size_t longest = 0;
        client.on_messages([&](net::Messages messages) {
            received += static_cast<int>(messages.size());
            longest = std::max(longest, messages.size());
        });
        bool complete = true;
        const unsigned long cost = cost_of([&] {
            complete = complete && tell_all(loop, received, 2 * 120, [&] {
                           for (int i = 0; i < 120; i++) {
                               for (const Address& to : addresses) {
                                   client.send(i % 10 < 9 ? "longer" : "tail", to);
                               }
                           }
                       });
        });
        CHECK(complete);
        CHECK((longest >= 10 || platform::segmentation(loop.poller()).segments_max < 2));
        CHECK(cost == 0);
    }
}

TEST_CASE("timers cost a warm loop nothing either") {
    core::Loop loop;
    int fired = 0;
    bool complete = true;
    const unsigned long cost = cost_of([&] {
        complete = complete && tell_all(loop, fired, 10, [&] {
                       for (int i = 0; i < 10; i++) loop.after(0ms, [&] { fired++; });
                   });
    });
    CHECK(complete);
    CHECK(cost == 0);
}

TEST_CASE("posts and look-ups of literals cost a warm loop nothing") {
    core::Loop loop;
    net::Resolver resolver(loop);
    int told = 0;
    const auto look = [&](const net::Failure& failure) { told += !failure; };
    bool complete = true;
    const unsigned long cost = cost_of([&] {
        complete = complete && tell_all(loop, told, 4, [&] {
                       CHECK(loop.post([&] { told++; }));
                       resolver.lookup("127.0.0.1", net::Family::ipv4, look);
                       resolver.lookup("::1", net::Family::none, look);
                       resolver.lookup("198.51.100.7", net::Family::none, look);
                   });
    });
    CHECK(complete);
    CHECK(cost == 0);
}

TEST_CASE("many sockets in turn, and a chain of sends, cost a warm loop nothing") {
    const Audit audit;
    core::Loop loop;
    const Wire wire;
    const Address to = wire.address();
    std::vector<std::unique_ptr<Datagram>> sockets;
    for (int i = 0; i < 20; i++) sockets.push_back(std::make_unique<Datagram>(loop, Type::udp4));
    int sent = 0;
    bool complete = true;
    const unsigned long cost = cost_of([&] {
        complete = complete && tell_all(loop, sent, 60, [&] {
                       for (const auto& socket : sockets) {
                           socket->send("x", to, [&, raw = socket.get()] {
                               sent++;
                               raw->send("y", to, [&] { sent++; });
                           });
                       }
                       for (const auto& socket : sockets) socket->send("z", to, [&] { sent++; });
                   });
    });
    CHECK(complete);
    CHECK(cost == 0);
}

#endif
