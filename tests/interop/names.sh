#!/bin/sh
# Names that getent(1) can see: localhost, this machine's, and those of /etc/hosts. In namespaces,
# with an /etc/hosts of our own, and no name server that could make us wait.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need getent mount hostname ip
need_built "$VOLLEY" "$EXAMPLES_DIR/send$SUFFIX" "$EXAMPLES_DIR/send_and_close$SUFFIX"

# Before: the machine as it is.
if [ -z "${VOLLEY_INSIDE:-}" ]; then
    start listener "$VOLLEY" listen 0
    await listener 'listening on'
    at=$(port listener)
    for name in localhost "$(hostname)"; do
        found=$(getent ahostsv4 "$name" | sed -n '1s/ .*//p')
        [ -n "$found" ] || fail "this machine does not know $name by IPv4"
        run 0 "$VOLLEY" send "$name:$at" "for $name"
        await listener ": for $name\$"
        ok "$name, which getent calls $found"
    done
    interrupt listener
    end listener
fi
enter -Urnm

# For ::1 the system's files have 127.0.0.1 too, so it has to be another one.
ip link set lo up
ip -6 address add fd06::1/128 dev lo nodad
cat >"$work/hosts" <<END
127.0.0.1 localhost
::1 localhost ip6-localhost
127.0.0.2 volley-one.test volley-one
127.0.0.3 volley-two.test
fd06::1 volley-six.test
127.0.0.4 volley-both.test
fd06::1 volley-both.test
END
echo 'hosts: files' >"$work/nsswitch.conf"
mount --bind "$work/hosts" /etc/hosts || skip '/etc/hosts cannot be replaced'
mount --bind "$work/nsswitch.conf" /etc/nsswitch.conf || skip 'nsswitch.conf cannot be replaced'

start four "$VOLLEY" listen 0
start six "$VOLLEY" listen --ipv6-only '[::]:0'
await four 'listening on'
await six 'listening on'
four=$(port four)
six=$(port six)

# The one that answers tells by which address it was found.
resolves() {  # name, address
    getent hosts "$1" | grep -q "^$2 " || [ "$1" = volley-both.test ] || fail "getent: $1 is not $2"
    start server "$VOLLEY" echo "$2:0"
    await server "echoing on $2:"
    ask "^$2:[0-9]+ 5 bytes: hello\$" "$1:$(port server)" hello
    interrupt server
    end server
    ok "$1 is $2"
}
resolves volley-one.test 127.0.0.2
resolves volley-one 127.0.0.2
resolves VOLLEY-One.test 127.0.0.2
resolves volley-two.test 127.0.0.3
resolves volley-both.test 127.0.0.4  # Of which getent tells the IPv6 address.
getent hosts volley-six.test | grep -q '^fd06::1 ' || fail 'getent: volley-six.test is not fd06::1'
run 0 "$VOLLEY" send --ipv6 "volley-six.test:$six" 'by six'
await six ': by six$'
run 0 "$VOLLEY" send --ipv6 "volley-both.test:$six" 'by both'
await six ': by both$'
ok 'IPv6 names, also of a host that has both kinds of address'

start named "$VOLLEY" listen volley-two.test:0
await named 'listening on 127.0.0.3:'
ok 'a name to listen on'
interrupt named
end named

# Names that are none; at once, because no server is asked.
for name in nobody.test volley-six.test; do
    run 1 "$VOLLEY" send "$name:$four" hello
    expect run "^volley: getaddrinfo (ENOTFOUND|EAI_FAMILY) $name\$"
    ok "$name, for IPv4: $(sed -n 's/^volley: //p' "$work/run.err")"
done
run 1 "$VOLLEY" send --ipv6 "volley-one.test:$six" hello
expect run '^volley: getaddrinfo (ENOTFOUND|EAI_FAMILY) volley-one.test$'
run 1 "$VOLLEY" listen nobody.test:0
expect run '^volley: getaddrinfo ENOTFOUND nobody.test$'
ok 'and for IPv6, and to listen on'

# Many at once: each datagram has its look-up, and none is lost. (As many as fit a receive buffer.)
start many "$VOLLEY" listen --quiet --count 150 volley-one.test:0
await many 'listening on'
number=0
while [ $number -lt 150 ]; do
    number=$((number + 1))
    echo "line $number"
done >"$work/lines"
input=$work/lines
run 0 "$VOLLEY" send "volley-one.test:$(port many)"
input=
end many
expect many 'received 150 datagrams'
ok '150 look-ups in one run'

# The README's two lines: the datagram leaves although its name is looked up after close().
run 0 "$EXAMPLES_DIR/send_and_close$SUFFIX" "$four"
await four ': Some bytes$'
ok 'the example send_and_close'
for name in four six; do
    interrupt $name
    end $name
done
