// The engine on the CPU against transformers: rewards, gradients and three AdamW steps of every family, both config
// spellings, within the tolerances that fixtures/reference/huggingface/README.md derives.
#include "testing/cpu.h"
#include "testing/model_check.h"
#include "testing/plain_backend.h"

namespace cheems {
namespace {

using namespace testing;

// Calls check(model) for every classifier and config spelling.
template <class Check>
void for_each_reference(Check check) {
  for (const auto& name : kClassifiers) {
    for (const bool legacy : {false, true}) {
      CAPTURE(name);
      CAPTURE(legacy);
      check(ReferenceModel(reference_folder(name), legacy));
    }
  }
}

TEST_CASE("rewards of single sequences equal transformers'") {
  for_each_reference(
      [](const ReferenceModel& reference) { check_single_sequences(reference, {.backend = cpu_backend(1)}); });
}

void check_sample_alone(const ReferenceModel& reference, DType precision) {
  std::vector<Comparison> pairs;
  const OwnedSamples samples = reference.training_set(pairs);
  const std::string folder = reference.folder();
  const auto expected = score(folder, samples, {.backend = cpu_backend(1), .precision = precision});
  CHECK(score(folder, samples, {.backend = cpu_backend(3), .precision = precision}) == expected);
  CHECK(score(folder, samples, {.backend = cpu_backend(2), .precision = precision, .share_prompts = false}) ==
        expected);
  for (const int64_t budget : {1, 7, 33, 100})
    CHECK(score(folder, samples, {.backend = cpu_backend(2), .precision = precision, .micro_batch_tokens = budget}) ==
          expected);
  for (size_t s = 0; s < samples.groups.size(); ++s) {
    OwnedSamples alone;
    alone.add({samples.tokens.begin() + samples.offsets[s], samples.tokens.begin() + samples.offsets[s + 1]}, 0);
    CHECK(score(folder, alone, {.backend = cpu_backend(1), .precision = precision})[0] == expected[s]);
  }
  OwnedSamples reversed;
  for (size_t s = samples.groups.size(); s-- > 0;) {
    reversed.add({samples.tokens.begin() + samples.offsets[s], samples.tokens.begin() + samples.offsets[s + 1]},
                 samples.groups[s]);
  }
  auto backwards = score(folder, reversed, {.backend = cpu_backend(2), .precision = precision});
  std::reverse(backwards.begin(), backwards.end());
  CHECK(backwards == expected);
}

TEST_CASE(
    "a sample's reward has the same bits alone, in any batch, order, micro-batch size, with any threads, shared or "
    "not") {
  for_each_reference([](const ReferenceModel& reference) { check_sample_alone(reference, DType::float32); });
}

TEST_CASE("bfloat16 products: a sample's reward has the same bits alone, in any batch, with any threads") {
  for (const auto& name : kClassifiers) {
    CAPTURE(name);
    check_sample_alone(ReferenceModel(reference_folder(name), false), DType::bfloat16);
  }
}

TEST_CASE("gradients of every parameter equal transformers', with shared prompts and without, recomputed and kept") {
  for_each_reference([](const ReferenceModel& reference) {
    check_gradients(reference, {.backend = cpu_backend(2)});
    check_gradients(reference, {.backend = cpu_backend(2), .share_prompts = false});
    check_gradients(reference, {.backend = cpu_backend(2), .checkpointing = true});
  });
}

TEST_CASE("three training steps equal transformers', whole or cut into micro-batches") {
  for_each_reference([](const ReferenceModel& reference) {
    check_three_steps(reference, {.backend = cpu_backend(2)});
    check_three_steps(
        reference, {.backend = cpu_backend(1), .micro_batch_tokens = 20});  // prompts are cut between their responses
  });
}

// Root mean square error of all gradients, relative to them.
double gradient_error(const NamedValues& found, const NamedValues& exact) {
  double error = 0, size = 0;
  for (const auto& [parameter, values] : exact) {
    for (size_t i = 0; i < values.size(); ++i) {
      error += std::pow(found.at(parameter)[i] - values[i], 2);
      size += std::pow(values[i], 2);
    }
  }
  return std::sqrt(error / size);
}

TEST_CASE("bfloat16 products: gradients have less of an error than where activations are bfloat16 too") {
  if (cpu_backend(1).set_precision(DType::bfloat16) != DType::bfloat16) return;
  double ratios = 0;
  for (const auto& name : kClassifiers) {
    CAPTURE(name);
    const ReferenceModel reference(reference_folder(name), false);
    const auto gradients = [&](Backend& backend, DType precision) {
      return gradients_of(reference, {.backend = backend, .precision = precision}).gradients;
    };
    const auto exact = gradients(cpu_backend(2), DType::float32);
    const double found = gradient_error(gradients(cpu_backend(2), DType::bfloat16), exact),
                 in_bfloat16 = gradient_error(gradients(plain_backend<float>(), DType::bfloat16), exact);
    CAPTURE(in_bfloat16);
    CHECK(found > 0);                  // it did round
    CHECK(found < 1.5 * in_bfloat16);  // single draws of rounding
    ratios += found / in_bfloat16;
  }
  CHECK(ratios < 0.95 * static_cast<double>(kClassifiers.size()));
}

TEST_CASE("bfloat16 products: training learns from float32 weights, and repeats with any threads and checkpoints") {
  const ReferenceModel reference(reference_folder("qwen3-qknorm"), false);
  const auto run = [&](ModelRun run) {
    run.precision = DType::bfloat16;
    return train_on(reference, run, 3);
  };
  const auto one = run({.backend = cpu_backend(1)});
  CHECK(one.steps.back().loss < one.steps.front().loss);
  CHECK(run({.backend = cpu_backend(5)}).parameters == one.parameters);
  CHECK(run({.backend = cpu_backend(2), .checkpointing = true}).parameters == one.parameters);
}

TEST_CASE("bfloat16 products: a processor without them computes in float32, and says so") {
  for_each_simd_target([](const std::string& target) {
    if (target.starts_with("AVX3")) return;
    const auto backend = create_cpu_backend(1);
    const ReferenceModel reference(reference_folder("qwen2-gqa"), false);
    std::vector<double> expected;
    const OwnedSamples samples = reference.sequences(expected);
    const auto rewards = score(reference.folder(), samples, {.backend = *backend, .precision = DType::bfloat16});
    REQUIRE(backend->notes().size() == 1);
    CHECK(backend->notes()[0].text.find("AVX512_BF16") != std::string::npos);
    CHECK(score(reference.folder(), samples, {.backend = *backend}) == rewards);
    CHECK(backend->notes().empty());
  });
}

TEST_CASE("training repeats bit for bit with any number of threads") {
  const ReferenceModel reference(reference_folder("qwen3-qknorm"), false);
  const auto one = train_on(reference, {.backend = cpu_backend(1)}, 3).parameters;
  CHECK(train_on(reference, {.backend = cpu_backend(2)}, 3).parameters == one);
  CHECK(train_on(reference, {.backend = cpu_backend(5)}, 3).parameters == one);
}

}  // namespace
}  // namespace cheems
