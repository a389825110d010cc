// The model families, one file each. A new family is a new file and a line in families.cpp.
#pragma once

#include "model/families/config_json.h"
#include "model/stored_tensor.h"

namespace cheems::model {

// Where a family's files keep a parameter that the engine calls `model.…`, after the prefix in place of "model.".
StoredTensor stored_tensor(const Architecture& architecture, const std::string& parameter);

Architecture read_deberta_v2(const ConfigJson& config);
Architecture read_gemma(const ConfigJson& config);
Architecture read_gemma2(const ConfigJson& config);
Architecture read_internlm2(const ConfigJson& config);
StoredTensor stored_internlm2(const Architecture& architecture, const std::string& parameter);
Architecture read_llama(const ConfigJson& config);
Architecture read_mistral(const ConfigJson& config);
Architecture read_mixtral(const ConfigJson& config);
Architecture read_qwen2(const ConfigJson& config);
// The windows of Qwen2 and Qwen3.
void read_qwen_windows(const ConfigJson& config, Architecture& architecture);
Architecture read_qwen3(const ConfigJson& config);

}  // namespace cheems::model
