#!/bin/sh
# Finds doctest, which the tests need and the library does not: in the compiler's own folders, else
# in those of the system's package managers, else by fetching the package, without root.
# What the compiler does not find itself is put below the folder named, where the Makefile looks.
# Usage: CXX=c++ tests/doctest.sh build
set -u

folder=${1:?usage: tests/doctest.sh folder}
unpacked=$folder/doctest
header=$unpacked/usr/include/doctest/doctest.h

# Both may hold several words.
# shellcheck disable=SC2086
found() {
    echo '#include <doctest/doctest.h>' |
        ${CXX:-c++} ${CPPFLAGS:-} -std=c++20 -isystem "$unpacked/usr/include" -x c++ -E - \
            >/dev/null 2>&1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# A cross compiler does not look where the system's packages are, nor does macOS's own.
borrow() {
    for prefix in /usr /usr/local /opt/homebrew /opt/local /usr/pkg; do
        [ -f "$prefix/include/doctest/doctest.h" ] || continue
        mkdir -p "$(dirname "$header")" && cp "$prefix/include/doctest/doctest.h" "$header"
        return
    done
    return 1
}

# The system's lists of packages may be missing, and writing them is root's: then lists of our own.
fetch_debian() {
    has apt-get && has dpkg-deb || return 1
    apt-get download doctest-dev || {
        mkdir -p apt/lists/partial apt/cache/archives/partial
        set -- -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache"
        apt-get "$@" update && apt-get "$@" download doctest-dev
    }
    rm -rf apt
    dpkg-deb -x doctest-dev_*.deb .
}

fetch_fedora() {
    has dnf && has rpm2cpio && has cpio || return 1
    dnf download doctest-devel && rpm2cpio doctest-devel-*.rpm | cpio -idm
}

fetch_alpine() {
    has apk || return 1
    apk fetch doctest-dev && tar -xzf doctest-dev-*.apk
}

found && exit 0
borrow && found && exit 0
rm -rf "$unpacked"
mkdir -p "$unpacked"
(cd "$unpacked" && { fetch_debian || fetch_fedora || fetch_alpine; }) >"$folder/doctest.log" 2>&1
found && exit 0
echo "doctest is missing: install doctest-dev (Debian, Alpine), doctest-devel (Fedora, openSUSE)" \
    "or doctest (Arch, Homebrew, MacPorts, FreeBSD)" >&2
exit 1
