// A regular file, mapped into memory for reading. Move-only; the bytes live as long as the object.
//
// What is protected: the mapping is exactly as long as the file was when it was opened, so no offset inside bytes() is
// outside the file. check_unchanged() then refuses a file that has been cut, grown or rewritten since. The readers call
// it before they read a tensor, and the decoder before every batch if it computes with mapped weights.
// What is not: a file that another process cuts between that check and a read, and a disk (or network drive) that fails
// while a page is loaded. The kernel answers both with SIGBUS, which ends the process. No check can prevent this, but a
// sentence on the standard error says which file it was (mapping_faults.h). A file that is removed, or replaced by
// renaming as checkpoints are, stays mapped as it was.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <sys/stat.h>

namespace cheems::storage {

class MappedFile {
 public:
  // Throws Error when the file is missing, unreadable or not a regular file. An empty file has no bytes().
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

  // Throws Error when the file's size or modification time differs from what it was when opened.
  void check_unchanged() const;
  // Releases the pages of `part` (ignores memory outside of bytes()), so that weights that have been copied do not
  // count twice in the process's resident memory. They are loaded again if they are read again.
  void release(std::span<const std::byte> part) const;

 private:
  void close() noexcept;

  std::string path_;
  int descriptor_ = -1;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  struct timespec changed_ = {};
};

}  // namespace cheems::storage
