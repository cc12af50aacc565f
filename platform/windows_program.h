// A program to be started, in Windows' words: a file, one line for all arguments, one block for the
// environment, all in UTF-16. For platform/ only.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>

#include "platform/platform.h"
#include "platform/windows_system.h"

namespace platform {

// Text in UTF-16 that grows, with a NUL behind it. Once it has failed, it stays so.
class WideText {
   public:
    void add(wchar_t character) { add(std::wstring_view(&character, 1)); }
    void add(std::wstring_view);
    void add_utf8(std::string_view);

    // For calls that fill a buffer and answer how long the text is, or how long it would be. False:
    // it was zero.
    template <class Ask>
    bool fill(Ask ask) {
        for (DWORD room = MAX_PATH; reserve(room); room *= 2) {
            const DWORD length = ask(text_.get(), room);
            if (length >= room) continue;
            size_ = length;
            return length > 0;
        }
        return false;
    }

    Error error() const { return error_; }  // ENOMEM, EINVAL: that was no UTF-8.
    std::size_t size() const { return size_; }
    wchar_t* data() { return text_.get(); }
    std::wstring_view view() const { return {text_.get(), size_}; }

   private:
    bool reserve(std::size_t size);  // And one more, for the NUL.

    std::unique_ptr<wchar_t[]> text_;
    std::size_t size_ = 0;
    std::size_t room_ = 0;
    Error error_;
};

// The whole path of its file. ENOENT; EINVAL for a batch file, whose arguments cmd.exe would read
// by rules of its own.
Error find_program(const char* path, WideText& file);

// By the rules of CommandLineToArgvW.
Error write_command_line(const Program&, WideText& line);

// What is named first counts: the channel, then the caller's own, then what is inherited.
Error write_environment(const Program&, std::string_view channel, WideText& block);

}  // namespace platform
