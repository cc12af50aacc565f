// See windows_program.h. The catch: Windows hands a program one line, and each program takes it
// apart by itself; those that do so in another way than the C library are not served here.
#ifdef _WIN32

#include "platform/windows_program.h"

#include <algorithm>
#include <iterator>

#include "platform/windows_error.h"

namespace platform {

// ---- Text --------------------------------------------------------------------------------------

bool WideText::reserve(std::size_t size) {
    if (error_) return false;
    if (size < room_) return true;
    const std::size_t room = (std::max)(size + 1, 2 * room_);
    std::unique_ptr<wchar_t[]> text(new (std::nothrow) wchar_t[room]);
    if (!text) {
        error_ = to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::spawn);
        return false;
    }
    std::copy_n(text_.get(), size_, text.get());
    text[size_] = 0;
    text_ = std::move(text);
    room_ = room;
    return true;
}

void WideText::add(std::wstring_view more) {
    if (!reserve(size_ + more.size())) return;
    std::copy(more.begin(), more.end(), text_.get() + size_);
    size_ += more.size();
    text_[size_] = 0;
}

// No text in UTF-16 has more units than it has bytes in UTF-8.
void WideText::add_utf8(std::string_view more) {
    if (more.empty() || !reserve(size_ + more.size())) return;
    const int count = static_cast<int>(more.size());
    const int added = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, more.data(), count,
                                          text_.get() + size_, count);
    if (added <= 0) {
        error_ = last_error(Operation::spawn);
    } else {
        size_ += static_cast<std::size_t>(added);
        text_[size_] = 0;
    }
}

// ---- The file ----------------------------------------------------------------------------------

namespace {

constexpr std::wstring_view extension = L".exe";

bool ends_with(std::wstring_view text, std::wstring_view end) {
    if (text.size() < end.size()) return false;
    const std::wstring_view last = text.substr(text.size() - end.size());
    const int size = static_cast<int>(end.size());
    return CompareStringOrdinal(last.data(), size, end.data(), size, TRUE) == CSTR_EQUAL;
}

bool is_file(WideText& file) {
    const DWORD attributes = GetFileAttributesW(file.data());
    return attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

// Where a name without a folder is looked for: beside this program, as Windows itself does first,
// then in PATH. Never where one happens to be.
void list_folders(WideText& folders) {
    if (folders.fill([](wchar_t* room, DWORD size) {
            return GetModuleFileNameW(nullptr, room, size);
        })) {
        const std::size_t slash = folders.view().rfind(L'\\');
        WideText folder;
        folder.add(folders.view().substr(0, slash == std::wstring_view::npos ? 0 : slash));
        folders = std::move(folder);
    }
    WideText path;
    if (!path.fill([](wchar_t* room, DWORD size) {
            return GetEnvironmentVariableW(L"PATH", room, size);
        })) {
        return;
    }
    folders.add(L';');
    folders.add(path.view());
}

bool search(WideText& name, WideText& file) {
    WideText folders;
    list_folders(folders);
    return folders.size() > 0 && file.fill([&](wchar_t* room, DWORD size) {
        return SearchPathW(folders.data(), name.data(), extension.data(), size, room, nullptr);
    });
}

}  // namespace

Error find_program(const char* path, WideText& file) {
    WideText name;
    name.add_utf8(path);
    if (name.error()) return name.error();
    const bool has_folder = name.view().find_first_of(L"/\\:") != std::wstring_view::npos;
    for (int attempt = 0; attempt < 2; attempt++) {
        const bool found = has_folder ? file.fill([&](wchar_t* room, DWORD size) {
            return GetFullPathNameW(name.data(), size, room, nullptr);
        }) : search(name, file);
        if (found && is_file(file)) {
            const bool batch = ends_with(file.view(), L".bat") || ends_with(file.view(), L".cmd");
            return batch ? to_error(ERROR_INVALID_PARAMETER, Operation::spawn) : Error{};
        }
        if (file.error()) return file.error();
        name.add(extension);  // As one may leave it out.
    }
    return to_error(ERROR_FILE_NOT_FOUND, Operation::spawn);
}

// ---- The line ----------------------------------------------------------------------------------

namespace {

// Backslashes stand for themselves, but in front of a quotation mark, where each needs another one.
void add_quoted(WideText& line, std::wstring_view argument) {
    if (!argument.empty() && argument.find_first_of(L" \t\n\v\"") == std::wstring_view::npos) {
        return line.add(argument);
    }
    line.add(L'"');
    std::size_t backslashes = 0;
    for (const wchar_t character : argument) {
        if (character == L'"') {
            for (std::size_t i = 0; i <= backslashes; i++) line.add(L'\\');
        }
        backslashes = character == L'\\' ? backslashes + 1 : 0;
        line.add(character);
    }
    for (std::size_t i = 0; i < backslashes; i++) line.add(L'\\');
    line.add(L'"');
}

}  // namespace

// The first word is the program's name, in which nothing can be escaped; no file has such a name.
Error write_command_line(const Program& program, WideText& line) {
    const std::string_view name = program.path;
    if (name.find('"') != name.npos) return to_error(ERROR_INVALID_NAME, Operation::spawn);
    line.add(L'"');
    line.add_utf8(name);
    line.add(L'"');
    for (const char* const argument : program.arguments) {
        WideText word;
        word.add_utf8(argument);
        if (word.error()) return word.error();
        line.add(L' ');
        add_quoted(line, word.view());
    }
    return line.error();
}

// ---- The environment ---------------------------------------------------------------------------

namespace {

struct Entry {
    std::wstring_view text;
    std::size_t rank = 0;  // Of two with one name the lower counts.

