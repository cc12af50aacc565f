// A process at the contender's side, on another processor where there is one. It ends with it.
#pragma once

namespace bench {

class Child {
   public:
    // The work never returns; the descriptor is for it alone, or for both.
    Child(void (*work)(int descriptor), int descriptor);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

   private:
    int process_;
};

}  // namespace bench
