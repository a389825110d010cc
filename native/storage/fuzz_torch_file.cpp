// Throws damaged files at the reader of PyTorch files: the committed examples with bytes changed, cut, moved, with
// their pickles rewritten opcode by opcode and packed again, with the archive's numbers lied about. Each must be read,
// with every tensor inside the file's bytes or a copy of its own, or be refused by a cheems::Error; anything else ends
// the program. Meant to be built with AddressSanitizer and UndefinedBehaviorSanitizer. The inputs depend on the seed
// and the number alone:
//
//   fuzz_torch_file --inputs 100000 --seed 1 --folder fixtures/reference/torch_files
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "storage/test_files.h"
#include "storage/torch_file.h"
#include "storage/zip_archive.h"

namespace {

using namespace cheems;
using namespace cheems::storage;

using Random = std::mt19937_64;
using Entries = std::vector<std::pair<std::string, std::string>>;

std::uint64_t below(Random& random, std::uint64_t limit) { return limit == 0 ? 0 : random() % limit; }

[[noreturn]] void defect(const std::string& what) {
  std::fprintf(stderr, "defect: %s\n", what.c_str());
  std::abort();
}

struct Example {
  std::string file;
  Entries entries;  // none where it is no archive
};

std::vector<Example> read_examples(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".pt") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Example> examples;
  for (const auto& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    Example example{{std::istreambuf_iterator<char>(stream), {}}, {}};
    try {
      for (const auto& [name, entry] : read_zip_directory(std::as_bytes(std::span(example.file)), path.string()))
        example.entries.emplace_back(
            name, std::string(reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size()));
    } catch (const Error&) {
    }
    examples.push_back(std::move(example));
  }
  if (examples.empty()) defect("no examples in " + folder);
  return examples;
}

void flip_bits(Random& random, std::string& text) {
  for (std::uint64_t n = 1 + below(random, 8); n-- > 0 && !text.empty();)
    text[below(random, text.size())] ^= static_cast<char>(1u << below(random, 8));
}

// Inserts, repeats, removes or replaces pieces of a pickle.
void mutate_pickle(Random& random, std::string& pickle) {
  static const std::string pieces[] = {"N",
                                       ")",
                                       "]",
                                       "}",
                                       "(",
                                       "t",
                                       "u",
                                       "s",
                                       "a",
                                       "e",
                                       "R",
                                       "b",
                                       "Q",
                                       ".",
                                       "q\x01",
                                       "h\x01",
                                       "h\x05",
                                       "\x85",
                                       "\x86",
                                       "\x87",
                                       "\x88",
                                       "\x89",
                                       "K\x01",
                                       "K\xff",
                                       std::string("K\0", 2),
                                       "M\xff\xff",
                                       "J\xff\xff\xff\xff",
                                       std::string("J\0\0\0\x80", 5),
                                       "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
                                       std::string("\x8a\x08\0\0\0\0\0\0\0\x80", 10),
                                       std::string("\x8a\0", 2),
                                       "\x8a\xff",
                                       std::string("X\x01\0\0\0k", 6),
                                       std::string("X\x05\0\0\0model", 10),
                                       "X\xff\xff\xff\xff",
                                       "\x8c\x01k",
                                       "\x94",
                                       "\x93",
                                       "ctorch\nFloatStorage\n",
                                       "ctorch\nDoubleStorage\n",
                                       "ctorch\nBoolStorage\n",
                                       "ctorch.storage\nUntypedStorage\n",
                                       "ctorch._utils\n_rebuild_tensor_v2\n",
                                       "ctorch._utils\n_rebuild_tensor_v3\n",
                                       "ctorch._utils\n_rebuild_parameter\n",
                                       "ccollections\nOrderedDict\n",
                                       "cos\nsystem\n",
                                       "ctorch\nfloat32\n",
                                       "\x80\x02",
                                       "\x80\x07"};
  for (std::uint64_t n = 1 + below(random, 3); n-- > 0;) {
    const std::size_t at = below(random, pickle.size() + 1),
                      length = below(random, std::min<std::size_t>(pickle.size() - at, 40) + 1);
    const std::string& piece = pieces[below(random, std::size(pieces))];
    switch (below(random, 5)) {
      case 0:
        pickle.insert(at, piece);
        break;
      case 1:
        pickle.insert(at, pickle.substr(at, length));
        break;
      case 2:
        pickle.erase(at, length);
        break;
      case 3:
        pickle.replace(at, std::min(piece.size(), pickle.size() - at), piece);
        break;
      default:
        pickle.replace(at, length, piece);
    }
  }
}

