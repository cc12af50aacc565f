// Memory that runs out while a tick's trains are being loaded: what could not be loaded goes with
// the next call, and nobody gets a datagram that was meant for somebody else.
#ifdef __linux__

#include "tests/core/scarce_memory.h"
#include "tests/net/faults.h"
#include "tests/net/trains.h"

namespace {

using test::Audit;
using test::Conversation;
using test::Form;
using test::Plan;
using test::Route;

// Two peers' datagrams: more than there is memory for.
Plan crowded(Form form, std::size_t first, std::size_t second) {
    Plan plan;
    for (std::size_t i = 0; i < first; i++) plan.push_back({0, 35, form});
    for (std::size_t i = 0; i < second; i++) plan.push_back({1, 35, form});
    return plan;
}

}  // namespace

TEST_CASE("no memory for all that leaves at once: each peer gets its own datagrams, once") {
    const struct {
        Form form;
        std::size_t first;
        std::size_t second;
        bool trains = true;
    } crowds[] = {{Form::view, 30, 10},             // 30 pieces of memory, then 10,
                  {Form::view, 31, 2},              // and room for 32 of them.
                  {Form::view, 100, 40},            // Not even one train fits.
                  {Form::list, 9, 9},               // Three pieces each,
                  {Form::long_list, 4, 4},          // and seven.
                  {Form::long_list, 3, 3, false}};  // In the middle of one datagram.
    for (const auto& crowd : crowds) {
        CAPTURE(crowd.first);
        CAPTURE(crowd.trains);
        const Audit audit;
        Conversation conversation(Route::udp4, {crowd.trains, true}, 2);
        CHECK(conversation.carries({{0, 1}, {1, 1}}));
        conversation.ask(crowded(crowd.form, crowd.first, crowd.second));
        test::allocations_left = 0;
        CHECK_FALSE(conversation.loop.turn());
        const bool needs_memory = !crowd.trains || test::kernel_has_trains();
        CHECK((test::allocations_left == -1 || !needs_memory));  // It has failed.
        test::allocations_left = -1;
        CHECK(conversation.ends_well());
    }
}

#endif
