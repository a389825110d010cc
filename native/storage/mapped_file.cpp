#include "storage/mapped_file.h"

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"
#include "storage/mapping_faults.h"

namespace cheems::storage {
namespace {

[[noreturn]] void fail_to_open(const std::string& path, int error) {
  if (error == ENOENT) fail("The file ", path, " does not exist: check the path, or download the file.");
  if (error == EACCES || error == EPERM)
    fail("The file ", path, " may not be read by this user: change its permissions.");
  fail("The file ", path, " cannot be opened: ", std::generic_category().message(error), ".");
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  // Non-blocking, so that a named pipe is refused below instead of waited for.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail_to_open(path, errno);
  try {
    struct stat status = {};
    if (::fstat(descriptor_, &status) != 0) fail_to_open(path, errno);
    if (!S_ISREG(status.st_mode)) fail(path, " is not a regular file: give the path of a file.");
    changed_ = status.st_mtim;
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ == 0) return;
    void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (data == MAP_FAILED)
      fail("The file ", path, " (", size_,
           " bytes) cannot be mapped into memory: ", std::generic_category().message(errno), ".");
    data_ = static_cast<const std::byte*>(data);
    explain_faults_in(data_, size_, path_);
  } catch (...) {
    close();
    throw;
  }
}

MappedFile::~MappedFile() { close(); }

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this == &other) return *this;
  close();
  path_ = std::move(other.path_);
  descriptor_ = std::exchange(other.descriptor_, -1);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  changed_ = other.changed_;
  return *this;
}

void MappedFile::close() noexcept {
  if (data_ != nullptr) {
    forget_mapping(data_);
    ::munmap(const_cast<std::byte*>(data_), size_);
  }
  if (descriptor_ >= 0) ::close(descriptor_);
  data_ = nullptr;
  descriptor_ = -1;
}

void MappedFile::check_unchanged() const {
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) fail_to_open(path_, errno);
  const bool same = static_cast<std::size_t>(status.st_size) == size_ && status.st_mtim.tv_sec == changed_.tv_sec &&
                    status.st_mtim.tv_nsec == changed_.tv_nsec;
  if (!same)
    fail("The file ", path_, " was changed by another process while it was being read: wait until it is complete, ",
         "then load it again.");
}

void MappedFile::release(std::span<const std::byte> part) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(part.data());
  const auto mapped = reinterpret_cast<std::uintptr_t>(data_);
  if (address < mapped || address + part.size() > mapped + size_)
    return;                                                         // a copy; other memory would lose its contents
  const std::uintptr_t begin = (address + page - 1) / page * page;  // inwards: neighbors may still be in use
  const std::uintptr_t end = (address + part.size()) / page * page;
  // Advice only: if the kernel does not follow it, the pages just stay.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace cheems::storage
