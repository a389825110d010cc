#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "inference/scorer.h"
#include "storage/test_files.h"
#include "testing/causal_folder.h"
#include "testing/reference.h"
#include "testing/small_model.h"

namespace cheems::model {
namespace {

using namespace testing;
using Naming = std::function<std::string(const std::string&)>;

std::vector<float> rewards(const std::string& folder) {
  const auto model = RewardModel::load({.folder = folder, .keep_16_bit = true}, cpu_backend(1));
  OwnedSamples samples;
  samples.add({1, 2, 3, 4, 5, 6}, 0);
  samples.add({0, 39, 7}, 1);
  inference::Scorer scorer(*model, {});
  return scorer.score(samples.view(), Control()).rewards;
}

StoredTensors renamed(const StoredTensors& tensors, const Naming& naming) {
  StoredTensors changed;
  for (const auto& [name, tensor] : tensors) changed[naming(name)] = tensor;
  return changed;
}

Naming before(const std::string& prefix) {
  return [=](const std::string& name) { return prefix + name; };
}
// model.layers.0.<wrapper>mlp.up_proj.weight
std::string inside_layers(const std::string& name, const std::string& wrapper) {
  constexpr size_t kLayer = 15;  // "model.layers.0."
  return name.starts_with("model.layers.") ? name.substr(0, kLayer) + wrapper + name.substr(kLayer) : name;
}
Naming with_value_head(const std::string& head, const std::string& prefix, const std::string& outer = "") {
  return [=](const std::string& name) { return outer + (name == "score.weight" ? head : prefix + name); };
}
Naming decoder_as(const std::string& attribute) {
  return [=](const std::string& name) { return name.starts_with("model.") ? attribute + name.substr(6) : name; };
}

TEST_CASE("plain names: what wrappers put into tensors' names is taken out, and the rewards keep their bits") {
  const SmallModel folder;
  const StoredTensors plain = folder.tensors();
  const std::vector<float> expected = rewards(folder.folder());
  const std::pair<const char*, Naming> namings[] = {
      {"torch.compile", before("_orig_mod.")},
      {"DDP", before("module.")},
      {"DDP of a compiled model", before("module._orig_mod.")},
      {"a compiled DDP", before("_orig_mod.module.")},
      {"FSDP",
       [](const std::string& name) { return "_fsdp_wrapped_module." + inside_layers(name, "_fsdp_wrapped_module."); }},
      {"FSDP of PyTorch 1.12", before("_fpw_module.")},
      {"activation checkpointing",
       [](const std::string& name) { return inside_layers(name, "_checkpoint_wrapped_module."); }},
      {"compiled layers alone", [](const std::string& name) { return inside_layers(name, "_orig_mod."); }},
      {"all in one",
       [](const std::string& name) {
         return "module._fsdp_wrapped_module." +
                inside_layers(name, "_fsdp_wrapped_module._orig_mod._checkpoint_wrapped_module.");
       }},
      {"PEFT", before("base_model.model.")},
      {"TRL's value head", with_value_head("v_head.summary.weight", "pretrained_model.")},
      {"TRL over PEFT", with_value_head("v_head.summary.weight", "pretrained_model.base_model.model.")},
      {"TRL's value head in a policy under DDP",
       with_value_head("v_head.summary.weight", "pretrained_model.", "module.policy.")},
      {"DeepSpeed-Chat",
       [](const std::string& name) {
         return name == "score.weight" ? "v_head.weight" : decoder_as("rwtranrsformer.")(name);
       }},
      {"Lightning", before("model.")},
      {"Lightning's strategies", before("_forward_module.model._orig_mod.")},
      {"a class of one's own", before("reward_model.")},
      {"a class of one's own with a bare decoder", decoder_as("backbone.")},
      {"a bare decoder", decoder_as("")},
      {"the trained copy of PEFT",
       [](const std::string& name) {
         return "base_model.model." + (name == "score.weight" ? "score.modules_to_save.default.weight" : name);
       }},
  };
  for (const auto& [title, naming] : namings) {
    CAPTURE(title);
    folder.write(renamed(plain, naming));
    CHECK(same_bits(rewards(folder.folder()), expected));
  }
  StoredTensors trained = renamed(plain, namings[std::size(namings) - 1].second);
  trained["base_model.model.score.original_module.weight"] = {DType::float32, {1, 16}, std::vector<float>(16, 1)};
  folder.write(trained);
  CHECK(same_bits(rewards(folder.folder()), expected));
}

TEST_CASE("plain names: a language model and an encoder too, and training") {
  const SmallModel folder;
  folder.write(renamed(folder.tensors(), before("module.base_model.model.")));
  CHECK(RewardModel::load({.folder = folder.folder(), .create_head = true}, cpu_backend(1))->head_source() ==
        "score.weight");
  MemoryPlan plan;
  RewardModel::plan_as_stored(folder.folder(), DType::float32, plan);
  CHECK(plan.entries.size() == 2);

  const std::string source = std::string(CHEEMS_SOURCE_DIRECTORY) + "/fixtures/reference/models/deberta-v3";
  const SmallModel encoder;
  std::filesystem::copy_file(source + "/config.json", encoder.file("config.json"),
                             std::filesystem::copy_options::overwrite_existing);
  const StoredTensors tensors = read_tensors(source + "/model.safetensors");
  encoder.write(tensors);
  const std::vector<float> expected = rewards(encoder.folder());
  for (const std::string prefix : {"_orig_mod.", "module.", "ranker."}) {
    CAPTURE(prefix);
    encoder.write(renamed(tensors, before(prefix)));
    CHECK(same_bits(rewards(encoder.folder()), expected));
  }
}

TEST_CASE(
    "plain names: where the meaning is not certain, or the weights are no model's, one sentence says what they are") {
  const SmallModel folder;
  const StoredTensors plain = folder.tensors();
  const testing::StoredTensor vector = {DType::float32, {2}, {1, 2}};
  const auto error = [&](StoredTensors tensors, const std::string& name = "", const testing::StoredTensor& more = {}) {
    if (!name.empty()) tensors[name] = more;
    folder.write(tensors);
    return refusal([&] { rewards(folder.folder()); });
  };
  check_refused(error(plain, "model.layers.0.self_attn.q_proj.lora_A.default.weight", vector),
                {"lora_A", "merge_and_unload"});
  check_refused(error(renamed(plain, [](const std::string& name) { return inside_layers(name, "base_layer."); })),
                {"base_layer", "merge_and_unload"});
  check_refused(error(plain, "_fsdp_wrapped_module._flat_param", vector), {"flat parameters", "FULL_STATE_DICT"});
  check_refused(error(plain, "model.layers.1.mlp.up_proj.weight", {DType::float32, {0}, {}}),
                {"up_proj", "ZeRO-3", "zero_to_fp32.py"});
  StoredTensors two = renamed(plain, before("policy."));
  two.merge(renamed(plain, before("reference.")));
  check_refused(error(two), {"2 decoders", "policy.model.", "reference.model."});
  StoredTensors twice = plain;
  twice.merge(renamed(plain, before("_orig_mod.")));
  check_refused(error(twice), {"\"_orig_mod.model.", "are both", "nothing says which one to use"});
  const auto score_as = [](const std::string& head) {
    return [=](const std::string& name) { return name == "score.weight" ? head : name; };
  };
  check_refused(error(renamed(plain, score_as("score.original_module.weight"))),
                {"score.original_module.weight", "before PEFT trained it"});
  check_refused(
      error(renamed(plain, score_as("score.modules_to_save.a.weight")), "score.modules_to_save.b.weight", vector),
      {"modules_to_save.a", "modules_to_save.b"});
  check_refused(error(renamed(plain, before("critic.")), "critic.extra.weight", vector),
                {"\"extra.weight\" has no place"});
}

TEST_CASE("quantized weights are told by config.json or by their tensors, before any tensor is complained about") {
  const SmallModel folder;
  const StoredTensors plain = folder.tensors();
  const testing::StoredTensor vector = {DType::float32, {2}, {1, 2}};
  const auto with_tensor = [&](const std::string& name) {
    StoredTensors tensors = plain;
    tensors[name] = vector;
    folder.write(tensors);
    return refusal([&] { rewards(folder.folder()); });
  };
  const std::string layer = "model.layers.0.mlp.up_proj.";
  const std::pair<const char*, const char*> endings[] = {
      {"qweight", "GPTQ or AWQ"},
      {"g_idx", "GPTQ"},
      {"weight_packed", "compressed-tensors"},
      {"weight_scale_inv", "FP8"},
      {"SCB", "bitsandbytes, 8 bits"},
      {"weight.absmax", "bitsandbytes, 4 bits"},
      {"weight.quant_state.bitsandbytes__nf4", "bitsandbytes, 4 bits"},
      {"W_q", "HQQ"}};
  for (const auto& [ending, method] : endings) check_refused(with_tensor(layer + ending), {ending, method, "bfloat16"});
  folder.write(plain);
  const auto with_config = [&](const nlohmann::json& keys) {
    auto config = small_config();
    config.update(keys);
    folder.write_config(config);
    return refusal([&] { rewards(folder.folder()); });
  };
  const nlohmann::json four_bits = {
      {"quantization_config", {{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}}}};
  check_refused(with_config(four_bits), {"bitsandbytes, 4 bits", "all tensors beside it are plain", "remove the key"});
  check_refused(with_config({{"quantization", {{"bits", 4}, {"group_size", 64}}}}), {"MLX, 4 bits"});
  StoredTensors packed = plain;
  packed[layer + "weight.absmax"] = vector;
  folder.write(packed);
  check_refused(with_config(four_bits), {"config.json", "bitsandbytes, 4 bits", "up_proj.weight.absmax", "bfloat16"});
  check_refused(with_config({{"quantization_config", {{"quant_method", "fp8"}}}}), {"(fp8;"});
  std::filesystem::remove(folder.weights_file());
  check_refused(with_config({{"quantization_config", {{"quant_method", "awq"}, {"bits", 4}}}}),
                {"awq, 4 bits", "bfloat16"});
  CHECK(with_config({{"quantization_config", nullptr}}).find("quantiz") == std::string::npos);
}

}  // namespace
}  // namespace cheems::model
