#!/bin/sh
# socat as the other side of unix sockets, by path and by abstract name, and of UDP over IPv6.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need socat
need_built "$VOLLEY"

speak() {  # text, address
    printf '%s' "$1" >"$work/text"
    input=$work/text
    run 0 socat -u STDIN "$2"
    input=
}

# A file system's path.
start listener "$VOLLEY" listen "$work/server"
await listener 'listening on'
speak 'from socat' "UNIX-SENDTO:$work/server"
await listener '^\(unnamed\) 10 bytes: from socat$'
ok 'UNIX-SENDTO to volley listen; a sender without a name is called unnamed'
speak 'with a name' "UNIX-SENDTO:$work/server,bind=$work/client"
await listener "^$work/client 11 bytes: with a name\$"
ok 'UNIX-SENDTO with bind: the sender has its path'
interrupt listener
end listener

# talk: socat asks and prints the answer.
talk() {  # what it shows, address
    start_fed asker socat "STDIO" "$2"
    say asker "$1"
    await asker "^$1\$"
    kill -TERM "$(process asker)"
    end asker 143
    ok "$1"
}
start server "$VOLLEY" echo "$work/server"
await server 'echoing on'
talk 'UNIX-SENDTO to volley echo, and back' "UNIX-SENDTO:$work/server,bind=$work/client"
rm -f "$work/client"
interrupt server
end server

# socat receives.
start receiver socat -u "UNIX-RECVFROM:$work/receiver" STDOUT
wait_until 'the socket of socat' test -S "$work/receiver"
run 0 "$VOLLEY" send "$work/receiver" 'from volley'
end receiver
[ "$(cat "$work/receiver.out")" = 'from volley' ] || fail 'socat heard something else'
ok 'volley send to UNIX-RECVFROM'
rm -f "$work/receiver"
start receiver socat "UNIX-RECVFROM:$work/receiver,fork" "EXEC:cat"
wait_until 'the socket of socat' test -S "$work/receiver"
start asker "$VOLLEY" send --from "$work/asker" --wait "$limit" "$work/receiver" one two three
await asker "^$work/receiver [0-9]+ bytes: three\$"
expect asker "^$work/receiver 3 bytes: one\$"
expect asker "^$work/receiver 3 bytes: two\$"
interrupt asker
end asker
[ ! -e "$work/asker" ] || fail 'the path of --from is still there'
ok 'volley send --from, answered by UNIX-RECVFROM with cat'
kill -TERM "$(process receiver)"
end receiver 143

# Names outside the file system: both count the same length, or neither would find the other.
name=volley-test-$$
start server "$VOLLEY" echo "@$name"
await server "echoing on @$name"
talk 'ABSTRACT-SENDTO to volley echo, and back' "ABSTRACT-SENDTO:$name,bind=$name-client"
interrupt server
end server
start receiver socat -u "ABSTRACT-RECVFROM:$name" STDOUT
wait_until 'the socket of socat' grep -q "@$name" /proc/net/unix
run 0 "$VOLLEY" send "@$name" 'from volley'
end receiver
[ "$(cat "$work/receiver.out")" = 'from volley' ] || fail 'socat heard something else'
ok 'volley send to ABSTRACT-RECVFROM'

# UDP over IPv6.
start server "$VOLLEY" echo '[::1]:0'
await server 'echoing on'
talk 'UDP6-DATAGRAM to volley echo, and back' "UDP6-DATAGRAM:[::1]:$(port server)"
at=$(port server)
interrupt server
end server
# socat does not tell a port that the kernel chose, so it gets the one that was just free.
start receiver socat "UDP6-RECVFROM:$at,bind=[::1],fork" "EXEC:cat"
wait_until 'the socket of socat' grep -q ":$(printf %04X "$at") " /proc/net/udp6
ask '^\[::1\]:[0-9]+ 5 bytes: hello$' "[::1]:$at" hello
kill -TERM "$(process receiver)"
end receiver 143
ok 'volley send to UDP6-RECVFROM, and back'

# A dual-stack socket and an IPv4 peer.
start server "$VOLLEY" echo --ipv6 --any 0
await server 'echoing on \[::\]:'
talk 'UDP4-DATAGRAM to a dual-stack volley echo, and back' "UDP4-DATAGRAM:127.0.0.1:$(port server)"
interrupt server
end server
