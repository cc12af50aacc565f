// Unix-domain sockets: names, their replacement, and what belongs to whom in the file system.
#ifndef _WIN32

#include <doctest/doctest.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/platform/support.h"

using namespace platform;

namespace {

// A folder that is removed with everything in it.
struct Folder {
    std::string path;

    Folder() {
        char name[] = "/tmp/volley-XXXXXX";
        if (!mkdtemp(name)) abandon("mkdtemp");
        path = name;
    }
    ~Folder() {
        chmod(path.c_str(), 0700);
        nftw(path.c_str(),
             [](const char* each, const struct stat*, int, FTW*) { return ::remove(each); }, 8,
             FTW_DEPTH | FTW_PHYS);
    }
    std::string operator/(std::string_view name) const { return path + "/" + std::string(name); }
};

bool exists(const std::string& path) {
    struct stat status;
    return lstat(path.c_str(), &status) == 0;
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    lstat(path.c_str(), &status);
    return status.st_mode & 07777;
}

// A socket file whose server has gone without a word.
void leave_stale_socket(Poller& poller, const std::string& path) {
    const Owned server(poller, Family::local);
    must(bind(server, local(path)), "bind");
}

void write_file(const std::string& path) {
    const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) abandon("open");
    ::close(file);
}

// A bound socket of another type, as another program may have.
struct Stranger {
    int descriptor;

    Stranger(int type, const std::string& path) : descriptor(socket(AF_UNIX, type, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        if (::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
            abandon("bind");
        }
        if (type == SOCK_STREAM) listen(descriptor, 1);
    }
    ~Stranger() { ::close(descriptor); }
};

}  // namespace

TEST_CASE("datagrams between paths, unnamed senders, and replies") {
    const auto poller = open_poller();
    const Folder folder;
    const Owned server(*poller, Family::local);
    const Endpoint server_path = local(folder / "server");
    CHECK(bind_path(server, server_path, 0600));
    CHECK(server.address() == server_path);

    const Owned unnamed(*poller, Family::local);
    CHECK(unnamed.address().family == Family::local);
    CHECK(unnamed.address().size == 0);
    const Owned named(*poller, Family::local);
    const Endpoint named_path = local(folder / "client");
    CHECK(bind_path(named, named_path, 0600));

    Inbox inbox(4, 2048);
    CHECK(!send_text(unnamed, "anonymous", &server_path));
    CHECK(receive_next(*poller, server, inbox));
    CHECK(text_of(inbox.incoming[0]) == "anonymous");
    CHECK(inbox.incoming[0].peer.family == Family::local);
    CHECK(inbox.incoming[0].peer.size == 0);

    CHECK(!send_text(named, "request", &server_path));
    CHECK(receive_next(*poller, server, inbox));
    CHECK(inbox.incoming[0].peer == named_path);
    CHECK(!send_text(server, "reply", &inbox.incoming[0].peer));
    CHECK(receive_next(*poller, named, inbox));
    CHECK(text_of(inbox.incoming[0]) == "reply");
    CHECK(inbox.incoming[0].peer == server_path);

    // In one batch: a name must not stick to the datagram after it.
    CHECK(!send_text(named, "1", &server_path));
    CHECK(!send_text(unnamed, "2", &server_path));
    CHECK(!send_text(named, "3", &server_path));
    CHECK(becomes_readable(*poller, server));
    CHECK(must(receive(server, inbox.incoming), "receive") == 3);
    CHECK(inbox.incoming[0].peer == named_path);
    CHECK(inbox.incoming[1].peer.family == Family::local);
    CHECK(inbox.incoming[1].peer.size == 0);
    CHECK(inbox.incoming[2].peer == named_path);
}

