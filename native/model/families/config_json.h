// Reading config.json: typed, with errors that name the file, the key and the value.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/architecture.h"

namespace cheems::model {

class ConfigJson {
 public:
  // Throws Error when the file cannot be read or is no JSON object.
  explicit ConfigJson(const std::string& file);
  const std::string& file() const { return file_; }

  bool has(const std::string& key) const;  // present and not null
  int64_t size(const std::string& key) const;  // a positive whole number; required
  int64_t size_or(const std::string& key, int64_t fallback) const;
  double number(const std::string& key) const;  // finite; required
  double number_or(const std::string& key, double fallback) const;
  bool flag_or(const std::string& key, bool fallback) const;
  std::string text_or(const std::string& key, const std::string& fallback) const;
  std::vector<std::string> texts(const std::string& key) const;  // a list of strings; empty where absent
  const nlohmann::json& json() const { return json_; }
  [[noreturn]] void refuse(const std::string& key, const std::string& why) const;

 private:
  std::string file_;
  nlohmann::json json_;
};

// The fields that all decoder families spell alike: sizes, epsilon, rope (old and new spelling), activation.
// `default_head_size` is the family's where config.json has no head_dim; 0: hidden_size / num_attention_heads.
Architecture read_common(const ConfigJson& config, int64_t default_head_size = 0);
// As read_common, for families that do not mean their hidden_act (Gemma): the activation is the caller's.
Architecture read_common_but_activation(const ConfigJson& config, int64_t default_head_size = 0);
// The per-layer windows where config.json has `layer_types` (the new spelling); false where it has not.
bool read_layer_types(const ConfigJson& config, int64_t window, Architecture& architecture);

}  // namespace cheems::model
