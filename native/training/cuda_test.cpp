// Whole models on the device: transformers' numbers in float32 within the CPU's tolerances; in bfloat16 an error of at
// most 2 (rewards) or 3 (gradients) times that of the same mathematics in plain loops; and small training runs that
// follow the CPU's. The config's spelling is the reader's business, not the device's: one is enough here.
#include "testing/frozen_check.h"
#include "testing/model_check.h"
#include "testing/operation_check.h"
#include "testing/small_model.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "testing/cuda_on_cpu/emulated_device.h"
#endif

namespace cheems {
namespace {

using namespace testing;

// The families with most of their own, for what is checked in several ways: executing a GPU on the CPU takes time.
const std::vector<std::string> kVaried = {"qwen3-qknorm", "mistral-sliding"};

template <class Check>
void for_each_reference(Check check) {
  for (const auto& name : kClassifiers) {
    CAPTURE(name);
    check(ReferenceModel(reference_folder(name), false));
  }
}

ModelRun in_bfloat16(Backend& backend, DType state = DType::float32) {
  return {.backend = backend, .precision = DType::bfloat16, .optimizer_state = state};
}

// What a bfloat16 run would give if it rounded nothing but its weights: errors from here are the run's own, and the
// rule's worst errors are taken from here.
ModelRun truth_of_bfloat16() { return {.backend = plain_backend<double>(), .round_matrices = true}; }

// The tolerance rule over a list of numbers; the floor is one bfloat16 rounding of the largest.
void check_bfloat16(double factor, const std::vector<double>& found, const std::vector<double>& plain,
                    const std::vector<double>& exact) {
  const double plain_error = worst_error(plain, exact), size = largest(exact);
  CAPTURE(plain_error);
  CAPTURE(size);
  CHECK(worst_error(found, exact) <= factor * plain_error + 0x1p-8 * size + 1e-37);
}

// Its name keeps it among the sanitized tests, where a download into memory that is gone would be found.
TEST_CASE("cuda trainer: canceled in the middle, it leaves no download behind") {
  const SmallModel folder;
  const ModelRun run{.backend = device_backend(), .precision = DType::bfloat16};
  const auto model = load_model(folder.folder(), run);
  training::Trainer trainer(*model, {.micro_batch_tokens = 8, .share_prompts = false});
  OwnedSamples samples;
  for (int32_t s = 0; s < 6; ++s) samples.add({1 + s, 2, 3, 4, 5, 6}, s);
  const auto expected = trainer.score(samples.view(), Control());
  Control control;
  control.on_progress = [&](int64_t done, int64_t, int64_t) {
    if (done == 3) control.cancel();
  };
  CHECK_THROWS_AS(trainer.score(samples.view(), control), Canceled);
  device_backend().finish();
  CHECK(trainer.score(samples.view(), Control()) == expected);
}

#ifdef CHEEMS_CUDA_ON_CPU
TEST_CASE("cuda trainer: however many micro-batches a step has, the device idles at its two ends alone") {
  const SmallModel folder;
  const auto model = load_model(folder.folder(), {.backend = device_backend(), .precision = DType::bfloat16});
  training::Trainer trainer(*model, {.micro_batch_tokens = 8, .share_prompts = false});
  OwnedSamples samples;
  std::vector<Comparison> pairs;
  for (int32_t s = 0; s < 8; ++s) {
    samples.add(s % 2 == 0 ? std::vector<int32_t>{1 + s, 2} : std::vector<int32_t>{1 + s, 2, 3, 4, 5}, s / 2);
    if (s % 2 == 1) pairs.push_back({.a = s - 1, .b = s});
  }
  const auto step = [&](int64_t number) {
    return trainer.step(samples.view(), pairs, {.step = number, .learning_rate = 1e-3}, Control());
  };
  REQUIRE(step(1).micro_batches == 4);
  cuda_on_cpu::set_streams_deferred(true);
  const auto before = cuda_on_cpu::host_waits();
  const auto again = step(2);
  const auto after = cuda_on_cpu::host_waits();
  cuda_on_cpu::set_streams_deferred(false);
  CHECK(after.drains - before.drains == 2);  // the loss, which decides on the update; the norm at its end
  CHECK(std::isfinite(again.loss));
}
#endif

// On a backend of its own: the tests of the operations bring products that have none.
TEST_CASE(
    "device: every matrix product of a model has an algorithm of cuBLASLt's, in float32 and bfloat16, forward and "
    "backward") {
  for_each_reference([](const ReferenceModel& reference) {
    for (const DType precision : {DType::float32, DType::bfloat16}) {
      const auto backend = create_cuda_backend(0);
      (void)train_on(reference, {.backend = *backend, .precision = precision}, 1);
      for (const auto& note : backend->notes()) FAIL_CHECK(note.text);
    }
  });
}

TEST_CASE("device: rewards of single sequences equal transformers' in float32") {
  for_each_reference(
      [](const ReferenceModel& reference) { check_single_sequences(reference, {.backend = device_backend()}); });
}

// Against transformers' float64 numbers, which belong to weights that were not rounded: what rounding those did may
// happen to make up for a run's own error in one number or another, in plain loops too. So the rule is held by the root
// mean square error over many numbers, each list relative to its largest.
class Together {
 public:
  void add(const std::vector<double>& found, const std::vector<double>& plain, const std::vector<double>& exact) {
    REQUIRE(found.size() >= exact.size());
    for (size_t i = 0; i < exact.size(); ++i) {
      found_ += std::pow((found[i] - exact[i]) / largest(exact), 2);
      plain_ += std::pow((plain[i] - exact[i]) / largest(exact), 2);
    }
    count_ += static_cast<double>(exact.size());
  }
  void check(double factor) const { CHECK(std::sqrt(found_ / count_) <= factor * std::sqrt(plain_ / count_)); }

