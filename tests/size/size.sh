#!/bin/sh
# How much the library costs a small program, in bytes of text as size(1) counts them, beside the
# bounds that it must keep; and that getaddrinfo comes with names only, clusters with clusters.
# The flags are those of a program that wants to be small: for size, each function and constant in a
# section of its own, so that the linker drops what nobody uses, and nothing for exceptions, RTTI or
# debuggers to find their way by, which is a third more.
# Catch: the numbers are those of one compiler and processor: GCC on x86-64, and skipped elsewhere.
# shellcheck source=tests/harness.sh disable=SC2154
. "$(dirname "$0")/../harness.sh"
need g++ ar size nm xargs
[ "$(uname -m)" = x86_64 ] || skip 'the bounds are those of x86-64'

# What must not grow; the aim for the echo server is 45 KiB more than the same in system calls.
archive_max=$((112 * 1024))
clusters_max=$((26 * 1024))
echo_max=$((53 * 1024))
small='-Os -ffunction-sections -fdata-sections -fno-exceptions -fno-rtti'
small="$small -fno-asynchronous-unwind-tables"
limit=300

# The library, an echo server with it, one without it, and a program that sends to a name.
build() {  # folder, flags
    mkdir "$work/$1" || fail "no folder $work/$1"
    # shellcheck disable=SC2016
    printf '%s\n' core/*.cpp net/*.cpp platform/*.cpp |
        FLAGS="-std=c++20 -I. $2" FOLDER="$work/$1" timeout "$limit" xargs -P 2 -n 1 sh -c '
            g++ $FLAGS -c -o "$FOLDER/$(basename "$0" .cpp).o" "$0"' \
            2>"$work/run.err" || fail "the library with $2"
    ar rcs "$work/$1/libvolley.a" "$work/$1"/*.o
    for build_program in tools/examples/echo tools/examples/send \
        tools/examples/cluster_multicast tests/size/raw_echo; do
        # shellcheck disable=SC2086
        run 0 g++ -std=c++20 -I. $2 -Wl,--gc-sections -o "$work/$1/$(basename "$build_program")" \
            "$build_program.cpp" "$work/$1/libvolley.a" -pthread
    done
}

text_of() {  # a program or an archive
    size -t "$1" | awk 'END { print $1 }'
}

measure() {  # folder: into $archive (without clusters), $clusters, $echo and $raw
    clusters=$(size -t "$work/$1"/cluster*.o "$work/$1"/posix_process*.o | awk 'END { print $1 }')
    archive=$(($(text_of "$work/$1/libvolley.a") - clusters))
    raw=$(text_of "$work/$1/raw_echo")
    echo=$(text_of "$work/$1/echo")
    for measured in "$archive" "$clusters" "$raw" "$echo"; do
        [ "${measured:-0}" -gt 0 ] || fail "size(1) has told nothing of $1"
    done
}

verdicts=0
judge() {  # what, bytes, bound
    printf '%-44s %7d bytes, of at most %7d\n' "$1" "$2" "$3"
    [ "$2" -le "$3" ] || verdicts=$((verdicts + 1))
}

build small "$small"
measure small
judge 'text of the library, but clusters' "$archive" $archive_max
judge 'text of clusters' "$clusters" $clusters_max
judge 'text of the echo server over system calls' $((echo - raw)) $echo_max
printf '%-44s %7d bytes, and %d without volley\n' 'text of the echo server' "$echo" "$raw"
[ $verdicts -eq 0 ] || fail "$verdicts of these are too large"
ok 'the library and the echo server are small'

resolves() {  # program
    nm -u "$work/small/$1" | grep -q 'getaddrinfo'
}
if resolves echo; then fail 'a program without names has getaddrinfo'; fi
resolves send || fail 'a program that looks up a name has no getaddrinfo: is this check blind?'
ok 'getaddrinfo comes with names only'

has_clusters() {  # program
    nm -C "$work/small/$1" | grep -qE 'Cluster|Channel|posix_spawn'
}
for program in echo send; do
    if has_clusters $program; then fail "$program has no workers, but what starts them"; fi
done
has_clusters cluster_multicast || fail 'a cluster starts no workers: is this check blind?'
ok 'clusters come with clusters only'

# What was measured is an echo server, in both cases.
if [ -x "$VOLLEY" ]; then
    for program in echo raw_echo; do
        start server "$work/small/$program" 0
        await server 'listening on'
        ask '^127\.0\.0\.1:[0-9]+ 5 bytes: hello$' "127.0.0.1:$(port server)" hello
        interrupt server
        end server
        ok "$program answers"
    done
fi