TEST_CASE("a connected pair, and nobody there") {
    const auto poller = open_poller();
    const Folder folder;
    const Endpoint path = local(folder / "server");
    const Owned client(*poller, Family::local);
    CHECK(connect(client, path).code == Code::no_such_file);
    CHECK(send_text(client, "x", &path).code == Code::no_such_file);
    leave_stale_socket(*poller, folder / "server");
    CHECK(connect(client, path).code == Code::connection_refused);
    CHECK(send_text(client, "x", &path).code == Code::connection_refused);
    const Owned server(*poller, Family::local);
    CHECK(bind_path(server, path, 0600));
    CHECK(!connect(client, path));
    CHECK(must(peer_endpoint(client), "peer_endpoint") == path);
    CHECK(!send_text(client, "x", nullptr));
    CHECK(becomes_readable(*poller, server));
    CHECK(!disconnect(client));
    CHECK(peer_endpoint(client).error().code == Code::not_connected);
}

TEST_CASE("a full receiver makes the sender wait") {
    const auto poller = open_poller();
    const Folder folder;
    const Endpoint path = local(folder / "server");
    const Owned server(*poller, Family::local);
    CHECK(bind_path(server, path, 0600));
    const Owned client(*poller, Family::local);
    CHECK(!connect(client, path));
    int sent = 0;
    Error error;
    while (sent < 100'000 && !error) {
        error = send_text(client, "x", nullptr);
        if (!error) sent++;
    }
    // The BSDs say ENOBUFS.
    CHECK((error.code == Code::would_block || error.code == Code::no_buffer_space));
    CHECK(count_reports(*poller, client, {false, true}, 3) == 0);
    Inbox inbox(1, 64);
    for (int i = 0; i < sent; i++) CHECK(receive(server, inbox.incoming));
    CHECK(count_reports(*poller, client, {false, true}, 3) == 3);
}

TEST_CASE("[49] a stale socket file is replaced") {
    const auto poller = open_poller();
    const Folder folder;
    leave_stale_socket(*poller, folder / "socket");
    const Owned server(*poller, Family::local);
    CHECK(bind_path(server, local(folder / "socket"), 0600));
    const Owned client(*poller, Family::local);
    CHECK(!connect(client, local(folder / "socket")));
}

TEST_CASE("[49] a live socket is left alone, whatever its type") {
    const auto poller = open_poller();
    const Folder folder;
    const Owned live(*poller, Family::local);
    CHECK(bind_path(live, local(folder / "datagram"), 0600));
    const Stranger stream(SOCK_STREAM, folder / "stream");
    const Owned busy(*poller, Family::local);  // Takes datagrams of one peer only.
    CHECK(bind_path(busy, local(folder / "busy"), 0600));
    CHECK(!connect(busy, local(folder / "datagram")));
    for (const char* name : {"datagram", "stream", "busy"}) {
        const Owned second(*poller, Family::local);
        const Error error = bind_path(second, local(folder / name), 0600).error();
        CHECK(error.code == Code::address_in_use);
        CHECK(error.operation == Operation::bind);
        CHECK(exists(folder / name));
        CHECK(bind_path(second, local(folder / "other"), 0600));  // It is still usable.
        unlink((folder / "other").c_str());
    }
    const Owned client(*poller, Family::local);
    CHECK(!connect(client, local(folder / "datagram")));
}

TEST_CASE("[49] what is no socket is left alone") {
    const auto poller = open_poller();
    const Folder folder;
    write_file(folder / "file");
    mkdir((folder / "directory").c_str(), 0700);
    mkfifo((folder / "fifo").c_str(), 0600);
    leave_stale_socket(*poller, folder / "stale");
    CHECK(symlink((folder / "stale").c_str(), (folder / "link").c_str()) == 0);
    CHECK(symlink((folder / "nothing").c_str(), (folder / "dangling").c_str()) == 0);
    for (const char* name : {"file", "directory", "fifo", "link", "dangling"}) {
        const Owned server(*poller, Family::local);
        CHECK(bind_path(server, local(folder / name), 0600).error().code == Code::address_in_use);
        CHECK(exists(folder / name));
    }
    CHECK(exists(folder / "stale"));
    CHECK(!exists(folder / "nothing"));
}

