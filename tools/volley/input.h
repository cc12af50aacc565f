// Standard input as lines, without ever holding up the loop: watched where that can be done, read
// by a thread where it cannot (files; on Windows pipes and consoles, too).
// The catch: a thread that waits for a line cannot be called back. It ends with the process.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "core/loop.h"

namespace tool {

class Input {
   public:
    // `more` runs in the loop, whenever next() has something new to say.
    Input(core::Loop&, core::Callback<void()> more);
    ~Input();

    // The next line, without its end; the last one may lack an end. None: not yet, or never.
    std::optional<std::string> next();
    bool ended() const { return ended_ && begin_ == text_.size(); }
    platform::Error error() const { return error_; }  // Why it has ended early.
    void stop();

   private:
    struct Mouth;  // By which the thread speaks to the loop, until the loop is gone.
    class Chunk;

    void ask();
    platform::Error submit();
    void read_available();
    void take(std::string bytes, platform::Error);

    core::Loop& loop_;
    core::Callback<void()> more_;
    std::optional<core::Watch> watch_;
    std::optional<platform::Workers> workers_;
    std::shared_ptr<Mouth> mouth_;
    core::Timer busy_;  // No loop goes on for the sake of a post.
    std::string text_;
    std::size_t begin_ = 0;     // Of what has not been handed out.
    std::size_t searched_ = 0;  // From there to here no line ends.
    platform::Error error_;
    bool started_ = false;
    bool asked_ = false;
    bool ended_ = false;
};

}  // namespace tool
