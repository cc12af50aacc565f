#!/bin/sh
# Runs a program for Windows under Wine; for make:
#     make test RUN='sh tests/leave_out.sh wine sh tests/wine.sh'
# Usage: tests/wine.sh PROGRAM [ARGUMENT...]; WINE names the command, where it has another name.
set -u
WINEDEBUG=${WINEDEBUG:--all}
export WINEDEBUG

if [ -z "${WINE:-}" ]; then
    WINE=wine
    command -v wine64 >/dev/null && WINE=wine64
    # Debian keeps it out of the path.
    command -v "$WINE" >/dev/null || WINE=/usr/lib/wine/wine64
fi

# A program that starts while the server of the last one goes away is turned off, so it stays for a
# while; a running one keeps the time that it was started with. It wants the folder to be there.
# Where it has another name, such a start is rare enough.
mkdir -p "${WINEPREFIX:-$HOME/.wine}"
server=$(dirname "$(command -v "$WINE")")/wineserver
for server in "$server" "${server}64"; do
    [ -x "$server" ] && "$server" -p30 2>/dev/null
done
exec "$WINE" "$@"
