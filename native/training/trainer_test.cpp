#include "training/trainer.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <tuple>

#include "inference/scorer.h"
#include "testing/reference.h"
#include "testing/small_model.h"

namespace cheems::training {
namespace {

using namespace testing;

// Three prompts, the middle one with equal responses.
OwnedSamples batch(uint64_t seed = 1) {
  OwnedSamples samples;
  RandomStream random(seed, 3);
  for (int32_t group = 0; group < 3; ++group) {
    std::vector<int32_t> prompt;
    for (int i = 0; i < 20; ++i)
      prompt.push_back(static_cast<int32_t>(random.next() % 30));  // ids 30 to 39 never occur
    for (int response = 0; response < 3; ++response) {
      auto ids = prompt;
      for (int i = 0; i < 4 + 3 * response; ++i)
        ids.push_back(group == 1 ? 7 : static_cast<int32_t>(random.next() % 30));
      samples.add(ids, group);
    }
  }
  return samples;
}
const std::vector<Comparison> kPairs = comparisons_of(std::vector<int32_t>{0, 1, 0, 2, 4, 3, 5, 4, 8, 6});

OptimizerStep step_number(int64_t step) {
  return {.step = step, .learning_rate = 1e-2, .weight_decay = 0.01, .max_grad_norm = 1};
}

void run_steps(Trainer& trainer, int64_t first, int64_t last) {
  for (int64_t step = first; step <= last; ++step)
    trainer.step(batch(static_cast<uint64_t>(step)).view(), kPairs, step_number(step), Control());
}

TEST_CASE("trainer: steps learn, and report what they did") {
  const SmallModel folder;
  const auto model = folder.load(2);
  Trainer trainer(*model, {.micro_batch_tokens = 60});
  const OwnedSamples samples = batch();
  const auto scored = trainer.score(samples.view(), Control());
  std::vector<std::pair<int64_t, int64_t>> progress;
  Control control;
  control.on_progress = [&](int64_t done, int64_t total, int64_t) { progress.emplace_back(done, total); };
  const StepResult first = trainer.step(samples.view(), kPairs, step_number(1), control);
  CHECK(first.rewards == scored);
  CHECK(first.loss == doctest::Approx(first.ranking_loss + 0.1 * first.regulariser));
  CHECK(first.gradient_norm > 0);
  CHECK(first.micro_batches == 3);
  // The middle prompt's responses of 4, 7 and 10 equal ids share the first 4; what two of them share beyond is too
  // short to split off.
  CHECK(first.computed_tokens == 3 * 20 + 2 * (4 + 7 + 10) + 4 + 3 + 6);
  CHECK(progress == std::vector<std::pair<int64_t, int64_t>>{{3, 9}, {6, 9}, {9, 9}});
  double loss = first.loss;
  for (int64_t step = 2; step <= 20; ++step)
    loss = trainer.step(samples.view(), kPairs, step_number(step), Control()).loss;
  CHECK(loss < 0.5 * first.loss);
}

TEST_CASE("trainer: the loss is that of the comparisons' targets, weights and margins, in one micro-batch or cut") {
  std::vector<Comparison> comparisons = kPairs;
  for (size_t i = 0; i < comparisons.size(); ++i) {
    comparisons[i].target = 1 - static_cast<float>(i) / 4, comparisons[i].weight = 0.5f + static_cast<float>(i),
    comparisons[i].margin = static_cast<float>(i) - 1;
  }
  const SmallModel folder;
  std::vector<float> whole;
  for (const int64_t tokens : {1000, 60, 40}) {  // 40: prompts are cut as well
    const auto model = folder.load();
    const StepResult result =
        Trainer(*model, {.micro_batch_tokens = tokens}).step(batch().view(), comparisons, step_number(1), Control());
    double expected = 0;
    for (const Comparison& c : comparisons) {
      const double d = static_cast<double>(result.rewards[static_cast<size_t>(c.a)]) -
                       result.rewards[static_cast<size_t>(c.b)] - c.margin;
      const double t = c.target;
      expected += c.weight * (t * std::log(1 + std::exp(-d)) + (1 - t) * std::log(1 + std::exp(d))) /
                  static_cast<double>(comparisons.size());
    }
    CHECK(result.ranking_loss == doctest::Approx(expected).epsilon(1e-12));
    const auto values = parameter_values(*model);
    if (whole.empty()) whole = values;
    for (size_t i = 0; i < whole.size(); i += 7) CHECK(values[i] == doctest::Approx(whole[i]).epsilon(1e-3));
  }
}

TEST_CASE("trainer: batches that cannot be trained on are refused and change nothing") {
  const SmallModel folder;
  const auto model = folder.load();
  Trainer trainer(*model, {});
  const OwnedSamples samples = batch();
  const auto before = parameter_values(*model);
  const auto refused = [&](const OwnedSamples& some, const std::vector<Comparison>& pairs) {
    return refusal([&] { trainer.step(some.view(), pairs, step_number(1), Control()); });
  };
  check_refused(refused(samples, {}), {"no pair"});
  check_refused(refused(samples, {{.a = 0, .b = 9}}), {"Pair 0", "sample 9", "9 samples"});
  check_refused(refused(samples, {{.a = 0, .b = 1}, {.a = -1, .b = 2}}), {"Pair 1", "sample -1"});
  check_refused(refused(samples, {{.a = 2, .b = 2}}), {"itself"});
  check_refused(refused(samples, {{.a = 2, .b = 1, .target = 1.5f}}), {"Pair 0", "target 1.5"});
  check_refused(refused(samples, {{.a = 2, .b = 1, .weight = -1}}), {"Pair 0", "weight -1"});
  check_refused(refused(samples, {{.a = 2, .b = 1, .margin = NAN}}), {"Pair 0", "margin nan"});
  OwnedSamples bad = samples;
  bad.add({1, 40}, 3);
  check_refused(refused(bad, kPairs), {"token id 40", "position 1"});
  CHECK(same_bits(parameter_values(*model), before));
  check_refused(refusal([&] { Trainer(*model, {.micro_batch_tokens = 0}); }), {"micro_batch_tokens"});
  const SmallModel half(small_config(), DType::bfloat16);
  const auto kept = half.load(1, true);
  check_refused(refusal([&] { Trainer(*kept, {}); }), {"16-bit"});
}

TEST_CASE("trainer: a step canceled anywhere leaves parameters and gradients as they were") {
  const SmallModel folder;
  const auto expected_model = folder.load(), model = folder.load();
  Trainer expected(*expected_model, {.micro_batch_tokens = 60}), trainer(*model, {.micro_batch_tokens = 60});
  const auto before = parameter_values(*model);
  for (const int64_t at : {0, 3, 6, 9}) {  // before anything, between micro-batches, after the last
    Control control;
    control.on_progress = [&](int64_t done, int64_t, int64_t) {
      if (done == at) control.cancel();
    };
    if (at == 0) control.cancel();
    CHECK_THROWS_AS(trainer.step(batch().view(), kPairs, step_number(1), control), Canceled);
    CHECK(same_bits(parameter_values(*model), before));
  }
  // No gradient is left over: the next step is the first step's twin.
  run_steps(trainer, 1, 2);
  run_steps(expected, 1, 2);
  CHECK(same_bits(parameter_values(*model), parameter_values(*expected_model)));
}

TEST_CASE("trainer: a loss that is not finite is refused, and nothing has changed") {
  const SmallModel folder;
  auto tensors = folder.tensors();
  for (float& value : tensors["score.weight"].values) value = 3e38f;
  for (float& value : tensors["model.norm.weight"].values) value = 3e38f;
  folder.write(tensors);
  const auto model = folder.load();
  Trainer trainer(*model, {});
  const auto before = parameter_values(*model);
  check_refused(refusal([&] { trainer.step(batch().view(), kPairs, step_number(4), Control()); }),
                {"step 4", "not finite"});
  CHECK(same_bits(parameter_values(*model), before));
}

TEST_CASE("trainer: saved and loaded in the middle, a run goes on bit for bit") {
  for (const std::string family : {"qwen2", "qwen3"}) {
    const SmallModel folder(small_config(family));
    const auto model = folder.load(2);
    Trainer trainer(*model, {});
    run_steps(trainer, 1, 3);
    model->save_weights(folder.weights_file());
    trainer.save_optimizer(folder.file("optimizer.safetensors"));
    int64_t bytes = 0;
    for (const char* name : {"model.safetensors", "optimizer.safetensors"})
      bytes += static_cast<int64_t>(std::filesystem::file_size(folder.file(name)));
    CHECK(Trainer::checkpoint_bytes(model->architecture(), {}, DType::float32, DType::float32) == bytes);
    // What it is held in is float32: the same file.
    model->save_weights(folder.file("held.safetensors"), std::nullopt);
    const auto content = [&](const char* name) {
      std::ifstream stream(folder.file(name), std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(stream), {});
    };
    CHECK(content("held.safetensors") == content("model.safetensors"));
    run_steps(trainer, 4, 6);
    const auto again = folder.load();
    Trainer resumed(*again, {});
    resumed.load_optimizer(folder.file("optimizer.safetensors"));
    run_steps(resumed, 4, 6);
    CHECK(same_bits(parameter_values(*again), parameter_values(*model)));
    // It mattered: without the optimizer's state the run goes elsewhere.
    const auto fresh = folder.load();
    Trainer forgetful(*fresh, {});
    run_steps(forgetful, 4, 6);
    CHECK_FALSE(same_bits(parameter_values(*fresh), parameter_values(*model)));
  }
}

// --- weights that are trained rounded to the dtype that they are saved in

std::unique_ptr<model::RewardModel> load_rounded(const SmallModel& folder, int threads = 1) {
  return model::RewardModel::load({.folder = folder.folder(), .float32_copy = true, .weight_dtype = DType::bfloat16},
                                  cpu_backend(threads));
}

StoredTensors rounded(StoredTensors tensors) {
  for (auto& [name, tensor] : tensors) round_to(DType::bfloat16, tensor.values.data(), tensor.values.size());
  return tensors;
}

StoredTensors saved_state(const Trainer& trainer, const SmallModel& folder) {
  trainer.save_optimizer(folder.file("optimizer.safetensors"));
  return read_tensors(folder.file("optimizer.safetensors"));
}

TEST_CASE(
    "trainer: weights in bfloat16 have the loss and gradients of the rounded numbers, and AdamW moves their float32 "
    "masters") {
  const SmallModel folder, twin_folder;
  const auto model = load_rounded(folder, 2);
  Trainer trainer(*model, {});
  StoredTensors masters = folder.tensors();
  for (int64_t step = 1; step <= 3; ++step) {
    // The twin trains in float32 from the masters' rounding, with the moments so far.
    twin_folder.write(rounded(masters));
    const auto twin_model = twin_folder.load();
    Trainer twin(*twin_model, {});
    if (step > 1) twin.load_optimizer(folder.file("optimizer.safetensors"));
    const OwnedSamples samples = batch(static_cast<uint64_t>(step));
    const OptimizerStep h = step_number(step);
    const StepResult found = trainer.step(samples.view(), kPairs, h, Control()),
                     expected = twin.step(samples.view(), kPairs, h, Control());
    CHECK((found.loss == expected.loss && found.gradient_norm == expected.gradient_norm));
    CHECK(found.rewards == expected.rewards);
    const StoredTensors state = saved_state(trainer, folder), twin_state = saved_state(twin, twin_folder);
    const double correction1 = 1 - std::pow(h.beta1, static_cast<double>(step)),
                 correction2 = 1 - std::pow(h.beta2, static_cast<double>(step));
    for (auto& [name, master] : masters) {
      CAPTURE(name);
      const auto &m = state.at("first_moment." + name).values, &v = state.at("second_moment." + name).values,
                 &after = state.at("master." + name).values;
      CHECK(same_bits(m, twin_state.at("first_moment." + name).values));
      CHECK(same_bits(v, twin_state.at("second_moment." + name).values));
      double worst = 0;
      for (size_t i = 0; i < m.size(); ++i) {
        const double update = h.learning_rate * (static_cast<double>(m[i]) / correction1) /
                              (std::sqrt(static_cast<double>(v[i]) / correction2) + h.epsilon);
        const double exact = static_cast<double>(master.values[i]) * (1 - h.learning_rate * h.weight_decay) - update;
        worst = std::max(worst, std::abs(static_cast<double>(after[i]) - exact) / (std::abs(exact) + 0.01));
      }
      CHECK(worst <= 0x1p-22);  // four roundings to float32
      master.values = after;
    }
    model->save_weights(twin_folder.weights_file(), DType::bfloat16);
    for (const auto& [name, tensor] : twin_folder.tensors()) {
      CAPTURE(name);
      CHECK(tensor.dtype == DType::bfloat16);
      CHECK(same_bits(tensor.values, rounded(masters).at(name).values));
    }
  }
}

TEST_CASE(
    "trainer: a folder saved in the dtype that was trained with has the trainer's rewards, and with the masters goes "
    "on bit for bit") {
  const SmallModel folder;
  const auto model = load_rounded(folder, 2);
  Trainer trainer(*model, {});
  run_steps(trainer, 1, 3);
  model->save_weights(folder.weights_file(), DType::bfloat16);
  const StoredTensors state = saved_state(trainer, folder);
  // The masters mattered: they are not what the folder holds.
  CHECK_FALSE(same_bits(state.at("master.score.weight").values, folder.tensors().at("score.weight").values));
  const std::vector<float> expected = trainer.score(batch(9).view(), Control());
  for (const bool keep : {false, true}) {
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
      const auto loaded = model::RewardModel::load(
          {.folder = folder.folder(), .keep_16_bit = keep, .weight_dtype = dtype}, cpu_backend(1));
      CHECK(inference::Scorer(*loaded, {}).score(batch(9).view(), Control()).rewards == expected);
    }
  }
  run_steps(trainer, 4, 6);
  const auto again = load_rounded(folder);
  Trainer resumed(*again, {});
  resumed.load_optimizer(folder.file("optimizer.safetensors"));
  run_steps(resumed, 4, 6);
  CHECK(same_bits(parameter_values(*again), parameter_values(*model)));
  const StoredTensors resumed_state = saved_state(resumed, folder);
  for (const auto& [name, tensor] : saved_state(trainer, folder))
    CHECK(same_bits(tensor.values, resumed_state.at(name).values));
}

TEST_CASE(
    "trainer: a new head is rounded from its seeded numbers; without masters, or with a bfloat16 state, rounded "
    "weights are refused") {
  const SmallModel folder;
  auto tensors = folder.tensors();
  tensors.erase("score.weight");
  folder.write(tensors);
  const auto exact =
      model::RewardModel::load({.folder = folder.folder(), .create_head = true, .seed = 3}, cpu_backend(1));
  const auto model = model::RewardModel::load({.folder = folder.folder(),
                                               .create_head = true,
                                               .seed = 3,
                                               .float32_copy = true,
                                               .weight_dtype = DType::bfloat16},
                                              cpu_backend(1));
  const auto head_of = [](const model::Parameters& parameters) {
    const auto* head = static_cast<const float*>(parameters.tensors().head.data);
    return std::vector<float>(head, head + 16);
  };
  std::vector<float> head = head_of(exact->parameters());
  CHECK(same_bits(head_of(*model->float32_copy()), head));
  round_to(DType::bfloat16, head.data(), head.size());
  CHECK(same_bits(head_of(model->parameters()), head));

  check_refused(refusal([&] { Trainer(*model, {.optimizer_state = DType::bfloat16}); }),
                {"bfloat16", "`optimizerState: float32`", "`dtype: float32`"});
  const SmallModel whole;
  const auto scored =
      model::RewardModel::load({.folder = whole.folder(), .weight_dtype = DType::bfloat16}, cpu_backend(1));
  check_refused(refusal([&] { Trainer(*scored, {}); }), {"rounded to bfloat16", "float32_copy"});
  const auto float32 = whole.load(), other = load_rounded(whole);
  Trainer plain(*float32, {}), trainer(*other, {});
  plain.save_optimizer(whole.file("optimizer.safetensors"));
  check_refused(refusal([&] { trainer.load_optimizer(whole.file("optimizer.safetensors")); }),
                {"optimizer.safetensors", "master.model.embed_tokens.weight"});
}

TEST_CASE("trainer: optimizer files of another model, cut or missing, are refused") {
  const SmallModel folder;
  auto wide = small_config();
  wide["intermediate_size"] = 25;
  const SmallModel other(wide);
  const auto model = folder.load(), other_model = other.load();
  Trainer trainer(*model, {}), other_trainer(*other_model, {});
  run_steps(other_trainer, 1, 1);
  other_trainer.save_optimizer(other.file("optimizer.safetensors"));
  check_refused(refusal([&] { trainer.load_optimizer(other.file("optimizer.safetensors")); }),
                {"optimizer.safetensors", "first_moment.model.layers.0.mlp", "[25, 16]"});
  check_refused(refusal([&] { trainer.load_optimizer(folder.file("nothing.safetensors")); }), {"nothing.safetensors"});
  check_refused(refusal([&] { trainer.load_optimizer(folder.weights_file()); }), {"model.safetensors", "first_moment"});
}

TEST_CASE("trainer: checkpointing and threads change no bit, micro-batches and sharing only the rounding") {
  const SmallModel folder;
  const auto after_steps = [&](TrainerOptions options, int threads) {
    const auto model = folder.load(threads);
    Trainer trainer(*model, options);
    run_steps(trainer, 1, 1);
    return parameter_values(*model);
  };
  const auto expected = after_steps({}, 1);
  CHECK(same_bits(after_steps({}, 5), expected));
  CHECK(same_bits(after_steps({.gradient_checkpointing = true}, 2), expected));
  // Where a gradient is near zero its first step is its sign; compare through rewards, which every parameter moves.
  const auto rewards_after = [&](TrainerOptions options) {
    const auto model = folder.load(2);
    Trainer trainer(*model, options);
    const auto result = trainer.step(batch(1).view(), kPairs, step_number(1), Control());
    CHECK(result.gradient_norm > 0);
    return std::pair(result, trainer.score(batch(2).view(), Control()));
  };
  const auto [whole, whole_rewards] = rewards_after({});
  for (const TrainerOptions options :
       {TrainerOptions{.micro_batch_tokens = 60}, TrainerOptions{.micro_batch_tokens = 25},
        TrainerOptions{.micro_batch_tokens = 1}, TrainerOptions{.share_prompts = false}}) {
    const auto [result, found] = rewards_after(options);
    CHECK(result.rewards == whole.rewards);
    CHECK(result.loss == doctest::Approx(whole.loss).epsilon(1e-12));
    CHECK(result.gradient_norm == doctest::Approx(whole.gradient_norm).epsilon(1e-5));
    for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(whole_rewards[i]).epsilon(1e-3));
  }
}

