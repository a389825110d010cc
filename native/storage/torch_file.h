// Reads what torch.save wrote: the tensors of a state dict, in a zip archive (PyTorch 1.6 and later) of a pickle,
// <root>/data.pkl, and one entry <root>/data/<key> per storage. Nothing of the pickle is run: it may name the functions
// that state dicts need and no others, and those are read as descriptions of tensors.
//
// Names: those of the dict; for dicts in it, outer and inner name joined by a dot. If a dict holds no tensor itself but
// a dict under "state_dict", "model_state_dict", "model" or "module", only that dict is the model. Everything that is
// no tensor (numbers, text, None) is skipped.
//
// Tensors stay in the mapped file, several perhaps in the same bytes (tied weights). A tensor whose elements are not
// row-major in its storage (a transposed view) is copied into order when the file is opened.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/tensor_file.h"

namespace cheems::storage {

class TorchFile : public TensorFile {
 public:
  // Maps and checks a file. Throws Error for one that is damaged, has the format before PyTorch 1.6 (saying how to
  // convert it), or holds anything but plain tensors.
  static TorchFile open(const std::string& path);
  // The same for a file that is already in memory. `bytes` must outlive the result; `name` is used in errors.
  static TorchFile parse(std::span<const std::byte> bytes, const std::string& name);
  // Whether the bytes begin like a file of torch.save, in the current format or the one before 1.6.
  static bool recognizes(std::span<const std::byte> bytes);

 private:
  TorchFile() = default;

  std::vector<std::unique_ptr<std::byte[]>> copies_;  // of tensors that are not row-major in the file
};

}  // namespace cheems::storage
