// What a file contains, recognized by its first bytes and not by its name.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cheems::storage {

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Throws Error, naming `file` and what to do, if the bytes begin like a file that is often found instead: a Git LFS
// pointer, the web page or message that a server sent instead of the file, weights of another program, a compressed
// file.
void refuse_other_content(std::span<const std::byte> bytes, const std::string& file);

// Whether the bytes begin like a safetensors file: a plausible header length, and a brace.
bool begins_as_safetensors(std::span<const std::byte> bytes);

}  // namespace cheems::storage
