#!/bin/sh
# Runs a Windows program under Wine; for make: RUN='sh tests/wine.sh'. Cases of tests/wine.txt are
# left out of test programs, and named: Wine cannot do what they are about.
# Usage: tests/wine.sh program [argument...]; WINE names the command, where it has another name.
set -u
program=$1
shift
WINEDEBUG=${WINEDEBUG:--all}
export WINEDEBUG

if [ -z "${WINE:-}" ]; then
    WINE=wine
    command -v wine64 >/dev/null && WINE=wine64
    # Debian keeps it out of the path.
    command -v "$WINE" >/dev/null || WINE=/usr/lib/wine/wine64
fi

# CMake calls tests/net/bind.exe tests_net_bind.exe. doctest separates its filters by commas; a
# question mark stands for any character.
left_out=$(awk -v program="$program" '
    BEGIN { sub(/.*tests[\/_]/, "", program); sub(/\.exe$/, "", program); gsub(/\//, "_", program) }
    /^#/ || !match($0, /: /) { next }
    {
        name = substr($0, 1, RSTART - 1)
        gsub(/\//, "_", name)
        if (name != program) next
        pattern = substr($0, RSTART + 2)
        gsub(/,/, "?", pattern)
        all = all (all == "" ? "" : ",") pattern
    }
    END { print all }' "$(dirname "$0")/wine.txt")

if [ -n "$left_out" ]; then
    echo "$program: without $left_out (see tests/wine.txt)"
    set -- "-tce=$left_out" "$@"
fi

# A program that starts while the server of the last one goes away is turned off: once more.
errors=$(mktemp) || exit 1
trap 'rm -f "$errors"' EXIT
timeout 300 "$WINE" "$program" "$@" 2>"$errors"
status=$?
if grep -q '^wine client error' "$errors"; then
    timeout 300 "$WINE" "$program" "$@" 2>"$errors"
    status=$?
fi
cat "$errors" >&2
exit $status
