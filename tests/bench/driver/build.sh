#!/bin/sh
# Builds the contenders whose libraries are installed, says which are left out, and lists all that
# can run for the driver: contender, when it runs (see enter), command. A contender may
# have several programs: scripts beside its sources that take the same arguments are programs, too.
# Usage: MAKE=make CXX=c++ CPPFLAGS= tests/bench/driver/build.sh LIST
set -u
cd "$(dirname "$0")/../../.." || exit 1
list=$1
: >"$list" || exit 1

has_header() {
    # shellcheck disable=SC2086
    echo "#include <$1>" | $CXX -std=c++20 $CPPFLAGS -E -x c++ - >/dev/null 2>&1
}

build() {  # contender
    $MAKE "build/bench/$1" || exit 1
}

# "offload": with and without, at rows of datagrams. "calls": not at rows whose system calls are not
# counted, as a contender of that library differs from another in its calls alone.
enter() {  # contender, offload or calls or -, command...
    echo "$*" >>"$list"
    for script in tests/bench/"$1"/*.sh; do
        [ ! -f "$script" ] || echo "$1 - sh $script" >>"$list"
    done
}

left_out() {
    echo "left out: $1 is not installed ($2)"
}

enter ours offload build/bench/ours
enter ours offload build/bench/simulation
if has_header uv.h; then
    build libuv
    enter libuv - build/bench/libuv
    enter libuv-default calls build/bench/libuv --standard
else
    left_out libuv 'Debian: libuv1-dev'
fi
if has_header asio.hpp; then
    build asio
    enter asio - build/bench/asio
else
    left_out asio 'Debian: libasio-dev'
fi
if command -v node >/dev/null; then
    enter node - node tests/bench/node/main.js
else
    left_out node 'Debian: nodejs'
fi
enter raw offload build/bench/raw
