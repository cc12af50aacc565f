// See workers.h. Workers tell their primary two things, each in a message: what an announcement
// is to say, and what has failed, behind a mark of one byte.
#include "tools/volley/workers.h"

#include <algorithm>
#include <cstdio>

namespace tool {

namespace {

constexpr char working_mark = '+';
constexpr char failed_mark = '!';

}  // namespace

Workers::Workers(Session& session, const Arguments& arguments)
    : session_(session), arguments_(arguments) {
    if (!arguments.has("--workers")) return;
    count_ = static_cast<unsigned>(arguments.number("--workers", 1, 1, 1024));
    part_.emplace(session.loop);
    if (part_->is_worker()) follow();
}

// The primary's wish, its death and this session's end come to the same: the shared socket closes,
// then the channel. A socket of the worker's own is not the cluster's to close.
void Workers::follow() {
    session_.name = "worker " + std::to_string(part_->id()) + ": ";
    session_.complain = [this](const std::string& what) { (void)part_->send(failed_mark + what); };
    session_.close = [this] { part_->disconnect(); };
    part_->on_disconnect([this] {
        if (arguments_.has("--reuse-port")) session_.socket.close();
    });
}

void Workers::announce(const std::string& text) {
    if (part_) {
        (void)part_->send(working_mark + text);
    } else {
        std::fputs(text.c_str(), stderr);
    }
}

int Workers::lead() {
    net::Cluster cluster(session_.loop, {.program = arguments_.program,
                                         .arguments = arguments_.words,
                                         .workers = count_});
    cluster.on_message([this](net::WorkerId, net::Bytes said) { hear(said.text()); });
    cluster.on_exit([this](const net::WorkerEnd& end) { see_off(end); });
    cluster.on_error([this](const net::Failure& failure) { session_.fail(failure); });
    session_.close = [&cluster] { cluster.stop(); };
    return session_.wait();
}

void Workers::hear(std::string_view said) {
    if (session_.ended()) return;  // What fails by that is no failure.
    const std::string text(said.substr(std::min<std::size_t>(said.size(), 1)));
    if (said.starts_with(failed_mark)) return session_.fail(text);
    if (++working_ == count_) std::fputs(text.c_str(), stderr);
}

// Who has failed has said why. Who dies is replaced, unless that has been tried too often.
void Workers::see_off(const net::WorkerEnd& end) {
    if (end.signal == 0 && (end.status == 0 || session_.ended())) return;
    const std::string text =
        "worker " + std::to_string(end.worker) +
        (end.signal ? " was ended by signal " + std::to_string(end.signal)
                    : " ended with status " + std::to_string(end.status));
    if (!end.replaced && !session_.ended()) return session_.fail(text);
    std::fprintf(stderr, "volley: %s%s\n", text.c_str(),
                 end.replaced ? ", and is replaced" : "");
}

}  // namespace tool
