// Names outside the file system, which Linux alone has: written with '@' or a leading NUL, counted
// in full, and gone with their socket.
#if defined(__linux__)

#include <unistd.h>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tests/net/outcomes.h"

namespace {

using namespace std::string_literals;
using net::Datagram;
using net::Failure;
using net::Message;
using net::Type;
using test::Audit;
using test::Log;
using test::local_of;
using test::remote_of;

// A name that no other process has.
std::string own_name(const std::string& end) {
    return "@volley-" + std::to_string(::getpid()) + "-" + end;
}

}  // namespace

TEST_CASE("[52] '@' and a leading NUL mean the same name, and no file") {
    const Audit audit;
    core::Loop loop;
    const std::string name = own_name("same");
    const std::string with_nul = '\0' + name.substr(1);
    for (const std::string& written : {name, with_nul}) {
        Datagram server(loop, Type::unix_dgram);
        Log log;
        test::record(server, log);
        server.bind(written);
        test::settle(loop);
        CHECK(log.text() == "listening");
        CHECK(local_of(server).host() == name);
        CHECK(local_of(server).is_abstract());
        CHECK_FALSE(std::filesystem::exists(name));
        Datagram rival(loop, Type::unix_dgram);
        CHECK(net::text(rival.bind_sync(name).error()) == "bind EADDRINUSE");
        CHECK(net::text(rival.bind_sync(with_nul).error()) == "bind EADDRINUSE");
        Datagram client(loop, Type::unix_dgram);
        client.send("one", name);
        client.send("two", with_nul);
        CHECK(client.connect_sync(name));
        CHECK(remote_of(client).host() == name);
        client.send("three");
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 4; }));
        CHECK(log.text() == "listening message(one) message(two) message(three)");
        server.close();
        test::settle(loop);
        CHECK(rival.bind_sync(name));  // Nothing is left behind.
    }
}

TEST_CASE("[52] every byte of an abstract name counts, NULs among them") {
    const Audit audit;
    core::Loop loop;
    const std::string base = own_name("count");
    const std::string longer = base + '\0';
    const std::string inner = base + "\0x"s;
    Log logs[3];
    Datagram sockets[] = {Datagram(loop, Type::unix_dgram), Datagram(loop, Type::unix_dgram),
                          Datagram(loop, Type::unix_dgram)};
    const std::string names[] = {base, longer, inner};
    for (int i = 0; i < 3; i++) {
        test::record(sockets[i], logs[i]);
        CHECK(sockets[i].bind_sync(names[i]));
        CHECK(local_of(sockets[i]).host() == names[i]);
    }
    Datagram client(loop, Type::unix_dgram);
    for (int i = 0; i < 3; i++) client.send(std::to_string(i), names[i]);
    for (int i = 0; i < 3; i++) {
        CHECK(test::run_until(loop, [&] { return logs[i].lines.size() == 2; }));
        CHECK(logs[i].text() == "listening message(" + std::to_string(i) + ")");
    }
    // The answer finds its way back, whatever is in the name.
    Log answers;
    sockets[2].on_message([&](const Message& message) {
        sockets[1].send(message.bytes, message.sender.host());
    });
    sockets[0].send("echo", inner);
    CHECK(test::run_until(loop, [&] { return logs[0].lines.size() == 3; }));
    CHECK(logs[0].text() == "listening message(0) message(echo)");
}

TEST_CASE("[52] 108 bytes fit, the mark among them; one more is ENAMETOOLONG") {
    const Audit audit;
    core::Loop loop;
    std::string longest = own_name("");
    longest.resize(108, 'x');
    Datagram socket(loop, Type::unix_dgram);
    Log log;
    test::record(socket, log);
    socket.bind(longest + "x");
    test::settle(loop);
    CHECK(log.text() == "error(bind ENAMETOOLONG " + longest + "x)");
    socket.bind(longest);
    socket.send("to myself", longest);
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 3; }));
    CHECK(log.lines[1] == "listening");
    CHECK(log.lines[2] == "message(to myself)");
    CHECK(local_of(socket).host() == longest);
}

TEST_CASE("[52] a file that begins with '@' is written with its folder") {
    const Audit audit;
    core::Loop loop;
    const test::Path path("at");
    const std::string folder = path.text().substr(0, path.text().rfind('/'));
    const std::string before = std::filesystem::current_path();
    std::filesystem::current_path(folder);
    const std::string name = "./" + own_name("file");
    {
        Datagram socket(loop, Type::unix_dgram);
        Log log;
        test::record(socket, log);
        CHECK(socket.bind_sync(name));
        CHECK(local_of(socket).host() == name);
        CHECK_FALSE(local_of(socket).is_abstract());
        CHECK(std::filesystem::is_socket(name));
        Datagram client(loop, Type::unix_dgram);
        client.send("hello", local_of(socket).host());
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    }
    CHECK_FALSE(std::filesystem::exists(name));
    std::filesystem::current_path(before);
}

TEST_CASE("[52] a bare '@' is a name too, not one of the kernel's choice") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::unix_dgram);
    const auto bound = socket.bind_sync("@");
    if (!bound) {
        CHECK(bound.error().code == platform::Code::address_in_use);  // Another test's.
        return;
    }
    CHECK(bound->host() == "@");
    Datagram rival(loop, Type::unix_dgram);
    CHECK(rival.bind_sync("@").error().code == platform::Code::address_in_use);
}

#endif
