// The parser of a safetensors file's JSON header. It checks the JSON itself; safetensors.cpp checks whether offsets,
// shapes and the file's size agree.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cheems::storage {

// The end of every error about the bytes of a safetensors file.
inline constexpr const char* kDamagedSafetensors = "the file is damaged or was written wrongly: download it again.";

// One tensor as its header entry describes it.
struct HeaderEntry {
  std::string dtype;                 // any string
  std::vector<std::int64_t> shape;   // each >= 0
  std::uint64_t begin = 0, end = 0;  // data_offsets, in bytes from the end of the header; any values
};

struct SafetensorsHeader {
  std::map<std::string, HeaderEntry> tensors;
  std::map<std::string, std::string> metadata;
};

// Reads `json`, the header without its length. Throws Error, naming `file` and the tensor, when it is not UTF-8 JSON
// or not of the form {name: {"dtype": string, "shape": [integers >= 0], "data_offsets": [integer, integer]}, ...,
// "__metadata__": {string: string}}, or when any key occurs twice.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file);

}  // namespace cheems::storage
