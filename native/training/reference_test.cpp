// The engine on the CPU against transformers: rewards, gradients and three AdamW steps of every family, both config
// spellings, within the tolerances that fixtures/reference/huggingface/README.md derives.
#include "testing/cpu.h"
#include "testing/model_check.h"

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

TEST_CASE(
    "a sample's reward has the same bits alone, in any batch, order, micro-batch size, with any threads, shared or "
    "not") {
  for_each_reference([](const ReferenceModel& reference) {
    std::vector<Comparison> pairs;
    const OwnedSamples samples = reference.training_set(pairs);
    const std::string folder = reference.folder();
    const auto expected = score(folder, samples, {.backend = cpu_backend(1)});
    CHECK(score(folder, samples, {.backend = cpu_backend(3)}) == expected);
    CHECK(score(folder, samples, {.backend = cpu_backend(2), .share_prompts = false}) == expected);
    for (const int64_t budget : {1, 7, 33, 100})
      CHECK(score(folder, samples, {.backend = cpu_backend(2), .micro_batch_tokens = budget}) == expected);
    for (size_t s = 0; s < samples.groups.size(); ++s) {
      OwnedSamples alone;
      alone.add({samples.tokens.begin() + samples.offsets[s], samples.tokens.begin() + samples.offsets[s + 1]}, 0);
      CHECK(score(folder, alone, {.backend = cpu_backend(1)})[0] == expected[s]);
    }
    OwnedSamples reversed;
    for (size_t s = samples.groups.size(); s-- > 0;) {
      reversed.add({samples.tokens.begin() + samples.offsets[s], samples.tokens.begin() + samples.offsets[s + 1]},
                   samples.groups[s]);
    }
    auto backwards = score(folder, reversed, {.backend = cpu_backend(2)});
    std::reverse(backwards.begin(), backwards.end());
    CHECK(backwards == expected);
  });
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

TEST_CASE("training repeats bit for bit with any number of threads") {
  const ReferenceModel reference(reference_folder("qwen3-qknorm"), false);
  const auto one = train_on(reference, {.backend = cpu_backend(1)}, 3).parameters;
  CHECK(train_on(reference, {.backend = cpu_backend(2)}, 3).parameters == one);
  CHECK(train_on(reference, {.backend = cpu_backend(5)}, 3).parameters == one);
}

}  // namespace
}  // namespace cheems
