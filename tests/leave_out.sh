#!/bin/sh
# Runs a test program where not everything can be done, without what cannot: the lists odd/KIND.txt
# name these test cases, below the reason; a part of the name is enough.
#     make test RUN='sh tests/leave_out.sh qemu,s390x qemu-s390x -L /usr/s390x-linux-gnu'
# Usage: tests/leave_out.sh KIND[,KIND] [RUNNER...] PROGRAM
kinds=${1:?usage: tests/leave_out.sh KIND[,KIND] [RUNNER...] PROGRAM}
shift
left_out=${LEFT_OUT:-}  # What one that calls this one leaves out.
for kind in $(echo "$kinds" | tr ',' ' '); do
    # A comma would end a pattern.
    patterns=$(sed -e '/^#/d' -e '/^$/d' -e 's/,/?/g' -e 's/.*/*&*/' \
        "$(dirname "$0")/odd/$kind.txt") || exit 125
    left_out=$left_out,$(echo "$patterns" | tr '\n' ',')
done
export LEFT_OUT="$left_out"
exec timeout 300 "$@" "--test-case-exclude=$left_out"
