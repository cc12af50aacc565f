#!/bin/sh
# The tool from outside: its words, its statuses, what it prints and what it refuses to print, where
# its input may come from, and how it ends.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need_built "$VOLLEY"

line() {  # of standard error: the first
    sed -n 1p "$work/run.err"
}

# ---- Help ----------------------------------------------------------------------------------------

for word in --help -h help; do
    run 0 "$VOLLEY" $word
    for verb in listen send echo; do
        expect run "^  $verb +[a-z]"
    done
    for form in PORT HOST:PORT '\[IPV6\]:PORT' PATH @NAME; do
        expect run "^  $form  "
    done
    [ ! -s "$work/run.err" ] || fail 'help goes to standard output'
done
ok 'volley --help, -h and help: verbs and addresses'

for verb in listen send echo; do
    for word in --help -h; do
        run 0 "$VOLLEY" $verb $word
        expect run "^usage: volley $verb "
        expect run "^  volley $verb "
        expect run '^  HOST:PORT  '
        # Each option that the source declares has its line.
        for option in $(sed -n 's/^ *{*{"\(--[a-z0-9-]*\)", .*/\1/p' "tools/volley/$verb.cpp"); do
            expect run "^  $option .*[a-z]"
        done
    done
    [ "$(count run '^  --')" -ge 8 ] || fail "$verb has lost its options"
    run 0 "$VOLLEY" $verb --count 1 --help
    awk 'length > 100 { exit 1 }' "$work/run.out" || fail 'a line of help is too long'
done
ok 'volley VERB --help: usage, examples and every option'

# ---- Misuse: status 2, and one line that says what would be right --------------------------------

misuse() {  # the line, arguments
    pattern=$1
    shift
    run 2 "$VOLLEY" "$@"
    expect run "^volley: $pattern\$"
    [ ! -s "$work/run.out" ] || fail "output beside the complaint: $*"
    [ "$(count run .)" -eq 1 ] || fail "more than one line: $*"
    ok "2: $(line)"
}

misuse "a verb is missing: listen, send or echo; see 'volley --help'"
misuse "'frob' is no verb: listen, send and echo are" frob
misuse "'--frob' is no option of listen: see 'volley listen --help'" listen --frob 0
misuse "'-x' is no option of send: see 'volley send --help'" send -x
misuse '--count wants a value: --count N' listen --count
misuse '--raw takes no value' listen --raw=1 0
misuse "'0' is no value for --count: a number from 1 to [0-9]+ is" listen --count 0 0
misuse "'3x' is no value for --count: a number from 1 to [0-9]+ is" listen --count=3x 0
misuse "'' is no value for --count: a number from 1 to [0-9]+ is" echo --count= 0
misuse "'-1' is no value for --rate: a number from 0 to [0-9]+ is" echo --rate -1 0
misuse "'soon' is no value for --duration: seconds are, such as 10 or 0\\.5" \
    listen --duration soon 0
misuse "'-1' is no value for --wait: seconds are, such as 10 or 0\\.5" send --wait -1 9 x
misuse "'nan' is no value for --interval: seconds are, such as 10 or 0\\.5" send --interval nan 9 x
misuse "'256' is no value for --ttl: a number from 1 to 255 is" send --ttl 256 127.0.0.1:9 x
misuse "listen wants one address, as in 'volley listen 5000'; see 'volley listen --help'" listen
misuse "listen wants one address, as in .*" listen 0 0
misuse "send wants an address, as in '.* hello'; see 'volley send --help'" send
misuse "echo wants one address at most; see 'volley echo --help'" echo 0 0
misuse "'70000' in '127\\.0\\.0\\.1:70000' is no port: a number from 0 to 65535 is" \
    send 127.0.0.1:70000 x
misuse "'http' in 'localhost:http' is no port: .*" send localhost:http x
misuse "'127\\.0\\.0\\.1' in '127\\.0\\.0\\.1' is no port: .*" send 127.0.0.1 x
misuse "'' in 'localhost:' is no port: .*" send localhost: x
misuse "'\\+1' in '\\+1' is no port: .*" listen +1
misuse 'nothing can be sent to port 0: a number from 1 to 65535 is right' send 127.0.0.1:0 x
misuse "'::1:5000' has more than one colon: IPv6 stands in brackets, as in \\[::1\\]:5000" \
    listen ::1:5000
