#!/bin/sh
# A host without /etc: no hosts, no resolv.conf, no services, as in a container from scratch. Names
# are not found, at once and with that word; addresses work as ever.
# shellcheck source=tests/harness.sh disable=SC2154
. "$(dirname "$0")/../harness.sh"
enter -Urnm
need ip mount
need_built "$VOLLEY"
ip link set lo up
mount -t tmpfs none /etc 2>"$work/run.err" || skip "no other /etc: $(cat "$work/run.err")"
[ -e /etc/hosts ] && fail 'there is a hosts file still'

for name in localhost example.org; do
    run 1 "$VOLLEY" send "$name:9" hello
    expect run "^volley: getaddrinfo E(NOTFOUND|AI_AGAIN) $name"
    ok "volley send $name:9: $(sed -n 's/^volley: //p' "$work/run.err" | sed -n 1p)"
done
run 1 "$VOLLEY" listen localhost:0
expect run '^volley: .*E(NOTFOUND|AI_AGAIN)'
ok 'listening at a name is refused as well'

for address in 127.0.0.1 '[::1]'; do
    start server "$VOLLEY" echo --rate 0 "$address:0"
    await server 'echoing on'
    ask ' 5 bytes: hello$' "$address:$(port server)" hello
    interrupt server
    end server
    ok "$address is echoed from"
done
