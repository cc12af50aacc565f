// Jobs in a row, linked by themselves: first in, first out. For platform/ only.
#pragma once

#include "platform/platform.h"

namespace platform {

class JobQueue {
   public:
    explicit operator bool() const { return first_; }

    void push(Job& job) {
        job.next = nullptr;
        (first_ ? last_->next : first_) = &job;
        last_ = &job;
    }

    Job* pop() {
        Job* const job = first_;
        if (!job) return nullptr;
        first_ = job->next;
        job->next = nullptr;
        return job;
    }

    JobQueue take_all() {
        JobQueue all = *this;
        first_ = nullptr;
        return all;
    }

    void discard_all() {
        while (Job* const job = pop()) job->discard(*job);
    }

   private:
    Job* first_ = nullptr;
    Job* last_ = nullptr;  // Meaningful only while there is a first.
};

}  // namespace platform