misuse "'\\[::1\\]' is no address: \\[IPV6\\]:PORT is, as in \\[::1\\]:5000" listen '[::1]'
misuse "'\\[::1' is no address: .*" listen '[::1'
misuse "'\\[::1\\]5000' is no address: .*" listen '[::1]5000'
misuse "'unix:' lacks its path, as in unix:server\\.sock" listen unix:
misuse '--interface and --source say how to join a group: --group is missing' \
    listen --interface 127.0.0.1 0
misuse '--interface and --source say how to join a group: --group is missing' \
    listen --source 127.0.0.1 0
misuse '--from and the destination must both be UDP, or both unix sockets' \
    send --from /tmp/x 127.0.0.1:9 x
misuse '--from and the destination must both be UDP, or both unix sockets' send --from 1 ./x x
misuse "'a\\\\x1b\\[31m' is no verb: .*" "$(printf 'a\033[31m')"
misuse "'\\\\xff' in '\\\\xff' is no port: .*" listen "$(printf '\377')"

# ---- Failure: status 1, Node's words, and more where these leave it open -------------------------

failure() {  # the line, arguments
    pattern=$1
    shift
    run 1 "$VOLLEY" "$@"
    expect run "^volley: $pattern\$"
    [ "$(count run '^volley: ')" -eq 1 ] || fail "more than one complaint: $*"
    deny run '^listening|^echoing'
    ok "1: $(line)"
}

neither='neither an address \(as 127\.0\.0\.1, ::1, fe80::1%eth0\) nor a name'
failure "send EINVAL 127\\.1:9: $neither" send 127.1:9 x
failure "send EINVAL 0x7f000001:9: $neither" send 0x7f000001:9 x
failure "send EINVAL 127\\.0\\.0\\.1%lo:9: $neither" send 127.0.0.1%lo:9 x
failure "bind EINVAL 0177\\.0\\.0\\.1: $neither" listen 0177.0.0.1:0
failure 'getaddrinfo ENOTFOUND a\.\.b' send a..b:9 x
failure 'getaddrinfo ENOTFOUND 127\.0\.0\.1 ' send '127.0.0.1 :9' x
failure 'send ENODEV fe80::1%nope:9: there is no such network interface' send '[fe80::1%nope]:9' x
failure 'bind ENODEV fe80::1%nope: there is no such network interface' listen '[fe80::1%nope]:0'
failure 'addMembership ENODEV 224\.0\.0\.114 on 192\.0\.2\.99' \
    listen --group 224.0.0.114 --interface 192.0.2.99 0
failure 'addMembership ENODEV 224\.0\.0\.114 on nope' \
    listen --group 224.0.0.114 --interface nope 0
failure 'addMembership ENODEV ff02::114 on ::%nope' \
    listen --group ff02::114 --interface ::%nope '[::]:0'
failure 'addMembership EINVAL 10\.0\.0\.1' listen --group 10.0.0.1 0
failure 'addSourceSpecificMembership EINVAL 232\.1\.1\.1 from here' \
    listen --group 232.1.1.1 --source here 0
failure 'setMulticastInterface EADDRNOTAVAIL 192\.0\.2\.99' \
    send --interface 192.0.2.99 224.0.0.114:9 x
