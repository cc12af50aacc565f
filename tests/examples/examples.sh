#!/bin/sh
# Every example does what its first lines say, against another one; servers end by Ctrl-C. There is
# a function example_NAME for each tools/examples/NAME.cpp, and none too many: see the end.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"

example() {  # name, arguments; the status has to be 0
    example_name=$1
    shift
    run 0 "$EXAMPLES_DIR/$example_name$SUFFIX" "$@"
}

serve() {  # name, arguments
    serve_name=$1
    shift
    start "$serve_name" "$EXAMPLES_DIR/$serve_name$SUFFIX" "$@"
    await "$serve_name" 'listening '
}

stop() {  # name
    interrupt "$1"
    end "$1"
}

# A port that the kernel has just chosen and nobody has any more.
free_port() {
    example exclusive_bind 0
    port run
}

same() {  # the whole output of what has run
    printf '%s\n' "$@" | cmp -s - "$work/run.out" || fail "the output is not: $*"
}

# ---- One after the other -------------------------------------------------------------------------

example_cluster_multicast() {
    at=$(free_port)
    example cluster_multicast "$at" 127.0.0.1
    [ "$(count run '^joined$')" -eq 1 ] || fail 'one has joined'
    [ "$(count run '^addMembership EADDRINUSE$')" -eq 1 ] || fail 'the other one has not'
    serve udp_server 0
    example cluster_multicast "$(port udp_server)" 127.0.0.1
    stop udp_server
    [ "$(count run "^bind EADDRINUSE 0\\.0\\.0\\.0:$(port udp_server)\$")" -eq 2 ] ||
        fail 'the workers have not been told why'
}

example_connected_send() {
    serve udp_server 0
    example connected_send "$(port udp_server)"
    [ ! -s "$work/run.out" ] || fail 'there was nothing to say'
    await udp_server '^server got: Some bytes from 127\.0\.0\.1:[0-9]+$'
    stop udp_server
    example connected_send "$(free_port)"
    expect run '^client error: recvmsg ECONNREFUSED$'
}

example_coroutine_client() {
    serve udp_server 0
    at=$(port udp_server)
    stop udp_server
    run 1 "$EXAMPLES_DIR/coroutine_client$SUFFIX" "$at"
    [ "$(count run '^no answer: recvmsg ECONNREFUSED$')" -eq 5 ] || fail 'not asked five times'
    start silent "$VOLLEY" listen 0
    await silent 'listening on'
    run 1 "$EXAMPLES_DIR/coroutine_client$SUFFIX" "$(port silent)"
    [ "$(count run '^no answer: recvmsg ETIMEDOUT$')" -eq 5 ] || fail 'not asked five times'
    stop silent
}

example_coroutine_echo() {
    serve coroutine_echo 0
    ask "^127\\.0\\.0\\.1:$(port coroutine_echo) 3 bytes: one\$" "$(port coroutine_echo)" one two
    expect ask "^127\\.0\\.0\\.1:$(port coroutine_echo) 3 bytes: two\$"
    example coroutine_client "$(port coroutine_echo)"
    same 'answer: Some bytes'
    run 1 "$EXAMPLES_DIR/coroutine_echo$SUFFIX" "$(port coroutine_echo)"
    expect run '^bind EADDRINUSE'
    stop coroutine_echo
}

example_echo() {
    serve echo 0
    expect echo '^listening on 0\.0\.0\.0:[0-9]+$'
    ask "^127\\.0\\.0\\.1:$(port echo) 3 bytes: one\$" "$(port echo)" one two
    expect ask "^127\\.0\\.0\\.1:$(port echo) 3 bytes: two\$"
    example connected_send "$(port echo)"
    start second "$EXAMPLES_DIR/echo$SUFFIX" "$(port echo)"
    end second
    expect second "^bind EADDRINUSE 0\\.0\\.0\\.0:$(port echo)\$"
    stop echo
}

example_exclusive_bind() {
    example exclusive_bind 0
    expect run '^bound to 127\.0\.0\.1:[0-9]+$'
    serve udp_server 0
    example exclusive_bind "$(port udp_server)"
    same "bind EADDRINUSE 127.0.0.1:$(port udp_server)"
    stop udp_server
}

