#include "storage/tensor_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "storage/file_content.h"
#include "storage/safetensors.h"
#include "storage/torch_file.h"

namespace cheems::storage {
namespace {

// Tells whether any of `count` elements is NaN or Inf: all bits of the exponent are set. It tests bits, so that
// fast-math compiler options cannot remove the check, and has no early exit, so that it is vectorized.
template <typename Bits>
bool any_non_finite(const void* elements, std::size_t count, Bits exponent) {
  const auto* bytes = static_cast<const unsigned char*>(elements);
  unsigned found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, bytes + i * sizeof(Bits), sizeof(Bits));
    found |= static_cast<unsigned>((bits & exponent) == exponent);
  }
  return found != 0;
}

bool any_non_finite(const void* elements, DType dtype, std::size_t count) {
  switch (dtype) {
    case DType::float32:
      return any_non_finite<std::uint32_t>(elements, count, 0x7f800000u);
    case DType::bfloat16:
      return any_non_finite<std::uint16_t>(elements, count, 0x7f80u);
    case DType::float16:
      return any_non_finite<std::uint16_t>(elements, count, 0x7c00u);
  }
  return false;
}

// "[3, 17]": the position of element number `index` in a tensor of `shape`.
std::string position_text(std::int64_t index, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> position(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    position[axis] = index % shape[axis];
    index /= shape[axis];
  }
  return shape_text(position);
}

// Throws Error for the first bad value of elements [begin, begin + count), which must contain one.
[[noreturn]] void fail_non_finite(std::string_view name, const TensorView& view, std::size_t begin, std::size_t count,
                                  const std::string& file) {
  const DType dtype = *view.float_dtype();
  const std::byte* bytes = view.bytes.data();
  while (count-- > 1 && !any_non_finite(bytes + begin * size_of(dtype), dtype, 1)) ++begin;
  float value = 0;
  widen(bytes + begin * size_of(dtype), dtype, &value, 1);
  const bool infinite = (std::bit_cast<std::uint32_t>(value) & 0x007fffffu) == 0;
  fail("Tensor ", in_quotes(name), " in ", file, " holds ", infinite ? "an infinite value" : "NaN", " at index ", begin,
       " (", position_text(static_cast<std::int64_t>(begin), view.shape), " of shape ", shape_text(view.shape),
       "); such a model cannot be used: use an earlier checkpoint, or download the file again.");
}

}  // namespace

std::int64_t TensorView::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

std::optional<DType> TensorView::float_dtype() const {
  if (dtype == "F32") return DType::float32;
  if (dtype == "BF16") return DType::bfloat16;
  if (dtype == "F16") return DType::float16;
  return std::nullopt;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  constexpr std::size_t longest = 16;  // a forged header may hold millions
  std::string text = "[";
  for (std::size_t i = 0; i < std::min(shape.size(), longest); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  if (shape.size() > longest) text += sentence(", ... ", shape.size(), " sizes in total");
  return text + "]";
}

const TensorView* TensorFile::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

const TensorView& TensorFile::require_shape(std::string_view name,
                                            const std::vector<std::int64_t>& expected_shape) const {
  const TensorView* view = find(name);
  if (view == nullptr)
    fail("Tensor ", in_quotes(name), " is missing from ", path_,
         ": the file does not belong to this model, or is incomplete.");
  if (view->shape != expected_shape)
    fail("Tensor ", in_quotes(name), " in ", path_, " has shape ", shape_text(view->shape),
         ", but the model's configuration needs ", shape_text(expected_shape),
         ": the weights and the configuration do not belong together.");
  if (mapping_) mapping_->check_unchanged();
  return *view;
}

const TensorView& TensorFile::require(std::string_view name, const std::vector<std::int64_t>& expected_shape) const {
  const TensorView& view = require_shape(name, expected_shape);
  if (!view.float_dtype())
    fail("Tensor ", in_quotes(name), " in ", path_, " has dtype ", view.dtype,
         "; only F32, BF16 and F16 can be computed with: convert the model to one of them (a quantized model to its "
         "original).");
  return view;
}

// Rounded once, to nearest even, as torch does. A number too large for float32 becomes infinite, as in torch.
void TensorFile::read_float64(std::string_view name, const TensorView& view, float* destination) const {
  const auto total = static_cast<std::size_t>(view.elements());
  for (std::size_t i = 0; i < total; ++i) {
    double value;
    std::memcpy(&value, view.bytes.data() + i * sizeof value, sizeof value);
    destination[i] = static_cast<float>(value);
    if (!std::isfinite(destination[i]))
      fail("Tensor ", in_quotes(name), " in ", path_, " holds ", value, " at index ", i, " (",
           position_text(static_cast<std::int64_t>(i), view.shape), " of shape ", shape_text(view.shape),
           "), which is no finite number in float32; such a model cannot be used: use an earlier checkpoint, or "
           "download the file again.");
  }
  if (mapping_) mapping_->release(view.bytes);
}

void TensorFile::read_float32(std::string_view name, float* destination,
                              const std::vector<std::int64_t>& expected_shape) const {
  if (const TensorView* wide = find(name); wide && wide->dtype == "F64")
    return read_float64(name, require_shape(name, expected_shape), destination);
  const TensorView& view = require(name, expected_shape);
  const DType dtype = *view.float_dtype();
  const auto total = static_cast<std::size_t>(view.elements());
  constexpr std::size_t block = 32 * 1024;  // widened and checked while it is in the cache
  for (std::size_t begin = 0; begin < total; begin += block) {
    const std::size_t count = std::min(block, total - begin);
    widen(view.bytes.data() + begin * size_of(dtype), dtype, destination + begin, count);
    if (any_non_finite(destination + begin, DType::float32, count)) fail_non_finite(name, view, begin, count, path_);
  }
  if (mapping_) mapping_->release(view.bytes);
}

void TensorFile::read_raw(std::string_view name, void* destination, DType dtype,
                          const std::vector<std::int64_t>& expected_shape) const {
  const TensorView& view = require(name, expected_shape);
  if (*view.float_dtype() != dtype)
    fail("Tensor ", in_quotes(name), " in ", path_, " has dtype ", view.dtype, ", but ", cheems::name(dtype),
         " is needed: convert the model so that all of its matrices have one dtype.");
  const auto total = static_cast<std::size_t>(view.elements());
  if (total > 0) std::memcpy(destination, view.bytes.data(), view.bytes.size());
  if (any_non_finite(destination, dtype, total)) fail_non_finite(name, view, 0, total, path_);
  if (mapping_) mapping_->release(view.bytes);
}

void TensorFile::check_finite(std::string_view name) const {
  const TensorView& view = require(name, find(name) ? find(name)->shape : std::vector<std::int64_t>{});
  const auto total = static_cast<std::size_t>(view.elements());
  if (any_non_finite(view.bytes.data(), *view.float_dtype(), total)) fail_non_finite(name, view, 0, total, path_);
}

std::unique_ptr<const TensorFile> open_tensor_file(const std::string& path) {
  const auto named = [&](const char* ending) { return path.ends_with(ending); };
  const MappedFile mapping(path);
  const bool safetensors = begins_as_safetensors(mapping.bytes());
  if (TorchFile::recognizes(mapping.bytes()) || (!safetensors && (named(".bin") || named(".pt") || named(".pth"))))
    return std::make_unique<const TorchFile>(TorchFile::open(path));
  return std::make_unique<const SafetensorsFile>(SafetensorsFile::open(path));
}

}  // namespace cheems::storage
