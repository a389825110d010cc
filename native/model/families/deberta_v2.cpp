// DeBERTa v3, whose config.json says deberta-v2: relative positions only in log buckets, shared projections, a pooler
// before the classifier. What DeBERTa v2 has and v3 does not use (convolution, absolute positions, token types) is
// refused.
#include <algorithm>

#include "core/error.h"
#include "model/families/families.h"

namespace cheems::model {
namespace {

constexpr const char* kOnlyV3 = "this engine supports only DeBERTa v3, ";

// ["p2c", "c2p"] in either order, or "p2c|c2p" as older files have it.
bool has_both_terms(const ConfigJson& config) {
  if (!config.has("pos_att_type")) return false;
  std::vector<std::string> terms;
  if (config.json()["pos_att_type"].is_string()) {
    std::string text = config.text_or("pos_att_type", "") + "|";
    for (size_t end; (end = text.find('|')) != std::string::npos; text.erase(0, end + 1))
      terms.push_back(text.substr(0, end));
  } else {
    terms = config.texts("pos_att_type");
  }
  std::sort(terms.begin(), terms.end());
  return terms == std::vector<std::string>{"c2p", "p2c"};
}

// Absent fields have transformers' defaults, which are not v3's.
void refuse_other_deberta(const ConfigJson& config) {
  const auto only = [](const char* what) { return kOnlyV3 + std::string(what); };
  if (!config.flag_or("relative_attention", false))
    config.refuse("relative_attention", only("with relative attention (true)."));
  if (config.flag_or("position_biased_input", true))
    config.refuse("position_biased_input", only("without absolute position embeddings (false)."));
  if (!config.flag_or("share_att_key", false))
    config.refuse("share_att_key", only("whose relative positions share the content's projections (true)."));
  if (!has_both_terms(config)) config.refuse("pos_att_type", only("with both relative terms, c2p and p2c."));
  if (config.text_or("norm_rel_ebd", "none") != "layer_norm")
    config.refuse("norm_rel_ebd", only("with a norm of its relative embeddings (layer_norm)."));
  if (config.number_or("type_vocab_size", 0) != 0)
    config.refuse("type_vocab_size", only("without token type embeddings (0)."));
  if (config.number_or("conv_kernel_size", 0) > 0)
    config.refuse("conv_kernel_size", only("without a convolution layer (0)."));
  for (const char* key : {"hidden_act", "pooler_hidden_act"}) {
    if (config.text_or(key, "gelu") != "gelu") config.refuse(key, "this engine supports gelu for this family.");
  }
  for (const char* key : {"embedding_size", "pooler_hidden_size"}) {
    if (config.has(key) && config.size(key) != config.size_or("hidden_size", 1536))
      config.refuse(key, "this engine needs it to be hidden_size.");
  }
}

// As transformers counts the labels: num_labels, or the entries of id2label, or 2.
void refuse_classifiers(const ConfigJson& config) {
  const bool listed = config.has("id2label") && config.json()["id2label"].is_object();
  const int64_t labels = config.has("num_labels") ? config.size("num_labels")
                         : listed                 ? static_cast<int64_t>(config.json()["id2label"].size())
                                                  : 2;
  if (labels != 1) {
    fail(config.file(), ": this is a classifier with ", labels, " labels (",
         config.has("num_labels") ? "num_labels" : "id2label", "), not a reward model, whose reward is one number.");
  }
}

}  // namespace

Architecture read_deberta_v2(const ConfigJson& config) {
  refuse_other_deberta(config);
  refuse_classifiers(config);
  Architecture a;
  const auto size = [&](const char* key, int64_t fallback) {
    if (!config.json().contains(key)) a.assumed.push_back(sentence(key, " (", fallback, ")"));
    return config.size_or(key, fallback);
  };
  a.hidden_size = size("hidden_size", 1536);
  a.intermediate_size = size("intermediate_size", 6144);
  a.num_layers = size("num_hidden_layers", 24);
  if (a.num_layers > 10000) config.refuse("num_hidden_layers", "that is more than any model has.");
  a.num_heads = a.num_key_value_heads = size("num_attention_heads", 24);
  if (a.hidden_size % a.num_heads != 0)
    fail(config.file(), ": hidden_size ", a.hidden_size, " is not a multiple of num_attention_heads ", a.num_heads,
         ".");
  a.head_size = a.hidden_size / a.num_heads;
  if (config.has("attention_head_size") && config.size("attention_head_size") != a.head_size)
    config.refuse("attention_head_size", "this engine needs hidden_size / num_attention_heads.");
  a.vocab_size = size("vocab_size", 128100);
  a.max_position_embeddings = config.size_or("max_position_embeddings", 512);
  a.position_buckets =
      config.has("position_buckets") && config.number("position_buckets") > 0 ? config.size("position_buckets") : 0;
  if (a.position_buckets < 2 || a.position_buckets % 2 != 0)
    config.refuse("position_buckets",
                  kOnlyV3 + std::string("whose relative positions have an even number of log buckets."));
  a.max_relative_positions = config.number_or("max_relative_positions", -1) < 1 ? a.max_position_embeddings
                                                                                : config.size("max_relative_positions");
  // Buckets beyond the first half begin after S / 2 steps and must not skip any: roughly e * S / 2 < M.
  if (static_cast<double>(a.max_relative_positions - 1) < 1.36 * static_cast<double>(a.position_buckets)) {
    fail(config.file(), ": ", a.position_buckets, " position_buckets are too many for ", a.max_relative_positions,
         " positions (max_relative_positions, or max_position_embeddings); this engine supports log buckets of which "
         "none "
         "is skipped (at most 0.73 times the positions).");
  }
  a.layer_norm_epsilon = static_cast<float>(config.number_or("layer_norm_eps", 1e-7));
  if (!(a.layer_norm_epsilon > 0)) config.refuse("layer_norm_eps", "a positive number is needed.");
  a.initializer_range = static_cast<float>(config.number_or("initializer_range", 0.02));
  a.pad_token_id = config.has("pad_token_id") && config.json()["pad_token_id"].is_number_integer()
                       ? config.json()["pad_token_id"].get<int64_t>()
                       : 0;
  a.windows.assign(static_cast<size_t>(a.num_layers), 0);
  return a;
}

}  // namespace cheems::model
