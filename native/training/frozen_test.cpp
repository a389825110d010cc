// Training a part of the parameters. What is frozen keeps its bits and costs no memory; what is trained goes as it
// would with all.
#include "testing/cpu.h"
#include "testing/frozen_check.h"

namespace cheems::training {
namespace {

using namespace testing;

TEST_CASE(
    "frozen parameters: three steps with everything but the head frozen, two layers frozen and others follow AdamW in "
    "float64") {
  for (const std::string family : {"qwen3", "llama"}) {
    for (const FrozenCase& frozen : frozen_cases()) check_frozen_steps(cpu_backend(2), family, frozen);
  }
  for (const FrozenCase& frozen : frozen_cases()) check_frozen_steps(plain_backend<double>(), "gemma2", frozen);
}

TEST_CASE("frozen parameters: gradients and moments of the others have the bits of a run that trains all") {
  for (const std::string family : {"qwen2", "qwen3", "llama", "gemma2"}) {
    for (const FrozenCase& frozen : frozen_cases()) check_frozen_bits(cpu_backend(2), family, frozen);
  }
}

TEST_CASE("frozen parameters: the plan and the state's file count what is trained alone") {
  const SmallModel folder(layered_config("qwen2"));
  const auto loaded = folder.load();
  const TrainerOptions head_alone{.trained = frozen_cases()[0].trained};
  const auto bytes_of = [&](const TrainerOptions& options) {
    MemoryPlan plan;
    const auto workspace = [](const WorkspaceRequest& request) {
      return cpu_backend(1).operations().workspace_bytes(request);
    };
    Trainer::plan(loaded->architecture(), options, DType::float32, 128, workspace, plan);
    int64_t bytes = 0;
    for (const auto& entry : plan.entries)
      bytes += entry.kind == "gradients" || entry.kind == "optimizer" ? entry.bytes : 0;
    return bytes;
  };
  CHECK(bytes_of(head_alone) == 3 * 64 * 4);  // 16 numbers, and their alignment
  CHECK(bytes_of({}) == 3 * loaded->parameters().layout().bytes());
  Trainer trainer(*loaded, head_alone);
  trainer.save_optimizer(folder.file("optimizer.safetensors"));
  loaded->save_weights(folder.file("weights.safetensors"));
  const auto size_of_file = [&](const char* name) {
    return static_cast<int64_t>(std::filesystem::file_size(folder.file(name)));
  };
  CHECK(Trainer::checkpoint_bytes(loaded->architecture(), head_alone, DType::float32, DType::float32) ==
        size_of_file("optimizer.safetensors") + size_of_file("weights.safetensors"));
}

TEST_CASE(
    "frozen parameters: saved and loaded in the middle, a run goes on bit for bit; the state of another choice is "
    "refused") {
  for (const DType weight_dtype : {DType::float32, DType::bfloat16}) {
    const SmallModel folder(layered_config("qwen2"));
    const model::TrainedSet trained = frozen_cases()[1].trained;
    const bool rounded = weight_dtype != DType::float32;
    const auto load = [&] {
      return model::RewardModel::load(
          {.folder = folder.folder(), .float32_copy = rounded, .weight_dtype = weight_dtype}, cpu_backend(1));
    };
    std::vector<Comparison> pairs;
    const OwnedSamples samples = frozen_samples(pairs);
    const auto loaded = load();
    Trainer trainer(*loaded, {.trained = trained});
    for (int64_t step = 1; step <= 2; ++step) trainer.step(samples.view(), pairs, frozen_step(step), Control());
    trainer.save_optimizer(folder.file("optimizer.safetensors"));
    loaded->save_weights(folder.weights_file(), rounded ? std::optional(weight_dtype) : std::nullopt);
    trainer.step(samples.view(), pairs, frozen_step(3), Control());
    const auto again = load();
    Trainer resumed(*again, {.trained = trained});
    resumed.load_optimizer(folder.file("optimizer.safetensors"));
    resumed.step(samples.view(), pairs, frozen_step(3), Control());
    CHECK(same_bits(parameter_values(*again), parameter_values(*loaded)));
    const auto other = load();
    Trainer less(*other, {.trained = frozen_cases()[0].trained}), all(*other, {});
    check_refused(refusal([&] { less.load_optimizer(folder.file("optimizer.safetensors")); }),
                  {"optimizer.safetensors", "trained model.embed_tokens.weight"});
    check_refused(refusal([&] { all.load_optimizer(folder.file("optimizer.safetensors")); }),
                  {"optimizer.safetensors", "first_moment.model.layers.1"});
  }
}

TEST_CASE("frozen parameters: a choice of nothing, and one that cuts a matrix, is refused") {
  const SmallModel folder(layered_config("qwen2"));
  const auto loaded = folder.load();
  const auto refused = [&](const model::TrainedSet& trained) {
    return refusal([&] { Trainer(*loaded, {.trained = trained}); });
  };
  check_refused(refused([](const model::Parameter&) { return false; }), {"nothing to update"});
  check_refused(refused([](const model::Parameter& p) { return p.name.find("q_proj.weight") != std::string::npos; }),
                {"q_proj.weight", "k_proj.weight", "one matrix"});
}

// bfloat16 in the file, float32 activations: what is trained is copied and widened, the base is read where it lies.
TEST_CASE("frozen parameters: a base that is not trained stays mapped, and trains what stands on it as a copy does") {
  for (const bool head_alone : {true, false}) {
    CAPTURE(head_alone);
    const SmallModel folder(layered_config("qwen2"), DType::bfloat16);
    const model::TrainedSet trained = [&](const model::Parameter& p) {
      return p.role == model::Role::head || (!head_alone && p.layer == 1);
    };
    const auto mapped =
        model::RewardModel::load({.folder = folder.folder(), .keep_16_bit = true, .trained = trained}, cpu_backend(2));
    const auto copied = folder.load(2);
    for (const auto& parameter : mapped->parameters().layout().parameters()) {
      CAPTURE(parameter.name);
      CHECK((parameter.mapped != nullptr) == (parameter.is_matrix() && !trained(parameter)));
    }
    const StoredTensors before = folder.tensors();
    std::vector<Comparison> pairs;
    const OwnedSamples samples = frozen_samples(pairs);
    Trainer trainer(*mapped, {.trained = trained}), other(*copied, {.trained = trained});
    for (int64_t step = 1; step <= 3; ++step) {
      const auto found = trainer.step(samples.view(), pairs, frozen_step(step), Control());
      const auto expected = other.step(samples.view(), pairs, frozen_step(step), Control());
      if (head_alone || step == 1) CHECK(found.loss == expected.loss);
      CHECK(found.gradient_norm == doctest::Approx(expected.gradient_norm).epsilon(1e-5));
    }
    const auto values = [](const model::RewardModel& model) {
      return download_parameters(model.backend(), model.parameters().layout(), model.parameters().data());
    };
    const NamedValues found = values(*mapped), expected = values(*copied);
    for (const auto& parameter : copied->parameters().layout().parameters()) {
      CAPTURE(parameter.name);
      const auto &ours = found.at(parameter.name), &theirs = expected.at(parameter.name);
      if (head_alone || !trained(parameter)) CHECK(ours == theirs);
      else CHECK(worst_error(ours, theirs) <= 3e-3);
      if (trained(parameter)) CHECK(ours != as<double>(before.at(parameter.name).values));
    }
    for (const auto& [name, tensor] : folder.tensors()) CHECK(same_bits(tensor.values, before.at(name).values));
    check_refused(refusal([&] { Trainer(*mapped, {}); }), {"can score but cannot be trained"});
  }
}

TEST_CASE("frozen parameters: a loss of a mapped base that is not finite names its tensor") {
  const SmallModel folder(layered_config("qwen2"), DType::bfloat16);
  StoredTensors tensors = folder.tensors();
  tensors.at("model.layers.0.mlp.up_proj.weight").values[3] = NAN;
  folder.write(tensors);
  const model::TrainedSet trained = frozen_cases()[0].trained;
  const auto mapped =
      model::RewardModel::load({.folder = folder.folder(), .keep_16_bit = true, .trained = trained}, cpu_backend(1));
  Trainer trainer(*mapped, {.trained = trained});
  std::vector<Comparison> pairs;
  const OwnedSamples samples = frozen_samples(pairs);
  check_refused(refusal([&] { trainer.step(samples.view(), pairs, frozen_step(1), Control()); }), {"up_proj.weight"});
}

}  // namespace
}  // namespace cheems::training
