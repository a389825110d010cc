// The weights of a Hugging Face model folder, in one file or in shards, as safetensors or PyTorch files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/tensor_file.h"

namespace cheems::storage {

// The "weight_map" of a model.safetensors.index.json or pytorch_model.bin.index.json: tensor name -> file name inside
// the folder. Throws Error with `file` if the text is not such an index or names a file outside the folder.
std::map<std::string, std::string> parse_weight_map(std::string_view text, const std::string& file);

// Move-only; the views that it returns live as long as it does. Safe to read from several threads at once.
class Checkpoint {
 public:
  // Opens the first of what transformers looks for: `model.safetensors`, the shards that `model.safetensors.index.json`
  // lists, `pytorch_model.bin`, the shards of `pytorch_model.bin.index.json`. Checks all headers. Throws Error for a
  // folder without any of these, a missing shard, a tensor that its shard lacks, or one that two shards hold.
  static Checkpoint open(const std::string& folder);
  // Adds the tensors of another file, in any supported format, with `prefix` before each of their names: a head in a
  // file beside the main weights. add_file(folder + "/regression_layer.pt", "regression_layer.") turns network.0.weight
  // into regression_layer.network.0.weight. Throws Error for a file that is missing or damaged, and for a name that
  // already exists.
  void add_file(const std::string& path, const std::string& prefix = "");

  // Renames the tensors: old name -> new name. A tensor without an entry is left out. Errors still name tensors as the
  // files do. Throws Error if two tensors would have the same name.
  void rename(const std::map<std::string, std::string>& names);

  const std::string& folder() const { return folder_; }
  // Null when there is no such tensor.
  const TensorView* find(std::string_view name) const;
  // All tensors in alphabetical order.
  std::vector<std::string> names() const;
  // The path of the file that holds the tensor, for messages. The tensor must exist.
  const std::string& file_of(std::string_view name) const;

  // As SafetensorsFile::read_float32 and read_raw: shape, dtype, NaN and Inf are checked, errors name file and tensor.
  void read_float32(std::string_view name, float* destination, const std::vector<std::int64_t>& expected_shape) const;
  void read_raw(std::string_view name, void* destination, DType dtype,
                const std::vector<std::int64_t>& expected_shape) const;

  // From here on read_float32 returns every number rounded to `dtype`, to nearest even: what a tool that loads the
  // folder in that dtype would have. Raw bytes and views stay as they are stored.
  void round_to(DType dtype) { rounded_to_ = dtype; }
  DType rounded_to() const { return rounded_to_; }

  // For callers that compute directly with the bytes of a TensorView: throws Error if a file has been cut, grown or
  // rewritten since it was opened,
  void check_unchanged() const;
  // or when a tensor of float type holds NaN or Inf, naming the first.
  void check_finite(std::string_view name) const;

 private:
  Checkpoint() = default;
  void open_shards(const std::string& index_path);
  struct Place {
    const TensorFile* file;
    std::string name;  // the tensor's own, without the prefix
  };
  const Place& require(std::string_view name) const;

  std::string folder_;
  DType rounded_to_ = DType::float32;
  std::vector<std::unique_ptr<const TensorFile>> files_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace cheems::storage
