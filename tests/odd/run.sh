#!/bin/sh
# Runs a test program on a machine that cannot do everything, without what it cannot do: KIND.txt
# beside this script lists these test cases, below the reason; a part of the name is enough.
#     make test RUN='sh tests/odd/run.sh qemu,s390x qemu-s390x -L /usr/s390x-linux-gnu'
# Usage: tests/odd/run.sh KIND[,KIND] [RUNNER...] PROGRAM
kinds=${1:?usage: tests/odd/run.sh KIND PROGRAM}
shift
left_out=
for kind in $(echo "$kinds" | tr ',' ' '); do
    # A comma would end a pattern.
    patterns=$(sed -e '/^#/d' -e '/^$/d' -e 's/,/?/g' -e 's/.*/*&*/' "$(dirname "$0")/$kind.txt") ||
        exit 125
    left_out=$left_out,$(echo "$patterns" | tr '\n' ',')
done
exec timeout 300 "$@" "--test-case-exclude=$left_out"
