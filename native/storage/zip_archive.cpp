#include "storage/zip_archive.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace cheems::storage {
namespace {

// Numbers of records are little-endian, at any alignment.
std::uint64_t number(std::span<const std::byte> record, std::size_t offset, std::size_t length) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < length; ++i) value |= std::to_integer<std::uint64_t>(record[offset + i]) << (8 * i);
  return value;
}

struct Directory {
  std::uint64_t begin = 0, size = 0, entries = 0;
};

// The contents of one record of the central directory.
struct Record {
  std::uint64_t flags = 0, method = 0, compressed = 0, size = 0, offset = 0;
  std::string name;
  std::uint32_t checksum = 0;
};

class DirectoryReader {
 public:
  DirectoryReader(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  std::map<std::string, ZipEntry, std::less<>> read() const {
    const Directory directory = find_directory();
    std::map<std::string, ZipEntry, std::less<>> entries;
    std::uint64_t at = directory.begin;
    const std::uint64_t end = directory.begin + directory.size;
    for (std::uint64_t i = 0; i < directory.entries; ++i) {
      Record record = read_record(at, end);
      if (record.name.ends_with('/')) continue;  // a folder
      const bool compressed = record.method != 0 || record.compressed != record.size;
      const auto [place, fresh] = entries.emplace(record.name, ZipEntry{data_of(record), compressed, record.checksum});
      if (!fresh) fail("The archive ", file_, " holds ", in_quotes(record.name), " twice; ", kDamagedArchive);
    }
    if (at != end) fail("The directory at the end of ", file_, " is longer than its entries; ", kDamagedArchive);
    return entries;
  }

 private:
  // `length` bytes from `offset`, for `what`.
  std::span<const std::byte> part(std::uint64_t offset, std::uint64_t length, const char* what) const {
    if (offset > bytes_.size() || length > bytes_.size() - offset)
      fail("In ", file_, " ", what, " lies beyond the file's end at byte ", bytes_.size(), "; ", kDamagedArchive);
    return bytes_.subspan(offset, length);
  }

  // The end record is the file's last 22 bytes, or precedes a comment of up to 65,535 bytes.
  Directory find_directory() const {
    constexpr std::size_t length = 22;
    for (std::size_t comment = 0; comment <= 0xffff && comment + length <= bytes_.size(); ++comment) {
      const std::uint64_t at = bytes_.size() - length - comment;
      const auto record = bytes_.subspan(at, length);
      if (number(record, 0, 4) != 0x06054b50 || number(record, 20, 2) != comment) continue;
      if (number(record, 4, 2) != number(record, 6, 2))
        fail("The archive ", file_, " is one part of several; such archives are not supported.");
      Directory directory{
          .begin = number(record, 16, 4), .size = number(record, 12, 4), .entries = number(record, 10, 2)};
      if (directory.begin == 0xffffffff || directory.size == 0xffffffff || directory.entries == 0xffff)
        find_wide_directory(at, directory);
      part(directory.begin, directory.size, "the directory");
      return directory;
    }
    fail("The archive ", file_, " (", bytes_.size(),
         " bytes) has no directory at its end; the file is truncated: download it again.");
  }

  // ZIP64: a locator right before the end record gives the position of a wider one. An archive may also have exactly
  // 65,535 entries and no locator.
  void find_wide_directory(std::uint64_t end_record, Directory& directory) const {
    constexpr std::uint64_t locator_length = 20;
    if (end_record < locator_length) return;
    const auto locator = bytes_.subspan(end_record - locator_length, locator_length);
    if (number(locator, 0, 4) != 0x07064b50) return;
    const auto record = part(number(locator, 8, 8), 56, "the ZIP64 end record");
    if (number(record, 0, 4) != 0x06064b50)
      fail("The archive ", file_, " has no ZIP64 end record where it should be; ", kDamagedArchive);
    directory = {.begin = number(record, 48, 8), .size = number(record, 40, 8), .entries = number(record, 32, 8)};
  }

  Record read_record(std::uint64_t& at, std::uint64_t end) const {
    constexpr std::uint64_t length = 46;
    const auto truncated = [&] {
      fail("The directory at the end of ", file_, " is shorter than its entries; ", kDamagedArchive);
    };
    if (end - at < length) truncated();
    const auto fixed = bytes_.subspan(at, length);
    if (number(fixed, 0, 4) != 0x02014b50)
      fail("The directory at the end of ", file_, " has no entry at byte ", at, "; ", kDamagedArchive);
    const std::uint64_t name_length = number(fixed, 28, 2), extra_length = number(fixed, 30, 2),
                        comment_length = number(fixed, 32, 2);
    if (end - at < length + name_length + extra_length + comment_length) truncated();
    Record record{.flags = number(fixed, 8, 2),
                  .method = number(fixed, 10, 2),
                  .compressed = number(fixed, 20, 4),
                  .size = number(fixed, 24, 4),
                  .offset = number(fixed, 42, 4),
                  .name = {},
                  .checksum = static_cast<std::uint32_t>(number(fixed, 16, 4))};
    record.name.assign(reinterpret_cast<const char*>(bytes_.data() + at + length), name_length);
    widen(record, bytes_.subspan(at + length + name_length, extra_length));
    at += length + name_length + extra_length + comment_length;
    return record;
  }

  // ZIP64: numbers that do not fit into 32 bits are in an extra field, in this order, only those that do not fit.
  void widen(Record& record, std::span<const std::byte> extra) const {
    while (extra.size() >= 4) {
      const std::uint64_t id = number(extra, 0, 2), length = number(extra, 2, 2);
      if (length > extra.size() - 4) break;
      if (id == 1) {
        std::size_t at = 4;
        for (std::uint64_t* value : {&record.size, &record.compressed, &record.offset}) {
          if (*value != 0xffffffff) continue;
          if (at + 8 > 4 + length)
            fail("The entry ", in_quotes(record.name), " of ", file_, " lacks its ZIP64 numbers; ", kDamagedArchive);
          *value = number(extra, at, 8);
          at += 8;
        }
        return;
      }
      extra = extra.subspan(4 + length);
    }
  }

  std::span<const std::byte> data_of(const Record& record) const {
    constexpr std::uint64_t length = 30;
    if (record.flags & 1)
      fail("The entry ", in_quotes(record.name), " of ", file_, " is encrypted; save the model without a password.");
    const auto header = part(record.offset, length, "an entry");
    const std::uint64_t name_length = number(header, 26, 2), extra_length = number(header, 28, 2);
    const auto name = part(record.offset + length, name_length, "an entry's name");
    const bool same = std::equal(name.begin(), name.end(), record.name.begin(), record.name.end(),
                                 [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
    if (number(header, 0, 4) != 0x04034b50 || !same)
      fail("The entry ", in_quotes(record.name), " of ", file_, " is not where the archive's directory says; ",
           kDamagedArchive);
    return part(record.offset + length + name_length + extra_length, record.compressed, "an entry's data");
  }

  std::span<const std::byte> bytes_;
  const std::string& file_;
};

}  // namespace

std::map<std::string, ZipEntry, std::less<>> read_zip_directory(std::span<const std::byte> bytes,
                                                                const std::string& file) {
  return DirectoryReader(bytes, file).read();
}

std::uint32_t crc32(std::span<const std::byte> bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> values{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
      values[i] = value;
    }
    return values;
  }();
  std::uint32_t sum = ~0u;
  for (const std::byte byte : bytes) sum = sum >> 8 ^ table[(sum ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
  return ~sum;
}

}  // namespace cheems::storage
