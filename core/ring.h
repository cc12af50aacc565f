// A place in a ring: a list of things that belong to others, which leave it by themselves when they
// are destroyed. Nothing is allocated, and coming and going take the same time however many there
// are. The list itself is one more place, from which the others are counted.
#pragma once

namespace core {

class Ring {
   public:
    Ring() = default;
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() { leave(); }

    bool alone() const { return next_ == this; }
    Ring& next() const { return *next_; }
    void leave() {
        next_->previous_ = previous_;
        previous_->next_ = next_;
        next_ = previous_ = this;
    }
    void enter_before(Ring& other);  // Of no ring but its own, so far.

   private:
    Ring* next_ = this;
    Ring* previous_ = this;
};

}  // namespace core