failure 'setMulticastInterface ENODEV ::%nope' send --interface ::%nope '[ff02::114]:9' x
failure 'bind EADDRNOTAVAIL 192\.0\.2\.99' listen 192.0.2.99:0
failure 'bind EADDRNOTAVAIL 192\.0\.2\.99' send --from 192.0.2.99:0 127.0.0.1:9 x
failure 'bind EINVAL 0\.0\.0\.0' listen --ipv6-only 0
failure 'send EACCES 127\.255\.255\.255:9' send 127.255.255.255:9 x
failure 'bind ENOENT /nowhere/server' listen /nowhere/server
failure "send ENOENT $work/nobody" send "$work/nobody" one two three
failure "bind ENAMETOOLONG /0+1" listen "$(printf '/%0110d' 1)"
failure "send ENAMETOOLONG @0+1" send "@$(printf '%0109d' 1)" x
failure 'send EMSGSIZE 127\.0\.0\.1:9' send 127.0.0.1:9 "$(printf '%065508d' 0)"
run 0 "$VOLLEY" send 127.0.0.1:9 "$(printf '%065507d' 0)"
expect run '^sent 1 datagram \(65507 bytes\) in [0-9.]+ s$'
ok '0: 65507 bytes leave, 65508 do not'
start listener "$VOLLEY" listen 127.0.0.1:0
await listener 'listening on'
failure "bind EADDRINUSE 127\\.0\\.0\\.1:$(port listener)" echo "$(port listener)"
interrupt listener
end listener
if [ -e /dev/full ]; then
    start listener sh -c "exec '$VOLLEY' listen --count 1 127.0.0.1:0 >/dev/full"
    await listener 'listening on'
    run 0 "$VOLLEY" send "127.0.0.1:$(port listener)" lost
    end listener 1
    expect listener '^volley: standard output takes no more$'
    ok '1: standard output takes no more'
fi

# ---- What is printed -----------------------------------------------------------------------------

start listener "$VOLLEY" listen 127.0.0.1:0
await listener '^listening on 127\.0\.0\.1:[0-9]+$'
at=127.0.0.1:$(port listener)

shown() {  # printf's form of a payload, a pattern for what is printed
    # shellcheck disable=SC2059
    printf "$1\\n" >"$work/payload"
    bytes=$(($(wc -c <"$work/payload") - 1))
    noun=bytes
    [ $bytes -ne 1 ] || noun=byte
    input=$work/payload
    run 0 "$VOLLEY" send "$at"
    input=
    await listener "^127\\.0\\.0\\.1:[0-9]+ $bytes $noun: $2\$"
}

shown 'hello' hello
shown 'h' h
shown '' ''
shown 'a\\b' 'a\\\\b'
shown 'bell \a, tab \t, return \r' 'bell \\x07, tab \\x09, return \\x0d'
shown '\033[2J\033]0;title\a' '\\x1b\[2J\\x1b\]0;title\\x07'
shown 'nul \000 and delete \177' 'nul \\x00 and delete \\x7f'
ok 'control bytes are written \xNN, a backslash twice'
text='caf\303\251 \342\202\254 \360\237\232\200'
# shellcheck disable=SC2059
shown "$text" "$(printf "$text")"
shown '\364\217\277\277' "$(printf '\364\217\277\277')"
ok 'UTF-8 stays as it is'
shown 'lone \377 \200' 'lone \\xff \\x80'
shown 'cut \303' 'cut \\xc3'
shown 'cut \342\202.' 'cut \\xe2\\x82\.'
shown 'overlong \300\257 \340\200\257 \360\200\200\257' \
    'overlong \\xc0\\xaf \\xe0\\x80\\xaf \\xf0\\x80\\x80\\xaf'
shown 'surrogate \355\240\200' 'surrogate \\xed\\xa0\\x80'
shown 'beyond \364\220\200\200 \365\200\200\200' \
    'beyond \\xf4\\x90\\x80\\x80 \\xf5\\x80\\x80\\x80'
shown 'C1 control \302\233' 'C1 control \\xc2\\x9b'
ok 'broken UTF-8 and C1 control characters are written \xNN'
run 0 "$VOLLEY" send "$at" "$(printf 'two\nlines')"
await listener ' 9 bytes: two\\nlines$'
ok 'a newline in a payload is written \n: one line a datagram'
interrupt listener
end listener
expect listener '^received [0-9]+ datagrams \([0-9]+ bytes\) in [0-9.]+ s$'
ok "the summary: $(sed -n '$p' "$work/listener.err")"