    // Windows has entries for itself whose names begin with the sign.
    std::wstring_view name() const {
        return text.substr(0, (std::min)(text.find(L'=', 1), text.size()));
    }
};

int compare(const Entry& one, const Entry& other) {
    const std::wstring_view a = one.name();
    const std::wstring_view b = other.name();
    return CompareStringOrdinal(a.data(), static_cast<int>(a.size()), b.data(),
                                static_cast<int>(b.size()), TRUE);
}

// Each ends with a NUL; an empty one ends the block.
template <class Visit>
void for_each_entry(const wchar_t* block, Visit visit) {
    while (block && *block) {
        const std::wstring_view entry = block;
        visit(entry);
        block += entry.size() + 1;
    }
}

Error merge(const wchar_t* own, const wchar_t* inherited, WideText& block) {
    std::size_t count = 0;
    for (const wchar_t* const part : {own, inherited}) {
        for_each_entry(part, [&](std::wstring_view) { count++; });
    }
    const std::unique_ptr<Entry[]> entries(new (std::nothrow) Entry[count]);
    if (!entries) return to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::spawn);
    std::size_t rank = 0;
    for (const wchar_t* const part : {own, inherited}) {
        for_each_entry(part, [&](std::wstring_view text) {
            entries[rank] = {text, rank};
            rank++;
        });
    }
    std::sort(entries.get(), entries.get() + count, [](const Entry& one, const Entry& other) {
        const int order = compare(one, other);
        return order == CSTR_EQUAL ? one.rank < other.rank : order == CSTR_LESS_THAN;
    });
    for (std::size_t i = 0; i < count; i++) {
        if (i > 0 && compare(entries[i - 1], entries[i]) == CSTR_EQUAL) continue;
        block.add(entries[i].text);
        block.add(L'\0');
    }
    return block.error();
}

}  // namespace

Error write_environment(const Program& program, std::string_view channel, WideText& block) {
    WideText own;
    own.add_utf8(channel);
    own.add(L'\0');
    for (const char* const entry : program.environment) {
        if (!*entry) continue;
        own.add_utf8(entry);
        own.add(L'\0');
    }
    if (own.error()) return own.error();
    wchar_t* const inherited = GetEnvironmentStringsW();
    if (!inherited) return to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::spawn);
    const Error error = merge(own.data(), inherited, block);
    FreeEnvironmentStringsW(inherited);
    return error;
}

}  // namespace platform

#endif
