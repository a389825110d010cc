#include "storage/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "core/error.h"
#include "storage/file_content.h"
#include "storage/pickle.h"
#include "storage/zip_archive.h"

namespace cheems::storage {
namespace {

using Kind = PickleValue::Kind;
using Index = std::uint32_t;

constexpr std::size_t largest_pickle = 100'000'000;  // as the limit of safetensors' headers
constexpr std::size_t most_tensors = 1'000'000;
constexpr std::size_t longest_name = 4096;
constexpr int deepest_dict = 16;  // dicts in dicts

struct ElementType {
  std::string_view storage;  // torch's name of a storage of it
  std::string_view name;     // torch's name of the type
  std::string_view dtype;    // safetensors' name of it
  std::uint64_t size;        // bytes
};

constexpr std::array element_types = {
    ElementType{"FloatStorage", "float32", "F32", 4},
    ElementType{"HalfStorage", "float16", "F16", 2},
    ElementType{"BFloat16Storage", "bfloat16", "BF16", 2},
    ElementType{"DoubleStorage", "float64", "F64", 8},
    ElementType{"LongStorage", "int64", "I64", 8},
    ElementType{"IntStorage", "int32", "I32", 4},
    ElementType{"ShortStorage", "int16", "I16", 2},
    ElementType{"CharStorage", "int8", "I8", 1},
    ElementType{"ByteStorage", "uint8", "U8", 1},
    ElementType{"BoolStorage", "bool", "BOOL", 1},
    ElementType{"", "uint16", "U16", 2},
    ElementType{"", "uint32", "U32", 4},
    ElementType{"", "uint64", "U64", 8},
    ElementType{"", "float8_e4m3fn", "F8_E4M3", 1},
    ElementType{"", "float8_e5m2", "F8_E5M2", 1},
};

// The type of the global "torch.FloatStorage" (also in torch.cuda) or "torch.float32"; null for another global.
const ElementType* type_of_storage(std::string_view global) {
  for (const std::string_view module : {"torch.cuda.", "torch."})
    if (global.starts_with(module))
      for (const ElementType& type : element_types)
        if (!type.storage.empty() && global.substr(module.size()) == type.storage) return &type;
  return nullptr;
}
const ElementType* type_of_name(std::string_view global) {
  if (global.starts_with("torch."))
    for (const ElementType& type : element_types)
      if (global.substr(6) == type.name) return &type;
  return nullptr;
}
bool is_untyped_storage(std::string_view global) {
  return global == "torch.storage.UntypedStorage" || global == "torch.UntypedStorage";
}

constexpr std::string_view ordered_dict = "collections.OrderedDict",
                           rebuild_tensor_2 = "torch._utils._rebuild_tensor_v2",
                           rebuild_tensor_3 = "torch._utils._rebuild_tensor_v3",
                           rebuild_parameter = "torch._utils._rebuild_parameter";

void check_global(const std::string& global, const std::string& file) {
  for (const std::string_view known : {ordered_dict, rebuild_tensor_2, rebuild_tensor_3, rebuild_parameter})
    if (global == known) return;
  if (is_untyped_storage(global) || type_of_storage(global) || type_of_name(global)) return;
  fail(file, " asks for the Python object ", in_quotes(global),
       ", which no file of plain tensors needs and which is not run: ",
       "load the file in Python if you trust its author, and save its tensors alone, with "
       "torch.save(model.state_dict(), ...).");
}

// A pickle of protocol 2 to 5; `legacy` ones, before PyTorch 1.6, begin with a pickle of this number:
// 0x1950a86a20f9469cfc6c.
bool begins_as_pickle(std::string_view text) {
  return text.size() >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
}
bool begins_as_legacy(std::string_view text) {
  return begins_as_pickle(text) &&
         text.substr(2).starts_with(std::string_view("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12));
}

struct Archive {
  std::map<std::string, ZipEntry, std::less<>> entries;
  std::string root;  // with the slash
};

void refuse_other_forms(std::span<const std::byte> bytes, const std::string& file) {
  const std::string_view text = text_of(bytes);
  if (text.starts_with("PK\x03\x04")) return;
  refuse_other_content(bytes, file);
  if (begins_as_legacy(text))
    fail(
        file,
        " has the format that PyTorch wrote before version 1.6, which is not supported. Convert it in Python, with any "
        "PyTorch since: ",
        "weights = torch.load(path, map_location=\"cpu\", weights_only=True); torch.save(weights, path).");
  if (begins_as_pickle(text))
    fail(file,
         " is a plain Python pickle, not a file of torch.save: save the tensors with torch.save(model.state_dict(), "
         "...).");
  fail(
      file,
      " is no PyTorch file (a zip archive that torch.save wrote): it is damaged or something else; download it again.");
}

Archive open_archive(std::span<const std::byte> bytes, const std::string& file) {
  refuse_other_forms(bytes, file);
  Archive archive{read_zip_directory(bytes, file), ""};
  constexpr std::string_view pickle = "/data.pkl";
  for (const auto& [name, entry] : archive.entries)
    if (name.ends_with(pickle) && name.find('/') == name.size() - pickle.size()) {
      if (!archive.root.empty())
        fail(file, " holds the pickles of two files, ", in_quotes(archive.root + "data.pkl"), " and ", in_quotes(name),
             "; ", kDamagedArchive);
      archive.root = name.substr(0, name.size() - pickle.size() + 1);
    }
  if (archive.root.empty())
    fail(file,
         " is a zip archive but none that torch.save wrote (it has no <folder>/data.pkl): take the model's own file.");
  if (archive.entries.contains(archive.root + "constants.pkl"))
    fail(
        file,
        " is a TorchScript program, not a file of tensors: save the tensors with torch.save(model.state_dict(), ...).");
  for (const auto& [name, entry] : archive.entries)
    if (entry.compressed)
      fail("The entry ", in_quotes(name), " of ", file,
           " is compressed, which torch.save does not do: load the file with torch.load and save it again.");
  const auto order = archive.entries.find(archive.root + "byteorder");
  if (order != archive.entries.end() && text_of(order->second.bytes) != "little")
    fail(file, " was written on a machine of the byte order ", in_quotes(text_of(order->second.bytes)),
         ", and only \"little\" is read: save it again on another machine.");
  return archive;
}

Pickle open_pickle(const Archive& archive, const std::string& file) {
  const ZipEntry& entry = archive.entries.find(archive.root + "data.pkl")->second;
  if (entry.bytes.size() > largest_pickle)
    fail(file, " has a data.pkl of ", entry.bytes.size(), " bytes, more than any model's; ", kDamagedArchive);
  // 0: torch.serialization.set_crc32_options(False) was in force.
  if (entry.checksum != 0 && crc32(entry.bytes) != entry.checksum)
    fail("The checksum of data.pkl in ", file, " is wrong; ", kDamagedArchive);
  const PickleRules rules{.check_global = [&](const std::string& global) { check_global(global, file); },
                          .dict_like = std::string(ordered_dict)};
  return read_pickle(entry.bytes, rules, file);
}

// A tensor as its call describes it, checked against its storage.
struct Layout {
  const ElementType* type = nullptr;
  std::vector<std::int64_t> shape, strides;
  std::uint64_t offset = 0, elements = 0;  // in elements
  std::span<const std::byte> storage;
};

class TensorReader {
 public:
  TensorReader(const Archive& archive, const Pickle& pickle, const std::string& file)
      : archive_(archive), pickle_(pickle), file_(file) {}

  // The call of a _rebuild function, or none: whether the value is a tensor.
  bool is_tensor(Index index) const {
    const PickleValue& v = pickle_[index];
    if (v.kind != Kind::call) return false;
    const std::string& function = pickle_[v.items[0]].text;
    return function == rebuild_tensor_2 || function == rebuild_tensor_3 || function == rebuild_parameter;
  }

  Layout read(Index index, const std::string& name) const {
    index = without_parameter(index, name);
    const bool third = pickle_[pickle_[index].items[0]].text == rebuild_tensor_3;
    const auto& arguments = pickle_[pickle_[index].items[1]].items;
    if (arguments.size() < (third ? 7 : 4)) broken(name);
    Layout layout;
    const auto [type, storage] = storage_of(arguments[0], name);
    layout.type = third ? type_of_name(pickle_[arguments[6]].text) : type;
    if (layout.type == nullptr)
      fail("Tensor ", in_quotes(name), " in ", file_, " lies in a storage without a type; ", kDamagedArchive);
    layout.storage = storage;
    layout.offset = size(arguments[1], name);
    layout.shape = sizes(arguments[2], name), layout.strides = sizes(arguments[3], name);
    if (layout.shape.size() != layout.strides.size()) broken(name);
    check_extent(layout, name);
    return layout;
  }

 private:
  [[noreturn]] void broken(const std::string& name) const {
    fail("Tensor ", in_quotes(name), " in ", file_, " is not described as tensors are; ", kDamagedArchive);
  }

  // A parameter is a tensor with requires_grad; unwrapped once, as parameters do not contain parameters.
  Index without_parameter(Index index, const std::string& name) const {
    if (pickle_[pickle_[index].items[0]].text != rebuild_parameter) return index;
    const auto& arguments = pickle_[pickle_[index].items[1]].items;
    if (arguments.empty() || !is_tensor(arguments[0]) ||
        pickle_[pickle_[arguments[0]].items[0]].text == rebuild_parameter)
      broken(name);
    return arguments[0];
  }

  // ("storage", the storage's class, the key of its entry, where it was, its number of elements or, untyped, of bytes)
  std::pair<const ElementType*, std::span<const std::byte>> storage_of(Index index, const std::string& name) const {
    if (pickle_[index].kind != Kind::persistent) broken(name);
    const auto& id = pickle_[pickle_[index].items[0]].items;
    if (id.size() != 5 || pickle_[id[0]].text != "storage" || pickle_[id[1]].kind != Kind::global ||
        pickle_[id[2]].kind != Kind::text)
      broken(name);
    const std::string& storage_class = pickle_[id[1]].text;
    const ElementType* type = type_of_storage(storage_class);
    if (type == nullptr && !is_untyped_storage(storage_class)) broken(name);
    const auto entry = archive_.entries.find(archive_.root + "data/" + pickle_[id[2]].text);
    if (entry == archive_.entries.end())
      fail("The data of tensor ", in_quotes(name), " is not in ", file_, " (it has no entry ",
           in_quotes("data/" + pickle_[id[2]].text), "); ", kDamagedArchive);
    std::uint64_t bytes = 0;
    const auto stored = entry->second.bytes;
    if (__builtin_mul_overflow(size(id[4], name), type ? type->size : 1, &bytes) || bytes != stored.size())
      fail("The storage of tensor ", in_quotes(name), " in ", file_, " has ", stored.size(),
           " bytes, not as many as its description says; ", kDamagedArchive);
    return {type, stored};
  }

  std::uint64_t size(Index index, const std::string& name) const {
    const PickleValue& v = pickle_[index];
    if (v.kind != Kind::integer || v.integer < 0) broken(name);
    return static_cast<std::uint64_t>(v.integer);
  }
  std::vector<std::int64_t> sizes(Index index, const std::string& name) const {
    const PickleValue& v = pickle_[index];
    if (v.kind != Kind::tuple) broken(name);
    std::vector<std::int64_t> all;
    for (const Index item : v.items) all.push_back(static_cast<std::int64_t>(size(item, name)));
    return all;
  }

  // Counts the elements, and checks that the first and the last of them are inside the storage.
  void check_extent(Layout& layout, const std::string& name) const {
    std::uint64_t elements = 1, last = layout.offset, bytes = 0;
    bool fits = true;
    const bool empty = std::find(layout.shape.begin(), layout.shape.end(), 0) != layout.shape.end();
    for (std::size_t axis = 0; axis < layout.shape.size(); ++axis) {
      const auto size = static_cast<std::uint64_t>(layout.shape[axis]),
                 stride = static_cast<std::uint64_t>(layout.strides[axis]);
      std::uint64_t reach = 0;
      fits = fits && !__builtin_mul_overflow(elements, size, &elements);
      if (!empty)
        fits = fits && !__builtin_mul_overflow(size - 1, stride, &reach) && !__builtin_add_overflow(last, reach, &last);
    }
    fits = fits && !__builtin_mul_overflow(elements, layout.type->size, &bytes);
    if (fits && !empty) fits = last < layout.storage.size() / layout.type->size;
    if (!fits || layout.shape.size() > 64)
      fail("Tensor ", in_quotes(name), " in ", file_, " of shape ", shape_text(layout.shape),
           " reaches beyond its storage of ", layout.storage.size(), " bytes; ", kDamagedArchive);
    layout.elements = empty ? 0 : elements;
  }

  const Archive& archive_;
  const Pickle& pickle_;
  const std::string& file_;
};

// Row-major without gaps: the strides of axes of size one do not matter.
bool contiguous(const Layout& layout) {
  std::int64_t expected = 1;
  for (std::size_t axis = layout.shape.size(); axis-- > 0;) {
    if (layout.shape[axis] != 1 && layout.strides[axis] != expected) return false;
    expected *= layout.shape[axis];
  }
  return true;
}

// Copies the elements in row-major order, axis by axis, the last one innermost.
std::unique_ptr<std::byte[]> in_order(const Layout& layout) {
  const std::size_t size = layout.type->size, axes = layout.shape.size();
  auto copy = std::make_unique<std::byte[]>(layout.elements * size);
  std::vector<std::int64_t> position(axes, 0);
  const std::byte* from = layout.storage.data() + layout.offset * size;
  for (std::uint64_t i = 0; i < layout.elements; ++i) {
    std::memcpy(copy.get() + i * size, from, size);
    for (std::size_t axis = axes; axis-- > 0;) {
      const auto step = layout.strides[axis] * static_cast<std::int64_t>(size);
      from += step;
      if (++position[axis] < layout.shape[axis]) break;
      from -= step * layout.shape[axis];
      position[axis] = 0;
    }
  }
  return copy;
}

// Finds the tensors of a dict and of the dicts in it, and passes each with its name to `found`.
class DictWalk {
 public:
  using Found = std::function<void(const std::string& name, Index tensor)>;
  DictWalk(const Pickle& pickle, const TensorReader& tensors, const std::string& file, Found found)
      : pickle_(pickle), tensors_(tensors), file_(file), found_(std::move(found)) {}

  void run() {
    Index root = pickle_.root;
    if (tensors_.is_tensor(root) || !is_dict(root))
      fail(file_, " holds ",
           tensors_.is_tensor(root) ? "a single tensor without a name" : "something that is no dict of tensors",
           ": save a dict of tensors by name, with torch.save(model.state_dict(), ...).");
    for (int depth = 0; depth < deepest_dict; ++depth) {
      const std::optional<Index> model = wrapped_model(root);
      if (!model) break;
      root = *model;
    }
    walk(root, "", 0);
  }

 private:
  bool is_dict(Index index) const {
    const PickleValue& v = pickle_[index];
    return v.kind == Kind::dict || (v.kind == Kind::call && pickle_[v.items[0]].text == ordered_dict);
  }
  // The index of the first pair: after a call's function and arguments.
  std::size_t first_pair(const PickleValue& v) const { return v.kind == Kind::call ? 2 : 0; }

  // The dict under one of the names that trainers put a model under, if this one has no tensor itself.
  std::optional<Index> wrapped_model(Index index) const {
    const PickleValue& v = pickle_[index];
    std::optional<Index> model;
    for (std::size_t i = first_pair(v); i + 1 < v.items.size(); i += 2) {
      if (tensors_.is_tensor(v.items[i + 1])) return std::nullopt;
      const std::string& key = pickle_[v.items[i]].text;
      if (!is_dict(v.items[i + 1]) ||
          (key != "state_dict" && key != "model_state_dict" && key != "model" && key != "module"))
        continue;
      if (model && *model != v.items[i + 1])
        fail(file_, " holds two models, one of them under ", in_quotes(key),
             "; nothing says which one to use: save only its tensors, with torch.save.");
      model = v.items[i + 1];
    }
    return model;
  }

  void walk(Index index, const std::string& prefix, int depth) {
    if (depth > deepest_dict)
      fail(file_, " nests dicts deeper than ", deepest_dict, " (", in_quotes(prefix),
           "): save only the tensors of the model, with torch.save.");
    const PickleValue& v = pickle_[index];
    for (std::size_t i = first_pair(v); i + 1 < v.items.size(); i += 2) {
      if (++visited_ > most_tensors) fail(file_, " holds more than ", most_tensors, " values; ", kDamagedArchive);
      const Index item = v.items[i + 1];
      const bool tensor = tensors_.is_tensor(item), dict = is_dict(item);
      if (!tensor && !dict) {
        refuse_list_of_tensors(item, prefix);
        continue;
      }
      if (pickle_[v.items[i]].kind != Kind::text)
        fail(file_, " has a key that is no text in a dict of tensors",
             prefix.empty() ? "" : " under " + in_quotes(prefix),
             ": save only the tensors of the model, with torch.save.");
      const std::string name = prefix + pickle_[v.items[i]].text;
      if (name.size() > longest_name)
        fail(file_, " has a name of ", name.size(), " bytes, ", in_quotes(name), "; ", kDamagedArchive);
      if (tensor) found_(name, item);
      else walk(item, name + ".", depth + 1);
    }
  }

  void refuse_list_of_tensors(Index index, const std::string& prefix) const {
    const PickleValue& v = pickle_[index];
    if (v.kind != Kind::list && v.kind != Kind::tuple) return;
    if (std::any_of(v.items.begin(), v.items.end(),
                    [&](Index item) { return tensors_.is_tensor(item) || is_dict(item); }))
      fail(file_, " holds tensors or dicts in a list", prefix.empty() ? "" : " under " + in_quotes(prefix),
           ", where they have no names: save a dict of tensors by name, with torch.save.");
  }

  const Pickle& pickle_;
  const TensorReader& tensors_;
  const std::string& file_;
  const Found found_;
  std::size_t visited_ = 0;
};

}  // namespace

bool TorchFile::recognizes(std::span<const std::byte> bytes) {
  const std::string_view text = text_of(bytes);
  // Accepts any header length that safetensors allows; a brace follows the length.
  return (text.starts_with("PK\x03\x04") || begins_as_pickle(text)) && !(text.size() > 8 && text[8] == '{');
}

TorchFile TorchFile::open(const std::string& path) {
  MappedFile mapping(path);
  if (mapping.bytes().empty()) fail("The file ", path, " is empty: download it again.");
  TorchFile file = parse(mapping.bytes(), path);
  file.mapping_ = std::move(mapping);  // the mapping object moves, the mapped bytes stay
  return file;
}

TorchFile TorchFile::parse(std::span<const std::byte> bytes, const std::string& name) {
  TorchFile file;
  file.path_ = name;
  const Archive archive = open_archive(bytes, name);
  const Pickle pickle = open_pickle(archive, name);
  const TensorReader tensors(archive, pickle, name);
  std::uint64_t copied = 0;
  DictWalk(pickle, tensors, name, [&](const std::string& tensor, Index index) {
    const Layout layout = tensors.read(index, tensor);
    const std::size_t size = layout.type->size, length = layout.elements * size;
    TensorView view{std::string(layout.type->dtype), layout.shape, {}};
    if (length > 0 && contiguous(layout)) {
      view.bytes = layout.storage.subspan(layout.offset * size, length);
    } else if (length > 0) {
      // Views that repeat elements (expand) could have any size.
      if (length > layout.storage.size() || (copied += length) > bytes.size())
        fail("Tensor ", in_quotes(tensor), " in ", name, " of shape ", shape_text(layout.shape),
             " shows elements of its storage more than once: ", "save it with torch.save after tensor.contiguous().");
      view.bytes = {file.copies_.emplace_back(in_order(layout)).get(), length};
    }
    if (!file.tensors_.emplace(tensor, std::move(view)).second)
      fail("Tensor ", in_quotes(tensor), " occurs twice in ", name, "; ", kDamagedArchive);
  }).run();
  return file;
}

}  // namespace cheems::storage