start listener "$VOLLEY" listen --raw --count 3 127.0.0.1:0
await listener 'listening on'
printf 'one\033\000\377' >"$work/expected"
printf 'one\033\n\000\377\n\n' >"$work/payload"
input=$work/payload
run 0 "$VOLLEY" send "127.0.0.1:$(port listener)"
input=
end listener
cmp -s "$work/listener.out" "$work/expected" || fail '--raw changes something'
expect listener '^received 3 datagrams \(6 bytes\)'
ok '--raw: the payloads alone, as they are; --count: three and the end'

start listener "$VOLLEY" listen --quiet --count 2 127.0.0.1:0
await listener 'listening on'
run 0 "$VOLLEY" send "127.0.0.1:$(port listener)" one two
end listener
[ ! -s "$work/listener.out" ] || fail '--quiet prints'
expect listener '^received 2 datagrams \(6 bytes\)'
ok '--quiet: only the summary'

# ---- Options -------------------------------------------------------------------------------------

run 0 "$VOLLEY" listen --duration 0.2 0
expect run '^listening on 0\.0\.0\.0:[0-9]+$'
expect run 'received 0 datagrams \(0 bytes\) in 0\.[2-9]'
run 0 "$VOLLEY" echo --duration 0.2
run 0 "$VOLLEY" send --duration 0.2 --interval 60 127.0.0.1:9 one two
expect run '^sent 1 datagram '
ok '--duration ends each verb'

start listener "$VOLLEY" listen --count 7 127.0.0.1:0
await listener 'listening on'
at=127.0.0.1:$(port listener)
run 0 "$VOLLEY" send --count 3 "$at" one two
expect run '^sent 6 datagrams \(18 bytes\)'
run 0 "$VOLLEY" send "$at" -- --help
end listener
heard=$(sed -n 's/.*: //p' "$work/listener.out" | tr '\n' ' ')
[ "$heard" = 'one two one two one two --help ' ] || fail 'not what was sent, or not in order'
ok 'send --count repeats all texts; -- ends the options'

run 0 "$VOLLEY" send --interval 0.1 --count 4 127.0.0.1:9 x
expect run '^sent 4 datagrams \(4 bytes\) in 0\.[3-9]|^sent 4 .* in [1-9]'
ok 'send --interval waits between two'

start listener "$VOLLEY" listen --group 224.0.0.114 --interface 127.0.0.1 --count 1 0
await listener 'listening on'
run 0 "$VOLLEY" send --interface 127.0.0.1 --ttl 1 "224.0.0.114:$(port listener)" 'hello, group'
end listener
expect listener '^127\.0\.0\.1:[0-9]+ 12 bytes: hello, group$'
ok '--group, --interface and --ttl: multicast'

start listener "$VOLLEY" listen --count 1 0
await listener 'listening on'
run 0 "$VOLLEY" send --broadcast "127.255.255.255:$(port listener)" 'hello, all'
end listener
expect listener ' 10 bytes: hello, all$'
ok '--broadcast'

start first "$VOLLEY" listen --reuse 127.0.0.1:0
await first 'listening on'
at=127.0.0.1:$(port first)
start second "$VOLLEY" listen --reuse "$at"
await second "listening on $at"
failure "bind EADDRINUSE $at" listen "$at"
for name in first second; do
    interrupt $name
    end $name
done
start first "$VOLLEY" listen --reuse-port 127.0.0.1:0
await first 'listening on'
at=127.0.0.1:$(port first)
start second "$VOLLEY" listen --reuse-port "$at"
await second "listening on $at"
number=0
while [ $number -lt 64 ]; do
    number=$((number + 1))
    "$VOLLEY" send "$at" "number $number" 2>/dev/null
done
both() {
    [ $(($(count first number) + $(count second number))) -eq 64 ]
}
wait_until 'all 64 datagrams' both
expect first number
expect second number
for name in first second; do
    interrupt $name
    end $name
done
ok '--reuse shares an address; --reuse-port spreads senders over both'

# ---- Standard input ------------------------------------------------------------------------------

