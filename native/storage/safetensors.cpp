#include "storage/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "storage/file_content.h"
#include "storage/safetensors_header.h"

namespace cheems::storage {
namespace {

constexpr std::size_t length_bytes = 8;

constexpr const char* truncated = "the file is truncated: download it again.";

// Every dtype of the format, with its bits per element: a file may contain types that the engine does not compute with
// (position ids, for example) and must still be readable.
std::optional<unsigned> bits_of(std::string_view dtype) {
  static constexpr std::array<std::pair<std::string_view, unsigned>, 22> known = {{
      {"F32", 32},    {"BF16", 16},   {"F16", 16},    {"F64", 64},    {"C64", 64},        {"BOOL", 8},
      {"U8", 8},      {"I8", 8},      {"U16", 16},    {"I16", 16},    {"U32", 32},        {"I32", 32},
      {"U64", 64},    {"I64", 64},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
      {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},
  }};
  for (const auto& [name, bits] : known)
    if (name == dtype) return bits;
  return std::nullopt;
}

std::uint64_t read_length(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return length;
}

// The header's JSON text.
std::string_view find_header(std::span<const std::byte> bytes, const std::string& file) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  refuse_other_content(bytes, file);
  if (bytes.size() < length_bytes)
    fail(file, " has ", bytes.size(), " bytes, too few for a safetensors file; ", truncated);
  const std::uint64_t length = read_length(bytes);
  if (length > largest_safetensors_header)
    fail(file, " claims a header of ", length, " bytes, more than the format's ", largest_safetensors_header,
         "; it is not a safetensors file, or it is damaged: download it again.");
  if (length > bytes.size() - length_bytes)
    fail(file, " claims a header of ", length, " bytes but ends after ", bytes.size() - length_bytes, " of them; ",
         truncated);
  const std::string_view header = text.substr(length_bytes, length);
  if (header.empty() || header.front() != '{')
    fail("The header of ", file, " does not begin with '{'; it is not a safetensors file, or it is damaged.");
  return header;
}

// The size of a tensor's data by its dtype and shape, in bytes.
std::uint64_t expected_bytes(const std::string& name, const HeaderEntry& entry, const std::string& file) {
  const std::optional<unsigned> bits = bits_of(entry.dtype);
  if (!bits)
    fail("Tensor ", in_quotes(name), " in ", file, " has the unknown dtype ", in_quotes(entry.dtype),
         ": convert the model to float32, bfloat16 or float16.");
  std::uint64_t total_bits = *bits;
  for (const std::int64_t size : entry.shape)
    if (__builtin_mul_overflow(total_bits, static_cast<std::uint64_t>(size), &total_bits))
      fail("Tensor ", in_quotes(name), " in ", file, " has a shape too large for any file, ", shape_text(entry.shape),
           "; ", kDamagedSafetensors);
  if (total_bits % 8 != 0)
    fail("Tensor ", in_quotes(name), " in ", file, " has dtype ", entry.dtype, " and shape ", shape_text(entry.shape),
         ", which is not a whole number of bytes; ", kDamagedSafetensors);
  return total_bits / 8;
}

TensorView check_entry(const std::string& name, HeaderEntry&& entry, std::span<const std::byte> data,
                       const std::string& file) {
  const std::uint64_t expected = expected_bytes(name, entry, file);
  if (entry.begin > entry.end)
    fail("Tensor ", in_quotes(name), " in ", file, " begins at byte ", entry.begin, " after its end at ", entry.end,
         "; ", kDamagedSafetensors);
  if (entry.end - entry.begin != expected)
    fail("Tensor ", in_quotes(name), " in ", file, " has ", entry.end - entry.begin, " bytes, but dtype ", entry.dtype,
         " and shape ", shape_text(entry.shape), " need ", expected, "; ", kDamagedSafetensors);
  if (entry.end > data.size())
    fail("Tensor ", in_quotes(name), " in ", file, " ends at byte ", entry.end,
         " of the data, of which the file has only ", data.size(), "; ", truncated);
  return {std::move(entry.dtype), std::move(entry.shape), data.subspan(entry.begin, entry.end - entry.begin)};
}

// The tensors must be contiguous, from the first byte of the data to the last. The format forbids gaps, in which a file
// could carry something that no reader sees.
void check_layout(const std::map<std::string, TensorView, std::less<>>& tensors, std::span<const std::byte> data,
                  const std::string& file) {
  std::vector<std::pair<std::span<const std::byte>, const std::string*>> order;
  order.reserve(tensors.size());
  for (const auto& [name, view] : tensors) order.emplace_back(view.bytes, &name);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.data(), a.first.size()) < std::pair(b.first.data(), b.first.size());
  });
  std::size_t covered = 0;
  const std::string* previous = nullptr;
  for (const auto& [bytes, name] : order) {
    const auto begin = static_cast<std::size_t>(bytes.data() - data.data());
    if (begin < covered)
      fail("Tensors ", in_quotes(*previous), " and ", in_quotes(*name), " overlap in ", file, "; ",
           kDamagedSafetensors);
    if (begin > covered)
      fail("There are ", begin - covered, " unused bytes before tensor ", in_quotes(*name), " in ", file, "; ",
           kDamagedSafetensors);
    covered = begin + bytes.size();
    previous = name;
  }
  if (covered != data.size())
    fail("There are ", data.size() - covered, " unused bytes after the last tensor in ", file, "; ",
         kDamagedSafetensors);
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  MappedFile mapping(path);
  if (mapping.bytes().empty()) fail("The file ", path, " is empty: download it again.");
  SafetensorsFile file = parse(mapping.bytes(), path);
  file.mapping_ = std::move(mapping);  // the mapping object moves, the mapped bytes stay
  return file;
}

SafetensorsFile SafetensorsFile::parse(std::span<const std::byte> bytes, const std::string& name) {
  SafetensorsFile file;
  file.path_ = name;
  const std::string_view json = find_header(bytes, name);
  SafetensorsHeader header = parse_safetensors_header(json, name);
  const std::span<const std::byte> data = bytes.subspan(length_bytes + json.size());
  for (auto& [tensor, entry] : header.tensors)
    file.tensors_.emplace_hint(file.tensors_.end(), tensor, check_entry(tensor, std::move(entry), data, name));
  check_layout(file.tensors_, data, name);
  file.metadata_ = std::move(header.metadata);
  return file;
}

}  // namespace cheems::storage
