// Stop tokens: who is told, how often, in which order, and what a listener may do meanwhile.
#include "core/stop.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using core::StopListener;
using core::StopSource;
using core::StopToken;

}  // namespace

TEST_CASE("[10] stopping tells every listener once, in the order in which they came") {
    StopSource source;
    const StopToken token = source.token();
    std::string order;
    StopListener first([&] { order += '1'; });
    StopListener second([&] { order += '2'; });
    StopListener third([&] { order += '3'; });
    for (StopListener* listener : {&first, &second, &third}) token.listen(*listener);
    CHECK_FALSE(token.stopped());
    CHECK_FALSE(source.stopped());
    source.stop();
    CHECK(order == "123");
    CHECK(token.stopped());
    CHECK(source.stopped());
    source.stop();
    CHECK(order == "123");
}

TEST_CASE("[10] a token without a source never stops") {
    const StopToken none;
    CHECK_FALSE(static_cast<bool>(none));
    CHECK_FALSE(none.stopped());
    StopListener listener([] { CHECK(false); });
    none.listen(listener);

    std::optional<StopSource> source(std::in_place);
    const StopToken orphan = source->token();
    orphan.listen(listener);
    source.reset();
    CHECK(static_cast<bool>(orphan));
    CHECK_FALSE(orphan.stopped());
}

TEST_CASE("[10] copies of a source and of a token are the same one") {
    StopSource source;
    StopToken token = source.token();
    const StopToken copy = token;
    StopToken moved = std::move(token);
    StopToken assigned;
    assigned = copy;
    assigned = *&assigned;
    const StopSource twin = source;
    int told = 0;
    StopListener listener([&] { told++; });
    moved.listen(listener);
    source.stop();
    CHECK(told == 1);
    for (const StopToken* each : {&copy, static_cast<const StopToken*>(&moved),
                                  static_cast<const StopToken*>(&assigned)}) {
        CHECK(each->stopped());
    }
    CHECK(twin.stopped());
}

TEST_CASE("[10] a listener that has gone, or listens elsewhere, is not told") {
    StopSource source;
    StopSource other;
    std::string order;
    StopListener a([&] { order += 'a'; });
    std::optional<StopListener> b(std::in_place, [&] { order += 'b'; });
    StopListener c([&] { order += 'c'; });
    StopListener d([&] { order += 'd'; });
    source.token().listen(a);
    source.token().listen(*b);
    source.token().listen(c);
    source.token().listen(d);
    other.token().listen(c);
    source.token().listen(a);  // Once more: it goes to the end.
    b.reset();
    source.stop();
    CHECK(order == "da");
    other.stop();
    CHECK(order == "dac");
}

TEST_CASE("[10] listeners outlive their source, and tokens both") {
    std::optional<StopToken> token;
    std::optional<StopListener> listener(std::in_place, [] { CHECK(false); });
    {
        const StopSource source;
        source.token().listen(*listener);
        token = source.token();
    }
    StopListener late([] { CHECK(false); });
    token->listen(late);
    token.reset();
    listener.reset();
}

TEST_CASE("[10] while it is told, a listener may end itself, others, and the source") {
    std::optional<StopSource> source(std::in_place);
    const StopToken token = source->token();
    std::string order;
    std::vector<std::unique_ptr<StopListener>> listeners;
    const auto held = std::make_shared<int>();
    listeners.push_back(std::make_unique<StopListener>([&, held] {
        listeners[0].reset();
        listeners[2].reset();
        source.reset();
        order += "1";
        CHECK(held.use_count() == 2);  // What runs is alive.
    }));
    for (const char* name : {"2", "3", "4"}) {
        listeners.push_back(std::make_unique<StopListener>([&order, name] { order += name; }));
    }
    for (const auto& listener : listeners) token.listen(*listener);
    source->stop();
    CHECK(order == "124");
    CHECK(held.use_count() == 1);
    CHECK(token.stopped());
}

TEST_CASE("[10] one that comes while the others are told is told, and so is one that was silent") {
    StopSource source;
    const StopToken token = source.token();
    std::string order;
    StopListener late([&] { order += 'l'; });
    StopListener empty{core::Callback<void()>()};
    StopListener first([&] {
        order += 'f';
        CHECK(token.stopped());
        token.listen(late);
        source.stop();  // Tells the rest from here.
        order += 'F';
    });
    StopListener second([&] { order += 's'; });
    token.listen(first);
    token.listen(empty);
    token.listen(second);
    source.stop();
    CHECK(order == "fslF");
}
