#include "model/reward_model.h"

#include <cmath>
#include <fstream>
#include <iterator>

#include "inference/scorer.h"
#include "testing/plain_backend.h"
#include "testing/reference.h"
#include "testing/small_model.h"

namespace cheems::model {
namespace {

using namespace testing;

std::string load_refusal(const SmallModel& model, bool create_head = false) {
  return refusal([&] { RewardModel::load({.folder = model.folder(), .create_head = create_head}, cpu_backend(1)); });
}

std::string bytes_of_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_CASE("reward model: a good folder loads, and saved weights come back bit for bit, in every family") {
  for (const std::string family : {"llama", "mistral", "qwen2", "qwen3"}) {
    CAPTURE(family);
    auto config = small_config(family);
    if (family == "llama") config["attention_bias"] = config["mlp_bias"] = true;
    const SmallModel folder(config);
    const auto model = folder.load();
    CHECK(model->head_source() == "score.weight");
    const StoredTensors before = folder.tensors();
    model->save_weights(folder.weights_file());
    const StoredTensors after = folder.tensors();
    REQUIRE(after.size() == before.size());
    for (const auto& [name, tensor] : before) {
      CAPTURE(name);
      CHECK(after.at(name).shape == tensor.shape);
      CHECK(same_bits(after.at(name).values, tensor.values));
    }
    CHECK(rewards(*folder.load(), some_samples()) == rewards(*model, some_samples()));
  }
}

TEST_CASE("parameters: every parameter has the same elements of the same range, whatever the dtype of the matrices") {
  for (const int64_t vocabulary : {40, 41, 44}) {  // matrices that end at any multiple of the alignment
    for (const std::string family : {"qwen2", "gemma2"}) {
      auto config = small_config(family);
      config["vocab_size"] = vocabulary;
      const SmallModel folder(config);
      const Architecture architecture = RewardModel::read_architecture(folder.folder());
      std::vector<std::vector<std::pair<size_t, int64_t>>> places;
      for (const DType dtype : {DType::float32, DType::bfloat16}) {
        const ParameterLayout layout(architecture, dtype);
        std::vector<char> block(static_cast<size_t>(layout.bytes()));
        const auto ranges = layout.ranges(block.data());
        auto& own = places.emplace_back();
        for (const auto& parameter : layout.parameters()) {
          const auto* at = static_cast<const char*>(layout.tensor(parameter, block.data()).data);
          for (size_t number = 0; number < ranges.size(); ++number) {
            const Tensor& range = ranges[number].tensor;
            const auto element = static_cast<int64_t>(size_of(range.dtype));
            const int64_t begin = (at - static_cast<const char*>(range.data)) / element;
            if (begin >= 0 && begin < range.rows * range.columns && parameter.dtype == range.dtype)
              own.emplace_back(number, begin);
          }
        }
        for (const ParameterRange& range : ranges) own.emplace_back(0, range.tensor.rows * range.tensor.columns);
      }
      // The embedding, matrices and vectors of each of two layers, and the vectors outside.
      CHECK(places[0].size() == ParameterLayout(architecture, DType::float32).parameters().size() + 6);
      CHECK(places[0] == places[1]);
    }
  }
}

TEST_CASE("reward model: the original's head name is read; two heads are refused") {
  const SmallModel folder;
  const auto expected = rewards(*folder.load(), some_samples());
  auto tensors = folder.tensors();
  tensors["v_head.weight"] = tensors["score.weight"];
  folder.write(tensors);
  check_refused(load_refusal(folder), {"two reward heads", "score.weight", "v_head.weight"});
  tensors.erase("score.weight");
  folder.write(tensors);
  const auto model = folder.load();
  CHECK(model->head_source() == "v_head.weight");
  CHECK(rewards(*model, some_samples()) == expected);
}

TEST_CASE("reward model: no head is refused unless a new one is asked for, which then is seeded, normal and small") {
  auto config = small_config();
  config["hidden_size"] = 512, config["head_dim"] = 128;
  const SmallModel folder(config);
  auto tensors = folder.tensors();
  tensors.erase("score.weight");
  folder.write(tensors);
  check_refused(load_refusal(folder), {"no reward head", "score.weight", "train"});
  const auto head = [&](uint64_t seed) {
    const auto model =
        RewardModel::load({.folder = folder.folder(), .create_head = true, .seed = seed}, cpu_backend(1));
    CHECK(model->head_source() == "new");
    const Tensor view = model->parameters().tensors().head;
    return std::vector<float>(floats(view), floats(view) + view.columns);
  };
  const auto values = head(1);
  CHECK(values == head(1));
  CHECK(values != head(2));
  double squares = 0, sum = 0;
  for (const float value : values) sum += value, squares += static_cast<double>(value) * value;
  CHECK(std::abs(sum / 512) < 5.0 / 513 / std::sqrt(512.0));
  CHECK(std::sqrt(squares / 512) == doctest::Approx(1.0 / 513).epsilon(5 / std::sqrt(2 * 512.0)));
}

TEST_CASE("reward model: where sizes are missing, an error about shapes says which and what was assumed") {
  const SmallModel folder;
  auto config = small_config();
  config.erase("vocab_size");
  folder.write_config(config);
  check_refused(load_refusal(folder), {"model.embed_tokens.weight", "[40, 16]", "[151936, 16]", "vocab_size (151936)"});
  config = small_config();
  config.erase("num_hidden_layers");
  folder.write_config(config);
  check_refused(load_refusal(folder), {"lack", "model.layers.2.", "num_hidden_layers (32)"});
}

TEST_CASE("reward model: dropout is refused in training, and does nothing in scoring") {
  auto config = small_config();
  config["attention_dropout"] = 0.1;
  const SmallModel folder(config);
  check_refused(load_refusal(folder, true), {"attention_dropout", "0.1", "without dropout"});
  CHECK(load_refusal(folder).empty());
  config["attention_dropout"] = 0.0;
  folder.write_config(config);
  CHECK(load_refusal(folder, true).empty());
}

TEST_CASE("reward model: what config.json and the weights disagree on is refused with file and tensor") {
  const SmallModel folder;
  const StoredTensors good = folder.tensors();
  const auto refused_with = [&](auto spoil) {
    StoredTensors tensors = good;
    spoil(tensors);
    folder.write(tensors);
    return load_refusal(folder);
  };
  const std::string q = "model.layers.1.self_attn.q_proj.weight";
  check_refused(refused_with([&](auto& t) { t.erase(q); }), {q, "lack"});
  check_refused(refused_with([&](auto& t) { t["model.layers.2.self_attn.q_proj.weight"] = t[q]; }),
                {"model.layers.2.self_attn.q_proj.weight", "model.safetensors", "no place"});
  check_refused(refused_with([&](auto& t) {
                  t["model.layers.0.self_attn.q_norm.weight"] = {DType::float32, {4}, {1, 1, 1, 1}};
                }),
                {"q_norm", "no place"});
  check_refused(refused_with([&](auto& t) { t[q].shape = {8, 32}; }), {q, "model.safetensors", "[8, 32]"});
  check_refused(refused_with([&](auto& t) { t[q].shape = {256}; }), {q, "[256]"});
  check_refused(refused_with([&](auto& t) { t[q].values[17] = NAN; }), {q, "model.safetensors"});
  check_refused(refused_with([&](auto& t) { t["model.norm.weight"].values[3] = INFINITY; }), {"model.norm.weight"});
  check_refused(refused_with([&](auto& t) { t["score.weight"].values[0] = NAN; }), {"score.weight"});
  check_refused(refused_with([&](auto& t) {
                  t["score.weight"] = {DType::float32, {2, 16}, random_floats(32, 1)};
                }),
                {"score.weight", "2 outputs", "num_labels"});
  check_refused(refused_with([&](auto& t) {
                  t["score.weight"] = {DType::float32, {1, 8}, random_floats(8, 1)};
                }),
                {"score.weight", "[1, 8]", "[1, 16]"});
  check_refused(refused_with([&](auto& t) {
                  t["score.weight"] = {DType::float32, {16}, random_floats(16, 1)};
                }),
                {"score.weight", "[16]"});
  check_refused(refused_with([&](auto& t) {
                  t["score.extra"] = {DType::float32, {1}, {1}};
                }),
                {"score.extra", "no place"});
  // What a language model brings along is passed over.
  CHECK(refused_with([&](auto& t) {
          t["lm_head.weight"] = t["model.embed_tokens.weight"];
          t["model.layers.0.self_attn.rotary_emb.inv_freq"] = {DType::float32, {2}, {1, 0.01f}};
        }).empty());
}

TEST_CASE("reward model: a config.json of another size, and folders without weights or config, are refused") {
  const SmallModel folder;
  auto config = small_config();
  config["vocab_size"] = 41;
  folder.write_config(config);
  check_refused(load_refusal(folder), {"model.embed_tokens.weight", "[40, 16]", "[41, 16]"});
  config = small_config();
  config["num_hidden_layers"] = 1;
  folder.write_config(config);
  check_refused(load_refusal(folder), {"model.layers.1.", "no place"});
  config["num_hidden_layers"] = 3;
  folder.write_config(config);
  check_refused(load_refusal(folder), {"model.layers.2.", "lack"});
  folder.write_config(small_config("llama"));
  check_refused(load_refusal(folder), {"bias", "no place"});
  std::filesystem::remove(folder.weights_file());
  check_refused(load_refusal(folder), {folder.folder()});
  check_refused(refusal([] { RewardModel::load({.folder = "/nowhere/at/all"}, cpu_backend(1)); }), {"/nowhere/at/all"});
}

TEST_CASE("reward model: 16-bit weights kept as they are give the rewards of widened ones, bit for bit") {
  for (const DType dtype : {DType::bfloat16, DType::float16}) {
    for (const std::string family : {"qwen2", "qwen3", "llama"}) {
      CAPTURE(std::string(name(dtype)));
      CAPTURE(family);
      const SmallModel folder(small_config(family), dtype);
      const auto kept = folder.load(1, true), widened = folder.load();
      CHECK(kept->parameters().layout().parameters()[0].dtype == dtype);
      CHECK(widened->parameters().layout().parameters()[0].dtype == DType::float32);
      CHECK(kept->parameters().layout().bytes() < widened->parameters().layout().bytes());
      CHECK(rewards(*kept, some_samples()) == rewards(*widened, some_samples()));
      // Saved again in its own type, nothing has changed.
      const auto before = folder.tensors();
      kept->save_weights(folder.weights_file(), dtype);
      for (const auto& [tensor, stored] : folder.tensors()) CHECK(same_bits(stored.values, before.at(tensor).values));
    }
  }
  // Matrices of several types are widened.
  const SmallModel folder;
  auto tensors = folder.tensors();
  tensors["model.embed_tokens.weight"].dtype = DType::bfloat16;
  folder.write(tensors);
  CHECK(folder.load(1, true)->parameters().layout().parameters()[0].dtype == DType::float32);
}

TEST_CASE("reward model: initialize is fixed by its seed and has the distribution that config.json asks for") {
  auto config = small_config();
  config["hidden_size"] = 64, config["head_dim"] = 16, config["initializer_range"] = 0.05;
  const storage::testing::TemporaryFolder folder;
  const std::string config_file = folder.put("config.json", config.dump());
  RewardModel::initialize(config_file, 5, folder.file("a"));
  RewardModel::initialize(config_file, 5, folder.file("b"));
  RewardModel::initialize(config_file, 6, folder.file("c"));
  CHECK(bytes_of_file(folder.file("a")) == bytes_of_file(folder.file("b")));
  CHECK(bytes_of_file(folder.file("a")) != bytes_of_file(folder.file("c")));
  const StoredTensors tensors = read_tensors(folder.file("a"));
  CHECK(tensors.contains("lm_head.weight"));
  CHECK_FALSE(tensors.contains("score.weight"));
  for (const auto& [name, tensor] : tensors) {
    CAPTURE(name);
    if (tensor.shape.size() == 1) {
      const float expected = name.ends_with(".bias") ? 0 : 1;
      CHECK(std::all_of(tensor.values.begin(), tensor.values.end(), [&](float value) { return value == expected; }));
      continue;
    }
    double sum = 0, squares = 0;
    const auto count = static_cast<double>(tensor.values.size());
    for (const float value : tensor.values) sum += value, squares += static_cast<double>(value) * value;
    CHECK(std::abs(sum / count) < 5 * 0.05 / std::sqrt(count));
    CHECK(std::sqrt(squares / count) == doctest::Approx(0.05).epsilon(5 / std::sqrt(2 * count)));
  }
  CHECK(tensors.at("model.layers.0.self_attn.q_proj.weight").values !=
        tensors.at("model.layers.1.self_attn.q_proj.weight").values);
  config["tie_word_embeddings"] = true;
  folder.put("config.json", config.dump());
  RewardModel::initialize(config_file, 5, folder.file("tied"));
  CHECK_FALSE(read_tensors(folder.file("tied")).contains("lm_head.weight"));
}

TEST_CASE(
    "scorer: rewards do not depend on the batch; an empty batch, bad ids, cancellation and overflow are met in order") {
  const SmallModel folder;
  const auto model = folder.load(2);
  const OwnedSamples samples = some_samples();
  const auto expected = rewards(*model, samples);
  CHECK(expected[0] != expected[1]);
  for (const int64_t budget : {1, 5, 64}) CHECK(rewards(*model, samples, {.micro_batch_tokens = budget}) == expected);
  CHECK(rewards(*model, samples, {.share_prompts = false}) == expected);
  inference::Scorer scorer(*model, {});
  CHECK(scorer.score(OwnedSamples().view(), Control()).rewards.empty());
  const auto result = scorer.score(samples.view(), Control());
  CHECK(result.computed_tokens == 4 + 2 + 1 + 1 + 100);
  OwnedSamples bad = samples;
  bad.add({40}, 3);
  check_refused(refusal([&] { scorer.score(bad.view(), Control()); }), {"token id 40", "40 ids"});
  OwnedSamples long_one;
  long_one.add(std::vector<int32_t>(129, 1), 0);
  check_refused(refusal([&] { scorer.score(long_one.view(), Control()); }), {"129", "128"});
  Control canceled;
  canceled.cancel();
  CHECK_THROWS_AS(scorer.score(samples.view(), canceled), Canceled);
  CHECK(scorer.score(samples.view(), Control()).rewards == expected);
  check_refused(refusal([&] { inference::Scorer(*model, {.micro_batch_tokens = 0}); }), {"micro_batch_tokens"});
  auto tensors = folder.tensors();
  for (float& value : tensors["score.weight"].values) value = 3e38f;
  for (float& value : tensors["model.norm.weight"].values) value = 3e38f;
  folder.write(tensors);
  const auto huge = folder.load();
  check_refused(refusal([&] { rewards(*huge, samples); }), {"not finite"});
}

TEST_CASE(
    "a random model: made here or by whoever knows better, trainable, its float32 copy the very numbers that were "
    "rounded") {
  const SmallModel folder;
  const Architecture architecture = RewardModel::read_architecture(folder.folder());
  const auto model = RewardModel::random(architecture, {.seed = 5}, cpu_backend(1));
  CHECK(parameter_values(*model) == parameter_values(*RewardModel::random(architecture, {.seed = 5}, cpu_backend(1))));
  CHECK(parameter_values(*model) != parameter_values(*RewardModel::random(architecture, {.seed = 6}, cpu_backend(1))));
  const ModelTensors& tensors = model->parameters().tensors();
  const auto deviation_of = [](const Tensor& tensor) {
    double squares = 0;
    for (int64_t i = 0; i < tensor.rows * tensor.columns; ++i)
      squares += std::pow(static_cast<double>(floats(tensor)[i]), 2);
    return std::sqrt(squares / static_cast<double>(tensor.rows * tensor.columns));
  };
  CHECK(deviation_of(tensors.embedding) == doctest::Approx(static_cast<double>(architecture.initializer_range))
                                               .epsilon(0.1));  // of 640 numbers: 3 deviations
  CHECK(deviation_of(tensors.head) > 0);
  CHECK(floats(tensors.final_norm)[0] == 1);
  std::vector<int64_t> filled;
  const auto given =
      RewardModel::random(architecture,
                          {.fill_normal = [&](const Tensor& tensor, float, uint64_t,
                                              uint64_t) { filled.push_back(tensor.rows * tensor.columns); }},
                          cpu_backend(1));
  int64_t matrices = 0;
  for (const auto& parameter : given->parameters().layout().parameters()) matrices += parameter.shape.size() == 2;
  CHECK(static_cast<int64_t>(filled.size()) == matrices);
  const auto rounded = RewardModel::random(
      architecture, {.seed = 5, .precision = DType::bfloat16, .float32_copy = true}, testing::plain_backend<float>());
  const auto *copy = static_cast<const float*>(rounded->float32_copy()->tensors().embedding.data),
             *expected = floats(tensors.embedding);
  const auto* narrowed = static_cast<const uint16_t*>(rounded->parameters().tensors().embedding.data);
  for (int64_t i = 0; i < tensors.embedding.rows * tensors.embedding.columns; ++i) {
    REQUIRE(copy[i] == expected[i]);
    REQUIRE(narrowed[i] == float_to_bfloat16(copy[i]));
  }
}

}  // namespace
}  // namespace cheems::model
