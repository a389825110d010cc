// Every key of config.json that changes the numbers is obeyed as transformers obeys it, or refused by name: hundreds of
// edits of tiny models' files, with transformers' rewards in float64 (fixtures/reference/config_keys).
#include <fstream>

#include "inference/scorer.h"
#include "testing/reference.h"
#include "testing/small_model.h"

namespace cheems {
namespace {

using namespace testing;
using nlohmann::json;

constexpr double kTolerance = 3e-5;

// The weights of make_config_keys.py, `values` there.
StoredTensor made_tensor(const std::string& name, const std::vector<int64_t>& shape, uint64_t seed,
                         bool norms_add_one) {
  const auto mix = [](uint64_t x) {
    x += 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  };
  uint64_t key = mix(seed), count = 1;
  for (const char byte : name) key = mix(key ^ static_cast<unsigned char>(byte));
  for (const int64_t size : shape) count *= static_cast<uint64_t>(size);
  const bool matrix = shape.size() == 2, norm = !matrix && name.ends_with("weight") && !norms_add_one;
  StoredTensor tensor{DType::float32, shape, {}};
  for (uint64_t i = 0; i < count; ++i) {
    const double unit = static_cast<double>(mix(key + i) >> 40) / (1 << 23) - 1;
    tensor.values.push_back(static_cast<float>(unit * (matrix ? 0.375 : 0.25) + (norm ? 1 : 0)));
  }
  return tensor;
}

json edited(json config, const json& edit) {
  if (edit.contains("delete")) {
    for (const auto& key : edit["delete"]) config.erase(key.get<std::string>());
  }
  if (edit.contains("set")) {
    for (const auto& [key, value] : edit["set"].items()) config[key] = value;
  }
  return config;
}

std::vector<float> rewards_of(const SmallModel& folder, const json& samples) {
  const auto model = folder.load();
  OwnedSamples owned;
  for (const auto& ids : samples) owned.add(ids.get<std::vector<int32_t>>(), 0);
  return inference::Scorer(*model, {.share_prompts = false}).score(owned.view(), Control()).rewards;
}

void check_rewards(const SmallModel& folder, const json& samples, const json& expected) {
  std::vector<float> found;
  REQUIRE_NOTHROW(found = rewards_of(folder, samples));
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    const auto reward = expected[i].get<double>();
    CHECK(std::abs(found[i] - reward) <= kTolerance * std::max(1.0, std::abs(reward)));
  }
}

TEST_CASE("config.json: every edit of a key gives transformers' rewards, or is refused by the key's name") {
  const json recorded = json::parse(
      std::ifstream(std::string(CHEEMS_SOURCE_DIRECTORY) + "/fixtures/reference/config_keys/config_keys.json"));
  const SmallModel folder;
  size_t obeyed = 0, refused = 0;
  for (const json& family : recorded["families"]) {
    const json& config = family["config"];
    const auto name = config["model_type"].get<std::string>();
    StoredTensors tensors;
    for (const auto& [tensor, shape] : family["tensors"].items())
      tensors[tensor] =
          made_tensor(tensor, shape.get<std::vector<int64_t>>(), family["seed"], name.starts_with("gemma"));
    folder.write(tensors);
    folder.write_config(config);
    CAPTURE(name);
    check_rewards(folder, recorded["samples"], family["rewards"]);
    for (const json& edit : family["cases"]) {
      CAPTURE(edit.dump());
      folder.write_config(edited(config, edit));
      if (edit.contains("refused")) {
        check_refused(refusal([&] { rewards_of(folder, recorded["samples"]); }), {edit["refused"]});
        ++refused;
      } else {
        check_rewards(folder, recorded["samples"], edit["rewards"]);
        ++obeyed;
      }
    }
  }
  CHECK((obeyed > 150 && refused > 100));
}

}  // namespace
}  // namespace cheems
