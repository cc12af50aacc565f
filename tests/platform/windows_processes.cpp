// Processes and their channels on Windows: frames, sockets that are passed, what a started program
// is told and inherits, and its end. The program is this one again, in the role that its
// environment names.
#ifdef _WIN32

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "platform/windows_channel_pair.h"
#include "platform/windows_program.h"
#include "tests/platform/support.h"

#include <shellapi.h>

using namespace platform;

namespace {

constexpr std::size_t longest = Channel::message_max;
constexpr const char role_variable[] = "VOLLEY_TEST_ROLE";

// The end of who has started somebody, and that of who was started.
struct Ends {
    Channel starter;
    Channel started;
};

Ends open_ends() {
    ChannelPair pair = must(make_channel_pair(), "make_channel_pair");
    return {must(make_channel(std::move(pair.near_end), GetCurrentProcessId()), "starter"),
            must(make_channel(std::move(pair.far_end), 0), "started")};
}

// What comes within a second; where nothing does, why.
std::string next(Poller& poller, Channel& channel, Parcel* parcel = nullptr) {
    static std::byte room[longest];
    Result<Parcel> arrived = channel.receive(room);
    for (int i = 0; i < 100 && arrived.error().code == Code::would_block; i++) {
        (void)becomes_readable(poller, channel.socket(), 10);
        arrived = channel.receive(room);
    }
    if (!arrived) return std::string(name(arrived.error().code));
    if (parcel) *parcel = *arrived;
    return {reinterpret_cast<const char*>(room), arrived->size};
}

bool is_silent(Poller& poller, Channel& channel) {
    static std::byte room[longest];
    (void)becomes_readable(poller, channel.socket(), 5);
    return channel.receive(room).error().code == Code::would_block;
}

void put_raw(const Channel& channel, std::string_view bytes) {
    CHECK(::send(handle_of(channel.socket()), bytes.data(), static_cast<int>(bytes.size()), 0) ==
          static_cast<int>(bytes.size()));
}

std::string frame(std::uint32_t length, std::string_view text) {
    std::string all;
    for (int shift = 24; shift >= 0; shift -= 8) all += static_cast<char>(length >> shift);
    return all += text;
}

std::string utf8(std::wstring_view text) {
    char room[1024];
    const int size = WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()),
                                         room, sizeof room, nullptr, nullptr);
    return {room, static_cast<std::size_t>(size)};
}

std::string own_path() {
    wchar_t room[MAX_PATH];
    return utf8({room, GetModuleFileNameW(nullptr, room, MAX_PATH)});
}

StartedProcess start(Poller& poller, const std::string& role,
                     std::vector<const char*> arguments = {},
                     std::vector<const char*> environment = {}) {
    const std::string path = own_path();
    const std::string entry = std::string(role_variable) + "=" + role;
    environment.push_back(entry.c_str());
    arguments.insert(arguments.begin(), {"--test-case=a role is played", "--no-skip", "--quiet"});
    return must(start_process(poller, {path.c_str(), arguments, environment, bytes_of("hello")}),
                "start_process");
}

Ending end_of(Poller& poller, Process& process) {
    for (int i = 0; i < 500; i++) {
        const Result<Ending> ending = reap(process);
        if (ending) return *ending;
        CHECK(ending.error().code == Code::would_block);
        (void)must(poller.wait(in_milliseconds(poller, 10)), "wait");
    }
    return {};
}

// ---- The roles ---------------------------------------------------------------------------------

void say(Channel& channel, std::string_view text) {
    if (channel.send(bytes_of(text))) std::_Exit(90);
}

void tell_arguments(Channel& channel) {
    int count = 0;
    wchar_t** const words = CommandLineToArgvW(GetCommandLineW(), &count);
    for (int i = 4; i < count; i++) say(channel, "<" + utf8(words[i]) + ">");
}

void tell_environment(Channel& channel) {
    for (const wchar_t* const word : {L"VOLLEY_A", L"VOLLEY_B", L"PATH"}) {
        wchar_t room[1024] = L"";
        const DWORD size = GetEnvironmentVariableW(word, room, 1024);
        say(channel, "<" + utf8({room, size < 1024 ? size : 4}) + ">");
    }
}

// How many there are that have this flag, or, with none, at all. (GetProcessHandleCount is not
// Wine's.)
int count_handles(DWORD flag) {
    int count = 0;
    for (std::uintptr_t handle = 4; handle < 8192; handle += 4) {
        DWORD flags = 0;
        count += GetHandleInformation(reinterpret_cast<HANDLE>(handle), &flags) &&
                 (flags & flag) == flag;
    }
    return count;
}

