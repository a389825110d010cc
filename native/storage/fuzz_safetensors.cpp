// Throws damaged files at the safetensors reader and damaged indexes at the index reader. Each must be read, with
// every tensor inside the file's bytes, or be refused by a cheems::Error; anything else ends the program. Meant to be
// built with AddressSanitizer and UndefinedBehaviorSanitizer. The inputs depend on the seed and the number alone:
//
//   fuzz_safetensors --inputs 100000 --seed 1
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"
#include "storage/checkpoint.h"
#include "storage/safetensors.h"
#include "storage/test_files.h"

namespace {

using namespace cheems;
using namespace cheems::storage;

using Random = std::mt19937_64;

std::uint64_t below(Random& random, std::uint64_t limit) { return limit == 0 ? 0 : random() % limit; }

template <typename Choices>
const auto& pick(Random& random, const Choices& choices) {
  return choices[below(random, std::size(choices))];
}

struct Parts {
  std::string json, data;
};

// A valid file of up to six tensors of all kinds.
Parts valid_parts(Random& random) {
  struct Kind {
    const char* name;
    std::size_t bits;
  };
  static const Kind kinds[] = {{"F32", 32}, {"BF16", 16}, {"F16", 16}, {"F32", 32},    {"BF16", 16}, {"F16", 16},
                               {"I64", 64}, {"U8", 8},    {"BOOL", 8}, {"F8_E4M3", 8}, {"F4", 4}};
  Parts parts;
  parts.json = below(random, 2) ? R"({"__metadata__":{"format":"pt"})" : "{";
  const std::uint64_t count = below(random, 7);
  for (std::uint64_t t = 0; t < count; ++t) {
    const Kind& kind = pick(random, kinds);
    std::string shape = "[";
    std::size_t elements = 1;
    for (std::uint64_t axis = below(random, 4); axis-- > 0;) {
      const std::size_t size = below(random, 6) * (kind.bits < 8 ? 2 : 1);
      elements *= size;
      shape += (shape.size() > 1 ? "," : "") + std::to_string(size);
    }
    if (elements * kind.bits % 8 != 0) continue;  // a scalar of half a byte
    const std::size_t begin = parts.data.size();
    for (std::size_t i = 0; i < elements * kind.bits / 8; ++i) parts.data += static_cast<char>(below(random, 0x3f));
    if (parts.json.size() > 1) parts.json += ',';
    parts.json += testing::entry("model.layers." + std::to_string(t) + ".权重", kind.name, shape + "]",
                                 "[" + std::to_string(begin) + "," + std::to_string(parts.data.size()) + "]");
  }
  parts.json += '}';
  parts.json.append((8 - parts.json.size() % 8) % 8, ' ');
  return parts;
}

void flip_bits(Random& random, std::string& text) {
  for (std::uint64_t n = 1 + below(random, 8); n-- > 0 && !text.empty();)
    text[below(random, text.size())] ^= static_cast<char>(1u << below(random, 8));
}

// Puts something else in the place of one number of the JSON text.
void lie_about_number(Random& random, std::string& json) {
  static const char* lies[] = {"0",
                               "1",
                               "-1",
                               "3",
                               "1.5",
                               "1e3",
                               "1e999",
                               "-0",
                               "null",
                               "\"1\"",
                               "[]",
                               "{}",
                               "true",
                               "9223372036854775807",
                               "9223372036854775808",
                               "18446744073709551615",
                               "18446744073709551616",
                               "4611686018427387904",
                               "4294967296",
                               "-9223372036854775808",
                               "340282366920938463463374607431768211456",
                               "0x10",
                               "01",
                               "NaN",
                               ""};
  std::vector<std::pair<std::size_t, std::size_t>> numbers;
  for (std::size_t i = 0; i < json.size();) {
    std::size_t end = i;
    while (end < json.size() && json[end] >= '0' && json[end] <= '9') ++end;
    const bool value = end > i && i > 0 && (json[i - 1] == '[' || json[i - 1] == ',');
    if (value) numbers.emplace_back(i, end - i);
    i = end > i ? end : i + 1;
  }
  if (numbers.empty()) return flip_bits(random, json);
  const auto [begin, length] = pick(random, numbers);
  const std::uint64_t near = std::strtoull(json.c_str() + begin, nullptr, 10);
  const std::string lie = below(random, 2) ? std::to_string(near + below(random, 9) - 4) : pick(random, lies);
  json.replace(begin, length, lie);
}

// Inserts, repeats, removes or replaces a piece of the JSON text.
void mutate_json(Random& random, std::string& json) {
  static const char* pieces[] = {"{",
                                 "}",
                                 "[",
                                 "]",
                                 ",",
                                 ":",
                                 "\"",
                                 "\\",
                                 "\\u0000",
                                 "\\ud800",
                                 "\xff",
                                 "\xc0\x80",
                                 "\xed\xa0\x80",
                                 "null",
                                 "true",
                                 "{\"a\":1}",
                                 "[[]]",
                                 "\"dtype\":\"F32\",",
                                 "\"shape\":[1],",
                                 "\"data_offsets\":[0,4],",
                                 "\"__metadata__\":{\"a\":\"b\"},",
                                 "\"__metadata__\":null,",
                                 "\"extra\":0,",
                                 " ",
                                 "\n",
                                 "/**/",
                                 "BF16",
                                 "F99",
                                 "F64"};
  const std::size_t at = below(random, json.size() + 1),
                    length = below(random, std::min<std::size_t>(json.size() - at, 40) + 1);
  switch (below(random, 4)) {
    case 0:
      json.insert(at, pick(random, pieces));
      break;
    case 1:
      json.insert(at, json.substr(at, length));
      break;
    case 2:
      json.erase(at, length);
      break;
    default:
      json.replace(at, length, pick(random, pieces));
  }
}

void nest_deeply(Random& random, std::string& json) {
  static const char* openings[] = {"[", "{\"a\":", "[{\"\":"};
  std::string nest;
  const std::string opening = pick(random, openings);
  for (std::uint64_t n = 1 + below(random, below(random, 20) == 0 ? 50'000 : 200); n-- > 0;) nest += opening;
  const std::size_t colon = json.find(':', below(random, json.size()));
  json.insert(colon == std::string::npos ? 0 : colon + 1, nest);
}

std::string damaged_file(Random& random, const char*& kind) {
  Parts parts = valid_parts(random);
  std::string file;
  switch (below(random, 9)) {
    case 0:
      kind = "untouched";
      return testing::make_file(parts.json, parts.data);
    case 1:
      kind = "bits flipped";
      flip_bits(random, file = testing::make_file(parts.json, parts.data));
      return file;
    case 2:
      kind = "cut or grown";
      file = testing::make_file(parts.json, parts.data);
      file.resize(below(random, 4) ? below(random, file.size()) : file.size() + 1 + below(random, 16));
      return file;
    case 3: {
      kind = "header length";
      file = testing::make_file(parts.json, parts.data);
      const std::uint64_t lies[] = {0,
                                    1,
                                    100'000'000,
                                    100'000'001,
                                    ~0ull,
                                    1ull << 63,
                                    file.size() - 8,
                                    file.size(),
                                    parts.json.size() + below(random, 17) - 8,
                                    random()};
      const std::uint64_t lie = pick(random, lies);
      for (int i = 0; i < 8; ++i) file[i] = static_cast<char>(lie >> (8 * i) & 0xff);
      return file;
    }
    case 4:
      kind = "header bits";
      flip_bits(random, parts.json);
      break;
    case 5:
      kind = "number";
      lie_about_number(random, parts.json);
      break;
    case 6:
      kind = "JSON";
      for (std::uint64_t n = 1 + below(random, 3); n-- > 0;) mutate_json(random, parts.json);
      break;
    case 7:
      kind = "nesting";
      nest_deeply(random, parts.json);
      break;
    default:
      kind = "several";
      for (std::uint64_t n = 2 + below(random, 3); n-- > 0;)
        below(random, 2) ? lie_about_number(random, parts.json) : mutate_json(random, parts.json);
      parts.data.resize(below(random, 2) ? parts.data.size() : below(random, 400));
  }
  return testing::make_file(parts.json, parts.data);
}

[[noreturn]] void defect(const std::string& what) {
  std::fprintf(stderr, "defect: %s\n", what.c_str());
  std::abort();
}

void require(bool holds, const char* what) {
  if (!holds) defect(what);
}

// Reads every tensor; true when all of them could be.
bool read_all(const SafetensorsFile& file, std::span<const std::byte> bytes) {
  std::size_t covered = 0;
  bool all = true;
  for (const auto& [name, view] : file.tensors()) {
    covered += view.bytes.size();
    if (view.bytes.data() < bytes.data() || view.bytes.data() + view.bytes.size() > bytes.data() + bytes.size())
      defect("a tensor lies outside its file");
    try {
      if (view.float_dtype()) {
        std::vector<char> raw(view.bytes.size());
        file.read_raw(name, raw.data(), *view.float_dtype(), view.shape);
      }
      std::vector<float> values(view.reads_as_float32() ? static_cast<std::size_t>(view.elements()) : 0);
      file.read_float32(name, values.data(), view.shape);
    } catch (const Error&) {
      all = false;  // NaN, Inf, or a type that is not computed with
    }
  }
  require(covered <= bytes.size(), "tensors have more bytes than their file");
  return all;
}

// The outcome of a file in memory: "" or the error's sentence. The vector has exactly the file's size, so that the
// sanitizer sees a read of one byte too many.
std::string outcome(const std::string& file, const std::string& name) {
  const std::vector<char> exact(file.begin(), file.end());
  const auto bytes = std::as_bytes(std::span(exact));
  try {
    read_all(SafetensorsFile::parse(bytes, name), bytes);
    return "";
  } catch (const Error& error) {
    const std::string text = error.what();
    require(text.find(name) != std::string::npos, "an error does not name its file");
    require(text.size() < 2000, "an error is longer than anyone would read");
    return text;
  }
}

// The same file through open() and a mapping must give the same outcome.
void check_mapped(const std::string& file, const std::string& expected, int descriptor, const std::string& path) {
  require(::ftruncate(descriptor, 0) == 0 &&
              ::pwrite(descriptor, file.data(), file.size(), 0) == static_cast<ssize_t>(file.size()),
          "the memory file could not be written");
  std::string found;
  try {
    const SafetensorsFile mapped = SafetensorsFile::open(path);
    for (const auto& [name, view] : mapped.tensors()) {
      std::vector<float> values(view.reads_as_float32() ? static_cast<std::size_t>(view.elements()) : 0);
      try {
        mapped.read_float32(name, values.data(), view.shape);
      } catch (const Error&) {
      }
    }
  } catch (const Error& error) {
    found = error.what();
  }
  require(file.empty() || found == expected, "a file in memory and the same file mapped differ");
}

// Returns whether a damaged index was accepted.
bool index_accepted(Random& random) {
  std::string json = R"({"metadata":{"total_size":123},"weight_map":{)";
  for (std::uint64_t t = 0, count = 1 + below(random, 5); t < count; ++t)
    json += (t ? "," : "") + std::string("\"layer.") + std::to_string(t) + R"(":"model-0000)" +
            std::to_string(below(random, 3)) + R"(.safetensors")";
  json += "}}";
  switch (below(random, 4)) {
    case 0:
      flip_bits(random, json);
      break;
    case 1:
      nest_deeply(random, json);
      break;
    case 2:
      json.resize(below(random, json.size()));
      break;
    default:
      for (std::uint64_t n = 1 + below(random, 3); n-- > 0;) mutate_json(random, json);
  }
  try {
    for (const auto& [tensor, shard] : parse_weight_map(json, "index"))
      require(shard.find('/') == std::string::npos, "an index leads out of its folder");
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::uint64_t option(int argc, char** argv, const std::string& name, std::uint64_t fallback) {
  for (int i = 1; i + 1 < argc; i += 2)
    if (argv[i] == name) return std::strtoull(argv[i + 1], nullptr, 10);
  return fallback;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t inputs = option(argc, argv, "--inputs", 100'000), seed = option(argc, argv, "--seed", 1);
  const int descriptor = ::memfd_create("fuzz.safetensors", MFD_CLOEXEC);
  require(descriptor >= 0, "no memory file");
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  struct Count {
    std::uint64_t accepted = 0, refused = 0;
  };
  std::map<std::string, Count> counts;
  for (std::uint64_t i = 0; i < inputs; ++i) {
    Random random(seed * 0x9e3779b97f4a7c15ull + i);
    const char* kind = "index";
    bool accepted;
    if (i % 8 == 7) {
      accepted = index_accepted(random);
    } else {
      const std::string file = damaged_file(random, kind);
      const std::string error = outcome(file, path);
      accepted = error.empty();
      if (std::string(kind) == "untouched") require(accepted, error.c_str());
      if (i % 16 == 0) check_mapped(file, error, descriptor, path);
    }
    ++(accepted ? counts[kind].accepted : counts[kind].refused);
  }
  Count total;
  for (const auto& [kind, count] : counts) {
    std::printf("%-14s %8llu accepted %8llu refused\n", kind.c_str(), static_cast<unsigned long long>(count.accepted),
                static_cast<unsigned long long>(count.refused));
    total.accepted += count.accepted;
    total.refused += count.refused;
  }
  std::printf("safetensors fuzz: %llu inputs, seed %llu: %llu accepted, %llu refused by a clear error, 0 defects\n",
              static_cast<unsigned long long>(inputs), static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(total.accepted), static_cast<unsigned long long>(total.refused));
  return 0;
}
