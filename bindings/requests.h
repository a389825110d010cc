// Requests from JavaScript that are not structs of the engine itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/plugin_loader.h"
#include "core/description.h"
#include "core/dtype.h"
#include "core/memory_plan.h"
#include "generation/generator.h"
#include "model/reward_model.h"

namespace cheems::bindings {

struct DeviceOptions {
  std::string device = "auto";
  int64_t num_threads = 0;
  int64_t memory_reserve = -1;
};

template <class Visitor>
void describe(Visitor& visit, DeviceOptions& options) {
  visit("device", options.device, "'auto', 'cpu', 'cuda' or 'cuda:<number>'.");
  visit("numThreads", options.num_threads, "0: one per usable core.", {.least = 0, .most = 4096});
  visit("memoryReserve", options.memory_reserve,
        "Bytes of the device's memory to leave alone; absent: 1 GiB on a GPU, none on the CPU.",
        {.least = -1, .stands_for_none = true});
}

// The requested backend, and in `choice` which device was chosen and why.
std::unique_ptr<Backend> backend_for(const DeviceOptions& options, std::string& choice);

struct ModelRequest {
  model::LoadOptions load;
  DeviceOptions device;
};

template <class Visitor>
void describe(Visitor& visit, ModelRequest& request) {
  describe(visit, request.load);
  describe(visit, request.device);
}

struct CausalRequest {
  model::LoadOptions load;
  DeviceOptions device;
};

template <class Visitor>
void describe(Visitor& visit, CausalRequest& request) {
  visit("folder", request.load.folder, "A Hugging Face folder: config.json and the weights.", {.required = true});
  visit("precision", request.load.precision,
        "Dtype of matrix products; absent: bfloat16 on a GPU, float32 on the CPU.");
  visit("keep16Bit", request.load.keep_16_bit,
        "On the CPU: leave matrices as stored and where they lie, in the mapped files; the same numbers.");
  describe(visit, request.device);
}

struct GenerationRequest {
  generation::GenerationOptions options;
};

template <class Visitor>
void describe(Visitor& visit, GenerationRequest& request) {
  describe(visit, request.options);
  describe(visit, request.options.sampling);
}

struct NextTokenRequest {
  int64_t count = 1;
  int64_t micro_batch_tokens = generation::GenerationOptions{}.micro_batch_tokens;
};

template <class Visitor>
void describe(Visitor& visit, NextTokenRequest& request) {
  visit("count", request.count, "Tokens to tell for each prompt.", {.least = 1, .required = true});
  visit("microBatchTokens", request.micro_batch_tokens, "Tokens computed at once: memory, never the result.",
        {.least = 1});
}

struct InitializeRequest {
  std::string config_file, weights_file;
  uint64_t seed = 0;
};

template <class Visitor>
void describe(Visitor& visit, InitializeRequest& request) {
  visit("configFile", request.config_file, "", {.required = true});
  visit("weightsFile", request.weights_file, "", {.required = true});
  visit("seed", request.seed, "", {.least = 0});
}

struct PlanRequest {
  std::string folder, purpose, reward_head;
  int64_t micro_batch_tokens = 0, most_tokens = 0, longest_sample = 0;
  bool gradient_checkpointing = false, keep_16_bit = false;
  std::optional<DType> precision;
  DType dtype = DType::float32, optimizer_state = DType::float32;
  DeviceOptions device;
};

template <class Visitor>
void describe(Visitor& visit, PlanRequest& request) {
  visit("folder", request.folder, "", {.required = true});
  visit("purpose", request.purpose, "", {.required = true, .one_of = "train | score"});
  visit("microBatchTokens", request.micro_batch_tokens, "Absent: what fills the memory.",
        {.least = 0, .stands_for_none = true});
  visit("mostTokens", request.most_tokens,
        "Tokens that there will ever be at once: what fills the memory need not exceed them.",
        {.least = 0, .stands_for_none = true});
  visit("longestSample", request.longest_sample,
        "Tokens of the longest sample: the least that a micro-batch must hold. Absent: as long as a micro-batch.",
        {.least = 0, .stands_for_none = true});
  visit("gradientCheckpointing", request.gradient_checkpointing, "");
  visit("keep16Bit", request.keep_16_bit, "");
  visit("precision", request.precision, "");
  visit("dtype", request.dtype, "As of ModelLoadOptions.");
  visit("optimizerState", request.optimizer_state, "");
  visit("rewardHead", request.reward_head, "As of ModelLoadOptions.", {.stands_for_none = true});
  describe(visit, request.device);
}

// What config.json says about a model, for JavaScript; sizes in elements.
struct ArchitectureInfo {
  std::string family, class_prefix, saved_family, sample_form;
  int64_t hidden_size = 0, intermediate_size = 0, num_layers = 0, num_heads = 0, num_key_value_heads = 0, head_size = 0;
  int64_t vocab_size = 0, max_position_embeddings = 0, parameters = 0;
  bool any_length = false;
  std::optional<int64_t> pad_token, reward_token;
  std::optional<bool> keeps_output_layer;
};
ArchitectureInfo info_of(const model::Architecture& architecture);

template <class Visitor>
void describe(Visitor& visit, ArchitectureInfo& info) {
  visit("family", info.family, "");
  visit("classPrefix", info.class_prefix, "");
  visit("hiddenSize", info.hidden_size, "");
  visit("intermediateSize", info.intermediate_size, "");
  visit("numLayers", info.num_layers, "");
  visit("numHeads", info.num_heads, "");
  visit("numKeyValueHeads", info.num_key_value_heads, "");
  visit("headSize", info.head_size, "");
  visit("vocabSize", info.vocab_size, "");
  visit("maxPositionEmbeddings", info.max_position_embeddings, "");
  visit("sampleForm", info.sample_form,
        "How the model reads a sample: a conversation, or question and answer as a pair of texts, of which no "
        "beginnings are "
        "shared (encoders).",
        {.one_of = "conversation | pair"});
  visit("anyLength", info.any_length,
        "Whether samples may be longer than maxPositionEmbeddings: positions are relative, and all beyond the farthest "
        "count alike.");
  visit("savedFamily", info.saved_family,
        "model_type of what is saved: as `family`, but for families that are saved as another.");
  visit("padToken", info.pad_token, "config.json's pad_token_id, or its class's, where there is one.");
  visit("rewardToken", info.reward_token,
        "The token that every sample must end with (config.json's reward_token_id), where there is one.");
  visit("keepsOutputLayer", info.keeps_output_layer,
        "True for a language model whose config.json ties the output layer to the embedding, but whose files have "
        "another one, which is used.");
  visit("parameters", info.parameters, "");
}

// The properties of a loaded language model.
struct CausalModelInfo {
  ArchitectureInfo architecture;
  std::string device, device_choice;
  DType precision = DType::float32;
  int64_t micro_batch_tokens = 0;
};

template <class Visitor>
void describe(Visitor& visit, CausalModelInfo& info) {
  visit("architecture", info.architecture, "");
  visit("device", info.device, "`cpu`, `cuda:0`, …");
  visit("deviceChoice", info.device_choice, "What was taken and why: a sentence.");
  visit("precision", info.precision, "Dtype of matrix products.");
  visit("microBatchTokens", info.micro_batch_tokens,
        "Tokens of a micro-batch that work with this model on its device when nobody says how many.");
}

struct ModelInfo {
  CausalModelInfo loaded;
  model::HeadFacts head;
  DeviceFacts device_facts;
};

template <class Visitor>
void describe(Visitor& visit, ModelInfo& info) {
  describe(visit, info.loaded);
  visit("head", info.head, "");
  visit("deviceFacts", info.device_facts, "What a run's record says of its device.");
}

struct PlannedMemory {
  std::vector<MemoryPlanEntry> entries;
  int64_t total_bytes = 0, reserve_bytes = 0, micro_batch_tokens = 0;
  std::optional<int64_t> available_bytes, checkpoint_bytes;
  std::string device_choice;
};

template <class Visitor>
void describe(Visitor& visit, PlannedMemory& plan) {
  visit("entries", plan.entries, "");
  visit("totalBytes", plan.total_bytes, "");
  visit("availableBytes", plan.available_bytes, "null where the device that is planned for is not here.",
        {.or_null = true});
  visit("microBatchTokens", plan.micro_batch_tokens,
        "Tokens of a micro-batch: those asked for, or what 'auto' came to.");
  visit("reserveBytes", plan.reserve_bytes,
        "Bytes of the available memory that the run must leave: what libraries load at their first use.");
  visit("deviceChoice", plan.device_choice, "What is planned for and why: a sentence.");
  visit("checkpointBytes", plan.checkpoint_bytes, "Of training: bytes of a checkpoint's weights and optimizer state.");
}

struct EngineInfo {
  std::string version, compiler, simd_target;
  std::vector<std::string> cpu_features;
  int64_t num_threads = 0;
  std::vector<BackendInfo> backends;
  PluginReport cuda;
};

template <class Visitor>
void describe(Visitor& visit, EngineInfo& info) {
  visit("version", info.version, "");
  visit("compiler", info.compiler, "");
  visit("simdTarget", info.simd_target, "SIMD target chosen at run time, and those compiled in.");
  visit("cpuFeatures", info.cpu_features, "");
  visit("numThreads", info.num_threads, "");
  visit("backends", info.backends, "");
  visit("cuda", info.cuda,
        "What there is of the CUDA backend. Where no plug-in could be taken, `missing` alone says why.");
}

}  // namespace cheems::bindings