// What it would hand on itself: all that it has inherited.
void tell_inherited(Channel& channel) {
    say(channel, std::to_string(count_handles(HANDLE_FLAG_INHERIT)));
}

// Sends it to itself, and tells what has come.
void use_socket(Poller& poller, Channel& channel) {
    Parcel parcel;
    say(channel, next(poller, channel, &parcel));
    if (!parcel.passed) std::_Exit(91);
    const Owned socket(parcel.passed);
    if (!adopt(poller, socket)) std::_Exit(92);
    const Endpoint to = socket.address();
    must(send_text(socket, "from the other process", &to), "send");
    Inbox inbox(1);
    if (!receive_next(poller, socket, inbox)) std::_Exit(93);
    say(channel, text_of(inbox.incoming[0]));
}

}  // namespace

TEST_CASE("a role is played" * doctest::skip()) {
    const char* const text = std::getenv(role_variable);
    const std::string role = text ? text : "";
    const auto poller = open_poller();
    if (role == "killed") Sleep(60'000);
    Channel channel = must(Channel::inherited(*poller), "inherited");
    if (Channel::inherited(*poller).error().code != Code::busy) std::_Exit(94);
    if (next(*poller, channel) != "hello") std::_Exit(95);
    if (role == "arguments") tell_arguments(channel);
    if (role == "environment") tell_environment(channel);
    if (role == "inherited") tell_inherited(channel);
    if (role == "socket") use_socket(*poller, channel);
    if (role == "control-c") ExitProcess(0xc000013a);
    if (role == "waits") (void)becomes_readable(*poller, channel.socket(), 60'000);
    std::_Exit(7);
}

// ---- Frames ------------------------------------------------------------------------------------

TEST_CASE("messages arrive whole and in order, both ways, up to the bound") {
    const auto poller = open_poller();
    Ends ends = open_ends();
    const std::string whole(longest, 'w');
    CHECK(is_silent(*poller, ends.started));
    CHECK(ends.starter.send({}).code == Code::message_too_big);
    CHECK(ends.starter.send(bytes_of(whole + "w")).code == Code::message_too_big);
    for (Channel* const from : {&ends.starter, &ends.started}) {
        Channel& to = from == &ends.starter ? ends.started : ends.starter;
        for (const std::string& text : {std::string("a"), whole, std::string("z")}) {
            CHECK(!from->send(bytes_of(text)));
            CHECK(!from->flush());
        }
        CHECK(next(*poller, to) == "a");
        CHECK(next(*poller, to) == whole);
        CHECK(next(*poller, to) == "z");
        CHECK(is_silent(*poller, to));
    }
}

TEST_CASE("a frame in pieces is a message once its last byte has come") {
    const auto poller = open_poller();
    Ends ends = open_ends();
    for (const char piece : frame(3, "abc")) {
        CHECK(is_silent(*poller, ends.started));
        put_raw(ends.starter, {&piece, 1});
    }
    CHECK(next(*poller, ends.started) == "abc");
    put_raw(ends.starter, frame(1, "d") + frame(2, "e"));
    CHECK(next(*poller, ends.started) == "d");
    CHECK(is_silent(*poller, ends.started));
    put_raw(ends.starter, "f");
    CHECK(next(*poller, ends.started) == "ef");
    put_raw(ends.starter, frame(2, "g"));
    ends.starter = Channel();
    CHECK(next(*poller, ends.started) == "EPIPE");
}

TEST_CASE("what is no frame is EMSGSIZE, as often as it is asked for") {
    const auto poller = open_poller();
    for (const std::uint32_t length : {0u, 16385u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
        CAPTURE(length);
        Ends ends = open_ends();
        put_raw(ends.starter, frame(length, "text"));
        CHECK(next(*poller, ends.started) == "EMSGSIZE");
        CHECK(next(*poller, ends.started) == "EMSGSIZE");
    }
    Ends ends = open_ends();
    must(ends.starter.send(bytes_of("long")), "send");
    std::byte narrow[3];
    CHECK(becomes_readable(*poller, ends.started.socket()));
    CHECK(ends.started.receive(narrow).error().code == Code::message_too_big);
}

TEST_CASE("what is not taken at once leaves later, and until then nothing else is taken") {
    const auto poller = open_poller();
    Ends ends = open_ends();
    const std::string text(longest, 't');
    std::size_t sent = 0;
    while (!ends.starter.unsent() && sent < 10'000) {
        must(ends.starter.send(bytes_of(text)), "send");
        sent++;
    }
    CHECK(sent < 10'000);
    CHECK(ends.starter.send(bytes_of("x")).code == Code::would_block);
    CHECK(ends.starter.flush().code == Code::would_block);
    CHECK(ends.starter.unsent());
    for (std::size_t i = 0; i < sent; i++) {
        CHECK(next(*poller, ends.started) == text);
        (void)ends.starter.flush();
    }
    CHECK_FALSE(ends.starter.unsent());
    must(ends.starter.send(bytes_of("x")), "send");
    CHECK(next(*poller, ends.started) == "x");
}

TEST_CASE("who reads is told of the other end's death behind what it said; who sends, at last") {
    const auto poller = open_poller();
    Ends ends = open_ends();
    must(ends.started.send(bytes_of("goodbye")), "send");
    must(ends.starter.send(bytes_of("unread")), "send");
    CHECK(becomes_readable(*poller, ends.started.socket()));
    ends.started = Channel();
    CHECK(becomes_readable(*poller, ends.starter.socket()));
    CHECK(next(*poller, ends.starter) == "goodbye");
    CHECK(becomes_readable(*poller, ends.starter.socket()));
    CHECK(next(*poller, ends.starter) == "EPIPE");
    Error error;
    for (int i = 0; i < 100 && !error; i++) {
        error = ends.starter.send(bytes_of("x"));
        Sleep(1);
    }
    CHECK(error.code == Code::broken_pipe);
    CHECK(ends.started.send(bytes_of("x")).code == Code::broken_pipe);
    CHECK_FALSE(ends.started.unsent());
    CHECK(!ends.started.flush());
}

TEST_CASE("who knocks at a channel's door before the one that is expected is turned away") {
    const auto poller = open_poller();
    const auto open_stream = [] {
        return Owned(Socket{static_cast<std::intptr_t>(::socket(AF_INET, SOCK_STREAM, 0))});
    };
    const Owned door = open_stream();
    must(bind(door, loopback(Family::ipv4)), "bind");
    const SOCKET listener = handle_of(door);
    u_long on = 1;
    CHECK(listen(listener, 8) == 0);
    CHECK(ioctlsocket(listener, static_cast<long>(FIONBIO), &on) == 0);
    const Owned strangers[] = {open_stream(), open_stream()};
    for (const Owned& stranger : strangers) must(connect(stranger, door.address()), "connect");
    const Owned expected = open_stream();
    must(connect(expected, door.address()), "connect");
    sockaddr_in own_name{};
    int size = sizeof own_name;
    CHECK(getsockname(handle_of(expected), reinterpret_cast<sockaddr*>(&own_name), &size) == 0);
    const StreamEnd guest = let_in(listener, own_name);
    REQUIRE(guest);
    CHECK(::send(guest.get(), "x", 1, 0) == 1);
    CHECK(becomes_readable(*poller, expected));
    for (const Owned& stranger : strangers) {
        char room;
        const bool told = becomes_readable(*poller, stranger);
        CHECK(told);
        if (told) CHECK(recv(handle_of(stranger), &room, 1, 0) <= 0);
    }
    DWORD flags = HANDLE_FLAG_INHERIT;
    CHECK(GetHandleInformation(reinterpret_cast<HANDLE>(guest.get()), &flags));
    CHECK((flags & HANDLE_FLAG_INHERIT) == 0);
}

// ---- Sockets -----------------------------------------------------------------------------------

TEST_CASE("a socket is passed down only, and a description of none is a loss") {
    const auto poller = open_poller();
    Ends ends = open_ends();
    const Owned socket(*poller, loopback(Family::ipv4));
    must(ends.starter.send(bytes_of("take it"), socket), "send");
    Parcel parcel;
    CHECK(next(*poller, ends.started, &parcel) == "take it");
    REQUIRE(parcel.passed);
    CHECK(must(local_endpoint(parcel.passed), "local_endpoint") == socket.address());
    close(parcel.passed);
    const Endpoint to = socket.address();
    CHECK(!send_text(socket, "still there", &to));

    CHECK(ends.started.send(bytes_of("take it"), socket).code == Code::not_supported);
    CHECK(ends.starter.send(bytes_of("x"), Socket{}).code == Code::ok);
    CHECK(next(*poller, ends.started, &parcel) == "x");
    CHECK_FALSE(parcel.passed);

    const std::string none(sizeof(WSAPROTOCOL_INFOW), '\0');
    put_raw(ends.starter, frame(0x80000004, none + "lost"));
    CHECK(next(*poller, ends.started, &parcel) == "lost");
    CHECK_FALSE(parcel.passed);
    CHECK(parcel.lost);
    put_raw(ends.started, frame(0x80000004, none + "lost"));
    CHECK(next(*poller, ends.starter) == "EMSGSIZE");
}

TEST_CASE("a duplicate is the same socket, and lives on by itself") {
    const auto poller = open_poller();
    const Socket socket = must(open_datagram(*poller, Family::ipv4), "open_datagram");
    must(bind(socket, loopback(Family::ipv4)), "bind");
    const Owned twin(must(duplicate(socket), "duplicate"));
    CHECK(twin.address() == must(local_endpoint(socket), "local_endpoint"));
    close(socket);
    const Endpoint to = twin.address();
    CHECK(!send_text(twin, "x", &to));
    CHECK(becomes_readable(*poller, twin));
    CHECK(duplicate(socket).error().code == Code::bad_descriptor);
}

TEST_CASE("a started program has the very socket that it was passed") {
    const auto poller = open_poller();
    StartedProcess child = start(*poller, "socket");
    const Owned socket(*poller, loopback(Family::ipv4));
    must(child.channel.send(bytes_of("a socket"), socket), "send");
    CHECK(next(*poller, child.channel) == "a socket");
    CHECK(next(*poller, child.channel) == "from the other process");
    CHECK(next(*poller, child.channel) == "EPIPE");
    CHECK(end_of(*poller, child.process).status == 7);
}

// ---- What a program is told --------------------------------------------------------------------

TEST_CASE("arguments arrive as they are") {
    const auto poller = open_poller();
    const std::vector<const char*> words = {
        "plain", "", "two words", "tab\tin", "\"", "\\", "\\\\", "\\\"", "a\\\\\"b c\\\\",
        "ends with \\", "no blank\\", "%PATH%", "^&|<>", "'single'", "\xc3\xbc\xe2\x82\xac",
        "line\nfeed", "--x=\"y z\""};
    StartedProcess child = start(*poller, "arguments", words);
    for (const char* const word : words) {
        CHECK(next(*poller, child.channel) == "<" + std::string(word) + ">");
    }
    CHECK(next(*poller, child.channel) == "EPIPE");
    CHECK(end_of(*poller, child.process).status == 7);
}

TEST_CASE("the environment is what is inherited, and before it the caller's own") {
    const auto poller = open_poller();
    SetEnvironmentVariableA("VOLLEY_A", "inherited");
    SetEnvironmentVariableA("VOLLEY_B", "inherited");
    StartedProcess child =
        start(*poller, "environment", {}, {"volley_b=\xc3\xbc=1", "VOLLEY_B=second", ""});
    SetEnvironmentVariableA("VOLLEY_A", nullptr);
    SetEnvironmentVariableA("VOLLEY_B", nullptr);
    CHECK(next(*poller, child.channel) == "<inherited>");
    CHECK(next(*poller, child.channel) == "<\xc3\xbc=1>");
    CHECK(next(*poller, child.channel).size() > 2);
    CHECK(end_of(*poller, child.process).status == 7);
}

TEST_CASE("the environment's block is sorted, without regard to case, and has each name once") {
    const char* const own[] = {"b=1", "A=2", "B=3", "_=4"};
    WideText block;
    must(write_environment({"program", {}, own, {}}, "VOLLEY_CHANNEL=5", block), "environment");
    std::vector<std::wstring> names;
    for (const wchar_t* entry = block.data(); *entry; entry += std::wcslen(entry) + 1) {
        const std::wstring_view text(entry);
        names.emplace_back(text.substr(0, text.find(L'=', 1)));
    }
    CHECK(names.size() > 4);
    for (std::size_t i = 1; i < names.size(); i++) {
        CHECK(CompareStringOrdinal(names[i - 1].c_str(), -1, names[i].c_str(), -1, TRUE) ==
              CSTR_LESS_THAN);
    }
    CHECK(block.view().find(std::wstring_view(L"b=1\0", 4)) != std::wstring_view::npos);
    CHECK(block.view().find(L"B=3") == std::wstring_view::npos);
    CHECK(block.view().back() == 0);  // And one more behind it.
}

TEST_CASE("a program inherits the standard channels, and nothing else that could be") {
    const auto poller = open_poller();
    SECURITY_ATTRIBUTES shared{sizeof shared, nullptr, TRUE};
    std::vector<HANDLE> leaks;  // As somebody else's library may have them.
    for (int i = 0; i < 100; i++) leaks.push_back(CreateEventW(&shared, TRUE, FALSE, nullptr));
    leaks.push_back(reinterpret_cast<HANDLE>(::socket(AF_INET, SOCK_DGRAM, 0)));
    StartedProcess child = start(*poller, "inherited");
    const std::string count = next(*poller, child.channel);
    CHECK(std::atoi(count.c_str()) <= 3);
    CHECK(end_of(*poller, child.process).status == 7);
    closesocket(reinterpret_cast<SOCKET>(leaks.back()));
    leaks.pop_back();
    for (const HANDLE leak : leaks) CloseHandle(leak);
}

TEST_CASE("a program that starts leaves nothing behind in this one") {
    const auto poller = open_poller();
    const auto start_one = [&] {
        StartedProcess child = start(*poller, "");
        CHECK(next(*poller, child.channel) == "EPIPE");
        CHECK(end_of(*poller, child.process).status == 7);
        CHECK(start_process(*poller, {"nowhere-to-be-found", {}, {}, {}}).error().code ==
              Code::no_such_file);
    };
    start_one();
    const int before = count_handles(0);
    for (int i = 0; i < 5; i++) start_one();
    CHECK(count_handles(0) < before + 5);  // Windows may need one or the other for itself.
}

// ---- Its file, and its end ---------------------------------------------------------------------

TEST_CASE("a program is found by its path, beside this one or in PATH; without .exe, too") {
    const auto found = [](const std::string& path) {
        WideText file;
        const Error error = find_program(path.c_str(), file);
        return error ? std::string(name(error.code)) : utf8(file.view());
    };
    const std::string own = own_path();
    const std::size_t slash = own.rfind('\\');
    const auto without = [](const std::string& text) { return text.substr(0, text.size() - 4); };
    CHECK(found(own) == own);
    CHECK(found(without(own)) == own);
    CHECK(found(own.substr(slash + 1)) == own);
    CHECK(found(without(own.substr(slash + 1))) == own);
    CHECK(found("cmd").size() > 4);
    CHECK(found("nowhere-to-be-found") == "ENOENT");
    CHECK(found("./nowhere/to/be/found") == "ENOENT");
    CHECK(found(own.substr(0, slash)) == "ENOENT");
    CHECK(found("\xff") == "EINVAL");

    const std::string batch = own + ".BAT";
    const HANDLE file = CreateFileA(batch.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS,
                                    FILE_FLAG_DELETE_ON_CLOSE, nullptr);
    CHECK(found(batch) == "EINVAL");
    CloseHandle(file);
}

TEST_CASE("a program that was not started by us has no channel, nor has one that is told a lie") {
    const auto poller = open_poller();
    CHECK(Channel::inherited(*poller).error().code == Code::no_such_file);
    const Owned socket(*poller, loopback(Family::ipv4));
    const std::string number = std::to_string(static_cast<Socket>(socket).handle);
    const std::string digits(100, '4');
    for (const std::string& lie : {std::string("x"), std::string("-1"), std::string("0"), number,
                                   number + "x", digits}) {
        CAPTURE(lie);
        SetEnvironmentVariableA(channel_variable, lie.c_str());
        CHECK(Channel::inherited(*poller).error().code == Code::bad_descriptor);
    }
    HANDLE ends[2];
    REQUIRE(CreatePipe(&ends[0], &ends[1], nullptr, 0));
    const std::string pipe = std::to_string(reinterpret_cast<std::intptr_t>(ends[0]));
    SetEnvironmentVariableA(channel_variable, pipe.c_str());
    CHECK(Channel::inherited(*poller).error().code == Code::bad_descriptor);  // An empty one.
    SetEnvironmentVariableA(channel_variable, nullptr);
    for (const HANDLE end : ends) CHECK(CloseHandle(end));
    CHECK(must(local_endpoint(socket), "local_endpoint") == socket.address());
}

TEST_CASE("how a program has ended: its status, or whose signal would have ended it elsewhere") {
    const auto poller = open_poller();
    StartedProcess waits = start(*poller, "waits");
    CHECK(reap(waits.process).error().code == Code::would_block);
    CHECK(waits.process.id != 0);
    waits.channel = Channel();  // It is told by that.
    CHECK(end_of(*poller, waits.process).status == 7);
    CHECK(waits.process.id == 0);
    for (const bool at_once : {true, false}) {
        StartedProcess killed = start(*poller, "killed");
        end_process(killed.process, at_once);
        const Ending ending = end_of(*poller, killed.process);
        CHECK(ending.status == -1);
        CHECK(ending.signal == (at_once ? 9 : 15));
    }
    StartedProcess interrupted = start(*poller, "control-c");
    CHECK(end_of(*poller, interrupted.process).signal == 2);
    Process none;
    end_process(none, true);
    release_process(none);
    CHECK(must(reap(none), "reap").status == -1);
}

#endif
