# Two hosts on one wire, for the checks in network namespaces; sourced after harness.sh.
#
#     this host, veth0                      $there: the other one, veth1
#     10.9.0.1, fd09::1, $here_link         10.9.0.2, 10.9.0.3, fd09::2, fd09::3, $there_link
#
# "$there COMMAND..." runs it over there. No default route, so no multicast route for IPv4.
# The catch: /proc/sys is this namespace's, so settings over there go through `setting`.
# shellcheck shell=sh disable=SC2034,SC2154

enter -Urn
need ip nsenter

setting() {  # host ("" for this one), name, value
    # shellcheck disable=SC2016,SC2086
    $1 sh -c 'echo "$1" >"/proc/sys/net/$0"' "$2" "$3" || fail "net/$2 cannot be $3"
}

# A host is a process that holds its network namespace.
add_host() {  # name
    limit=240 start "$1" unshare -n sleep 240
    wait_until "the host $1" has_left "$(process "$1")"
    eval "$1=\"nsenter --target=$(process "$1") --net --\""
}

has_left() {
    [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# Addresses are usable at once, and what ICMP has to say is said each time.
quicken() {  # host
    $1 ip link set lo up
    if [ -e /proc/sys/net/ipv4/icmp_msgs_per_sec ]; then  # Elsewhere it is the machine's alone.
        setting "$1" ipv4/icmp_msgs_per_sec 1000000
        setting "$1" ipv4/icmp_msgs_burst 1000000
    fi
    setting "$1" ipv4/icmp_ratelimit 0
    setting "$1" ipv6/icmp/ratelimit 0
    setting "$1" ipv6/conf/default/accept_dad 0
    setting "$1" ipv4/conf/all/rp_filter 0
}

link_local() {  # host, interface
    $1 ip -6 -o address show dev "$2" scope link | sed -n 's|.*inet6 \(fe80[^/]*\)/.*|\1|p'
}

# A fresh link takes a moment until IPv6 has its addresses and routes.
await_link() {  # host, interface
    wait_until "IPv6 on $2" has_link_local "$1" "$2"
}

has_link_local() {
    [ -n "$(link_local "$1" "$2")" ]
}

# A third one, behind the other: $far, 10.8.0.2, fd08::2, at the end of a wire for 1280 bytes, and
# "$there", 10.8.0.1, fd08::1, is its router. The way to it is the caller's to choose.
add_far_host() {
    add_host far
    quicken "$far"
    $there ip link add veth2 mtu 1280 type veth peer name veth3 mtu 1280
    $there ip link set veth3 netns "$(process far)"
    $there ip address add 10.8.0.1/24 dev veth2
    $there ip -6 address add fd08::1/64 dev veth2 nodad
    $there ip link set veth2 up
    $far ip address add 10.8.0.2/24 dev veth3
    $far ip -6 address add fd08::2/64 dev veth3 nodad
    $far ip link set veth3 up
    await_link "$there" veth2
    await_link "$far" veth3
    $far ip route add 10.9.0.0/24 via 10.8.0.1
    $far ip -6 route add fd09::/64 via fd08::1
    setting "$there" ipv4/ip_forward 1
    setting "$there" ipv6/conf/all/forwarding 1
}

add_host there
quicken ''
quicken "$there"
ip link add veth0 type veth peer name veth1 netns "$(process there)" || skip 'no veth here'
ip address add 10.9.0.1/24 dev veth0
ip -6 address add fd09::1/64 dev veth0 nodad
ip link set veth0 up
$there ip address add 10.9.0.2/24 dev veth1
$there ip address add 10.9.0.3/24 dev veth1
$there ip -6 address add fd09::2/64 dev veth1 nodad
$there ip -6 address add fd09::3/64 dev veth1 nodad
$there ip link set veth1 up
await_link '' veth0
await_link "$there" veth1
here_link=$(link_local '' veth0)
there_link=$(link_local "$there" veth1)
