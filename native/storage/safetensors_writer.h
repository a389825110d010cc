// Writes one safetensors file, tensor by tensor, so that there is never a second copy of the weights in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace cheems::storage {

struct TensorDeclaration {
  std::string name;
  DType dtype = DType::float32;     // in the file
  std::vector<std::int64_t> shape;  // empty for a scalar
};

// The header is written first, so all tensors are declared up front. Then each is written once, in any order. Then
// finish() makes the file durable. A writer destroyed without finish() removes its file, and so does every error. The
// caller writes into a folder of its own and renames that: a reader never sees half a file.
//
//   SafetensorsWriter writer(path, {{"score.weight", DType::float32, {1, hidden}}});
//   writer.write("score.weight", values);
//   writer.finish();
//
// What the disk refuses is a cheems::Error with the path: no space, no permission, a read-only file system. Misuse (a
// tensor that was not declared, or is written twice or not at all) is a std::logic_error.
class SafetensorsWriter {
 public:
  static inline const std::map<std::string, std::string> kMetadata = {{"format", "pt"}};
  // Creates (or overwrites) `path` and reserves the whole file's space, so that a full disk is detected here.
  SafetensorsWriter(const std::string& path, const std::vector<TensorDeclaration>& tensors,
                    const std::map<std::string, std::string>& metadata = kMetadata);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // Writes the tensor from float32 values, product of its shape of them, rounded to the declared dtype.
  void write(const std::string& name, const float* values);
  // Writes the tensor from memory that already holds the declared dtype.
  void write_raw(const std::string& name, const void* elements);
  // The same piece by piece, so that no tensor needs to be whole in memory: `fetch` returns `count` elements from
  // `first` on, which must stay valid until its next call.
  using Fetch = std::function<const void*(std::uint64_t first, std::uint64_t count)>;
  void write_pieces(const std::string& name, std::uint64_t elements_at_once, const Fetch& fetch);
  // Flushes the file to the disk and closes it. Every declared tensor must have been written.
  void finish();

  // Bytes of the whole file.
  std::uint64_t file_size() const { return file_size_; }
  // Bytes of a file with these tensors.
  static std::uint64_t file_size_of(const std::vector<TensorDeclaration>& tensors);

 private:
  struct Slot {
    DType dtype;
    std::uint64_t elements;
    std::uint64_t offset;  // in the file
    bool written;
  };

  struct Layout {
    std::map<std::string, Slot> slots;
    std::string header;  // including its length
    std::uint64_t file_size;
  };
  static Layout lay_out(const std::vector<TensorDeclaration>& tensors,
                        const std::map<std::string, std::string>& metadata);
  void create();
  Slot& claim(const std::string& name);
  void write_at(const void* data, std::uint64_t size, std::uint64_t offset);
  void discard() noexcept;
  [[noreturn]] void fail_system(int error);

  std::string path_;
  std::map<std::string, Slot> slots_;
  std::uint64_t file_size_ = 0;
  int descriptor_ = -1;
};

}  // namespace cheems::storage