TEST_CASE("[49] of servers that start at once over a stale file exactly one wins") {
    const auto poller = open_poller();
    const Folder folder;
    const std::string path = folder / "socket";
    constexpr int servers = 3;
    constexpr int rounds = 60;
    int wrong_rounds = 0;
    for (int round = 0; round < rounds; round++) {
        unlink(path.c_str());
        leave_stale_socket(*poller, path);
        int start[2];
        int finish[2];
        REQUIRE(pipe(start) == 0);
        REQUIRE(pipe(finish) == 0);
        pid_t children[servers];
        for (pid_t& child : children) {
            child = fork();
            if (child != 0) continue;
            // Whoever wins stays alive until all have tried; two winners until the alarm.
            alarm(10);
            ::close(start[1]);
            ::close(finish[1]);
            char byte;
            const Socket server = must(open_datagram(*poller, Family::local), "open_datagram");
            (void)!read(start[0], &byte, 1);
            const auto claim = bind_path(server, local(path), 0600);
            if (claim) (void)!read(finish[0], &byte, 1);
            _exit(claim ? 10 : claim.error().code == Code::address_in_use ? 20 : 30);
        }
        ::close(start[0]);
        ::close(finish[0]);
        ::close(start[1]);  // Go.
        int losers = 0;
        int winners = 0;
        int others = 0;
        for (int i = 0; i < servers; i++) {
            if (i == servers - 1) ::close(finish[1]);
            int status = 0;
            waitpid(-1, &status, 0);
            const int result = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
            (result == 10 ? winners : result == 20 ? losers : others)++;
        }
        wrong_rounds += winners != 1 || losers != servers - 1 || others != 0;
    }
    CHECK(wrong_rounds == 0);
}

TEST_CASE("[50] a path is released if it is still ours") {
    const auto poller = open_poller();
    const Folder folder;
    const std::string path = folder / "socket";
    const Owned server(*poller, Family::local);
    const PathClaim claim = must(bind_path(server, local(path), 0600), "bind_path");
    CHECK(claim.inode != 0);
    release_path(local(path), claim);
    CHECK(!exists(path));
    release_path(local(path), claim);  // Twice does no harm.
}

TEST_CASE("[50] a path that is somebody else's by now stays") {
    const auto poller = open_poller();
    const Folder folder;
    const std::string path = folder / "socket";
    const Owned first(*poller, Family::local);
    const PathClaim claim = must(bind_path(first, local(path), 0600), "bind_path");
    unlink(path.c_str());
    const Owned second(*poller, Family::local);
    const PathClaim other = must(bind_path(second, local(path), 0600), "bind_path");
    release_path(local(path), claim);
    CHECK(exists(path));
    unlink(path.c_str());
    write_file(path);
    release_path(local(path), other);
    CHECK(exists(path));
    release_path(local(path), PathClaim{});  // The claim of what never was in the file system.
    CHECK(exists(path));
}

TEST_CASE("[50] the same inode, changed since, is not ours") {
    const auto poller = open_poller();
    const Folder folder;
    const std::string path = folder / "socket";
    const Owned server(*poller, Family::local);
    const PathClaim claim = must(bind_path(server, local(path), 0600), "bind_path");
    usleep(20'000);  // The clock of the file system ticks every few milliseconds.
    chmod(path.c_str(), 0640);
    release_path(local(path), claim);
    CHECK(exists(path));
}

TEST_CASE("[53] the file has the mode that was asked for, whatever the umask is") {
    const auto poller = open_poller();
    const Folder folder;
    for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{077}}) {
        const mode_t previous = umask(mask);
        for (const mode_t mode : {mode_t{0600}, mode_t{0660}, mode_t{0666}, mode_t{0}}) {
            const Owned server(*poller, Family::local);
            const std::string path = folder / "socket";
            const PathClaim claim = must(bind_path(server, local(path), mode), "bind_path");
            CHECK(mode_of(path) == mode);
            release_path(local(path), claim);
            CHECK(!exists(path));
        }
        umask(previous);
    }
}

