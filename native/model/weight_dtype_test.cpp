// Weights that are rounded to a dtype as they are loaded, against folders whose every tensor was rounded beforehand.
#include <doctest/doctest.h>

#include <filesystem>

#include "model/heads/head_check.h"
#include "testing/encoder_check.h"
#include "testing/small_model.h"

namespace cheems::model {
namespace {

using namespace testing;
namespace fs = std::filesystem;

// Whether the folder's weights are all of a float type and in safetensors: others are not written here.
bool can_be_written(const std::string& folder) {
  if (fs::exists(folder + "/regression_layer.pt")) return false;
  const auto file = storage::SafetensorsFile::open(folder + "/model.safetensors");
  for (const auto& [name, view] : file.tensors()) {
    if (!view.float_dtype()) return false;
  }
  return true;
}

// A copy of a model folder whose safetensors hold bfloat16, removed at its end.
class RoundedFolder {
 public:
  explicit RoundedFolder(const fs::path& source) {
    for (const auto& entry : fs::directory_iterator(source)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("reference")) continue;
      if (!name.ends_with(".safetensors")) {
        fs::copy_file(entry.path(), folder_.file(name));
        continue;
      }
      const StoredTensors tensors = read_tensors(entry.path().string());
      std::vector<storage::TensorDeclaration> declared;
      for (const auto& [tensor, stored] : tensors) declared.push_back({tensor, DType::bfloat16, stored.shape});
      storage::SafetensorsWriter writer(folder_.file(name), declared);
      for (const auto& [tensor, stored] : tensors) writer.write(tensor, stored.values.data());
      writer.finish();
    }
  }
  std::string folder() const { return folder_.path.string(); }

 private:
  storage::testing::TemporaryFolder folder_;
};

// Calls score(model) for the rounded folder, and for the source rounded as it is loaded, kept in 16 bits and not: the
// same bits.
template <class Score>
void check_rounded(const std::string& source, const std::string& choice, Score score) {
  const auto load = [&](const std::string& folder, bool keep, DType dtype) {
    return RewardModel::load({.folder = folder, .keep_16_bit = keep, .weight_dtype = dtype, .reward_head = choice},
                             cpu_backend(2));
  };
  const RoundedFolder rounded(source);
  const std::vector<float> expected = score(*load(rounded.folder(), false, DType::float32));
  CHECK_FALSE(same_bits(score(*load(source, true, DType::float32)), expected));  // there was something to round
  for (const bool keep : {false, true}) {
    const auto loaded = load(source, keep, DType::bfloat16);
    CHECK(loaded->weight_dtype() == DType::bfloat16);
    CHECK(same_bits(score(*loaded), expected));
    CHECK(same_bits(score(*load(rounded.folder(), keep, DType::bfloat16)), expected));
  }
}

TEST_CASE("weight dtype: every kind of head and decoder scores as the folder whose tensors were rounded, bit for bit") {
  int checked = 0;
  for (const KnownHead& known : kKnownHeads) {
    CAPTURE(std::string(known.name));
    const HeadReference reference(known.name);
    if (!can_be_written(reference.folder())) continue;
    check_rounded(reference.folder(), known.choice,
                  [&](RewardModel& model) { return score(model, reference.batch(false)); });
    checked += 1;
  }
  CHECK(checked >= 19);
}

TEST_CASE("weight dtype: an encoder, whose head is among its parameters, is rounded as a whole") {
  const ReferenceModel reference(encoder_folder(), false);
  const EncoderCases cases = encoder_cases(reference, 1);
  check_rounded(encoder_folder(), "", [&](RewardModel& model) {
    inference::Scorer scorer(model, {});
    return scorer.score(cases.samples.view(), Control()).rewards;
  });
}

TEST_CASE("weight dtype: the plan counts the rounded weights, and the float32 copy that is trained beside them") {
  const SmallModel folder;
  const Architecture architecture = RewardModel::read_architecture(folder.folder());
  MemoryPlan scoring, training;
  RewardModel::plan_as_stored(folder.folder(), DType::bfloat16, scoring);
  const auto scored = RewardModel::load(
      {.folder = folder.folder(), .keep_16_bit = true, .weight_dtype = DType::bfloat16}, cpu_backend(1));
  CHECK(scoring.total() == scored->parameters().layout().bytes());
  CHECK(RewardModel::matrix_dtype(DType::float32, DType::bfloat16, true) == DType::bfloat16);
  CHECK(RewardModel::matrix_dtype(DType::float32, DType::bfloat16, false) == DType::float32);
  RewardModel::plan(architecture, DType::bfloat16, true, training);
  const auto trained = RewardModel::load(
      {.folder = folder.folder(), .float32_copy = true, .weight_dtype = DType::bfloat16}, cpu_backend(1));
  CHECK(training.total() == trained->parameters().layout().bytes() + trained->float32_copy()->layout().bytes());
}

}  // namespace
}  // namespace cheems::model
