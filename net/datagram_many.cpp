// send_many: many datagrams, one callback. Each is a send like any other, so they share queue,
// order, trains and errors with the rest; each one's outcome is a share of the whole's, and the
// last to be told tells the user. A send of nothing stands behind them, so that none at all has an
// outcome too, and the outcome has a place that no want of memory can take away later.
#include <new>

#include "net/datagram_state.h"

namespace net {

// What has become of the datagrams so far: in a block of the loop's pool, until all have been told.
struct Datagram::State::Many {
    Many(State& sender, SendManyCallback&& told) : callback(std::move(told)), socket(sender) {}
    ~Many() { delete first; }

    void note(const Failure& failure, std::size_t size) {
        if (!failure) {
            sent++;
            bytes += size;
        } else if (!first && !lost) {
            first = new (std::nothrow) Failure(failure);
            lost = !first;
        }
    }
    // True for the last one.
    bool release() { return --shares == 0; }
    void destroy() {
        BlockPool& blocks = socket.exchange->blocks;
        this->~Many();
        blocks.give(this);
    }
    void tell();

    SendManyCallback callback;
    State& socket;
    Failure* first = nullptr;
    std::size_t bytes = 0;
    std::uint32_t sent = 0;
    std::uint32_t shares : 31 = 0;
    std::uint32_t lost : 1 = 0;  // A failure that no memory was left for.
};

// The callback may destroy the socket, and may throw.
void Datagram::State::Many::tell() {
    struct Told {
        explicit Told(Many& many)
            : callback(std::move(many.callback)), first(std::exchange(many.first, nullptr)) {}
        ~Told() { delete first; }
        SendManyCallback callback;
        Failure* first;
    } told(*this);
    const std::size_t datagrams = sent;
    const std::size_t size = bytes;
    const bool unknown = lost;
    const Failure& success = socket.exchange->success;
    destroy();
    if (unknown && !told.first) {
        return told.callback(Failure({Code::out_of_memory, Operation::send}), datagrams, size);
    }
    told.callback(told.first ? *told.first : success, datagrams, size);
}

// The outcome of one datagram; or of the end, which counts for nothing.
class Datagram::State::Share {
   public:
    Share(Many& many, bool counts) : many_(&many), counts_(counts) { many.shares++; }
    Share(Share&& other) noexcept
        : many_(std::exchange(other.many_, nullptr)), counts_(other.counts_) {}
    Share& operator=(Share&&) = delete;
    ~Share() {  // It was never told: memory was out, or the socket goes.
        if (!many_) return;
        many_->lost = 1;
        if (many_->release()) many_->destroy();
    }

    void operator()(const Failure& failure, std::size_t size) {
        Many& many = *std::exchange(many_, nullptr);
        if (counts_) many.note(failure, size);
        if (many.release()) many.tell();
    }

   private:
    Many* many_;
    bool counts_;
};

// As long as the call lasts.
class Datagram::State::SendingMany {
   public:
    SendingMany(State& sender, SendManyCallback&& callback) : sender_(sender) {
        if (!callback) return;
        static_assert(sizeof(Many) <= BlockPool::block_size);
        void* const block = sender.exchange->blocks.take();
        lost_ = !block;
        if (lost_) (void)sender.lose_request();
        if (lost_) return;
        many_ = ::new (block) Many(sender, std::move(callback));
        end_ = sender.make_request(Request::Kind::send, Share(*many_, false));
        lost_ = !end_;  // It went with its only share.
        if (lost_) many_ = nullptr;
    }
    ~SendingMany() {
        if (!end_) return;
        end_->stage = Request::Stage::done;
        end_->uncounted = sender_.life != Life::open;
        sender_.ask(*end_);
    }
    SendingMany(const SendingMany&) = delete;
    SendingMany& operator=(const SendingMany&) = delete;

    bool lost() const { return lost_; }  // Memory is out: 'error' says so.
    SendCallback share() {
        if (!many_) return {};
        return Share(*many_, true);
    }

   private:
    State& sender_;
    Many* many_ = nullptr;
    Request* end_ = nullptr;
    bool lost_ = false;
};

void Datagram::send_many(std::span<const Addressed> datagrams, SendManyCallback callback) {
    if (!state_ || !state_->loop) return;
    State::SendingMany many(*state_, std::move(callback));
    if (many.lost()) return;
    for (const Addressed& each : datagrams) send(each.bytes, each.destination, many.share());
}

void Datagram::send_many(std::span<const Bytes> datagrams, const Endpoint& destination,
                         SendManyCallback callback) {
    if (!state_ || !state_->loop) return;
    State::SendingMany many(*state_, std::move(callback));
    if (many.lost()) return;
    for (const Bytes& each : datagrams) send(each, destination, many.share());
}

void Datagram::send_many(std::span<const Bytes> datagrams, SendManyCallback callback) {
    if (!state_ || !state_->loop) return;
    State::SendingMany many(*state_, std::move(callback));
    if (many.lost()) return;
    for (const Bytes& each : datagrams) send(each, many.share());
}

}  // namespace net