TEST_CASE("[52] lengths: all that fit work in full, one more is too long") {
    const auto poller = open_poller();
    const Folder folder;
    const std::size_t limit = sizeof(sockaddr_un::sun_path);
    for (std::size_t size = folder.path.size() + 2; size <= limit; size++) {
        const std::string path = folder / std::string(size - folder.path.size() - 1, 'n');
        const Owned server(*poller, Family::local);
        const PathClaim claim = must(bind_path(server, local(path), 0600), "bind_path");
        CHECK(path_of(server.address()) == path);
        const Owned client(*poller, Family::local);
        const Endpoint to = local(path);
        CHECK(!send_text(client, "x", &to));
        CHECK(!connect(client, to));
        CHECK(must(peer_endpoint(client), "peer_endpoint") == to);
        // What the server sends back carries its name in full, too.
        const Endpoint client_path = local(folder / "c");
        const PathClaim client_claim = must(bind_path(client, client_path, 0600), "bind_path");
        CHECK(!send_text(server, "y", &client_path));
        Inbox inbox(1, 64);
        CHECK(receive_next(*poller, client, inbox));
        CHECK(inbox.incoming[0].peer == to);
        release_path(client_path, client_claim);
        release_path(to, claim);
        CHECK(!exists(path));
    }
    Endpoint too_long = local(std::string(108, 'n'));
    too_long.size = 109;
    const Owned server(*poller, Family::local);
    CHECK(bind_path(server, too_long, 0600).error().code == Code::name_too_long);
    CHECK(bind(server, too_long).code == Code::name_too_long);
    CHECK(connect(server, too_long).code == Code::name_too_long);
    CHECK(send_text(server, "x", &too_long).code == Code::name_too_long);
}

TEST_CASE("a path without a folder lies in the current one; empty and broken paths are invalid") {
    const auto poller = open_poller();
    const Folder folder;
    const int previous = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(chdir(folder.path.c_str()) == 0);
    leave_stale_socket(*poller, "relative");
    const Owned server(*poller, Family::local);
    const auto claim = bind_path(server, local("relative"), 0600);
    CHECK(claim);
    CHECK(exists(folder / "relative"));
    if (claim) release_path(local("relative"), *claim);
    CHECK(!exists(folder / "relative"));
    REQUIRE(fchdir(previous) == 0);
    ::close(previous);

    using namespace std::string_view_literals;
    const Owned other(*poller, Family::local);
    CHECK(bind_path(other, local(""), 0600).error().code == Code::invalid_argument);
    CHECK(bind_path(other, local("a\0b"sv), 0600).error().code == Code::invalid_argument);
    CHECK(bind_path(other, loopback(Family::ipv4), 0600).error().code == Code::invalid_argument);
    CHECK(bind_path(other, local(folder / "no/such"), 0600).error().code == Code::no_such_file);
    CHECK(!exists(folder / "no"));
}

