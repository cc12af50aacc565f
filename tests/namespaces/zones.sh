#!/bin/sh
# IPv6 zones: "fe80::1%veth0" and "fe80::1%2" are the same, on sends, binds and connects; an unknown
# zone, an empty one, and one on a global address are errors, never "some interface".
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

number=$(ip -o link show dev veth0 | cut -d: -f1)

start server $there "$VOLLEY" echo --rate 0 "[$there_link%veth1]:0"
await server 'echoing on'
at=$(port server)

for zone in veth0 "$number"; do
    ask "^\[$there_link%$number\]:$at 5 bytes: hello\$" "[$there_link%$zone]:$at" hello
    ok "a send to fe80::...%$zone is answered"
    start listener "$VOLLEY" listen --count 1 "[$here_link%$zone]:0"
    await listener "listening on \[$here_link%$number\]:"
    run 0 $there "$VOLLEY" send "[$here_link%veth1]:$(port listener)" hello
    end listener
    expect listener ': hello$'
    ok "a bind to fe80::...%$zone is reached"
    start_fed probe "$PROBE" udp6
    say probe connect "$there_link%$zone" "$at"
    say probe send hello
    await probe 'message: 5 bytes, .*: hello'
    ok "a connect to fe80::...%$zone talks, and knows its peer's answers"
    say probe quit
    end probe
done

refuses() {  # code, the zone or none with its sign
    run 1 "$VOLLEY" send "[$3$2]:$at" hello
    expect run "^volley: send $1 $3$2:$at"
    run 1 "$VOLLEY" listen "[$4$2]:0"
    expect run "^volley: bind $1 $4$2"
    run 0 sh -c "echo connect '$3$2' $at | '$PROBE' udp6"
    expect run "^not connected: connect $1 $3$2:$at\$"
    ok "a zone of '$2': send, bind and connect are $1"
}

refuses ENODEV %nope "$there_link" "$here_link"
refuses 'E(NODEV|NETUNREACH|INVAL)' %4242 "$there_link" "$here_link"
refuses ENODEV %0 "$there_link" "$here_link"
refuses EINVAL % "$there_link" "$here_link"
refuses EINVAL %veth0 fd09::2 fd09::1
run 1 "$VOLLEY" send '[ff02::1%nope]:9' hello
expect run '^volley: send ENODEV ff02::1%nope:9: there is no such network interface$'
run 1 "$VOLLEY" listen --group ff02::1%nope '[::]:0'
expect run 'ENODEV'
run 1 "$VOLLEY" listen --group ff02::114 --interface ::%nope '[::]:0'
expect run 'ENODEV'
ok "an unknown zone of a group or of an interface is ENODEV"
run 1 "$VOLLEY" send 10.9.0.2%veth0:9 hello
expect run '^volley: send EINVAL 10.9.0.2%veth0:9'
ok "IPv4 has no zones"

interrupt server
end server
