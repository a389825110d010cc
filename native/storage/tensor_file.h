// A file of named tensors, whatever its format: what the readers of safetensors and PyTorch files share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
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
  std::string dtype;                 // as safetensors spells it: "F32", "BF16", "F16", "I64", ...
  std::vector<std::int64_t> shape;   // empty for a scalar, which has one element
  std::span<const std::byte> bytes;  // row-major, little-endian, at any alignment

  std::int64_t elements() const;
  // The dtype of the elements, if the engine computes with it. (Not F64: read_float32 rounds it.)
  std::optional<DType> float_dtype() const;
  // Whether read_float32 accepts it.
  bool reads_as_float32() const { return float_dtype().has_value() || dtype == "F64"; }
};

// "[2, 3]"
std::string shape_text(const std::vector<std::int64_t>& shape);

// Move-only. Created by the formats' own readers, or by open_tensor_file.
class TensorFile {
 public:
  virtual ~TensorFile() = default;  // a checkpoint owns files of several formats
  TensorFile(TensorFile&&) = default;
  TensorFile& operator=(TensorFile&&) = default;
  const std::string& path() const { return path_; }
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  // Null when the file has no such tensor.
  const TensorView* find(std::string_view name) const;

  // Copies a tensor to `destination` as float32, widening bfloat16 and float16 and rounding float64 to nearest. Throws
  // Error if it is absent, has another shape or dtype, or holds NaN or Inf (naming the first). Safe from several
  // threads at once.
  void read_float32(std::string_view name, float* destination, const std::vector<std::int64_t>& expected_shape) const;
  // Copies a tensor to `destination` (product of shape * size_of(dtype) bytes) unconverted; `dtype` must be the
  // file's. The same checks.
  void read_raw(std::string_view name, void* destination, DType dtype,
                const std::vector<std::int64_t>& expected_shape) const;
  // Throws Error when the file has been cut, grown or rewritten since it was opened.
  void check_unchanged() const {
    if (mapping_) mapping_->check_unchanged();
  }
  // Throws Error naming the first NaN or Inf of a tensor, which must exist and have a dtype that the engine computes
  // with.
  void check_finite(std::string_view name) const;

 protected:
  TensorFile() = default;

  std::string path_;
  std::optional<MappedFile> mapping_;  // absent for a file that is already in memory
  std::map<std::string, TensorView, std::less<>> tensors_;

 private:
  const TensorView& require(std::string_view name, const std::vector<std::int64_t>& expected_shape) const;
  const TensorView& require_shape(std::string_view name, const std::vector<std::int64_t>& expected_shape) const;
  void read_float64(std::string_view name, const TensorView& view, float* destination) const;
};

// Maps and checks a file of any supported format. The format is recognized by the first bytes; the name (.bin, .pt,
// .pth) only decides the error for files of neither format. Throws Error.
std::unique_ptr<const TensorFile> open_tensor_file(const std::string& path);

}  // namespace cheems::storage
