// What only Windows has: polls that fail, handles that are no sockets, ports held exclusively,
// Ctrl-C by the console.
#ifdef _WIN32

#include <doctest/doctest.h>

#include "platform/windows_control.h"
#include "platform/windows_sockets.h"
#include "tests/platform/support.h"

using namespace platform;

namespace {

// As the console does it: a thread that calls what it finds by this name. (There may be no console,
// and a real Ctrl-C would reach the shell that runs the tests.)
void press_control_c() {
    const auto routine = reinterpret_cast<LPTHREAD_START_ROUTINE>(reinterpret_cast<void*>(
        GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), "CtrlRoutine")));
    if (!routine) abandon("CtrlRoutine");
    const HANDLE thread = CreateThread(nullptr, 0, routine, nullptr, 0, nullptr);  // CTRL_C_EVENT
    if (!thread) abandon("CreateThread");
    CloseHandle(thread);
}

}  // namespace

TEST_CASE("a poll that fails is reported once, and again after the next watch") {
    const auto poller = open_poller();
    Socket socket = must(open_datagram(*poller, Family::ipv4), "open_datagram");
    for (int round = 0; round < 2; round++) {
        must(bind(socket, loopback(Family::ipv4)), "bind");
        must(poller->watch(socket, test_token, {true, false}), "watch");
        close(socket);  // Too early, which is what makes the poll fail.
        const auto events = must(poller->wait(in_milliseconds(*poller, 1000)), "wait");
        CHECK(events.size() == 1);
        for (const Event& event : events) {
            CHECK(event.token == test_token);
            CHECK(event.readable);
            CHECK(event.writable);
        }
        CHECK(must(poller->wait(in_milliseconds(*poller, 20)), "wait").empty());
        poller->forget(socket, test_token);
        socket = must(open_datagram(*poller, Family::ipv4), "open_datagram");
    }
    close(socket);
}

TEST_CASE("a socket that is closed while it is polled tells nothing, and harms nobody") {
    const auto poller = open_poller();
    const Owned other(*poller, loopback(Family::ipv4));
    const Socket socket = must(open_datagram(*poller, Family::ipv4), "open_datagram");
    must(bind(socket, loopback(Family::ipv4)), "bind");
    must(poller->watch(socket, {1}, {true, false}), "watch");
    CHECK(must(poller->wait(in_milliseconds(*poller, 5)), "wait").empty());
    close(socket);
    CHECK(must(poller->wait(in_milliseconds(*poller, 20)), "wait").empty());
    const Endpoint to = other.address();
    CHECK(!send_text(other, "x", &to));
    CHECK(becomes_readable(*poller, other));
    poller->forget(socket, {1});
}

TEST_CASE("a user's stream is readable at its end, and one that listens when a guest has come") {
    const auto poller = open_poller();
    const SOCKET door = ::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    const Owned listening(Socket{static_cast<std::intptr_t>(door)});
    must(bind(listening, loopback(Family::ipv4)), "bind");
    CHECK(listen(door, 1) == 0);
    CHECK_FALSE(becomes_readable(*poller, listening, 20));
    const Socket guest{static_cast<std::intptr_t>(::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP))};
    must(connect(guest, listening.address()), "connect");
    CHECK(becomes_readable(*poller, listening));
    const Owned host(Socket{static_cast<std::intptr_t>(::accept(door, nullptr, nullptr))});
    CHECK_FALSE(becomes_readable(*poller, host, 20));
    close(guest);
    CHECK(becomes_readable(*poller, host));
}

TEST_CASE("a handle that is no socket is not adopted") {
    const auto poller = open_poller();
    const HANDLE handle = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    const Socket event{reinterpret_cast<std::intptr_t>(handle)};
    CHECK(adopt(*poller, event).error().code == Code::invalid_descriptor_type);
    CHECK(poller->watch(event, test_token, {true, false}).code == Code::not_a_socket);
    CloseHandle(handle);
    CHECK(adopt(*poller, event).error().code == Code::bad_descriptor);

    const SOCKET stream = ::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    CHECK(adopt(*poller, {static_cast<std::intptr_t>(stream)}).error().code ==
          Code::invalid_descriptor_type);
    closesocket(stream);
}

