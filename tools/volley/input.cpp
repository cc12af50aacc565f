// Standard input by the chunk: one is read when what came before it has been handed out.
#include "tools/volley/input.h"

#include <chrono>
#include <span>
#include <utility>

namespace tool {

namespace {

constexpr std::size_t chunk_max = 65536;

}  // namespace

struct Input::Mouth {
    platform::SpinLock lock;
    Input* input;
};

// Read by a thread. Its bytes travel in a post, as the chunk itself is the workers'.
class Input::Chunk : public platform::Job {
   public:
    explicit Chunk(std::shared_ptr<Mouth> mouth) : mouth_(std::move(mouth)) {
        run = [](platform::Job& job) { static_cast<Chunk&>(job).read(); };
        discard = [](platform::Job& job) { delete static_cast<Chunk*>(&job); };
    }

   private:
    void read() {
        std::string bytes(chunk_max, '\0');
        const auto size = platform::read_input(std::as_writable_bytes(std::span(bytes)));
        bytes.resize(size ? *size : 0);
        const platform::Error error = size ? platform::Error{} : size.error();
        const platform::SpinLock::Hold hold(mouth_->lock);
        Input* const input = mouth_->input;
        if (!input) return;
        const bool posted =
            input->loop_.post([mouth = mouth_, bytes = std::move(bytes), error]() mutable {
                if (mouth->input) mouth->input->take(std::move(bytes), error);
            });
        if (!posted) platform::abandon("volley: out of memory");
    }

    std::shared_ptr<Mouth> mouth_;
};

Input::Input(core::Loop& loop, core::Callback<void()> more)
    : loop_(loop), more_(std::move(more)) {}

Input::~Input() { stop(); }

void Input::stop() {
    watch_.reset();
    busy_.cancel();
    ended_ = true;
    text_.clear();
    begin_ = searched_ = 0;
    if (!mouth_) return;
    const platform::SpinLock::Hold hold(mouth_->lock);
    mouth_->input = nullptr;
}

std::optional<std::string> Input::next() {
    const std::size_t end = text_.find('\n', searched_);
    if (end != std::string::npos) {
        const std::size_t begin = std::exchange(begin_, end + 1);
        searched_ = begin_;
        return text_.substr(begin, end - begin);
    }
    text_.erase(0, std::exchange(begin_, 0));
    searched_ = text_.size();
    if (!ended_) {
        ask();
    } else if (!text_.empty()) {
        searched_ = 0;
        return std::exchange(text_, {});
    }
    return {};
}

void Input::ask() {
    if (std::exchange(asked_, true)) return;
    if (!std::exchange(started_, true)) {
        auto watch = loop_.watch(0, {.readable = true}, [this] { read_available(); });
        if (watch) {
            watch_ = *std::move(watch);
            return;
        }
        mouth_ = std::make_shared<Mouth>();
        mouth_->input = this;
        workers_.emplace(loop_.poller(), 1);
    }
    error_ = watch_ ? watch_->change({.readable = true}) : submit();
    ended_ = static_cast<bool>(error_);
}

platform::Error Input::submit() {
    while (platform::Job* const read = workers_->finished()) read->discard(*read);
    auto chunk = std::make_unique<Chunk>(mouth_);
    const platform::Error error = workers_->submit(*chunk);
    if (error) return error;
    chunk.release();
    busy_ = loop_.every(std::chrono::hours(1), [] {});
    return {};
}

void Input::read_available() {
    std::string bytes(chunk_max, '\0');
    const auto size = platform::read_input(std::as_writable_bytes(std::span(bytes)));
    if (!size && size.error().code == platform::Code::would_block) return;
    bytes.resize(size ? *size : 0);
    take(std::move(bytes), size ? platform::Error{} : size.error());
    if (watch_ && !asked_) error_ = watch_->change({});
}

void Input::take(std::string bytes, platform::Error error) {
    asked_ = false;
    busy_.cancel();
    error_ = error;
    ended_ = error || bytes.empty();
    text_ += bytes;
    if (ended_) watch_.reset();
    more_();
}

}  // namespace tool
