#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "inference/scorer.h"
#include "storage/json.h"
#include "testing/causal_folder.h"
#include "testing/reference.h"
#include "testing/small_model.h"
#include "training/trainer.h"

namespace cheems::model {
namespace {

using namespace testing;
namespace fs = std::filesystem;

std::unique_ptr<RewardModel> load(const std::string& folder, bool as_stored) {
  return RewardModel::load({.folder = folder, .keep_16_bit = as_stored}, cpu_backend(2));
}

int64_t mapped_count(const RewardModel& model) {
  int64_t count = 0;
  for (const auto& parameter : model.parameters().layout().parameters()) count += parameter.mapped != nullptr;
  return count;
}
int64_t matrix_count(const RewardModel& model) {
  int64_t count = 0;
  for (const auto& parameter : model.parameters().layout().parameters()) count += parameter.is_matrix();
  return count;
}

// The same file with one more space in its header, so that all data lie at odd addresses.
void make_odd(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string file{std::istreambuf_iterator<char>(stream), {}};
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  file.insert(sizeof length + length, length % 2 == 0 ? " " : "  ");
  length += length % 2 == 0 ? 1 : 2;
  std::memcpy(file.data(), &length, sizeof length);
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << file;
}

// A model folder of fixtures/reference/models with its tensors in another type.
class ConvertedModel {
 public:
  ConvertedModel(const std::string& name, DType dtype) {
    const std::string source = std::string(CHEEMS_SOURCE_DIRECTORY) + "/fixtures/reference/models/" + name;
    fs::copy_file(source + "/config.json", folder_.file("config.json"));
    const StoredTensors tensors = read_tensors(source + "/model.safetensors");
    std::vector<storage::TensorDeclaration> declared;
    for (const auto& [tensor, stored] : tensors) declared.push_back({tensor, dtype, stored.shape});
    storage::SafetensorsWriter writer(weights_file(), declared);
    for (const auto& [tensor, stored] : tensors) writer.write(tensor, stored.values.data());
    writer.finish();
  }
  std::string folder() const { return folder_.path.string(); }
  std::string weights_file() const { return folder_.file("model.safetensors"); }

 private:
  storage::testing::TemporaryFolder folder_;
};

// Mapped, copied as stored, and widened: the same bits.
template <typename Folder>
void check_same_bits(const Folder& folder, int64_t copied) {
  const auto mapped = load(folder.folder(), true), widened = load(folder.folder(), false);
  CHECK(mapped_count(*mapped) == matrix_count(*mapped) - copied);
  CHECK(mapped_count(*widened) == 0);
  const std::vector<float> expected = rewards(*widened, some_samples());
  CHECK(same_bits(rewards(*mapped, some_samples()), expected));
  make_odd(folder.weights_file());
  const auto odd = load(folder.folder(), true);
  CHECK(mapped_count(*odd) == 0);
  CHECK(same_bits(rewards(*odd, some_samples()), expected));
  CHECK(odd->parameters().layout().bytes() > mapped->parameters().layout().bytes());
}

TEST_CASE("mapped weights: rewards have the bits of copied ones, in every family and type") {
  for (const DType dtype : {DType::bfloat16, DType::float16, DType::float32}) {
    for (const std::string family : {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2"}) {
      CAPTURE(std::string(name(dtype)));
      CAPTURE(family);
      auto config = causal_config(family);
      if (family == "llama") config["attention_bias"] = config["mlp_bias"] = true;
      check_same_bits(SmallModel(config, dtype), 0);
    }
  }
  // Query, key and value of InternLM2 are rows of one matrix, and are put in order by a copy.
  const ConvertedModel internlm2("internlm2-reward", DType::bfloat16);
  check_same_bits(internlm2, 3 * load(internlm2.folder(), true)->architecture().num_layers);
}

TEST_CASE("mapped weights: a layer's parts lie apart in the file, and one after another in a copy") {
  const SmallModel folder(small_config(), DType::bfloat16);
  const auto mapped = load(folder.folder(), true), widened = load(folder.folder(), false);
  const LayerTensors &apart = mapped->parameters().tensors().layers[0],
                     &together = widened->parameters().tensors().layers[0];
  CHECK_FALSE(apart.qkv);  // k_proj, o_proj, q_proj, v_proj is their order in the file
  CHECK((apart.qkv_parts.size() == 3 && apart.qkv_parts[1].rows == 8));
  CHECK((together.qkv.rows == 32 && together.gate_up.rows == 48));
  CHECK(mapped->parameters().tensors().files != nullptr);
  CHECK(widened->parameters().tensors().files == nullptr);
  CHECK(mapped->parameters().mapped());
}

TEST_CASE("mapped weights: the memory plan tells the mapped from the rest") {
  const SmallModel folder(small_config(), DType::bfloat16);
  MemoryPlan plan, whole;
  RewardModel::plan_as_stored(folder.folder(), DType::float32, plan);
  RewardModel::plan(RewardModel::read_architecture(folder.folder()), DType::bfloat16, false, whole);
  REQUIRE(plan.entries.size() == 2);
  const auto model = load(folder.folder(), true);
  CHECK(plan.entries[0].bytes == model->parameters().layout().bytes());
  CHECK(plan.entries[1].bytes == 2 * (40 * 16 + 2 * (3 * 24 * 16 + 48 * 16)));
  CHECK(plan.total() <= whole.total());
  make_odd(folder.weights_file());
  MemoryPlan copied;
  RewardModel::plan_as_stored(folder.folder(), DType::float32, copied);
  CHECK(copied.entries.size() == 1);
  CHECK(copied.total() == whole.total());
}

TEST_CASE(
    "mapped weights: a file that changes is noticed, NaN is named, a saved file leaves them whole, training is "
    "refused") {
  const SmallModel folder(small_config(), DType::bfloat16);
  const auto model = load(folder.folder(), true);
  const std::vector<float> before = rewards(*model, some_samples());
  model->save_weights(folder.weights_file(), DType::float32);  // over the mapped file's name
  CHECK(same_bits(rewards(*model, some_samples()), before));
  const auto again = load(folder.folder(), true);
  CHECK(mapped_count(*again) > 0);
  CHECK(same_bits(rewards(*again, some_samples()), before));
  check_refused(refusal([&] { training::Trainer(*again, {}); }), {"left in their files"});
  fs::resize_file(folder.weights_file(), fs::file_size(folder.weights_file()) + 1);
  check_refused(refusal([&] { rewards(*again, some_samples()); }), {"model.safetensors", "changed by another process"});
  CHECK(same_bits(rewards(*model, some_samples()), before));

  const SmallModel broken(small_config(), DType::bfloat16);
  StoredTensors tensors = broken.tensors();
  tensors["model.layers.1.mlp.up_proj.weight"].values[17] = NAN;
  broken.write(tensors);
  const auto with_nan = load(broken.folder(), true);
  check_refused(refusal([&] { rewards(*with_nan, some_samples()); }),
                {"\"model.layers.1.mlp.up_proj.weight\"", "NaN at index 17", "[1, 1]"});
}

}  // namespace
}  // namespace cheems::model
