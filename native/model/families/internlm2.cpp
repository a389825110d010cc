// InternLM2: a Llama without biases under names of its own. Its query, key and value projections are one matrix `wqkv`:
// for each key/value head in turn, the query heads that share it, the key head, the value head. It is saved as a Llama.
// `rope_scaling` of type dynamic has no effect up to max_position_embeddings, which samples may not exceed.
#include <algorithm>

#include "model/families/families.h"

namespace cheems::model {

namespace {

// The class, which comes with the published models, was written for transformers 4.
void refuse_what_the_class_lacks(const ConfigJson& config, const Architecture& a) {
  if (config.has("rope_parameters"))
    config.refuse("rope_parameters", "InternLM2's class reads rope_theta and rope_scaling.");
  if (a.rope.type != "default" && a.rope.type != "linear")
    config.refuse("rope_scaling", "InternLM2's class knows the types linear and dynamic.");
  if (a.head_size * a.num_heads != a.hidden_size)
    config.refuse("head_dim", "InternLM2's class needs hidden_size / num_attention_heads.");
}

}  // namespace

Architecture read_internlm2(const ConfigJson& config) {
  // Sizes differ between the copies of the class that come with the models, so there are no defaults for them.
  Architecture a = read_common(config, {.max_position_embeddings = 2048});
  a.activation = read_activation(config, "hidden_act", "silu");
  refuse_what_the_class_lacks(config, a);
  if (!config.json().contains("bias")) a.assumed.push_back("bias (true)");
  a.qkv_bias = a.output_bias = config.flag_or("bias", true);
  // The published class's default, for a reward model whose config.json does not have the key.
  const auto classes = config.texts("architectures");
  if (a.reward_token_id < 0 && std::find(classes.begin(), classes.end(), "InternLM2ForRewardModel") != classes.end()) {
    a.reward_token_id = 92527;
    if (a.reward_token_id >= a.vocab_size)
      config.refuse("reward_token_id", "a reward model of this class needs the id of its reward token.");
  }
  return a;
}

StoredTensor stored_internlm2(const Architecture& a, const std::string& parameter) {
  struct Renamed {
    const char* engine;
    const char* file;
  };
  static constexpr Renamed kNames[] = {
      {"embed_tokens.", "tok_embeddings."},    {"lm_head.", "output."},
      {"self_attn.o_proj.", "attention.wo."},  {"mlp.gate_proj.", "feed_forward.w1."},
      {"mlp.up_proj.", "feed_forward.w3."},    {"mlp.down_proj.", "feed_forward.w2."},
      {"input_layernorm.", "attention_norm."}, {"post_attention_layernorm.", "ffn_norm."}};
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string name = parameter;
    return name.replace(name.find(from), from.size(), to);
  };
  const int64_t queries = a.num_heads / a.num_key_value_heads * a.head_size, group = queries + 2 * a.head_size;
  if (parameter.find("self_attn.q_proj.") != std::string::npos)
    return {replaced("self_attn.q_proj.", "attention.wqkv."), 0, queries, group};
  if (parameter.find("self_attn.k_proj.") != std::string::npos)
    return {replaced("self_attn.k_proj.", "attention.wqkv."), queries, a.head_size, group};
  if (parameter.find("self_attn.v_proj.") != std::string::npos)
    return {replaced("self_attn.v_proj.", "attention.wqkv."), queries + a.head_size, a.head_size, group};
  for (const auto& [engine, file] : kNames) {
    if (parameter.find(engine) != std::string::npos) return {replaced(engine, file)};
  }
  return {parameter};
}

}  // namespace cheems::model
