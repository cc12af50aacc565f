#!/bin/sh
# echo never answers the ports of services, or two echo servers could be set on each other by one
# forged datagram. Only root may send from such a port: the root of a namespace.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need_built "$VOLLEY"
enter -Urn
need ip
ip link set lo up

for address in 127.0.0.1 '[::1]'; do
    start server "$VOLLEY" echo --rate 0 "$address:0"
    await server 'echoing on'
    at=$address:$(port server)
    for low in 7 19 53 123 1023; do
        run 0 "$VOLLEY" send --from "$address:$low" "$at" "from $low"
    done
    start asker "$VOLLEY" send --wait "$limit" --from "$address:1024" "$at" high
    await asker ': high$'
    for name in asker server; do
        interrupt $name
        end $name
    done
    expect server '^sent 1 datagram \(4 bytes\), received 6 datagrams'
    expect server '^not answered: 5 datagrams$'
    ok "$address: ports 7, 19, 53, 123 and 1023 get no answer, 1024 does"
done