TEST_CASE("trainer: embedding rows that no token touches get the decay and nothing else") {
  const SmallModel folder;
  const auto model = folder.load();
  const auto before = parameter_values(*model);
  Trainer trainer(*model, {});
  run_steps(trainer, 1, 2);
  const auto after = parameter_values(*model);
  const auto keep = static_cast<float>(1 - 1e-2 * 0.01);
  for (size_t i = 30 * 16; i < 40 * 16; ++i) CHECK(after[i] == before[i] * keep * keep);
  int moved = 0;
  for (size_t i = 0; i < 30 * 16; ++i) moved += after[i] != before[i] * keep * keep;
  CHECK(moved > 300);
}

// Without clipping, the first moments after the first step are a tenth of the gradients, the same tenth for all.
TEST_CASE("trainer: the padding token's embedding row has no gradient, but decay; every other gradient is the same") {
  constexpr int64_t kPadding = 7;  // the middle prompt's responses are made of it
  const SmallModel folder;
  const auto step_with = [&](const std::string& name, int64_t padding_token) {
    const auto model = folder.load();
    Trainer trainer(*model, {.micro_batch_tokens = 60, .padding_token = padding_token});
    auto step = step_number(1);
    step.max_grad_norm = 0;
    const auto before = parameter_values(*model);
    const StepResult result = trainer.step(batch().view(), kPairs, step, Control());
    trainer.save_optimizer(folder.file(name));
    return std::tuple(result, read_tensors(folder.file(name)), before, parameter_values(*model));
  };
  const auto [plain, gradients, unused, unused_too] = step_with("plain.safetensors", -1);
  const auto [padded, padded_gradients, before, after] = step_with("padded.safetensors", kPadding);
  CHECK(padded.loss == plain.loss);
  CHECK(padded.rewards == plain.rewards);
  double left_out = 0;
  for (const auto& [name, tensor] : gradients) {
    CAPTURE(name);
    const auto& other = padded_gradients.at(name).values;
    const bool is_table = name.find("embed_tokens") != std::string::npos;
    for (size_t i = 0; i < tensor.values.size(); ++i) {
      const bool is_padding = is_table && static_cast<int64_t>(i) / 16 == kPadding;
      if (is_padding && name.starts_with("first_moment."))
        left_out += std::pow(10 * static_cast<double>(tensor.values[i]), 2);
      if (other[i] != (is_padding ? 0 : tensor.values[i])) FAIL_CHECK("element " << i << " is " << other[i]);
    }
  }
  REQUIRE(left_out > 1e-3 * std::pow(plain.gradient_norm, 2));
  CHECK(padded.gradient_norm == doctest::Approx(std::sqrt(std::pow(plain.gradient_norm, 2) - left_out)).epsilon(1e-6));
  const auto keep = static_cast<float>(1 - 1e-2 * 0.01);
  for (size_t i = kPadding * 16; i < (kPadding + 1) * 16; ++i) CHECK(after[i] == before[i] * keep);
  const auto model = folder.load();
  check_refused(refusal([&] { Trainer(*model, {.padding_token = 40}); }),
                {"padding token 40", "vocabulary of 40", "pad_token_id"});
}

