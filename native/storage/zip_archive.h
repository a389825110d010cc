// Reads zip archives whose entries are stored uncompressed, as torch.save writes them, including ZIP64. Nothing is
// decompressed.
// The format: PKWARE's APPNOTE.TXT. Only the central directory is trusted, after checking it against the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace cheems::storage {

// The end of every error about the bytes of an archive.
inline constexpr const char* kDamagedArchive = "the file is damaged: download it again.";

struct ZipEntry {
  std::span<const std::byte> bytes;  // a part of the archive's; as stored there
  bool compressed = false;
  std::uint32_t checksum = 0;  // CRC-32 from the directory
};

// The entries of the archive `bytes` by their names. `file` is used in errors. Throws Error for an archive that is
// truncated or damaged, and for entries that are encrypted or occur twice.
std::map<std::string, ZipEntry, std::less<>> read_zip_directory(std::span<const std::byte> bytes,
                                                                const std::string& file);

// CRC-32 as used by zip archives.
std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace cheems::storage
