#include "storage/safetensors_writer.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/error.h"
#include "storage/json.h"

namespace cheems::storage {
namespace {

// The header ends on a multiple of this, so that float32 tensors are aligned when the file is mapped.
constexpr std::size_t alignment = 8;

const char* file_name_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "F32";
    case DType::bfloat16:
      return "BF16";
    case DType::float16:
      return "F16";
  }
  return "";
}

std::uint64_t elements_of(const TensorDeclaration& tensor) {
  std::uint64_t count = 1;
  for (const std::int64_t size : tensor.shape)
    if (size < 0 || __builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count) || count > (1ull << 60))
      throw std::invalid_argument("tensor " + tensor.name + " is declared with an impossible shape");
  return count;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::string& path, const std::vector<TensorDeclaration>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : path_(path) {
  Layout layout = lay_out(tensors, metadata);
  slots_ = std::move(layout.slots);
  file_size_ = layout.file_size;
  create();
  write_at(layout.header.data(), layout.header.size(), 0);
}

std::uint64_t SafetensorsWriter::file_size_of(const std::vector<TensorDeclaration>& tensors) {
  return lay_out(tensors, kMetadata).file_size;
}

// Gives each tensor its offset in the file. float32 tensors come before 16-bit ones: PyTorch's loader needs each tensor
// aligned to its own elements.
SafetensorsWriter::Layout SafetensorsWriter::lay_out(const std::vector<TensorDeclaration>& tensors,
                                                     const std::map<std::string, std::string>& metadata) {
  Layout layout;
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t end = 0;
  for (const std::size_t element_size : {std::size_t{4}, std::size_t{2}}) {
    for (const TensorDeclaration& tensor : tensors) {
      if (size_of(tensor.dtype) != element_size) continue;
      const std::uint64_t begin = end, elements = elements_of(tensor);
      end += elements * element_size;
      if (tensor.name == "__metadata__" ||
          !layout.slots.emplace(tensor.name, Slot{tensor.dtype, elements, begin, false}).second)
        throw std::invalid_argument("tensor " + tensor.name + " is declared twice, or has a reserved name");
      header[tensor.name] = {
          {"dtype", file_name_of(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    }
  }
  std::string json = header.dump();
  json.append((alignment - json.size() % alignment) % alignment, ' ');
  std::string& text = layout.header;
  for (std::size_t i = 0; i < 8; ++i) text += static_cast<char>(json.size() >> (8 * i) & 0xff);
  text += json;
  for (auto& [name, slot] : layout.slots) slot.offset += text.size();
  layout.file_size = text.size() + end;
  return layout;
}

void SafetensorsWriter::create() {
  // A file of that name may be mapped, perhaps by a model of this process: it is unlinked, not truncated.
  struct stat status = {};
  if (::stat(path_.c_str(), &status) == 0 && S_ISREG(status.st_mode)) ::unlink(path_.c_str());
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_system(errno);
  int result;
  do {
    result = ::fallocate(descriptor_, 0, 0, static_cast<off_t>(file_size_));
  } while (result != 0 && errno == EINTR);
  // Not every file system can reserve space. On others, the write that fills the disk reports the error.
  if (result != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) fail_system(errno);
}

SafetensorsWriter::~SafetensorsWriter() { discard(); }

void SafetensorsWriter::discard() noexcept {
  if (descriptor_ < 0) return;
  struct stat status = {};
  const bool regular = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);  // never remove a device
  ::close(std::exchange(descriptor_, -1));
  if (regular) ::unlink(path_.c_str());
}

void SafetensorsWriter::fail_system(int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  struct statvfs space = {};
  std::string free_space;
  if (full && descriptor_ >= 0 && ::fstatvfs(descriptor_, &space) == 0)
    free_space = sentence(" (", file_size_ / 1'000'000, " MB are needed, ",
                          static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize / 1'000'000, " MB were free)");
  discard();
  if (full)
    fail("The disk is full", error == EDQUOT ? " (the user's quota is used up)" : "", ": ", path_,
         " could not be written", free_space, ". Free some space or choose another output folder.");
  if (error == EACCES || error == EPERM)
    fail("The file ", path_,
         " may not be written by this user: change the folder's permissions or choose another one.");
  if (error == EROFS) fail("The file ", path_, " is on a read-only file system: choose another output folder.");
  if (error == ENOENT) fail("The file ", path_, " cannot be created: its folder does not exist.");
  if (error == EFBIG)
    fail("The file ", path_, " would have ", file_size_,
         " bytes, more than the file system or the process's limit (ulimit -f) allows: choose another output folder.");
  fail("The file ", path_, " could not be written: ", std::generic_category().message(error), ".");
}

SafetensorsWriter::Slot& SafetensorsWriter::claim(const std::string& name) {
  const auto found = slots_.find(name);
  if (descriptor_ < 0 || found == slots_.end() || found->second.written)
    throw std::logic_error("tensor " + name + " of " + path_ +
                           " is not declared, is written twice, or its writer is finished or failed");
  found->second.written = true;
  return found->second;
}

void SafetensorsWriter::write(const std::string& name, const float* values) {
  Slot& slot = claim(name);
  if (slot.dtype == DType::float32) return write_at(values, slot.elements * sizeof(float), slot.offset);
  constexpr std::uint64_t block = 256 * 1024;
  std::vector<std::uint16_t> narrowed(std::min(block, slot.elements));
  for (std::uint64_t begin = 0; begin < slot.elements; begin += block) {
    const std::uint64_t count = std::min(block, slot.elements - begin);
    narrow(values + begin, slot.dtype, narrowed.data(), count);
    write_at(narrowed.data(), count * 2, slot.offset + begin * 2);
  }
}

void SafetensorsWriter::write_raw(const std::string& name, const void* elements) {
  Slot& slot = claim(name);
  write_at(elements, slot.elements * size_of(slot.dtype), slot.offset);
}

void SafetensorsWriter::write_pieces(const std::string& name, std::uint64_t elements_at_once, const Fetch& fetch) {
  Slot& slot = claim(name);
  const std::uint64_t size = size_of(slot.dtype);
  for (std::uint64_t first = 0; first < slot.elements; first += elements_at_once) {
    const std::uint64_t count = std::min(elements_at_once, slot.elements - first);
    write_at(fetch(first, count), count * size, slot.offset + first * size);
  }
}

void SafetensorsWriter::write_at(const void* data, std::uint64_t size, std::uint64_t offset) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const std::size_t piece = std::min<std::uint64_t>(size, 1u << 30);
    const ssize_t written = ::pwrite(descriptor_, bytes, piece, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_system(written < 0 ? errno : EIO);
    bytes += written;
    offset += static_cast<std::uint64_t>(written);
    size -= static_cast<std::uint64_t>(written);
  }
}

void SafetensorsWriter::finish() {
  for (const auto& [name, slot] : slots_)
    if (!slot.written) throw std::logic_error("tensor " + name + " of " + path_ + " was declared but never written");
  if (descriptor_ < 0) throw std::logic_error("the writer of " + path_ + " is finished or failed");
  if (::fsync(descriptor_) != 0) fail_system(errno);
  // Some network file systems report a failed write only here; the descriptor is closed either way.
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) {
    const int error = errno;
    ::unlink(path_.c_str());
    fail_system(error);
  }
}

}  // namespace cheems::storage
