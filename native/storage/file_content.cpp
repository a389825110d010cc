#include "storage/file_content.h"

#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/error.h"
#include "storage/safetensors.h"

namespace cheems::storage {
namespace {

bool begins_as_page(std::string_view text) {
  std::string begin;
  for (const char c : text.substr(0, 512)) {
    if (begin.empty() && (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\xef' || c == '\xbb' || c == '\xbf'))
      continue;
    begin += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  for (const char* tag : {"<!doctype", "<html", "<head", "<?xml", "<error", "<script"}) {
    if (begin.starts_with(tag)) return true;
  }
  return false;
}

}  // namespace

void refuse_other_content(std::span<const std::byte> bytes, const std::string& file) {
  const std::string_view text = text_of(bytes);
  if (text.starts_with("version https://git-lfs"))
    fail(file, " is only a Git LFS pointer to the file: fetch it with `git lfs pull` in the folder that was cloned.");
  if (begins_as_page(text))
    fail(file,
         " is a web page or a server's message (HTML or XML), not the file that was asked for: download it again.");
  if (text.starts_with("GGUF"))
    fail(file,
         " is a GGUF file, which is llama.cpp's format and not supported here: use the model's original Hugging Face "
         "folder.");
  if (text.starts_with("\x89HDF\r\n"))
    fail(file,
         " is an HDF5 file, as TensorFlow and Keras write it: save the model with save_pretrained in transformers, as "
         "safetensors.");
  if (text.starts_with("\x1f\x8b")) fail(file, " is compressed (gzip): unpack it first.");
  if (text.starts_with(std::string_view("\x28\xb5\x2f\xfd", 4))) fail(file, " is compressed (zstd): unpack it first.");
  if (text.starts_with(std::string_view("\xfd\x37zXZ", 5))) fail(file, " is compressed (xz): unpack it first.");
}

bool begins_as_safetensors(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  if (bytes.size() <= sizeof length) return false;
  for (std::size_t i = 0; i < sizeof length; ++i) length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return length <= largest_safetensors_header && bytes[sizeof length] == std::byte{'{'};
}

}  // namespace cheems::storage
