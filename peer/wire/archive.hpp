#pragma once

// The archives that write and read messages and clients' objects. A type describes itself once, in
// the style of Boost.Serialization, and the description serves both directions:
//
//   template <class Archive> void serialize(Archive& archive, unsigned version) { archive & a & b;
//   }
//
// Format, little-endian on every machine, no padding, no names:
//
//   bool, optional's flag       1 byte, 0 or 1; anything else is malformed
//   integers, double, float     their size; enums as their underlying type
//   a count or a length         LEB128, 1 to 10 bytes, in its shortest form
//   string, list, set, map      count, elements
//   array                       elements
//   variant                     1 byte, the alternative's index; the alternative
//   a class                     its members in the order of serialize(); in objects, its version
//                               (a count) first
//
// Every value has exactly one encoding, so bytes that were read without an error are the bytes that
// would be written again (sets and maps apart).
//
// There are two dialects. OutArchive and InArchive write messages: every enum must have its range
// in peer/wire/wire_traits.hpp, and classes carry no version, since a connection has one.
// ObjectOutArchive and ObjectInArchive write objects of clients: classes carry the version that
// BOOST_CLASS_VERSION gave them, so that a program reads what an older one has stored. Types need
// a default constructor to be elements; pointers are refused at compile time.
//
// Thread rule: an archive belongs to one thread, like the buffer that it works on.
//
// After Boost.Serialization, "Archive concept"; its own binary archives trust lengths from the
// wire and are not portable, hence these (docs/decisions/0020-archive.md).

#include <algorithm>
#include <bit>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/version.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "peer/wire/archive_types.hpp"
#include "peer/wire/wire_traits.hpp"

namespace hopring {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

enum class Dialect : std::uint8_t { message, object };

// How deep classes may nest in an object. A deeper one is refused by both directions: reading must
// not exhaust the stack, whatever the bytes say.
inline constexpr unsigned object_depth_max = 100;

// Appends to a string. It fails in one case only: an object nested deeper than object_depth_max.
template <Dialect dialect>
class BasicOutArchive {
 public:
  using is_saving = std::true_type;
  using is_loading = std::false_type;

  explicit BasicOutArchive(std::string& out) : out_(out) {}

  template <class T>
  BasicOutArchive& operator&(const T& value) {
    save(value);
    return *this;
  }
  template <class T>
  BasicOutArchive& operator<<(const T& value) {
    return *this & value;
  }

  // False once something could not be written; what was appended is then of no use.
  bool ok() const { return ok_; }

  // A count, as it stands before the elements of a list or the bytes of a string.
  void save_count(std::uint64_t count) {
    if (count < 0x80) return out_.push_back(static_cast<char>(count));  // nearly all
    char bytes[10];
    std::size_t size = 0;
    for (; count >= 0x80; count >>= 7) bytes[size++] = static_cast<char>(count | 0x80);
    bytes[size++] = static_cast<char>(count);
    out_.append(bytes, size);
  }

  void save_bytes(std::string_view bytes) {
    if (bytes.size() >= large_bytes) out_.reserve(out_.size() + bytes.size() + room_after_large);
    save_count(bytes.size());
    out_.append(bytes);
  }

 private:
  // What follows so many bytes, a number or two, must not make the string grow once more: it would
  // be copied.
  static constexpr std::size_t large_bytes = std::size_t{64} << 10;
  static constexpr std::size_t room_after_large = 1024;

  void save(bool value) { out_.push_back(value ? '\1' : '\0'); }
  void save(const std::string& value) { save_bytes(value); }
  void save(std::monostate) {}

  template <wire::Number T>
  void save(const T& value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out_.append(bytes, sizeof value);
  }

  template <wire::Enum T>
  void save(const T& value) {
    save(static_cast<std::underlying_type_t<T>>(value));
  }

  template <class T, std::size_t size>
  void save(const std::array<T, size>& values) {
    save_each(values);
  }
  template <class T, std::size_t size>
  void save(const T (&values)[size]) {
    save_each(values);
  }

  template <wire::Container T>
  void save(const T& values) {
    save_count(values.size());
    save_each(values);
  }

