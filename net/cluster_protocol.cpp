// See cluster_protocol.h. A notice is a byte for its kind, then that kind's fields one after the
// other, numbers in network byte order; nothing may follow the last field.
#include "net/cluster_protocol.h"

#include <algorithm>

namespace net {

namespace {

class Writer {
   public:
    explicit Writer(std::span<std::byte> room) : room_(room) {}

    template <class Integer>
    void put(Integer value) {
        const auto bits = static_cast<std::uint64_t>(value);
        for (std::size_t i = sizeof(Integer); i-- > 0;) put_byte(bits >> 8 * i);
    }
    void put_bytes(const void* bytes, std::size_t size) {
        if (size > room_.size() - used_) {
            full_ = true;
        } else {
            const auto* const begin = static_cast<const std::byte*>(bytes);
            std::copy(begin, begin + size, room_.data() + used_);
            used_ += size;
        }
    }
    void put(const Endpoint& endpoint) {
        put(static_cast<std::uint8_t>(endpoint.family));
        put(endpoint.size);
        put(endpoint.port);
        put(endpoint.scope);
        put_bytes(endpoint.bytes.data(), endpoint.size);
    }
    std::size_t used() const { return full_ ? 0 : used_; }

   private:
    void put_byte(std::uint64_t value) {
        const auto byte = static_cast<std::byte>(value);
        put_bytes(&byte, 1);
    }
    std::span<std::byte> room_;
    std::size_t used_ = 0;
    bool full_ = false;
};

// Once something was missing or out of range, everything after it is zero.
class Reader {
   public:
    explicit Reader(std::span<const std::byte> rest) : rest_(rest) {}

    template <class Integer>
    Integer take(std::uint64_t largest = UINT64_MAX) {
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < sizeof(Integer); i++) bits = bits << 8 | take_byte();
        if (bits > largest) bad_ = true;
        return bad_ ? Integer{} : static_cast<Integer>(bits);
    }
    template <class Enum>
    Enum take_enum(Enum last) {
        return static_cast<Enum>(take<std::uint8_t>(static_cast<std::uint8_t>(last)));
    }
    bool take_bool() { return take<std::uint8_t>(1) != 0; }
    void take(Endpoint& endpoint) {
        endpoint.family = take_enum(Family::local);
        endpoint.size = take<std::uint8_t>(endpoint.bytes.size());
        endpoint.port = take<std::uint16_t>();
        endpoint.scope = take<std::uint32_t>();
        const std::span<const std::byte> bytes = take_bytes(endpoint.size);
        for (std::size_t i = 0; i < bytes.size(); i++) {
            endpoint.bytes[i] = std::to_integer<std::uint8_t>(bytes[i]);
        }
        if (endpoint.family == Family::none) require(endpoint.size == 0);
        if (endpoint.family == Family::ipv4) require(endpoint.size == 4 && endpoint.scope == 0);
        if (endpoint.family == Family::ipv6) require(endpoint.size == 16);
        if (endpoint.family == Family::local) require(endpoint.port == 0 && endpoint.scope == 0);
        if (bad_) endpoint = Endpoint{};
    }
    std::span<const std::byte> take_bytes(std::size_t size) {
        if (size > rest_.size()) bad_ = true;
        if (bad_) return {};
        const std::span<const std::byte> taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }
    std::span<const std::byte> take_rest() { return take_bytes(rest_.size()); }
    void require(bool holds) { bad_ = bad_ || !holds; }
    bool complete() const { return !bad_ && rest_.empty(); }

   private:
    std::uint8_t take_byte() {
        const std::span<const std::byte> byte = take_bytes(1);
        return byte.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(byte[0]);
    }
    std::span<const std::byte> rest_;
    bool bad_ = false;
};

constexpr std::uint64_t largest_mode = 0777;
constexpr std::uint64_t largest_fd = INT64_MAX;

void write_key(Writer& writer, const SharedKey& key) {
    writer.put(static_cast<std::uint8_t>(key.type));
    writer.put(static_cast<std::uint8_t>(key.reuse_addr));
    writer.put(static_cast<std::uint8_t>(key.ipv6_only));
    writer.put(key.path_mode);
    writer.put(key.fd);
    writer.put(key.index);
    writer.put(key.local);
}

void read_key(Reader& reader, SharedKey& key) {
    key.type = reader.take_enum(Type::unix_dgram);
    key.reuse_addr = reader.take_bool();
    key.ipv6_only = reader.take_bool();
    key.path_mode = reader.take<std::uint32_t>(largest_mode);
    key.fd = reader.take<std::int64_t>(largest_fd);
    key.index = reader.take<std::uint32_t>();
    reader.take(key.local);
    reader.require(key.local.family == (key.fd ? Family::none : family_of(key.type)));
}

}  // namespace

std::size_t write(const Notice& notice, std::span<std::byte> room) {
    using Kind = Notice::Kind;
    Writer writer(room);
    writer.put(static_cast<std::uint8_t>(notice.kind));
    switch (notice.kind) {
        case Kind::welcome:
            writer.put(notice.version);
            writer.put(notice.number);
            break;
        case Kind::hello: writer.put(notice.version); break;
        case Kind::ask:
            writer.put(notice.number);
            write_key(writer, notice.key);
            break;
        case Kind::granted:
        case Kind::released: writer.put(notice.number); break;
        case Kind::refused:
            writer.put(notice.number);
            writer.put(static_cast<std::uint8_t>(notice.error.code));
            writer.put(static_cast<std::uint32_t>(notice.error.native));
            break;
        case Kind::listening:
            writer.put(notice.number);
            writer.put(static_cast<std::uint8_t>(notice.key.type));
            writer.put(static_cast<const Endpoint&>(notice.address));
            break;
        case Kind::text: writer.put_bytes(notice.bytes.data(), notice.bytes.size()); break;
        case Kind::stop:
        case Kind::goodbye: break;
    }
    return writer.used();
}

bool read(std::span<const std::byte> message, Notice& notice) {
    using Kind = Notice::Kind;
    Reader reader(message);
    notice = {};
    notice.kind = reader.take_enum(Kind::goodbye);
    if (message.empty()) return false;
    switch (notice.kind) {
        case Kind::welcome:
            notice.version = reader.take<std::uint32_t>();
            notice.number = reader.take<std::uint32_t>();
            break;
        case Kind::hello: notice.version = reader.take<std::uint32_t>(); break;
        case Kind::ask:
            notice.number = reader.take<std::uint32_t>();
            read_key(reader, notice.key);
            break;
        case Kind::granted:
        case Kind::released: notice.number = reader.take<std::uint32_t>(); break;
        case Kind::refused:
            notice.number = reader.take<std::uint32_t>();
            notice.error.code = reader.take_enum(Code::unknown);
            notice.error.operation = Operation::bind;
            notice.error.native = static_cast<std::int32_t>(reader.take<std::uint32_t>());
            reader.require(static_cast<bool>(notice.error));
            break;
        case Kind::listening:
            notice.number = reader.take<std::uint32_t>();
            notice.key.type = reader.take_enum(Type::unix_dgram);
            reader.take(static_cast<Endpoint&>(notice.address));
            reader.require(notice.address.family == family_of(notice.key.type));
            break;
        case Kind::text: notice.bytes = reader.take_rest(); break;
        case Kind::stop:
        case Kind::goodbye: break;
    }
    return reader.complete();
}

}  // namespace net
