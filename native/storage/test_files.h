// Safetensors files made by hand for the tests and the fuzz driver: nothing here goes through the writer, and
// nothing is checked, so that lies can be told.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace cheems::storage::testing {

// The length in front of `json`, then `data`.
inline std::string make_file(std::string_view json, std::string_view data) {
  const std::uint64_t length = json.size();
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(length >> (8 * i) & 0xff);
  return file.append(json).append(data);
}

// The bytes of values of any type.
template <typename Value>
std::string bytes_of(const std::vector<Value>& values) {
  std::string bytes(values.size() * sizeof(Value), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// One entry of a header.
inline std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

}  // namespace cheems::storage::testing
