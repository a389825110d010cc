#include "model/families/families.h"

#include <algorithm>

#include "core/error.h"
#include "model/networks/body.h"
#include "model/quantization.h"

namespace cheems::model {
namespace {

struct Family {
  const char* model_type;    // config.json's
  const char* class_prefix;  // of the classes in transformers
  Architecture (*read)(const ConfigJson&);
  // Where the files keep a parameter, for families that name or pack their parameters differently from transformers'
  // Llama.
  StoredTensor (*stored)(const Architecture&, const std::string& parameter) = nullptr;
  const char* saved_as = nullptr;  // the family whose names and packing saved weights use, if another
};

constexpr Family kFamilies[] = {
    {"deberta-v2", "DebertaV2", read_deberta_v2},
    {"gemma", "Gemma", read_gemma},
    {"gemma2", "Gemma2", read_gemma2},
    {"internlm2", "Llama", read_internlm2, stored_internlm2, "llama"},
    {"llama", "Llama", read_llama},
    {"mistral", "Mistral", read_mistral},
    {"mixtral", "Mixtral", read_mixtral},
    {"qwen2", "Qwen2", read_qwen2},
    {"qwen3", "Qwen3", read_qwen3},
};

// Refuses sizes that no machine can hold, before products of them overflow. In double, which does not overflow.
void refuse_absurd_size(const ConfigJson& config, const Architecture& a) {
  const auto real = [](int64_t size) { return static_cast<double>(size); };
  const double heads = real(a.num_heads) + 2 * real(a.num_key_value_heads);
  const double layer = real(a.hidden_size) * (heads * real(a.head_size) + real(a.num_heads) * real(a.head_size) +
                                              3 * real(a.intermediate_size) * std::max(1.0, real(a.num_experts)));
  const double parameters = real(a.vocab_size) * real(a.hidden_size) + real(a.num_layers) * layer;
  if (parameters > 1e14)
    fail(config.file(), ": these sizes make a model of ", parameters, " parameters; is one of the sizes wrong?");
}

}  // namespace

Architecture read_architecture_file(const std::string& config_file) {
  const ConfigJson config(config_file);
  refuse_quantized_config(config);
  const std::string type = config.text_or("model_type", "");
  std::string known;
  for (const auto& family : kFamilies) {
    if (type == family.model_type) {
      Architecture architecture = family.read(config);
      architecture.family = family.model_type;
      architecture.class_prefix = family.class_prefix;
      architecture.saved_family = family.saved_as ? family.saved_as : family.model_type;
      refuse_absurd_size(config, architecture);
      return architecture;
    }
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  config.refuse("model_type", "this engine supports " + known + ".");
}

void require_decoder(const Architecture& architecture, const std::string& purpose) {
  if (body_of(architecture).has_backward && body_of(architecture).has_cache) return;
  fail("This model is an ", body_of(architecture).name, " (", architecture.family,
       "), which this engine can score with but has no ", purpose,
       " for: that is for decoders (llama, qwen2, gemma2, …).");
}

StoredTensor stored_tensor(const Architecture& architecture, const std::string& parameter) {
  for (const auto& family : kFamilies) {
    if (architecture.family == family.model_type && family.stored) return family.stored(architecture, parameter);
  }
  return {parameter};
}

}  // namespace cheems::model
