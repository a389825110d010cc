// Files made by hand for the tests and the fuzz driver: nothing here goes through the writer, and
// nothing is checked, so that lies can be told.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

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

// A folder of its own for a test, removed at its end.
struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder()
      : path(std::filesystem::temp_directory_path() / ("cheems-storage-" + std::to_string(std::random_device()()))) {
    std::filesystem::create_directory(path);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
  std::string put(const std::string& name, const std::string& content) const {
    std::ofstream(file(name), std::ios::binary) << content;
    return file(name);
  }
};

// A file with one tensor of two float32 values.
inline std::string small_file(const std::string& name = "a", float first = 1.0f) {
  return make_file("{" + entry(name, "F32", "[2]", "[0,8]") + "}", bytes_of<float>({first, 2.0f}));
}

// A zip archive of stored entries, without checksums, as torch.save writes it when told not to compute them.
inline std::string make_zip(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string file, directory;
  const auto number = [](std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
  };
  for (const auto& [name, data] : entries) {
    const std::string common = number(0, 4) + number(0, 4) + number(0, 4) + number(data.size(), 4) +
                               number(data.size(), 4) + number(name.size(), 2) + number(0, 2);
    directory += number(0x02014b50, 4) + number(0, 4) + common + std::string(10, '\0') + number(file.size(), 4) + name;
    file += number(0x04034b50, 4) + number(0, 2) + common + name + data;
  }
  return file + directory + number(0x06054b50, 4) + number(0, 4) + number(entries.size(), 2) +
         number(entries.size(), 2) + number(directory.size(), 4) + number(file.size(), 4) + number(0, 2);
}

// The sentence with which `action` is refused; "" when it is not.
template <typename Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace cheems::storage::testing
