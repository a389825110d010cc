// Mixtral on any backend: the logits of the reference (fixtures/reference/models/mixtral-causal), and rewards of small
// models.
#pragma once

#include <algorithm>
#include <numeric>

#include "batch/packed_tree.h"
#include "model/causal_model.h"
#include "model/networks/decoder.h"
#include "ops/linear/linear.h"
#include "testing/reference.h"
#include "testing/small_model.h"

namespace cheems::testing {

constexpr double kLogitTolerance = 1e-4;  // fixtures/reference/models/README.md

inline std::string mixtral_folder() {
  return std::string(CHEEMS_SOURCE_DIRECTORY) + "/fixtures/reference/models/mixtral-causal";
}

inline nlohmann::json small_mixtral_config() {
  nlohmann::json config = small_config("mixtral");
  config["num_local_experts"] = 4;
  config["num_experts_per_tok"] = 2;
  return config;
}

// Rounds the matrices of a float32 model to bfloat16: on plain loops in double, this gives the exact result of a
// bfloat16 run.
inline void round_matrices(const model::CausalModel& model) {
  const auto& layout = model.parameters().layout();
  for (const auto& parameter : layout.parameters()) {
    if (!parameter.is_matrix()) continue;
    std::vector<float> values(static_cast<size_t>(parameter.count()));
    void* memory = layout.tensor(parameter, model.parameters().data()).data;
    const auto bytes = static_cast<int64_t>(values.size() * sizeof(float));
    model.backend().download(values.data(), memory, bytes);
    for (float& value : values) value = bfloat16_to_float(float_to_bfloat16(value));
    model.backend().upload(memory, values.data(), bytes);
  }
}

// The logits after every token of `ids`, [tokens * vocabulary], by one product of the decoder's hidden states with
// lm_head.
inline std::vector<float> logits_of(const model::CausalModel& model, const std::vector<int32_t>& ids) {
  OwnedSamples samples;
  samples.add(ids, 0);
  PackedTree tree = pack_tree(samples.view(), std::vector<int32_t>{0}, false);
  // Read out at every token, not only at the last.
  tree.reward_rows.resize(ids.size());
  std::iota(tree.reward_rows.begin(), tree.reward_rows.end(), 0);
  tree.reward_positions = tree.positions;
  const auto tokens = static_cast<int64_t>(ids.size()), vocab = model.architecture().vocab_size;
  Backend& backend = model.backend();
  model::Decoder decoder(model.architecture(), model.parameters().tensors(), backend,
                         {.rows = tokens,
                          .rewards = tokens,
                          .longest_path = tokens,
                          .dtype = model.activations(),
                          .final_dtype = model.activations()});
  const auto memory = backend.allocate(tokens * vocab * static_cast<int64_t>(sizeof(float)), "logits");
  const Tensor logits = float_tensor(static_cast<float*>(memory->data()), tokens, vocab);
  backend.operations().linear_forward({.y = logits,
                                       .x = decoder.forward_hidden(tree, Control()),
                                       .weight = model.parameters().tensors().vocabulary,
                                       .bias = {},
                                       .residual = {}});
  std::vector<float> values(static_cast<size_t>(tokens * vocab));
  backend.download(values.data(), logits.data, static_cast<int64_t>(values.size() * sizeof(float)));
  return values;
}

// Prompt and continuation of every `generate` case in one pass, in float32: compared with the logits of transformers,
// before and during generation.
inline void check_mixtral_logits(const std::string& source, bool legacy, Backend& backend) {
  const ReferenceModel reference(source, legacy);
  const auto model = model::CausalModel::load({.folder = reference.folder(), .precision = DType::float32}, backend);
  const auto arrays = reference.arrays();
  size_t number = 0;
  for (const auto& entry : reference.json()["generate"]) {
    CAPTURE(number);
    auto ids = entry["prompt"].get<std::vector<int32_t>>();
    const size_t prompt = ids.size();
    const auto continued = entry["new_ids"].get<std::vector<int32_t>>();
    ids.insert(ids.end(), continued.begin(), continued.end() - 1);
    const auto found = logits_of(*model, ids);
    const auto vocab = static_cast<std::size_t>(model->architecture().vocab_size);
    const auto check = [&](const std::string& name, size_t first, size_t count) {
      std::vector<float> expected(count * vocab);
      arrays.read_float32("generate." + std::to_string(number) + "." + name, expected.data(),
                          {static_cast<int64_t>(count), static_cast<int64_t>(vocab)});
      double worst = 0;
      for (size_t i = 0; i < expected.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(found[first * vocab + i]) - expected[i]));
      CAPTURE(name);
      CHECK(worst <= kLogitTolerance);
    };
    check("prompt_logits", 0, prompt);
    check("step_logits", prompt - 1, continued.size());
    ++number;
  }
  CHECK(number == 3);
}

}  // namespace cheems::testing