 private:
  double found_ = 0, plain_ = 0, count_ = 0;
};

// The reference's sequences and, for a worst error that means something, beginnings of the longest.
OwnedSamples many_sequences(const ReferenceModel& reference, std::vector<double>& expected) {
  OwnedSamples samples = reference.sequences(expected);
  const std::vector<int32_t> longest(samples.tokens.begin() + samples.offsets[samples.groups.size() - 1],
                                     samples.tokens.end());
  for (size_t length = 4; length < longest.size(); length += 4) {
    samples.add({longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(length)},
                static_cast<int32_t>(samples.groups.size()));
  }
  return samples;
}

TEST_CASE(
    "device: rewards in bfloat16 are as near to the truth and to transformers' float64 as plain loops are, twice "
    "over") {
  Together all;
  for_each_reference([&](const ReferenceModel& reference) {
    std::vector<double> expected;
    const OwnedSamples samples = many_sequences(reference, expected);
    const auto found = as<double>(score(reference.folder(), samples, in_bfloat16(device_backend())));
    const auto plain = as<double>(score(reference.folder(), samples, in_bfloat16(plain_backend<float>())));
    check_bfloat16(kOutputs, found, plain, as<double>(score(reference.folder(), samples, truth_of_bfloat16())));
    all.add(found, plain, expected);
  });
  all.check(kOutputs);
}

TEST_CASE("device: gradients of every parameter equal transformers' in float32, shared, unshared and recomputed") {
  for_each_reference(
      [](const ReferenceModel& reference) { check_gradients(reference, {.backend = device_backend()}); });
  for (const auto& name : kVaried) {
    const ReferenceModel reference(reference_folder(name), false);
    check_gradients(reference, {.backend = device_backend(), .share_prompts = false});
    check_gradients(reference, {.backend = device_backend(), .checkpointing = true});
  }
}

TEST_CASE(
    "device: gradients in bfloat16 are as near to the truth and to transformers' float64 as plain loops are, three "
    "times over") {
  for_each_reference([](const ReferenceModel& reference) {
    const NamedValues exact = gradients_of(reference, truth_of_bfloat16()).gradients;
    for (const DType state : {DType::float32, DType::bfloat16}) {
      const std::string gradients = name(state);
      CAPTURE(gradients);
      const LossAndGradients found = gradients_of(reference, in_bfloat16(device_backend(), state));
      const LossAndGradients plain = gradients_of(reference, in_bfloat16(plain_backend<float>(), state));
      check_bfloat16(kOutputs, {found.loss}, {plain.loss}, {first_loss(reference)});
      Together all;
      for (const auto& [name, expected] : reference_gradients(reference, found.gradients)) {
        CAPTURE(name);
        check_bfloat16(kGradients, found.gradients.at(name), plain.gradients.at(name), exact.at(name));
        if (largest(expected) > 0) all.add(found.gradients.at(name), plain.gradients.at(name), expected);
      }
      all.check(kGradients);
    }
  });
}

TEST_CASE("device: three training steps equal transformers' in float32, whole or cut into micro-batches") {
  for_each_reference(
      [](const ReferenceModel& reference) { check_three_steps(reference, {.backend = device_backend()}); });
  check_three_steps(ReferenceModel(reference_folder(kVaried[0]), false),
                    {.backend = device_backend(), .micro_batch_tokens = 20});
}

TEST_CASE(
    "device: with frozen parameters, the others have AdamW's float64 numbers, and the bits of a run that trains all") {
  const auto cases = frozen_cases();
  for (const size_t number : {0, 1}) check_frozen_steps(device_backend(), "qwen3", cases[number]);
  for (const FrozenCase& frozen : cases) check_frozen_bits(device_backend(), "llama", frozen);
  check_frozen_bits(device_backend(), "gemma2", cases[1], DType::bfloat16);
}

// --- a whole small run

// Three prompts of three responses; new ones each step.
OwnedSamples small_batch(uint64_t seed) {
  OwnedSamples samples;
  RandomStream random(seed, 3);
  for (int32_t group = 0; group < 3; ++group) {
    std::vector<int32_t> prompt;
    for (int i = 0; i < 20; ++i) prompt.push_back(static_cast<int32_t>(random.next() % 30));
    for (int response = 0; response < 3; ++response) {
      auto tokens = prompt;
      // What the loss can learn to tell.
      for (int i = 0; i < 4 + 3 * response; ++i)
        tokens.push_back(static_cast<int32_t>(30 + 3 * response + static_cast<int32_t>(random.next() % 4)));
      samples.add(tokens, group);
    }
  }
  return samples;
}
const std::vector<Comparison> kPairs =
    comparisons_of(std::vector<int32_t>{0, 1, 0, 2, 1, 2, 3, 4, 4, 5, 3, 5, 6, 7, 7, 8, 6, 8});
constexpr int64_t kSteps = 20, kRepeated = 5;  // steps of a run, and of its repetition

training::TrainerOptions trainer_options(const ModelRun& run) {
  return {.micro_batch_tokens = run.micro_batch_tokens,
          .gradient_checkpointing = run.checkpointing,
          .share_prompts = run.share_prompts,
          .optimizer_state = run.optimizer_state,
          .seed = 7,
          .reg_coef = 0.1f};
}

training::StepResult one_step(training::Trainer& trainer, int64_t step) {
  return trainer.step(small_batch(static_cast<uint64_t>(step)).view(), kPairs,
                      {.step = step, .learning_rate = 3e-3, .weight_decay = 0.01, .max_grad_norm = 1}, Control());
}

NamedValues parameters_of(const model::RewardModel& loaded) {
  return download_parameters(loaded.backend(), loaded.parameters().layout(), loaded.parameters().data());
}

struct SmallRun {
  std::vector<double> losses;
  NamedValues parameters;  // after kRepeated steps
};

SmallRun train_small(const SmallModel& folder, const ModelRun& run, int64_t steps = kSteps) {
  const auto loaded = load_model(folder.folder(), run);
  training::Trainer trainer(*loaded, trainer_options(run));
  SmallRun result;
  for (int64_t step = 1; step <= steps; ++step) {
    result.losses.push_back(one_step(trainer, step).loss);
    if (step == kRepeated) result.parameters = parameters_of(*loaded);
  }
  return result;
}

// The same steps again, with the device's threads in another order where that can be chosen, have the same bits.
void check_repeats(const SmallModel& folder, const ModelRun& run, const SmallRun& found) {
#ifdef CHEEMS_CUDA_ON_CPU
  const cuda_on_cpu::ScheduleScope scope({cuda_on_cpu::Order::random, 5});
#endif
  const SmallRun again = train_small(folder, run, kRepeated);
  CHECK(again.losses == std::vector<double>(found.losses.begin(), found.losses.begin() + kRepeated));
  CHECK(again.parameters == found.parameters);
}

void check_follows(const SmallRun& found, const SmallRun& cpu) {
  for (size_t step = 0; step < found.losses.size(); ++step)
    CHECK(found.losses[step] == doctest::Approx(cpu.losses[step]).epsilon(1e-3));
}

TEST_CASE(
    "device: a small training run in float32 has the CPU's losses, whatever the micro-batches, and repeats bit for "
    "bit") {
  const SmallModel folder;
  const ModelRun run{.backend = device_backend()};
  const SmallRun cpu = train_small(folder, {.backend = cpu_backend(2)}), found = train_small(folder, run);
  CHECK(cpu.losses.back() < 0.5 * cpu.losses.front());  // there was something to follow
  check_follows(found, cpu);
  check_follows(train_small(folder, {.backend = device_backend(), .micro_batch_tokens = 25, .checkpointing = true},
                            2 * kRepeated),
                cpu);
  check_repeats(folder, run, found);
}

TEST_CASE(
    "device: a small training run in bfloat16 follows the CPU's losses as plain loops do, with either optimizer state, "
    "and repeats bit for bit") {
  const SmallModel folder;
  const SmallRun cpu = train_small(folder, {.backend = cpu_backend(2)});
  for (const DType state : {DType::float32, DType::bfloat16}) {
    const std::string optimizer_state = name(state);
    CAPTURE(optimizer_state);
    ModelRun run = in_bfloat16(device_backend(), state);
    run.micro_batch_tokens = 60;
    const SmallRun found = train_small(folder, run),
                   plain = train_small(folder, in_bfloat16(plain_backend<float>(), state));
    check_bfloat16(kOutputs, found.losses, plain.losses, cpu.losses);
    CHECK(found.losses.back() < 0.5 * found.losses.front());
    check_repeats(folder, run, found);
  }
}

TEST_CASE("device: saved and loaded in the middle, a run goes on bit for bit in every precision") {
  std::vector<ModelRun> runs{
      {.backend = device_backend()}, in_bfloat16(device_backend()), in_bfloat16(device_backend(), DType::bfloat16)};
  for (const DType precision : {DType::float32, DType::bfloat16})
    runs.push_back({.backend = device_backend(), .precision = precision, .weight_dtype = DType::bfloat16});
  for (const ModelRun& run : runs) {
    const std::string precision = name(run.precision), optimizer_state = name(run.optimizer_state),
                      weight_dtype = name(run.weight_dtype);
    CAPTURE(weight_dtype);
    CAPTURE(precision);
    CAPTURE(optimizer_state);
    const SmallModel folder;
    const auto loaded = load_model(folder.folder(), run);
    training::Trainer trainer(*loaded, trainer_options(run));
    for (int64_t step = 1; step <= 3; ++step) one_step(trainer, step);
    // Weights that are not rounded are saved in the dtype that they are held in, and lose nothing.
    const bool is_exact = run.weight_dtype == DType::float32;
    loaded->save_weights(folder.weights_file(), is_exact ? std::nullopt : std::optional(run.weight_dtype));
    trainer.save_optimizer(folder.file("optimizer.safetensors"));
    const bool narrow_state = run.optimizer_state == DType::bfloat16;
    const bool narrow_matrices = narrow_state || !is_exact;
    for (const auto& [name, tensor] : folder.tensors()) {
      CAPTURE(name);
      const bool is_matrix = tensor.shape.size() == 2 && name != "score.weight";
      CHECK(tensor.dtype == (!is_exact || (narrow_matrices && is_matrix) ? DType::bfloat16 : DType::float32));
    }
    const DType exact_matrices = narrow_state ? DType::bfloat16 : DType::float32;
    const auto bytes = [&](const std::string& file) { return static_cast<int64_t>(std::filesystem::file_size(file)); };
    CHECK(training::Trainer::checkpoint_bytes(loaded->architecture(), trainer_options(run), exact_matrices,
                                              run.weight_dtype) ==
          bytes(folder.weights_file()) + bytes(folder.file("optimizer.safetensors")));
    std::vector<double> losses, resumed_losses;
    for (int64_t step = 4; step <= 6; ++step) losses.push_back(one_step(trainer, step).loss);
    const auto again = load_model(folder.folder(), run);
    training::Trainer resumed(*again, trainer_options(run));
    resumed.load_optimizer(folder.file("optimizer.safetensors"));
    for (int64_t step = 4; step <= 6; ++step) resumed_losses.push_back(one_step(resumed, step).loss);
    CHECK(resumed_losses == losses);
    CHECK(parameters_of(*again) == parameters_of(*loaded));
    if (run.weight_dtype == DType::float32) continue;
    for (const auto& [name, values] : parameters_of(*loaded)) {
      CAPTURE(name);
      std::vector<float> rounded = as<float>(values);
      round_to(run.weight_dtype, rounded.data(), rounded.size());
      CHECK(values == as<double>(rounded));
    }
    // The folder's own rewards are the trainer's.
    loaded->save_weights(folder.weights_file(), run.weight_dtype);
    const auto scored = load_model(
        folder.folder(), {.backend = device_backend(), .precision = run.precision, .optimizer_state = DType::bfloat16});
    inference::Scorer scorer(*scored, {.micro_batch_tokens = run.micro_batch_tokens});
    CHECK(scorer.score(small_batch(9).view(), Control()).rewards == trainer.score(small_batch(9).view(), Control()));
  }
}

}  // namespace
}  // namespace cheems
