// Generation on any backend: token sequences and logits of small models, and of the transformers reference.
#pragma once

#include <doctest/doctest.h>

#include <cmath>

#include "generation/generator.h"
#include "generation/next_token_reader.h"
#include "testing/causal_folder.h"
#include "testing/reference.h"
#include "testing/trees.h"

namespace cheems::testing {

using namespace generation;

const std::vector<std::string> kDecoderFamilies = {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "mixtral"};

struct Generated {
  std::vector<std::vector<int32_t>> tokens;  // of each prompt
  std::vector<Finish> finish;
  std::vector<std::vector<std::vector<float>>> logits;  // [prompt][step]
  int64_t computed_tokens = 0;
};

// Generates to the end, `steps` per call.
inline Generated generate(const model::CausalModel& model, const OwnedSamples& prompts, GenerationOptions options,
                          int64_t new_tokens = 10, int64_t steps = 3) {
  Generated result;
  const size_t count = prompts.groups.size();
  result.tokens.resize(count), result.logits.resize(count), result.finish.resize(count);
  if (options.max_new_tokens.empty()) options.max_new_tokens.assign(count, static_cast<int32_t>(new_tokens));
  options.on_logits = [&](int64_t prompt, int64_t step, std::span<const float> logits) {
    REQUIRE(step == static_cast<int64_t>(result.logits[static_cast<size_t>(prompt)].size()));
    result.logits[static_cast<size_t>(prompt)].emplace_back(logits.begin(), logits.end());
  };
  Generator generator(model, prompts.view(), options);
  while (!generator.done()) {
    const auto advanced = generator.advance(steps, {}, Control());
    auto token = advanced.tokens.begin();
    for (size_t i = 0; i < count; ++i) {
      CHECK(advanced.counts[i] <= steps);
      result.tokens[i].insert(result.tokens[i].end(), token, token + advanced.counts[i]);
      token += advanced.counts[i];
      result.finish[i] = static_cast<Finish>(advanced.finished[i]);
    }
    CHECK(token == advanced.tokens.end());
  }
  result.computed_tokens = generator.computed_tokens();
  return result;
}

inline OwnedSamples only(const OwnedSamples& all, size_t index) {
  OwnedSamples one;
  one.add({all.tokens.begin() + all.offsets[index], all.tokens.begin() + all.offsets[index + 1]}, 0);
  return one;
}

// Prompts of 1 to 45 tokens from a vocabulary of 40, in groups with common prefixes. One prompt equals another, and one
// is a prefix of another.
inline OwnedSamples mixed_prompts() {
  RandomStream random(3, 3);
  const auto ids_of = [&](int64_t count) {
    std::vector<int32_t> run;
    for (int64_t i = 0; i < count; ++i) run.push_back(static_cast<int32_t>(random.next() % 40));
    return run;
  };
  OwnedSamples prompts;
  const auto shared = ids_of(30);
  const auto tail = ids_of(15);
  prompts.add(joined(shared, ids_of(7)), 0);
  prompts.add(joined(shared, tail), 0);
  prompts.add(shared, 0);
  prompts.add(joined(shared, tail), 0);
  prompts.add({5}, 1);
  prompts.add(ids_of(41), 2);
  prompts.add(ids_of(12), 3);
  return prompts;
}

// The float32 numbers of transformers' CausalLM fixtures (fixtures/reference/huggingface/README.md): ids of greedy
// decoding, and logits of every step.
inline void check_causal_reference(const std::string& name, bool legacy, Backend& backend) {
  const ReferenceModel reference(reference_folder(name), legacy);
  const auto model = model::CausalModel::load({.folder = reference.folder(), .precision = DType::float32}, backend);
  const auto& cases = reference.json()["generate"];
  OwnedSamples prompts;
  for (const auto& entry : cases)
    prompts.add(entry["prompt"].get<std::vector<int32_t>>(), static_cast<int32_t>(prompts.groups.size()));
  const Generated found = generate(*model, prompts, {}, 16);
  const NextTokens next = NextTokenReader(*model, 64).read(prompts.view(), 5, Control());
  const auto arrays = reference.arrays();
  for (size_t i = 0; i < cases.size(); ++i) {
    CHECK(found.tokens[i] == cases[i]["new_ids"].get<std::vector<int32_t>>());
    CHECK(found.finish[i] == Finish::length);
    const auto* view = arrays.find(sentence("generate.", i, ".step_logits"));
    REQUIRE(view != nullptr);
    std::vector<float> expected(static_cast<size_t>(view->elements()));
    arrays.read_float32(sentence("generate.", i, ".step_logits"), expected.data(), view->shape);
    const auto columns = static_cast<size_t>(view->shape[1]);
    for (size_t step = 0; step < 16; ++step) {
      for (size_t c = 0; c < columns; ++c)
        CHECK(std::abs(found.logits[i][step][c] - expected[step * columns + c]) <= 1e-4);
      const double log_probability =
          found.logits[i][step][static_cast<size_t>(found.tokens[i][step])] - log_sum_exp(found.logits[i][step]);
      CHECK(log_probability == doctest::Approx(cases[i]["logprobs"][step].get<double>()).epsilon(1e-4));
    }
    CHECK(next.ids[5 * i] == found.tokens[i][0]);
    CHECK(next.log_probabilities[5 * i] == doctest::Approx(cases[i]["logprobs"][0].get<double>()).epsilon(1e-4));
    for (size_t k = 1; k < 5; ++k) CHECK(next.log_probabilities[5 * i + k] <= next.log_probabilities[5 * i + k - 1]);
  }
}

}  // namespace cheems::testing