TEST_CASE("somebody who keeps the folder locked delays a server, and does not stop it") {
    const auto poller = open_poller();
    const Folder folder;
    const int hostile = open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(flock(hostile, LOCK_EX) == 0);
    const Instant before = poller->now();
    const Owned server(*poller, Family::local);
    const auto claim = bind_path(server, local(folder / "socket"), 0600);
    CHECK(claim);
    CHECK(poller->now().nanoseconds - before.nanoseconds < 2'000'000'000);
    if (claim) release_path(local(folder / "socket"), *claim);
    CHECK(!exists(folder / "socket"));
    // But nothing is replaced without the lock.
    leave_stale_socket(*poller, folder / "stale");
    const Owned other(*poller, Family::local);
    CHECK(bind_path(other, local(folder / "stale"), 0600).error().code == Code::address_in_use);
    ::close(hostile);
    CHECK(bind_path(other, local(folder / "stale"), 0600));
}

TEST_CASE("a folder that may not be read cannot be locked: names come and go, none is replaced") {
    const auto poller = open_poller();
    const Folder folder;
    const pid_t child = fork();
    if (child == 0) {
        alarm(10);
        // Permissions mean nothing to root.
        if (geteuid() == 0 && (chown(folder.path.c_str(), 65534, 65534) || setuid(65534))) _exit(1);
        leave_stale_socket(*poller, folder / "stale");
        if (chmod(folder.path.c_str(), 0300)) _exit(2);
        if (open(folder.path.c_str(), O_RDONLY | O_DIRECTORY) >= 0) _exit(3);
        const Owned server(*poller, Family::local);
        const auto claim = bind_path(server, local(folder / "socket"), 0600);
        if (!claim || claim->inode == 0 || mode_of(folder / "socket") != 0600) _exit(4);
        release_path(local(folder / "socket"), *claim);
        if (exists(folder / "socket")) _exit(5);
        const Owned other(*poller, Family::local);
        const auto stale = bind_path(other, local(folder / "stale"), 0600);
        _exit(stale.error().code == Code::address_in_use && exists(folder / "stale") ? 0 : 6);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
}

TEST_CASE("options of the internet are not supported by paths") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::local);
    for (const Option option : {Option::reuse_port, Option::hop_limit, Option::coalesce,
                                Option::multicast_hop_limit, Option::icmp_errors}) {
        CHECK(set_option(socket, option, 1).code == Code::not_supported);
        CHECK(get_option(socket, option).error().code == Code::not_supported);
    }
    CHECK(set_option(socket, Option::only_ipv6, 1).code == Code::not_supported);
    CHECK(join(socket, {ipv4({239, 1, 1, 1}), {}, {}}).code == Code::not_supported);
    CHECK(set_multicast_interface(socket, {}).code == Code::not_supported);
    CHECK(!set_option(socket, Option::send_buffer_size, 50'000));
}

TEST_CASE("an error queue is not asked of a path: the kernel would hand out a message") {
    const auto poller = open_poller();
    const Folder folder;
    const Owned server(*poller, Family::local);
    const Endpoint path = local(folder / "socket");
    CHECK(bind_path(server, path, 0600));
    CHECK(!send_text(server, "precious", &path));
    Report reports[2];
    CHECK(must(receive_errors(server, reports), "receive_errors") == 0);
    Inbox inbox(1, 64);
    CHECK(receive(server, inbox.incoming));
    CHECK(text_of(inbox.incoming[0]) == "precious");
}

TEST_CASE("descriptors that strangers pass along are not kept") {
    const auto poller = open_poller();
    const Folder folder;
    const Owned server(*poller, Family::local);
    const Endpoint path = local(folder / "socket");
    CHECK(bind_path(server, path, 0600));
    const Owned client(*poller, Family::local);
    CHECK(!connect(client, path));
    const int next_free = dup(0);
    ::close(next_free);
    for (const std::size_t passed : {1u, 2u, 60u, 253u}) {
        std::vector<int> descriptors(passed, STDIN_FILENO);
        std::vector<char> control(CMSG_SPACE(passed * sizeof(int)));
        char payload = 'x';
        iovec part{&payload, 1};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(control.size());
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len =
            static_cast<decltype(header->cmsg_len)>(CMSG_LEN(passed * sizeof(int)));
        std::memcpy(CMSG_DATA(header), descriptors.data(), passed * sizeof(int));
        for (int i = 0; i < 2; i++) {  // Received alone, and in a batch.
            CHECK(sendmsg(static_cast<int>(Socket(client).handle), &message, 0) == 1);
        }
        Inbox inbox(3, 64);
        CHECK(receive(server, {inbox.incoming.data(), 1}));
        CHECK(text_of(inbox.incoming[0]) == "x");
        CHECK(receive(server, inbox.incoming));
        CHECK(text_of(inbox.incoming[0]) == "x");
        const int free_again = dup(0);
        ::close(free_again);
        CHECK(free_again == next_free);
    }
}

#endif
