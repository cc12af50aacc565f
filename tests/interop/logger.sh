#!/bin/sh
# logger(1), the other end of the syslog example: it writes to a unix socket, and over UDP, of ours.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need logger
need_built "$VOLLEY" "$EXAMPLES_DIR/syslog$SUFFIX" "$EXAMPLES_DIR/unix_echo_server$SUFFIX"

start daemon "$VOLLEY" listen "$work/log"
await daemon 'listening on'
run 0 logger --socket "$work/log" --socket-errors=on --priority user.notice --tag volley \
    'A message to log.'
await daemon '^\(unnamed\) [0-9]+ bytes: <13>.* volley: A message to log\.(\\x00)?$'
ok "logger --socket: $(sed -n 1p "$work/daemon.out")"
run 0 logger --socket "$work/log" --socket-errors=on --rfc5424=notime,nohost --tag volley 'Another.'
await daemon '<13>1 .*volley .*Another\.'
ok "logger --rfc5424: $(sed -n 2p "$work/daemon.out")"

# Many lines, one datagram each, in order; a full socket makes logger wait and loses nothing.
number=0
while [ $number -lt 200 ]; do
    number=$((number + 1))
    echo "line $number."
done >"$work/lines"
run 0 logger --socket "$work/log" --socket-errors=on --tag volley --file "$work/lines"
await daemon 'line [0-9]+\.' 200
sed -n 's/.*: line \([0-9]*\)\..*/line \1./p' "$work/daemon.out" >"$work/heard"
cmp -s "$work/lines" "$work/heard" || fail 'lines are missing or out of order'
ok 'logger --file: 200 lines arrive, in order'

# The example of the first seed, to the same daemon.
run 0 "$EXAMPLES_DIR/syslog$SUFFIX" "$work/log"
expect run '^Wrote 29 bytes to socket\.$'
await daemon '29 bytes: <14>volley: A message to log\.$'
ok 'the example syslog: as logger does it'
interrupt daemon
end daemon
run 0 logger --socket-errors=off --socket "$work/log" nobody
ok 'with the server its socket goes'
[ ! -e "$work/log" ] || fail 'the path is still there'

# The example that serves a unix socket.
start server "$EXAMPLES_DIR/unix_echo_server$SUFFIX" "$work/log"
await server 'server listening'
run 0 logger --socket "$work/log" --socket-errors=on --tag volley 'To the example.'
await server '^got: <13>.* volley: To the example\.'
ok 'logger to the example unix_echo_server'
interrupt server
end server

# Over UDP.
start daemon "$VOLLEY" listen 127.0.0.1:0
await daemon 'listening on'
run 0 logger --server 127.0.0.1 --port "$(port daemon)" --udp --tag volley 'By UDP.'
await daemon '^127.0.0.1:[0-9]+ [0-9]+ bytes: <13>.*volley.*By UDP\.'
ok "logger --udp: $(sed -n 1p "$work/daemon.out")"
interrupt daemon
end daemon