TEST_CASE("an adopted socket does not block and is not inherited") {
    const auto poller = open_poller();
    const Owned socket(Socket{static_cast<std::intptr_t>(::socket(AF_INET6, SOCK_DGRAM, 0))});
    CHECK(must(adopt(*poller, socket), "adopt") == Family::ipv6);
    must(bind(socket, loopback(Family::ipv6)), "bind");
    Inbox inbox(1);
    CHECK(receive(socket, inbox.incoming).error().code == Code::would_block);
    DWORD flags = HANDLE_FLAG_INHERIT;
    CHECK(GetHandleInformation(reinterpret_cast<HANDLE>(handle_of(socket)), &flags));
    CHECK((flags & HANDLE_FLAG_INHERIT) == 0);
}

TEST_CASE("a socket of ours holds its port exclusively, until it asks to share") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::ipv4);
    CHECK(must(get_integer(handle_of(socket), SOL_SOCKET, SO_EXCLUSIVEADDRUSE), "get") == 1);
    CHECK(!set_option(socket, Option::reuse_address, 1));
    CHECK(must(get_integer(handle_of(socket), SOL_SOCKET, SO_EXCLUSIVEADDRUSE), "get") == 0);
    CHECK(!set_option(socket, Option::reuse_address, 0));
    CHECK(must(get_integer(handle_of(socket), SOL_SOCKET, SO_EXCLUSIVEADDRUSE), "get") == 1);
}

TEST_CASE("there are no unix-domain datagrams, and nothing spreads or joins datagrams") {
    const auto poller = open_poller();
    CHECK(open_datagram(*poller, Family::local).error().code == Code::family_not_supported);
    const Owned socket(*poller, Family::ipv4);
    CHECK(bind_path(socket, local("C:/x"), 0600).error().code == Code::family_not_supported);
    for (const Option option : {Option::reuse_port, Option::coalesce, Option::icmp_errors}) {
        CHECK(set_option(socket, option, 1).code == Code::not_supported);
    }
    CHECK(poller->handle().error().code == Code::not_supported);
}

TEST_CASE("a train is cut by the system, or refused") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    const Endpoint to = socket.address();
    const Segmentation known = segmentation(*poller);
    const Error error = send_text(socket, "aabbc", &to, 2);
    if (known.segments_max == 0) {
        CHECK(error.code == Code::not_supported);
        return;
    }
    CHECK(!error);
    Inbox inbox(1);
    for (const std::string_view piece : {"aa", "bb", "c"}) {
        CHECK(receive_next(*poller, socket, inbox));
        CHECK(text_of(inbox.incoming[0]) == piece);
    }
}

TEST_CASE("control messages lie as mswsock.h lays them") {
    for (std::size_t size = 0; size < 40; size++) {
        CHECK(WindowsControl::length(size) == WSA_CMSG_LEN(size));
        CHECK(WindowsControl::space(size) == WSA_CMSG_SPACE(size));
    }
}

TEST_CASE("packet information tells where a datagram went to; a sender may say where from") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned socket(*poller, loopback(family));
        const Endpoint to = socket.address();
        must(set_option(socket, Option::packet_info, 1), "packet_info");
        CHECK(must(get_option(socket, Option::packet_info), "packet_info") == 1);
        PacketInfo info;
        info.local = loopback(family);
        CHECK(!send_text(socket, "x", &to, 0, &info));
        Inbox inbox(1);
        CHECK(receive_next(*poller, socket, inbox));
        CHECK(text_of(inbox.incoming[0]) == "x");
        CHECK(inbox.incoming[0].peer == to);
        CHECK(inbox.incoming[0].info->local == loopback(family));
        CHECK(inbox.incoming[0].info->interface_index != 0);
    }
}

TEST_CASE("Ctrl-C posts the jobs that wait for it, once") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    Job jobs[2];
    for (Job& job : jobs) {
        job.discard = [](Job&) {};
        must(catch_interrupt(mailbox, job), "catch_interrupt");
    }
    release_interrupt(jobs[1]);
    press_control_c();
    (void)must(poller->wait(in_milliseconds(*poller, 5000)), "wait");
    CHECK(mailbox.take() == &jobs[0]);
    CHECK(jobs[0].next == nullptr);
}

TEST_CASE("the ninth who waits for Ctrl-C is told that there is no room") {
    const auto poller = open_poller();
    Mailbox mailbox(*poller);
    Job jobs[9];
    for (std::size_t i = 0; i < 8; i++) must(catch_interrupt(mailbox, jobs[i]), "catch_interrupt");
    CHECK(catch_interrupt(mailbox, jobs[8]).code == Code::busy);
    release_interrupt(jobs[3]);
    CHECK(!catch_interrupt(mailbox, jobs[8]));
    for (Job& job : jobs) release_interrupt(job);
}

#endif