example_multi_buffer_send() {
    serve udp_server 0
    example multi_buffer_send "$(port udp_server)"
    [ ! -s "$work/run.out" ] || fail 'there was nothing to say'
    await udp_server '^server got: Some bytes from 127\.0\.0\.1:[0-9]+$'
    stop udp_server
}

example_multicast() {
    at=$(free_port)
    start listener "$VOLLEY" listen --reuse --group 224.0.0.114 --interface 127.0.0.1 "$at"
    await listener 'listening on'
    example multicast "$at" 127.0.0.1
    same 'again: addMembership EADDRINUSE' 'hello, group from 127.0.0.1'
    await listener "^127\\.0\\.0\\.1:$at 12 bytes: hello, group\$"
    stop listener
    example multicast "$(free_port)" 192.0.2.99
    same 'addMembership ENODEV'
}

example_multicast_interface() {
    example multicast_interface
    for chosen in 127.0.0.1 0.0.0.0 ::%1 ::; do
        expect run "^$chosen: chosen\$"
    done
    example multicast_interface 192.0.2.99 nope
    expect run '^192\.0\.2\.99: setMulticastInterface EADDRNOTAVAIL$'
    expect run '^::%nope: setMulticastInterface ENODEV$'
}

example_send() {
    serve udp_server 0
    example send "$(port udp_server)"
    same 'sent 10 bytes'
    await udp_server '^server got: Some bytes from 127\.0\.0\.1:[0-9]+$'
    stop udp_server
    example send 0
    same 'Port should be > 0 and < 65536. Received 0.'
}

example_send_and_close() {
    serve udp_server 0
    example send_and_close "$(port udp_server)"
    [ ! -s "$work/run.out" ] || fail 'there was nothing to say'
    await udp_server '^server got: Some bytes from 127\.0\.0\.1:[0-9]+$'
    stop udp_server
}

example_syslog() {
    serve unix_echo_server "$work/log"
    example syslog "$work/log"
    same 'Wrote 29 bytes to socket.'
    await unix_echo_server '^got: <14>volley: A message to log\. from $'
    stop unix_echo_server
    example syslog "$work/log"
    same "send ENOENT $work/log"
}

example_threads() {
    example threads 2
    for threads in 1 2; do
        line="threads: $threads, answers in 300 ms: [1-9][0-9]*, by loop:( [0-9]+){$threads}"
        expect run "^$line\$"
    done
}

example_udp_server() {
    serve udp_server 0
    expect udp_server '^server listening 0\.0\.0\.0:[0-9]+$'
    example send "$(port udp_server)"
    example udp_server "$(port udp_server)"
    same "server error: bind EADDRINUSE 0.0.0.0:$(port udp_server)"
    stop udp_server
    [ "$(count udp_server .)" -eq 2 ] || fail 'more than two lines'
}

example_unix_client() {
    serve unix_echo_server "$work/server"
    example unix_client "$work/server" "$work/client"
    expect run "^client listening $work/client\$"
    expect run "^got: A message at [0-9]+ from $work/server\$"
    await unix_echo_server "^got: A message at [0-9]+ from $work/client\$"
    [ ! -e "$work/client" ] || fail 'the path of the client is still there'
    stop unix_echo_server
    example unix_client "$work/server" "$work/client"
    expect run "^send ENOENT $work/server\$"
    [ ! -e "$work/client" ] || fail 'the path of the client is still there'
}

example_unix_echo_server() {
    serve unix_echo_server "$work/server"
    expect unix_echo_server "^server listening $work/server\$"
    example unix_client "$work/server" "$work/client"
    example unix_echo_server "$work/server"
    same "bind EADDRINUSE $work/server"
    stop unix_echo_server
    [ ! -e "$work/server" ] || fail 'the path of the server is still there'
}

# ---- All of them ---------------------------------------------------------------------------------

for source in tools/examples/*.cpp; do
    name=$(basename "$source" .cpp)
    need_built "$EXAMPLES_DIR/$name$SUFFIX"
    command -v "example_$name" >/dev/null || fail "$source is not run by this script"
done
need_built "$VOLLEY"
for name in $(sed -n 's/^example_\([a-z_0-9]*\)() {.*/\1/p' "$script"); do
    [ -f "tools/examples/$name.cpp" ] || fail "tools/examples/$name.cpp does not exist"
    "example_$name"
    ok "$name"
done
