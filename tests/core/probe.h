// A source that writes down its phases and lets a test do anything inside them. It belongs to the
// loop, as a socket's state does: detached and buried, or orphaned, it is gone with the turn.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/loop.h"

namespace test {

class Probe : public core::Source {
   public:
    using Hook = core::Callback<void(Probe&)>;

    // What happens is written as "name.phase", separated by blanks; the journal outlives the loop.
    static Probe& make(core::Loop& loop, std::string& journal, std::string name) {
        Probe* const probe = new Probe(loop, journal, std::move(name));
        if (loop.attach(*probe)) platform::abandon("a probe could not be attached");
        return *probe;
    }

    // As a user's object does in its destructor.
    void leave() {
        if (std::exchange(left_, true)) return;
        loop_.detach(*this);
        loop_.bury(*this);
    }

    Hook on_ready, on_prepare, on_flush, on_conclude, on_finish;

   private:
    Probe(core::Loop& loop, std::string& journal, std::string name)
        : core::Source(phases), loop_(loop), journal_(journal), name_(std::move(name)) {}
    ~Probe() { write("gone"); }

    void write(std::string_view phase) {
        if (!journal_.empty()) journal_ += ' ';
        journal_.append(name_).append(".").append(phase);
    }
    static void run(core::Source& source, std::string_view phase, Hook Probe::*hook) {
        Probe& self = static_cast<Probe&>(source);
        self.write(phase);
        if (self.*hook) (self.*hook)(self);
    }

    static const Operations phases;

    core::Loop& loop_;
    std::string& journal_;
    std::string name_;
    bool left_ = false;
};

inline const core::Source::Operations Probe::phases{
    [](core::Source& self, platform::Event) { run(self, "ready", &Probe::on_ready); },
    [](core::Source& self) { run(self, "prepare", &Probe::on_prepare); },
    [](core::Source& self) { run(self, "flush", &Probe::on_flush); },
    [](core::Source& self) { run(self, "conclude", &Probe::on_conclude); },
    [](core::Source& self) { run(self, "finish", &Probe::on_finish); },
    [](core::Source& self) { static_cast<Probe&>(self).leave(); },
    [](core::Source& self) { delete static_cast<Probe*>(&self); },
};

}  // namespace test