start listener "$VOLLEY" listen 127.0.0.1:0
await listener 'listening on'
at=127.0.0.1:$(port listener)
printf 'first\n\nthird\nno newline at the end' >"$work/lines"
input=$work/lines
run 0 "$VOLLEY" send "$at"
expect run '^sent 4 datagrams \(31 bytes\)'
run 0 sh -c "cat | '$VOLLEY' send $at"
expect run '^sent 4 datagrams \(31 bytes\)'
input=
await listener ' 21 bytes: no newline at the end$' 2
[ "$(count listener ' 0 bytes: $')" -eq 2 ] || fail 'an empty line is an empty datagram'
run 0 "$VOLLEY" send "$at"
expect run '^sent 0 datagrams'
ok 'lines of a file, of a pipe, and of nothing'

# A line leaves when it is there, not when the pipe ends.
start_fed sender "$VOLLEY" send "$at"
say sender at once
await listener ': at once$'
say sender and again
await listener ': and again$'
interrupt sender
end sender
expect sender '^sent 2 datagrams \(16 bytes\)'
ok 'a line of a pipe leaves when it is there; Ctrl-C ends, though the pipe does not'

run 0 sh -c "printf 'a\nb\nc\nd\n' | '$VOLLEY' send --interval 0.1 $at"
expect run '^sent 4 datagrams \(4 bytes\) in 0\.[3-9]|^sent 4 .* in [1-9]'
ok '--interval holds for the lines of a pipe too'
interrupt listener
end listener

# A receiver that does not read: what is sent waits, and nothing is lost.
start listener "$VOLLEY" listen --quiet "$work/slow"
await listener 'listening on'
kill -STOP "$(process listener)"
number=0
while [ $number -lt 3000 ]; do
    number=$((number + 1))
    echo "line $number"
done >"$work/lines"
input=$work/lines
start file "$VOLLEY" send "$work/slow"
input=
start pipe sh -c "cat '$work/lines' | '$VOLLEY' send '$work/slow'"
sleep 0.3
kill -CONT "$(process listener)"
end file
end pipe
expect file '^sent 3000 datagrams'
expect pipe '^sent 3000 datagrams'
interrupt listener
end listener
expect listener '^received 6000 datagrams'
ok 'a full unix socket makes send wait, with a file and with a pipe'

if command -v script >/dev/null; then
    start listener "$VOLLEY" listen 127.0.0.1:0
    await listener 'listening on'
    start_fed terminal script -qec "exec $VOLLEY send 127.0.0.1:$(port listener)" /dev/null
    say terminal typed
    await listener ': typed$'
    printf '\003' >"$work/terminal.in"
    await terminal '^\^?C?.*sent 1 datagram'
    end terminal
    start_fed terminal script -qec "exec $VOLLEY send 127.0.0.1:$(port listener)" /dev/null
    say terminal and more
    await listener ': and more$'
    printf '\004' >"$work/terminal.in"
    await terminal 'sent 1 datagram'
    end terminal
    interrupt listener
    end listener
    ok 'lines of a terminal; Ctrl-C there, and Ctrl-D'
else
    skip 'script is not installed'
fi

# ---- How it ends ---------------------------------------------------------------------------------

for signal in INT TERM; do
    start listener "$VOLLEY" listen 0
    start server "$VOLLEY" echo
    start file "$VOLLEY" listen "$work/path"
    start waiting "$VOLLEY" send --wait 60 127.0.0.1:9 x
    start pausing "$VOLLEY" send --interval 60 127.0.0.1:9 x y
    await listener 'listening on'
    await server 'echoing on'
    await file 'listening on'
    sleep 0.1
    for name in listener server file waiting pausing; do
        kill -$signal "$(process $name)"
        end $name
        expect $name '^(sent [0-9]+ datagrams?|received) .* in [0-9.]+ s$'
        deny $name '^volley:'
    done
    expect waiting '^sent 1 datagram '
    expect pausing '^sent 1 datagram '
    [ ! -e "$work/path" ] || fail 'the path is still there'
    ok "SIG$signal: a summary, and status 0"
done

# ---- echo ----------------------------------------------------------------------------------------

