// Reading of safetensors files: an 8-byte little-endian header length, a JSON header, then the tensors' data.
// The format: https://github.com/huggingface/safetensors#format.
//
// A file is trusted only after everything that its header says has been checked against the file: sizes, offsets,
// shapes and dtypes agree, and the tensors cover the data exactly, without overlap, hole or rest. All errors are
// cheems::Error and name the file and the tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "storage/mapped_file.h"

namespace cheems::storage {

// A tensor inside a file. Owns its description, not its bytes, which live as long as the file object.
struct TensorView {
  std::string dtype;                 // as the file spells it: "F32", "BF16", "F16", "I64", ...
  std::vector<std::int64_t> shape;   // empty for a scalar, which has one element
  std::span<const std::byte> bytes;  // row-major, little-endian, at any alignment

  std::int64_t elements() const;
  // The type of the elements, if it is one that the engine computes with.
  std::optional<DType> float_dtype() const;
};

// "[2, 3]"
std::string shape_text(const std::vector<std::int64_t>& shape);

class SafetensorsFile {
 public:
  // Maps and checks a file. Reads the header only; pages of tensors are fetched when they are read.
  static SafetensorsFile open(const std::string& path);
  // The same for a file that is in memory already. `bytes` must outlive the result; `name` stands in errors.
  static SafetensorsFile parse(std::span<const std::byte> bytes, const std::string& name);

  const std::string& path() const { return path_; }
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Null when the file has no such tensor.
  const TensorView* find(std::string_view name) const;

  // Copies a tensor to `destination` as float32, widening bfloat16 and float16. Throws Error when it is absent, of
  // another shape or dtype, or holds NaN or Inf (naming the first). Safe from several threads at once.
  void read_float32(std::string_view name, float* destination, const std::vector<std::int64_t>& expected_shape) const;
  // Copies a tensor to `destination` (product of shape * size_of(dtype) bytes) unconverted; `dtype` must be the
  // file's. The same checks.
  void read_raw(std::string_view name, void* destination, DType dtype,
                const std::vector<std::int64_t>& expected_shape) const;

 private:
  SafetensorsFile() = default;
  const TensorView& require(std::string_view name, const std::vector<std::int64_t>& expected_shape) const;

  std::string path_;
  std::optional<MappedFile> mapping_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace cheems::storage