TEST_CASE("trainer: the clipped step is the same however large the norm; without clipping it is reported alike") {
  const SmallModel folder;
  const auto norm_with = [&](double max_grad_norm) {
    const auto model = folder.load();
    Trainer trainer(*model, {});
    auto step = step_number(1);
    step.max_grad_norm = max_grad_norm;
    return trainer.step(batch().view(), kPairs, step, Control()).gradient_norm;
  };
  CHECK(norm_with(1) == norm_with(0));
  CHECK(norm_with(1e-3) == norm_with(-1));
}

TEST_CASE("trainer: the plan counts what a trainer takes beside the weights") {
  auto config = small_config();
  config["num_hidden_layers"] = 6;
  const SmallModel folder(config);
  const auto architecture = model::RewardModel::read_architecture(folder.folder());
  const auto planned = [&](TrainerOptions options) {
    MemoryPlan plan;
    Trainer::plan(
        architecture, options, DType::float32, 128,
        [](const WorkspaceRequest& request) { return cpu_backend(1).operations().workspace_bytes(request); }, plan);
    return plan;
  };
  const int64_t weights = model::ParameterLayout(architecture, DType::float32).bytes();
  int64_t optimizer = 0, gradients = 0;
  for (const auto& entry : planned({}).entries) {
    CHECK(entry.bytes > 0);
    if (entry.kind == "optimizer") optimizer += entry.bytes;
    if (entry.kind == "gradients") gradients += entry.bytes;
  }
  CHECK((optimizer == 2 * weights && gradients == weights));
  CHECK(planned({.gradient_checkpointing = true}).total() < planned({}).total());
  CHECK(planned({.micro_batch_tokens = 1024}).total() < planned({.micro_batch_tokens = 4096}).total());
}

}  // namespace
}  // namespace cheems::training