  template <class First, class Second>
  void save(const std::pair<First, Second>& pair) {
    *this& pair.first& pair.second;
  }

  template <class T>
  void save(const std::optional<T>& value) {
    save(value.has_value());
    if (value) save(*value);
  }

  template <class... Alternatives>
  void save(const std::variant<Alternatives...>& value) {
    static_assert(sizeof...(Alternatives) <= 256, "the index is one byte");
    save(static_cast<std::uint8_t>(value.index()));
    std::visit([this](const auto& alternative) { save(alternative); }, value);
  }

  template <class T>
  void save(const boost::serialization::nvp<T>& named) {
    save(named.const_value());
  }

  template <class T>
  void save(const T& object) {
    static_assert(!std::is_pointer_v<T>, "pointers do not travel: write what they point to");
    constexpr unsigned version = boost::serialization::version<T>::value;
    // serialize() is one function for both directions, hence not const; it only reads here.
    auto& readable = const_cast<T&>(object);
    if constexpr (dialect == Dialect::message) {
      boost::serialization::serialize_adl(*this, readable, version);
    } else {
      if (depth_ == object_depth_max) ok_ = false;
      if (!ok_) return;
      ++depth_;
      save_count(version);
      boost::serialization::serialize_adl(*this, readable, version);
      --depth_;
    }
  }

  template <class T>
  void save_each(const T& values) {
    if constexpr (wire::is_flat<T>) {
      out_.append(reinterpret_cast<const char*>(std::data(values)),
                  std::size(values) * sizeof(*std::data(values)));
    } else {
      for (const auto& value : values) save(value);
    }
  }

  std::string& out_;
  bool ok_ = true;
  unsigned depth_ = 0;  // <= object_depth_max
};

// Reads from bytes that a stranger may have written. The bytes must outlive the archive.
//
// (1) Nothing is thrown for what the bytes say. The first thing that is wrong makes ok() false for
//     good; from then on every read gives zero, false or empty, and consumes nothing.
// (2) Nothing is read outside the bytes.
// (3) Memory is taken only for what has arrived: a string's length is compared with the bytes that
//     are left, a list grows as its elements are read, and each takes at least one byte. (A class
//     without members takes none; a list of those is limited to the bytes that happen to follow.)
// (4) Recursion ends at object_depth_max.
template <Dialect dialect>
class BasicInArchive {
 public:
  using is_saving = std::false_type;
  using is_loading = std::true_type;

  explicit BasicInArchive(std::string_view bytes) : left_(bytes) {}

  template <class T>
  BasicInArchive& operator&(T&& value) {
    load(value);
    return *this;
  }
  template <class T>
  BasicInArchive& operator>>(T&& value) {
    return *this & value;
  }

  bool ok() const { return ok_; }

  // Was everything read, and nothing wrong with it? Bytes left over are an error of the writer.
  bool done() const { return ok_ && left_.empty(); }

 private:
  void fail() {
    ok_ = false;
    left_ = {};
  }

