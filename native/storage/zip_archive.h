// Reading of zip archives whose entries are stored as they are, as torch.save writes them, ZIP64 included; nothing is
// decompressed.
// The format: PKWARE's APPNOTE.TXT; only the central directory is believed, and checked against the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace cheems::storage {

// How every complaint about the bytes of an archive ends.
inline constexpr const char* kDamagedArchive = "the file is damaged: download it again.";

struct ZipEntry {
  std::span<const std::byte> bytes;  // a part of the archive's; as compressed where they are
  bool compressed = false;
  std::uint32_t checksum = 0;  // CRC-32 as the directory has it
};

// The entries of the archive `bytes` by their names. `file` stands in errors. Throws Error for an archive that is
// truncated or damaged, and for entries that are encrypted or stand there twice.
std::map<std::string, ZipEntry, std::less<>> read_zip_directory(std::span<const std::byte> bytes,
                                                                const std::string& file);

// CRC-32 as zip archives have it.
std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace cheems::storage
