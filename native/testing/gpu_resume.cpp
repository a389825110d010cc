// A training run on the device that can be killed at any moment and restarted; scripts/test_gpu.sh kills it.
//
//   gpu_resume FOLDER STEPS SAVE_EVERY bfloat16|float32 [hidden size]
//
// Trains STEPS steps in bfloat16 with that optimizer state and writes a checkpoint (config, weights, optimizer state)
// into FOLDER/checkpoint-STEP every SAVE_EVERY steps and at the end: first into a folder with a temporary name, which
// is then renamed, so that a checkpoint is complete or absent. Starts at the newest checkpoint of FOLDER. A step's
// samples depend only on its number.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backends/cuda/cuda_backend.h"
#include "core/error.h"
#include "core/random.h"
#include "model/reward_model.h"
#include "training/trainer.h"

namespace {

using namespace cheems;
namespace fs = std::filesystem;

constexpr const char* kPrefix = "checkpoint-";
constexpr int64_t kVocab = 300;

nlohmann::json config(int64_t hidden) {
  return {{"model_type", "qwen2"},
          {"hidden_size", hidden},
          {"intermediate_size", 3 * hidden},
          {"num_hidden_layers", 2},
          {"num_attention_heads", hidden / 64},
          {"num_key_value_heads", hidden / 64},
          {"head_dim", 64},
          {"vocab_size", kVocab},
          {"max_position_embeddings", 512},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", true}};
}

// Two prompts with three responses each, of different lengths.
struct Batch {
  std::vector<int32_t> tokens, offsets{0}, groups;
  std::vector<Comparison> pairs;
  explicit Batch(int64_t step) {
    RandomStream random(static_cast<uint64_t>(step), 11);
    const auto id = [&] { return static_cast<int32_t>(random.next() % kVocab); };
    for (int32_t group = 0; group < 2; ++group) {
      std::vector<int32_t> prompt(20 + random.next() % 20);
      for (int32_t& token : prompt) token = id();
      for (int32_t response = 0; response < 3; ++response) {
        tokens.insert(tokens.end(), prompt.begin(), prompt.end());
        for (uint64_t i = 5 + random.next() % 20; i > 0; --i) tokens.push_back(id());
        offsets.push_back(static_cast<int32_t>(tokens.size()));
        groups.push_back(group);
      }
      for (const auto& [a, b] : {std::pair{0, 1}, {0, 2}, {1, 2}})
        pairs.push_back({.a = 3 * group + a, .b = 3 * group + b});
    }
  }
};

// The newest checkpoint's step; 0 if there is none.
int64_t newest(const fs::path& folder) {
  int64_t step = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(kPrefix, 0) == 0 &&
        name.find_first_not_of("0123456789", std::string(kPrefix).size()) == std::string::npos)
      step = std::max<int64_t>(step, std::stoll(name.substr(std::string(kPrefix).size())));
  }
  return step;
}

fs::path checkpoint(const fs::path& folder, int64_t step) { return folder / (kPrefix + std::to_string(step)); }

void save(const fs::path& folder, int64_t step, const model::RewardModel& model, const training::Trainer& trainer,
          int64_t hidden) {
  const fs::path part = folder / "unfinished";
  fs::remove_all(part);
  fs::create_directories(part);
  std::ofstream(part / "config.json") << config(hidden).dump();
  model.save_weights((part / "model.safetensors").string());
  trainer.save_optimizer((part / "optimizer.safetensors").string());
  fs::rename(part, checkpoint(folder, step));
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path() != checkpoint(folder, step)) fs::remove_all(entry.path());
  }
}

int run(int argc, char** argv) {
  if (argc < 5) fail("usage: gpu_resume FOLDER STEPS SAVE_EVERY bfloat16|float32 [hidden size]");
  const fs::path folder = argv[1];
  const int64_t steps = std::stoll(argv[2]), every = std::stoll(argv[3]), hidden = argc > 5 ? std::stoll(argv[5]) : 128;
  const DType state = std::string(argv[4]) == "bfloat16" ? DType::bfloat16 : DType::float32;
  const auto backend = create_cuda_backend(0);
  fs::create_directories(folder);
  const int64_t done = newest(folder);
  fs::path source = checkpoint(folder, done);
  if (done == 0) {
    source = folder / "initial";
    fs::create_directories(source);
    std::ofstream(source / "config.json") << config(hidden).dump();
    model::RewardModel::initialize((source / "config.json").string(), 1, (source / "model.safetensors").string());
  }
  const auto model = model::RewardModel::load({.folder = source.string(),
                                               .create_head = done == 0,
                                               .seed = 1,
                                               .precision = DType::bfloat16,
                                               .float32_copy = state == DType::float32},
                                              *backend);
  training::Trainer trainer(*model, {.micro_batch_tokens = 128, .optimizer_state = state, .seed = 3});
  if (done > 0) trainer.load_optimizer((source / "optimizer.safetensors").string());
  std::printf("begins after step %lld\n", static_cast<long long>(done));
  std::fflush(stdout);
  for (int64_t step = done + 1; step <= steps; ++step) {
    const Batch batch(step);
    const auto result = trainer.step({batch.tokens, batch.offsets, batch.groups}, batch.pairs,
                                     {.step = step, .learning_rate = 1e-3, .weight_decay = 0.01}, Control());
    std::printf("step %lld loss %.9g norm %.9g\n", static_cast<long long>(step), result.loss, result.gradient_norm);
    std::fflush(stdout);
    if (step % every == 0 || step == steps) save(folder, step, *model, trainer, hidden);
  }
  std::printf("finished\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_resume: %s\n", error.what());
    return 2;
  }
}