  // The next `size` bytes; empty, after fail(), if there are fewer.
  std::string_view take(std::uint64_t size) {
    if (size > left_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  std::uint64_t load_varint() {
    if (!left_.empty() && static_cast<std::uint8_t>(left_.front()) < 0x80) {  // nearly all
      const auto value = static_cast<std::uint8_t>(left_.front());
      left_.remove_prefix(1);
      return value;
    }
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      std::uint8_t byte = 0;
      load(byte);
      const std::uint64_t bits = byte & 0x7fu;
      const bool overlong = (byte == 0 && shift > 0) || (shift == 63 && bits > 1);
      if (overlong) break;
      value |= bits << shift;
      if ((byte & 0x80u) == 0) return ok_ ? value : 0;
    }
    fail();
    return 0;
  }

  template <class Element>
  std::size_t load_count() {
    const std::uint64_t count = load_varint();
    const bool too_many = dialect == Dialect::message && count > wire_elements_max<Element>;
    if (count <= left_.size() && !too_many) return count;
    fail();
    return 0;
  }

  void load(bool& value) {
    std::uint8_t byte = 0;
    load(byte);
    if (byte > 1) fail();
    value = byte == 1;
  }

  void load(std::string& value) { value = std::string(take(load_varint())); }
  void load(std::monostate&) {}

  template <wire::Number T>
  void load(T& value) {
    value = T{};
    const std::string_view bytes = take(sizeof value);
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
  }

  template <wire::Enum T>
  void load(T& value) {
    std::underlying_type_t<T> number = 0;
    load(number);
    if constexpr (dialect == Dialect::message) {
      using Allowed = WireEnumRange<T>;
      if (number < Allowed::lowest || number > Allowed::highest) {
        fail();
        number = Allowed::lowest;
      }
    }
    value = static_cast<T>(number);
  }

  template <class T, std::size_t size>
  void load(std::array<T, size>& values) {
    load_each(values);
  }
  template <class T, std::size_t size>
  void load(T (&values)[size]) {
    load_each(values);
  }

  template <wire::Container T>
  void load(T& values) {
    using Element = wire::ElementOf<T>;
    values.clear();
    const std::size_t count = load_count<Element>();
    if constexpr (wire::is_flat<T>) {
      if (count > left_.size() / sizeof(Element)) return fail();
      values.resize(count);
      load_each(values);
    } else {
      // No more than the bytes that are left would fill, so that (3) holds.
      if constexpr (requires { values.reserve(count); }) {
        values.reserve(std::min(count, 1 + left_.size() / sizeof(Element)));
      }
      for (std::size_t i = 0; i < count && ok_; ++i) load_further(values);
    }
  }

  // One element more, unless it is malformed.
  template <class T>
  void load_further(T& values) {
    using Element = wire::ElementOf<T>;
    if constexpr (requires {
                    { values.emplace_back() } -> std::same_as<Element&>;
                  }) {
      load(values.emplace_back());  // where it stays: moving a variant costs more than reading one
      if (!ok_) values.pop_back();
    } else {
      Element element{};
      load(element);
      if (ok_) values.insert(values.end(), std::move(element));
    }
  }

  template <class First, class Second>
  void load(std::pair<First, Second>& pair) {
    *this& pair.first& pair.second;
  }

  template <class T>
  void load(std::optional<T>& value) {
    bool present = false;
    load(present);
    if (present) {
      load(value.emplace());
    } else {
      value.reset();
    }
  }

  template <class... Alternatives>
  void load(std::variant<Alternatives...>& value) {
    std::uint8_t index = 0;
    load(index);
    if (!wire::emplace_alternative(value, index)) return fail();
    std::visit([this](auto& alternative) { load(alternative); }, value);
  }

  template <class T>
  void load(const boost::serialization::nvp<T>& named) {
    load(named.value());
  }

  template <class T>
  void load(T& object) {
    static_assert(!std::is_pointer_v<T>, "pointers do not travel: read what they point to");
    if constexpr (dialect == Dialect::message) {
      boost::serialization::serialize_adl(*this, object, boost::serialization::version<T>::value);
    } else {
      const std::uint64_t version = load_varint();
      if (version > boost::serialization::version<T>::value || depth_ == object_depth_max) fail();
      if (!ok_) return;
      ++depth_;
      boost::serialization::serialize_adl(*this, object, static_cast<unsigned>(version));
      --depth_;
    }
  }

  template <class T>
  void load_each(T& values) {
    if constexpr (wire::is_flat<T>) {
      const std::string_view bytes = take(std::size(values) * sizeof(*std::data(values)));
      if (!ok_) return void(std::fill(std::begin(values), std::end(values), 0));
      if (!bytes.empty()) std::memcpy(std::data(values), bytes.data(), bytes.size());
    } else {
      for (auto& value : values) load(value);
    }
  }

  std::string_view left_;
  bool ok_ = true;
  unsigned depth_ = 0;  // <= object_depth_max
};

using OutArchive = BasicOutArchive<Dialect::message>;
using InArchive = BasicInArchive<Dialect::message>;
using ObjectOutArchive = BasicOutArchive<Dialect::object>;
using ObjectInArchive = BasicInArchive<Dialect::object>;

}  // namespace hopring