serve() {  # where it says to be, arguments
    where=$1
    shift
    start server "$VOLLEY" echo "$@"
    await server "^echoing on $where:[0-9]+\$"
    interrupt server
    end server
}
serve '127\.0\.0\.1'
deny server warning
serve '127\.0\.0\.1' 0
serve '\[::1\]' --ipv6 0
deny server warning
serve '127\.0\.0\.2' 127.0.0.2:0
deny server warning
serve '0\.0\.0\.0' --any 0
expect server '^volley: warning: whoever forges'
serve '\[::\]' --any --ipv6 0
expect server '^volley: warning: whoever forges'
serve '0\.0\.0\.0' 0.0.0.0:0
expect server '^volley: warning: whoever forges'
ok 'echo binds loopback, all addresses only when told, and then warns'

start server "$VOLLEY" echo --rate 5 0
await server 'echoing on'
ask ' bytes: number 5$' "$(port server)" 'number 1' 'number 2' 'number 3' 'number 4' 'number 5' \
    'number 6' 'number 7' 'number 8' 'number 9' 'number 10' 'number 11' 'number 12'
interrupt server
end server
answered=$(count ask ': number')
if [ "$answered" -lt 5 ] || [ "$answered" -gt 7 ]; then fail "$answered answers"; fi
expect server "^sent $answered datagrams .* received 12 datagrams"
expect server "^not answered: $((12 - answered)) datagrams\$"
ok "echo --rate 5: $answered of 12 are answered at once"

start server "$VOLLEY" echo --count 3 --rate 0 0
await server 'echoing on'
run 0 "$VOLLEY" send "127.0.0.1:$(port server)" one two three
end server
expect server '^sent 3 datagrams \(11 bytes\), received 3 datagrams \(11 bytes\)'
ok 'echo --count: the answers have left before the end'

# ---- Unix sockets --------------------------------------------------------------------------------

start server "$VOLLEY" echo "$work/server"
await server "^echoing on $work/server\$"
case $(ls -l "$work/server") in
srw-------*) ;;
*) fail "the mode of the path: $(ls -l "$work/server")" ;;
esac
failure "bind EADDRINUSE $work/server" listen "$work/server"
run 0 "$VOLLEY" send --wait 0.2 "$work/server" 'no name, no answer'
expect run '^sent 1 datagram'
deny run '^/'
start asker "$VOLLEY" send --wait "$limit" --from "$work/asker" "$work/server" hello
await asker "^$work/server 5 bytes: hello\$"
interrupt asker
end asker
interrupt server
end server
expect server '^not answered: 1 datagram$'
[ ! -e "$work/server" ] && [ ! -e "$work/asker" ] || fail 'a path is still there'
ok 'a path: private, answered, in use, and gone at the end'

start server "$VOLLEY" listen "$work/server"
await server 'listening on'
kill -KILL "$(process server)"
end server 137
[ -S "$work/server" ] || fail 'there is no stale path to find'
start server "$VOLLEY" listen "$work/server"
await server 'listening on'
interrupt server
end server
echo precious >"$work/file"
failure "bind EADDRINUSE $work/file" listen "$work/file"
[ "$(cat "$work/file")" = precious ] || fail 'a file was harmed'
ok 'the socket of somebody who died is replaced, a file is not'

tool=$(cd "$(dirname "$VOLLEY")" && pwd)/${VOLLEY##*/}
# shellcheck disable=SC2016
for form in ./relative unix:relative "unix:$work/relative"; do
    start server sh -c 'cd "$0" && exec "$@"' "$work" "$tool" listen --count 1 "$form"
    await server "^listening on ${form#unix:}\$"
    run 0 "$VOLLEY" send "unix:$work/relative" "$form"
    end server
    expect server ": $form\$"
done
ok 'unix:PATH and ./PATH'

if [ -r /proc/net/unix ]; then
    name=@volley-tool-$$
    start server "$VOLLEY" echo "$name"
    await server "^echoing on $name\$"
    start asker "$VOLLEY" send --wait "$limit" --from "$name-asker" "$name" hello
    await asker "^$name 5 bytes: hello\$"
    interrupt asker
    end asker
    interrupt server
    end server
    failure "send ECONNREFUSED $name" send "$name" x
    ok 'abstract names, which leave no file'
fi
