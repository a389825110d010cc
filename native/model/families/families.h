// The model families, one file each. A new family is a new file and a line in families.cpp.
#pragma once

#include "model/families/config_json.h"

namespace cheems::model {

Architecture read_gemma(const ConfigJson& config);
Architecture read_gemma2(const ConfigJson& config);
Architecture read_llama(const ConfigJson& config);
Architecture read_mistral(const ConfigJson& config);
Architecture read_qwen2(const ConfigJson& config);
// The windows of Qwen2 and Qwen3.
void read_qwen_windows(const ConfigJson& config, Architecture& architecture);
Architecture read_qwen3(const ConfigJson& config);

}  // namespace cheems::model
