// Reading of safetensors files: an 8-byte little-endian header length, a JSON header, then the tensors' data.
// The format: https://github.com/huggingface/safetensors#format.
//
// A file is trusted only after its whole header has been checked against the file: sizes, offsets, shapes and dtypes
// agree, and the tensors cover the data exactly, without overlaps, gaps or trailing bytes. All errors are cheems::Error
// and name the file and the tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "storage/tensor_file.h"

namespace cheems::storage {

// The reference library's limit, in bytes; a length beyond it is a damaged file, not a big model.
constexpr std::uint64_t largest_safetensors_header = 100'000'000;

class SafetensorsFile : public TensorFile {
 public:
  // Maps and checks a file. Reads only the header; pages of tensors are loaded when they are read.
  static SafetensorsFile open(const std::string& path);
  // The same for a file that is already in memory. `bytes` must outlive the result; `name` is used in errors.
  static SafetensorsFile parse(std::span<const std::byte> bytes, const std::string& name);

  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  SafetensorsFile() = default;

  std::map<std::string, std::string> metadata_;
};

}  // namespace cheems::storage
