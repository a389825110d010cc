#include "storage/checkpoint.h"

#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "storage/strict_json.h"

namespace cheems::storage {
namespace {

namespace fs = std::filesystem;

constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";
constexpr const char* torch_single_name = "pytorch_model.bin";
constexpr const char* torch_index_name = "pytorch_model.bin.index.json";

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string join(const std::string& folder, const std::string& name) { return (fs::path(folder) / name).string(); }

void check_folder(const std::string& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found) fail("The model folder ", folder, " does not exist: check the path.");
  if (error) fail("The model folder ", folder, " cannot be read: ", error.message(), ".");
  if (status.type() != fs::file_type::directory)
    fail(folder, " is not a folder: give the folder that holds config.json and ", single_name, ".");
}

// The folder has none of the four files. Reports the most likely reason.
[[noreturn]] void fail_without_weights(const std::string& folder) {
  std::string other;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".safetensors") || (name.starts_with("pytorch_model") && name.ends_with(".bin")))
      other = std::max(other, name);
  }
  if (error) fail("The model folder ", folder, " cannot be listed: ", error.message(), ".");
  if (exists(join(folder, "adapter_config.json")))
    fail("The folder ", folder, " holds an adapter (LoRA) and no model: merge it into its base model first.");
  if (!other.empty()) {
    const bool torch = other.ends_with(".bin");
    fail("The folder ", folder, " has neither ", torch ? torch_single_name : single_name, " nor ",
         torch ? torch_index_name : index_name, "; ", other,
         " is read only if the index lists it: download the index, or rename a single file to ",
         torch ? torch_single_name : single_name, ".");
  }
  fail("The folder ", folder, " has no weights, neither ", single_name, " nor ", index_name, ", nor ",
       torch_single_name, " with or without an index", ": check the path, or download the model again.");
}

void check_shard_name(const std::string& shard, const std::string& tensor, const std::string& file) {
  const bool plain = shard.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
  const char* ending = file.ends_with(torch_index_name) ? ".bin" : ".safetensors";
  if (!plain || !shard.ends_with(ending))
    fail("The index ", file, " puts tensor ", in_quotes(tensor), " into ", in_quotes(shard),
         ", which is not the name of a ", ending, " file in its folder: correct the index, or download it again.");
}

}  // namespace

std::map<std::string, std::string> parse_weight_map(std::string_view text, const std::string& file) {
  const nlohmann::json index = parse_strict_json(text, file);
  const auto found = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || found == index.end() || !found->is_object() || found->empty())
    fail("The index ", file, " has no \"weight_map\" object with tensors: download it again.");
  std::map<std::string, std::string> map;
  for (const auto& [tensor, shard] : found->items()) {
    if (!shard.is_string())
      fail("The index ", file, " does not give tensor ", in_quotes(tensor), " the name of a file: download it again.");
    const auto& name = shard.get_ref<const std::string&>();
    check_shard_name(name, tensor, file);
    map.emplace(tensor, name);
  }
  return map;
}

Checkpoint Checkpoint::open(const std::string& folder) {
  check_folder(folder);
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  for (const auto& [single, index] :
       {std::pair(single_name, index_name), std::pair(torch_single_name, torch_index_name)}) {
    if (exists(join(folder, single))) {
      checkpoint.add_file(join(folder, single));
      return checkpoint;
    }
    if (exists(join(folder, index))) {
      checkpoint.open_shards(join(folder, index));
      return checkpoint;
    }
  }
  fail_without_weights(folder);
}

void Checkpoint::open_shards(const std::string& index_path) {
  const MappedFile index(index_path);
  const std::map<std::string, std::string> map =
      parse_weight_map({reinterpret_cast<const char*>(index.bytes().data()), index.bytes().size()}, index_path);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map) shards.insert(shard);
  std::size_t missing = 0;
  std::string first_missing;
  for (const std::string& shard : shards)
    if (!exists(join(folder_, shard)) && missing++ == 0) first_missing = shard;
  if (missing > 0)
    fail("The folder ", folder_, " lacks ", missing, " of the ", shards.size(), " files that ",
         fs::path(index_path).filename().string(), " lists, the first of them ", first_missing,
         ": download the missing files.");
  for (const std::string& shard : shards) add_file(join(folder_, shard));
  for (const auto& [tensor, shard] : map) {
    const std::string path = join(folder_, shard);
    const auto found = places_.find(tensor);
    if (found == places_.end() || found->second.file->path() != path)
      fail("The index ", index_path, " says that tensor ", in_quotes(tensor), " is in ", shard,
           ", but it is not there: the index and the shards belong to different models; download them again.");
  }
}

void Checkpoint::add_file(const std::string& path, const std::string& prefix) {
  std::unique_ptr<const TensorFile> file = open_tensor_file(path);
  for (const auto& [name, view] : file->tensors())
    if (const auto other = places_.find(prefix + name); other != places_.end())
      fail("Tensor ", in_quotes(prefix + name), " is in two files, ", other->second.file->path(), " and ", path,
           ": they belong to different models; download them again.");
  for (const auto& [name, view] : file->tensors()) places_.emplace(prefix + name, Place{file.get(), name});
  files_.push_back(std::move(file));
}

void Checkpoint::rename(const std::map<std::string, std::string>& names) {
  std::map<std::string, Place, std::less<>> renamed;
  for (const auto& [name, plain] : names) {
    const Place& place = require(name);
    const auto [other, fresh] = renamed.emplace(plain, place);
    if (!fresh)
      fail("Tensors ", in_quotes(other->second.name), " and ", in_quotes(name), " in ", place.file->path(),
           " are both ", in_quotes(plain),
           " of the model once the names of wrappers are removed; nothing says which one to use. Remove one from "
           "the weights.");
  }
  places_ = std::move(renamed);
}

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : found->second.file->find(found->second.name);
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  names.reserve(places_.size());
  for (const auto& [name, place] : places_) names.push_back(name);
  return names;
}

const Checkpoint::Place& Checkpoint::require(std::string_view name) const {
  const auto found = places_.find(name);
  if (found == places_.end())
    fail("Tensor ", in_quotes(name), " is missing from the weights in ", folder_,
         ": the weights do not belong to its config.json, or are incomplete.");
  return found->second;
}

const std::string& Checkpoint::file_of(std::string_view name) const { return require(name).file->path(); }

void Checkpoint::read_float32(std::string_view name, float* destination,
                              const std::vector<std::int64_t>& expected_shape) const {
  const Place& place = require(name);
  place.file->read_float32(place.name, destination, expected_shape);
  std::size_t count = 1;
  for (const std::int64_t size : expected_shape) count *= static_cast<std::size_t>(size);
  cheems::round_to(rounded_to_, destination, count);
}

void Checkpoint::read_raw(std::string_view name, void* destination, DType dtype,
                          const std::vector<std::int64_t>& expected_shape) const {
  const Place& place = require(name);
  place.file->read_raw(place.name, destination, dtype, expected_shape);
}

void Checkpoint::check_unchanged() const {
  for (const auto& file : files_) file->check_unchanged();
}

void Checkpoint::check_finite(std::string_view name) const {
  const Place& place = require(name);
  place.file->check_finite(place.name);
}

}  // namespace cheems::storage
