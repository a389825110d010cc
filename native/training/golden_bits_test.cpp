// The bits of rewards and of trained parameters, recorded. They are promised for a processor, not for a compiler's or a
// library's version: a kernel whose sums are ordered by Highway, or whose exponentials are the C library's, shows here.
// Targets with a fused multiply-add (AVX2, AVX-512) share their bits, and so do those without (SSE4 and below).
#include <bit>

#include "backends/cpu/cpu_facts.h"
#include "testing/encoder_check.h"
#include "testing/small_model.h"

namespace cheems {
namespace {

using namespace testing;

// FNV-1a over the bits of float32 numbers.
class Digest {
 public:
  void add(float value) {
    for (int shift = 0; shift < 32; shift += 8)
      hash_ = (hash_ ^ (std::bit_cast<uint32_t>(value) >> shift & 0xff)) * 0x100000001b3;
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325;
};

struct Golden {
  std::string name;
  uint64_t fused, separate;
};

void check_golden(const Golden& golden, const std::string& target, const Digest& digest) {
  CAPTURE(golden.name);
  CAPTURE(target);
  CHECK(digest.value() == (cpu::fuses(target) ? golden.fused : golden.separate));
}

void add_all(Digest& digest, const NamedValues& values) {
  for (const auto& [name, numbers] : values) {
    for (const double number : numbers) digest.add(static_cast<float>(number));
  }
}

// Rewards, then losses and parameters after three steps.
TEST_CASE("golden bits: rewards and training of every family") {
  const Golden kGoldens[] = {
      {"llama-gqa", 0x4eccc62a0afe6978, 0xe962fd83061f99a9},
      {"llama3-rope", 0x3296e9a73578744f, 0x6465911b1da159f0},
      {"mistral-sliding", 0xb78c07375246237, 0x5b9476aedf888ed},
      {"qwen2-gqa", 0x53a4ecfebad3d4d3, 0x1981f098bb4f3abe},
      {"qwen2-tied", 0x8f468f0b45d71df8, 0xd62bc4ad95f93bec},
      {"qwen3-qknorm", 0x14ed41d6015a90ae, 0x32efc5865d52ccdb},
      {"gemma-mqa", 0xd8ce1b9737e617ee, 0x29b45ffb424b6f4},
      {"gemma2-softcap", 0x5c4bda305353f9e5, 0xb2f0fff8df527919},
  };
  for_each_simd_target([&](const std::string& target) {
    for (const Golden& golden : kGoldens) {
      const ReferenceModel reference(reference_folder(golden.name), false);
      Digest digest;
      std::vector<double> expected;
      for (const float reward : score(reference.folder(), reference.sequences(expected), {.backend = cpu_backend(2)}))
        digest.add(reward);
      const TrainedModel trained = train_on(reference, {.backend = cpu_backend(2)}, 3);
      for (const auto& step : trained.steps) digest.add(static_cast<float>(step.loss));
      add_all(digest, trained.parameters);
      check_golden(golden, target, digest);
    }
  });
}

// Wider than a chain and a block of a product, longer than a block of queries and a chain of keys, with a window,
// shared prompts, and a product of more rows than `few`.
TEST_CASE("golden bits: a model whose sums have many parts") {
  const Golden kGolden = {"wide", 0x8071194b01227ed7, 0x7fd32533df615f74};
  nlohmann::json config = small_config("mistral");
  config.update({{"hidden_size", 200},
                 {"intermediate_size", 500},
                 {"head_dim", 100},
                 {"sliding_window", 150},
                 {"max_position_embeddings", 512}});
  const SmallModel small(config);
  OwnedSamples samples;
  for (int32_t sample = 0; sample < 4; ++sample) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < 230 + 40 * sample; ++i)
      ids.push_back((i < 200 ? 7 * i + sample / 2 : 5 * i + 3 * sample) % 40);
    samples.add(ids, sample / 2);
  }
  for_each_simd_target([&](const std::string& target) {
    Digest digest;
    const auto loaded = small.load(2);
    training::Trainer trainer(*loaded, {.micro_batch_tokens = 300});
    const std::vector<Comparison> pairs = {{.a = 0, .b = 1}, {.a = 3, .b = 2}};
    for (const float reward : trainer.step(samples.view(), pairs, {.learning_rate = 1e-3}, Control()).rewards)
      digest.add(reward);
    for (const float reward : trainer.score(samples.view(), Control())) digest.add(reward);
    for (const float value : parameter_values(*loaded)) digest.add(value);
    check_golden(kGolden, target, digest);
  });
}

TEST_CASE("golden bits: an encoder, and a model with experts") {
  const Golden kEncoder = {"deberta-v3", 0xd41d38d81ea59e0a, 0xe30e0ea9973e6a10},
               kExperts = {"mixtral", 0x502db490e0a271c6, 0xb83c44b091625bcf};
  for_each_simd_target([&](const std::string& target) {
    const ReferenceModel reference(encoder_folder(), false);
    Digest digest;
    for (const float reward : score_encoder(reference, encoder_cases(reference).samples, {.backend = cpu_backend(2)}))
      digest.add(reward);
    check_golden(kEncoder, target, digest);

    nlohmann::json config = small_config("mixtral");
    config.update({{"num_local_experts", 4}, {"num_experts_per_tok", 2}});
    const SmallModel small(config);
    OwnedSamples samples;
    for (int32_t sample = 0; sample < 3; ++sample) {
      std::vector<int32_t> ids;
      for (int32_t i = 0; i < 20 + 30 * sample; ++i) ids.push_back((3 * i + sample) % 40);
      samples.add(ids, sample);
    }
    Digest experts;
    for (const float reward : score(small.folder(), samples, {.backend = cpu_backend(2)})) experts.add(reward);
    check_golden(kExperts, target, experts);
  });
}

}  // namespace
}  // namespace cheems
