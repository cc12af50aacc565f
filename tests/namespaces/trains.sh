#!/bin/sh
# Trains to another host, over a wire of 1500 bytes, then of 1280: those that fit it, those that do
# not and go as datagrams (which IP cuts up), arrive whole and in order, at receivers that take
# trains and at plain ones, and every send succeeds.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$PROBE"

datagrams=20

# The checksums of a size, in the order of what was said.
sums() {  # name, pattern in front of them
    sed -n "s/^$2, checksum \([0-9a-f]*\)[:,].*/\1/p" "$work/$1.out"
}

# One family, to a receiver of one kind. Every sender is new: what it learns is its own.
carries() {  # type, address, "plain" or "", MTU
    start_fed receiver $there "$PROBE" "$1" $3
    say receiver bind "$2"
    await receiver 'listening on'
    start_fed sender "$PROBE" "$1"
    for size in 1472 1473 1200 100 1472; do
        say sender send_train $datagrams $size "$2" "$(port receiver)"
        await sender "^train of $size, .*: $size bytes left" $datagrams
    done
    await sender "^train of 1472, .*: 1472 bytes left" $((2 * datagrams))
    await receiver '^message: ' $((5 * datagrams))
    for size in 1472 1473 1200 100; do
        sums sender "train of $size" >"$work/sent"
        sums receiver "message: $size bytes" >"$work/received"
        [ "$(wc -l <"$work/sent")" -ge $datagrams ] || fail "$size bytes: no checksums"
        cmp -s "$work/sent" "$work/received" || fail "$size bytes: not whole, or not in order"
    done
    deny sender 'error\|send E'
    deny receiver 'error\|truncated'
    [ "$(count receiver '^message: ')" -eq $((5 * datagrams)) ] || fail 'some came twice'
    for name in sender receiver; do
        say $name quit
        end $name
    done
    ok "$1, MTU $4: trains of all lengths arrive as they were${3:+ at a plain receiver}"
}

# To a group, whose trains the system copies for each member.
carries_to_group() {  # type, group, interface here, interface there, MTU
    start_fed receiver $there "$PROBE" "$1"
    say receiver bind
    await receiver 'listening on'
    say receiver join "$2" "$4"
    await receiver 'join: done'
    start_fed sender "$PROBE" "$1"
    say sender bind
    await sender 'listening on'
    say sender interface "$3"
    await sender 'interface: done'
    for size in 100 1200 1473; do
        say sender send_train $datagrams $size "$2" "$(port receiver)"
        await sender "^train of $size, .*: $size bytes left" $datagrams
        await receiver "^message: $size bytes" $datagrams
        sums sender "train of $size" >"$work/sent"
        sums receiver "message: $size bytes" >"$work/received"
        cmp -s "$work/sent" "$work/received" || fail "$size bytes: not whole, or not in order"
    done
    deny sender 'error\|send E'
    for name in sender receiver; do
        say $name quit
        end $name
    done
    ok "$1, MTU $5: trains to a group arrive as they were"
}

# How many messages left for one tick's datagrams, as the kernel counts them.
messages() {  # address, port
    messages_before=$(awk '/^Udp: [0-9]/ { print $5 }' /proc/net/snmp)
    messages_told=$(count sender '^train of 100,')
    say sender send_train $datagrams 100 "$1" "$2"
    await sender '^train of 100, .*: 100 bytes left' $((messages_told + datagrams))
    awk -v before="$messages_before" '/^Udp: [0-9]/ { print $5 - before }' /proc/net/snmp
}

start_fed near "$PROBE" udp4
start_fed far $there "$PROBE" udp4
start_fed sender "$PROBE" udp4
say near bind 127.0.0.1
say far bind 10.9.0.2
await near 'listening on'
await far 'listening on'
messages 127.0.0.1 "$(port near)" >"$work/first"  # It asks what the kernel makes of trains.
near_count=$(messages 127.0.0.1 "$(port near)")
far_count=$(messages 10.9.0.2 "$(port far)")
[ "$near_count" -ge 1 ] || fail 'nothing is counted'
case $(uname -r) in
7.[01]*) ;;  # Kernels that spoil trains on network cards are given none.
*)
    [ "$far_count" -eq "$near_count" ] ||
        fail "on loopback $near_count messages, to another host $far_count"
    ;;
esac
ok "$datagrams datagrams leave for another host in messages: $far_count; on loopback: $near_count"
for name in sender near far; do
    say $name quit
    end $name
done

for mtu in 1500 1280; do
    ip link set veth0 mtu $mtu || fail "veth0 takes no MTU of $mtu"
    $there ip link set veth1 mtu $mtu || fail "veth1 takes no MTU of $mtu"
    for receiver in '' plain; do
        carries udp4 10.9.0.2 "$receiver" $mtu
        carries udp6 fd09::2 "$receiver" $mtu
    done
    carries_to_group udp4 239.1.2.3 10.9.0.1 10.9.0.2 $mtu
    carries_to_group udp6 ff15::114 ::%veth0 ::%veth1 $mtu
done