// Small numbers of a pickle (sizes, strides, offsets, memo keys) made others.
void lie_about_numbers(Random& random, std::string& pickle) {
  for (std::uint64_t n = 1 + below(random, 4); n-- > 0;) {
    const std::size_t begin = below(random, pickle.size());
    const std::size_t at = pickle.find_first_of("KMJhq", begin);
    if (at == std::string::npos || at + 1 >= pickle.size()) continue;
    pickle[at + 1] = static_cast<char>(below(random, 3) ? pickle[at + 1] + static_cast<int>(below(random, 7)) - 3
                                                        : static_cast<int>(below(random, 256)));
  }
}

std::string damaged_file(Random& random, const std::vector<Example>& examples, const char*& kind) {
  const Example& example = examples[below(random, examples.size())];
  std::string file = example.file;
  Entries entries = example.entries;
  const auto pickle = std::find_if(entries.begin(), entries.end(),
                                   [](const auto& entry) { return entry.first.ends_with("/data.pkl"); });
  switch (pickle == entries.end() ? below(random, 3) : below(random, 8)) {
    case 0:
      kind = "bits flipped";
      flip_bits(random, file);
      return file;
    case 1:
      kind = "cut or grown";
      file.resize(below(random, 4) ? below(random, file.size()) : file.size() + 1 + below(random, 16));
      return file;
    case 2: {  // directory and end record
      kind = "archive's end";
      const std::size_t length = std::min<std::size_t>(file.size(), 22 + below(random, 200)), at = file.size() - length;
      for (std::uint64_t n = 1 + below(random, 4); n-- > 0;)
        file[at + below(random, length)] = static_cast<char>(below(random, 3) ? below(random, 256) : 0xff);
      return file;
    }
    case 3:
      kind = "pickle's bits";
      flip_bits(random, pickle->second);
      break;
    case 4:
      kind = "pickle's numbers";
      lie_about_numbers(random, pickle->second);
      break;
    case 5:
      kind = "pickle's opcodes";
      mutate_pickle(random, pickle->second);
      break;
    case 6: {
      kind = "entries";
      auto& entry = entries[below(random, entries.size())];
      switch (below(random, 3)) {
        case 0:
          entry.second.resize(below(random, 2 * entry.second.size() + 2));
          break;
        case 1:
          entry.first = entries[below(random, entries.size())].first;
          break;
        default:
          flip_bits(random, entry.first);
      }
      break;
    }
    default:
      kind = "several";
      lie_about_numbers(random, pickle->second), mutate_pickle(random, pickle->second);
  }
  return testing::make_zip(entries);
}

// Whether the file was read. The vector has exactly the file's size, so that the sanitizer sees a read of one byte too
// many.
bool accepted(const std::string& file) {
  const std::vector<char> exact(file.begin(), file.end());
  const auto bytes = std::as_bytes(std::span(exact));
  try {
    const TorchFile parsed = TorchFile::parse(bytes, "the file's name");
    for (const auto& [name, view] : parsed.tensors()) {
      try {
        std::vector<float> values(view.reads_as_float32() ? static_cast<std::size_t>(view.elements()) : 0);
        parsed.read_float32(name, values.data(), view.shape);
      } catch (const Error&) {  // NaN, Inf, or a type that is not computed with
      }
      unsigned sum = 0;
      for (const std::byte byte : view.bytes) sum += std::to_integer<unsigned>(byte);
      if (sum == ~0u) std::puts("");  // keeps the reads
    }
    return true;
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.find("the file's name") == std::string::npos) defect("an error does not name its file: " + text);
    if (text.size() > 2000) defect("an error is longer than anyone would read: " + text);
    return false;
  }
}

std::string option(int argc, char** argv, const std::string& name, const std::string& fallback) {
  for (int i = 1; i + 1 < argc; i += 2)
    if (argv[i] == name) return argv[i + 1];
  return fallback;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t inputs = std::stoull(option(argc, argv, "--inputs", "100000")),
                      seed = std::stoull(option(argc, argv, "--seed", "1"));
  const std::vector<Example> examples = read_examples(option(argc, argv, "--folder", "fixtures/reference/torch_files"));
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> counts;
  std::uint64_t read = 0;
  for (std::uint64_t i = 0; i < inputs; ++i) {
    Random random(seed * 0x9e3779b97f4a7c15ull + i);
    const char* kind = "";
    const std::string file = damaged_file(random, examples, kind);
    const bool ok = accepted(file);
    read += ok;
    ++(ok ? counts[kind].first : counts[kind].second);
  }
  for (const auto& [kind, count] : counts)
    std::printf("%-16s %8llu accepted %8llu refused\n", kind.c_str(), static_cast<unsigned long long>(count.first),
                static_cast<unsigned long long>(count.second));
  std::printf("PyTorch files fuzz: %llu inputs, seed %llu: %llu accepted, %llu refused by a clear error, 0 defects\n",
              static_cast<unsigned long long>(inputs), static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(read), static_cast<unsigned long long>(inputs - read));
  return 0;
}
