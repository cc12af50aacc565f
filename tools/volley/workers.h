// What --workers makes of a verb: a primary that starts this same command line once more for each
// worker and does nothing else, and workers that do the verb's work and share its socket.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/cluster.h"
#include "tools/volley/session.h"

namespace tool {

class Workers {
   public:
    // Without --workers this is the only process.
    Workers(Session&, const Arguments&);

    bool is_primary() const { return part_ && part_->is_primary(); }
    int lead();  // In the primary: the exit status, when the last worker has ended.

    // That this process does its work: printed once, when all do theirs.
    void announce(const std::string& text);

   private:
    void follow();
    void hear(std::string_view said);
    void see_off(const net::WorkerEnd&);

    Session& session_;
    const Arguments& arguments_;
    unsigned count_ = 0;
    std::optional<net::ClusterWorker> part_;
    unsigned working_ = 0;
};

}  // namespace tool
