#include "model/families/families.h"

#include "core/error.h"

namespace cheems::model {
namespace {

struct Family {
  const char* model_type;    // config.json's
  const char* class_prefix;  // of the classes in transformers
  Architecture (*read)(const ConfigJson&);
};

constexpr Family kFamilies[] = {
    {"llama", "Llama", read_llama},
    {"mistral", "Mistral", read_mistral},
    {"qwen2", "Qwen2", read_qwen2},
    {"qwen3", "Qwen3", read_qwen3},
};

}  // namespace

Architecture read_architecture_file(const std::string& config_file) {
  const ConfigJson config(config_file);
  const std::string type = config.text_or("model_type", "");
  std::string known;
  for (const auto& family : kFamilies) {
    if (type == family.model_type) {
      Architecture architecture = family.read(config);
      architecture.family = family.model_type;
      architecture.class_prefix = family.class_prefix;
      return architecture;
    }
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  config.refuse("model_type", "this engine knows " + known + ".");
}

}  // namespace cheems::model
