// A contender's main: `PROGRAM --list` names its rows; `PROGRAM ROW [--offload=off] [--standard]
// [--seconds=S]` measures one of them once and prints "value unit operations allocations", with
// tabs between. Status 77: this machine cannot have the row, and standard error says why.
// `PROGRAM --echo` prints a port and echoes there until its input ends, for who cannot fork.
// The catch: a lost datagram is a silence, so a watchdog turns that into a failure.
#ifdef __linux__

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/bench/plain.h"
#include "tests/bench/row.h"

namespace bench {

void fail(std::string_view why) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(why.size()), why.data());
    std::exit(1);
}

void leave_out(std::string_view why) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(why.size()), why.data());
    std::exit(77);
}

namespace {

void end_silence(int) {
    constexpr std::string_view text = "nothing has happened for long: a datagram was lost\n";
    (void)!write(STDERR_FILENO, text.data(), text.size());
    _exit(1);
}

void watch_for_silence(double seconds) {
    signal(SIGALRM, end_silence);
    alarm(static_cast<unsigned>(20 + 10 * seconds));
}

void list_rows(const Row* row) {  // In the order of their definition.
    if (!row) return;
    list_rows(row->next);
    std::printf("%.*s\n", static_cast<int>(row->name.size()), row->name.data());
}

const Row& find_row(std::string_view name) {
    for (const Row* row = Row::first; row; row = row->next) {
        if (row->name == name) return *row;
    }
    fail("no such row: " + std::string(name));
}

int echo_until_end() {
    const Echo echo;
    std::printf("%u\n", unsigned{echo.place().port()});
    std::fflush(stdout);
    while (std::getchar() != EOF) continue;
    return 0;
}

Settings read_settings(int count, char** arguments) {
    constexpr std::string_view seconds = "--seconds=";
    Settings settings;
    for (int i = 2; i < count; i++) {
        const std::string_view argument = arguments[i];
        if (argument == "--offload=off") {
            settings.offload = false;
        } else if (argument == "--standard") {
            settings.standard = true;
        } else if (argument.starts_with(seconds)) {
            settings.seconds = std::strtod(arguments[i] + seconds.size(), nullptr);
            if (!(settings.seconds > 0)) fail("--seconds wants a number above 0");
        } else {
            fail("unknown argument: " + std::string(argument));
        }
    }
    return settings;
}

}  // namespace

}  // namespace bench

int main(int count, char** arguments) {
    const std::string_view name = count > 1 ? arguments[1] : "";
    if (name == "--list") {
        bench::list_rows(bench::Row::first);
        return 0;
    }
    if (name == "--echo") return bench::echo_until_end();
    if (name.empty()) bench::fail("usage: --list | ROW [--offload=off] [--standard] [--seconds=S]");
    const bench::Settings settings = bench::read_settings(count, arguments);
    const bench::Row& row = bench::find_row(name);
    bench::watch_for_silence(settings.seconds);
    const bench::Outcome outcome = row.measure(settings);
    if (outcome.operations == 0) bench::fail("nothing was measured");
    std::printf("%.6g\t%.*s\t%llu\t%.6g\n", outcome.value, static_cast<int>(row.unit.size()),
                row.unit.data(), static_cast<unsigned long long>(outcome.operations),
                outcome.allocations);
    return 0;
}

#endif
