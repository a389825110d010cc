// What config.json says about a decoder, or about an encoder (DeBERTa v3), in the engine's own terms. A model family is
// one file in families/ that fills this struct; nothing else knows the families.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/gated_mlp/gated_mlp.h"

namespace cheems::model {

// Rotary position embedding, "half split": pairs (x_i, x_{i + d/2}) rotate by position * inverse_frequency_i.
struct Rope {
  double theta = 10000;
  std::string type = "default";                      // default | linear | llama3 | yarn
  double factor = 1;                                 // linear, llama3, yarn
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double original_max_position_embeddings = 0;       // llama3, yarn
  double
      beta_fast = 32,
      beta_slow =
          1;  // yarn: rotations over the original positions above which frequencies are kept, and below which divided
  bool truncate = true;         // yarn: the range between the two is rounded to whole pairs
  double attention_factor = 1;  // yarn: cosines and sines are multiplied by it
};

struct Architecture {
  std::string family;  // config.json's model_type: gemma, gemma2, internlm2, llama, mistral, mixtral, qwen2, qwen3
  std::string class_prefix;  // of transformers' class names: "Qwen2" in Qwen2ForSequenceClassification
  std::string saved_family;  // model_type of saved models: the same, except that InternLM2 is saved as Llama
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_size = 0;
  int64_t vocab_size = 0;
  int64_t max_position_embeddings = 0;
  float rms_norm_epsilon = 1e-6f;
  Rope rope;
  bool qkv_bias = false;     // Qwen2; Llama with attention_bias
  bool output_bias = false;  // of o_proj: Llama with attention_bias
  bool mlp_bias = false;
  int64_t num_experts = 0;  // Mixtral: MLPs per layer; a token passes through experts_per_token of them; 0: one MLP
  int64_t experts_per_token = 0;
  bool qk_norm = false;  // Qwen3: RMSNorm of each query and key head before rope
  GateActivation activation = GateActivation::silu;
  float norm_weight_offset = 0;    // 1 for Gemma's (1 + w)
  float embedding_scale = 1;       // sqrt(hidden_size) for Gemma
  bool branch_norms = false;       // Gemma 2: RMSNorm also at the end of each branch, before the residual is added
  float attention_scale = 0;       // of the scores; 0: 1 / sqrt(head_size)
  float attention_soft_cap = 0;    // Gemma 2; 0: none
  float final_logit_soft_cap = 0;  // Gemma 2, of a language model's logits; 0: none
  std::vector<int64_t> windows;    // one per layer: visible tokens, itself included; 0: all before
  bool tied_embeddings = false;
  std::vector<std::string> assumed;  // "hidden_size (4096)": sizes that config.json lacks, for errors about the
                                     // weights' shapes
  float initializer_range = 0.02f;
  int64_t pad_token_id = -1;
  int64_t reward_token_id = -1;  // InternLM2's reward models: samples end with this token; -1: none
  // Only for encoders, whose attention is bidirectional and whose relative positions are log buckets,
  // `position_buckets` on each side.
  int64_t position_buckets = 0;  // 0: a decoder (networks/body.h)
  int64_t max_relative_positions = 0;
  float layer_norm_epsilon = 1e-7f;

  int64_t query_size() const { return num_heads * head_size; }
  int64_t key_value_size() const { return num_key_value_heads * head_size; }
  int64_t qkv_size() const { return query_size() + 2 * key_value_size(); }
};

// Parses config.json (both the old and the new spelling of rope and dtype). Throws Error with the file, the key, its
// value and what is supported.
Architecture read_architecture_file(const std::string& config_file);

// Throws Error for an encoder: `purpose` ("training", "text generation") is only for decoders.
void require_decoder(const Architecture& architecture, const std::string& purpose);

}  // namespace cheems::model
