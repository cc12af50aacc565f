// The main() of every test program: it takes doctest's options (--help lists them).
// Compiled once and linked to each, because doctest's own half takes longest to compile.
// No test asserts on a thread of its own, and not every compiler for Windows has std::mutex.
#define DOCTEST_CONFIG_NO_MULTITHREADING
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
