#!/bin/sh
# A host that has its IPv6 switched off: whoever asks for IPv6 is told so at once, and IPv4 is not
# affected.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

for interface in all default lo veth0; do
    setting '' ipv6/conf/$interface/disable_ipv6 1
done
[ -s /proc/net/if_inet6 ] && fail 'there is an IPv6 address still'

refused() {  # pattern, arguments
    pattern=$1
    shift
    run 1 "$VOLLEY" "$@"
    expect run "^volley: $pattern"
    ok "volley $*: $(sed -n 's/^volley: //p' "$work/run.err")"
}

refused 'bind EADDRNOTAVAIL ::1$' listen '[::1]:0'
refused 'bind EADDRNOTAVAIL ::1$' echo --ipv6 0
refused 'send E(ADDRNOTAVAIL|NETUNREACH) ::1:9$' send '[::1]:9' hello
refused 'send E(ADDRNOTAVAIL|NETUNREACH) fd09::2:9$' send '[fd09::2]:9' hello
refused 'send E(ADDRNOTAVAIL|NETUNREACH) fe80::1%[0-9]+:9$' send '[fe80::1%veth0]:9' hello
refused 'send E(ADDRNOTAVAIL|NETUNREACH) ff02::1:9$' send --interface ::%veth0 '[ff02::1]:9' hello
refused 'bind EADDRNOTAVAIL fd09::1$' send --from '[fd09::1]:0' '[fd09::2]:9' hello

start_fed probe "$PROBE" udp6
say probe connect ::1 9
await probe 'not connected: connect E(ADDRNOTAVAIL|NETUNREACH) ::1:9'
say probe send lost ::1 9
await probe 'send lost: send E(ADDRNOTAVAIL|NETUNREACH) ::1:9'
deny probe 'error:'
ok 'connect and send have one outcome each, and the socket lives on'
say probe quit
end probe

start dual "$VOLLEY" listen --count 1 '[::]:0'
await dual 'listening on \[::\]:'
run 0 "$VOLLEY" send "127.0.0.1:$(port dual)" hello
end dual
expect dual '^\[::ffff:127.0.0.1\]:[0-9]+ 5 bytes: hello$'
ok 'a socket on :: still hears IPv4'

start server $there "$VOLLEY" echo --rate 0 10.9.0.2:0
await server 'echoing on'
ask '^10.9.0.2:[0-9]+ 5 bytes: hello$' "10.9.0.2:$(port server)" hello
ok 'IPv4 is as before'
interrupt server
end server
