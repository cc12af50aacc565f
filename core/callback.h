// A function that is called later: owned, move-only, four words.
//
// Captures of up to three words lie inside; larger ones on the heap. One table of operations for
// each type of target stands in for a virtual base class, so there is no RTTI and nothing to
// inherit from. The catch: destroying or replacing a callback while it runs destroys the captures
// under its feet; whoever calls it keeps it alive (Signal and Timers do).
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace core {

template <class Signature>
class Callback;

// What all callbacks have in common, whatever they are called with: how they move and end. So
// there is one copy of this for all signatures, and whoever only keeps callbacks needs no template.
class AnyCallback {
   public:
    static constexpr std::size_t inline_size = 3 * sizeof(void*);

    AnyCallback() {}  // Not defaulted, for which "{}" would clear everything twice.
    AnyCallback(AnyCallback&& other) noexcept { take(other); }

    // The old captures go last: their destructors may look at this very callback.
    AnyCallback& operator=(AnyCallback&& other) noexcept {
        AnyCallback old(std::move(*this));
        take(other);
        return *this;
    }

    ~AnyCallback() {
        if (operations_ && operations_->destroy) operations_->destroy(storage_);
    }

    void reset() { AnyCallback old(std::move(*this)); }
    explicit operator bool() const { return operations_ != nullptr; }

   private:
    template <class Signature>
    friend class Callback;

    struct Operations {
        void (*move)(void* to, void* from);  // And destroys what was moved from. Null: copy bytes.
        void (*destroy)(void* storage);      // Null: there is nothing to do.
    };

    const Operations& operations() const {
        assert(operations_ && "an empty callback was called");
        return *operations_;
    }

    void take(AnyCallback& other) {
        operations_ = std::exchange(other.operations_, nullptr);
        if (!operations_) return;
        if (operations_->move) {
            operations_->move(storage_, other.storage_);
        } else {
            std::memcpy(storage_, other.storage_, inline_size);
        }
    }

    alignas(void*) std::byte storage_[inline_size]{};  // Copied whole, however small the target.
    const Operations* operations_ = nullptr;
};

// As std::decay, which is an error for `void&`; and that is what clang 14 takes a braced
// `{.port = port}` for, when it weighs whether it may be a callback.
template <class F>
struct Stored {
    using type = F;
};
template <class Value, class... Arguments>
struct Stored<Value(Arguments...)> {
    using type = Value (*)(Arguments...);
};
template <class Value, class... Arguments>
struct Stored<Value(Arguments...) noexcept> {
    using type = Value (*)(Arguments...) noexcept;
};

template <class Value, class... Arguments>
class Callback<Value(Arguments...)> : public AnyCallback {
    using All = std::tuple<Arguments&&...>;

    template <class F, std::size_t... i>
    static constexpr bool takes(std::index_sequence<i...>) {
        return std::is_invocable_r_v<Value, F&, std::tuple_element_t<i, All>...>;
    }

    static constexpr std::size_t none = SIZE_MAX;

    // How many of the arguments F takes: as many as it can, from the front. So a listener need not
    // name what it does not use.
    template <class F, std::size_t count = sizeof...(Arguments)>
    static constexpr std::size_t taken() {
        if constexpr (takes<F>(std::make_index_sequence<count>())) {
            return count;
        } else if constexpr (count > 0) {
            return taken<F, count - 1>();
        } else {
            return none;
        }
    }

   public:
    Callback() {}

    // A null pointer to a function makes an empty callback. Captures that do not fit inside are
    // the user's own memory: when there is none, that is std::bad_alloc (or the end).
    template <class F, class Target = typename Stored<std::remove_cvref_t<F>>::type>
        requires(std::is_object_v<Target> && !std::is_same_v<Target, Callback> &&
                 !std::is_member_pointer_v<Target> && taken<Target>() != none &&
                 std::is_constructible_v<Target, F>)
    Callback(F&& function) {
        if constexpr (std::is_pointer_v<std::remove_reference_t<F>>) {
            if (!function) return;
        }
        if constexpr (fits<Target>) {
            ::new (storage_) Target(std::forward<F>(function));
            operations_ = &inside<Target>;
        } else {
            ::new (storage_) Target*(new Target(std::forward<F>(function)));
            operations_ = &on_heap<Target>;
        }
    }

    Value operator()(Arguments... arguments) {
        return call(*this, std::forward<Arguments>(arguments)...);
    }

    // For one that was kept without its signature, and has this one.
    static Value call(AnyCallback& kept, Arguments... arguments) {
        return static_cast<const Table&>(kept.operations())
            .call(kept.storage_, std::forward<Arguments>(arguments)...);
    }

   private:
    struct Table : Operations {
        Value (*call)(void* storage, Arguments&&...);
    };

    template <class Target>
    static constexpr bool fits =
        sizeof(Target) <= inline_size && alignof(Target) <= alignof(void*) &&
        std::is_nothrow_move_constructible_v<Target>;

    template <class Target>
    static Value apply(Target& target, All all) {
        return [&]<std::size_t... i>(std::index_sequence<i...>) -> Value {
            return static_cast<Value>(target(std::get<i>(std::move(all))...));
        }(std::make_index_sequence<taken<Target>()>());
    }

    template <class Target>
    static void move_inside(void* to, void* from) {
        ::new (to) Target(std::move(*static_cast<Target*>(from)));
        static_cast<Target*>(from)->~Target();
    }

    template <class Target>
    static constexpr Table inside{
        {std::is_trivially_copyable_v<Target> ? nullptr : &move_inside<Target>,
         std::is_trivially_destructible_v<Target>
             ? nullptr
             : +[](void* storage) { static_cast<Target*>(storage)->~Target(); }},
        [](void* storage, Arguments&&... arguments) -> Value {
            return apply(*static_cast<Target*>(storage),
                         All(std::forward<Arguments>(arguments)...));
        }};

    template <class Target>
    static constexpr Table on_heap{
        {nullptr, [](void* storage) { delete *static_cast<Target**>(storage); }},
        [](void* storage, Arguments&&... arguments) -> Value {
            return apply(**static_cast<Target**>(storage),
                         All(std::forward<Arguments>(arguments)...));
        }};
};

static_assert(sizeof(Callback<void()>) == 4 * sizeof(void*));

}  // namespace core
