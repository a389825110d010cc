// Reading config.json: typed, with errors that name the file, the key and the value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/architecture.h"
#include "ops/gated_mlp/gated_mlp.h"
#include "storage/json.h"

namespace cheems::model {

// An absent key has the fallback, which is transformers' default. A null is not an absent key: transformers gives it no
// meaning for most keys, so the `_or` functions refuse it; `optional_size` is for the keys that give it one.
class ConfigJson {
 public:
  // Throws Error when the file cannot be read or is no JSON object.
  explicit ConfigJson(const std::string& file);
  const std::string& file() const { return file_; }

  bool has(const std::string& key) const;  // present and not null
  bool is_null(const std::string& key) const;
  int64_t size(const std::string& key) const;  // a positive whole number; required
  int64_t size_or(const std::string& key, int64_t fallback) const;
  std::optional<int64_t> optional_size(const std::string& key) const;  // nothing if absent or null
  double number(const std::string& key) const;                         // finite; required
  double number_or(const std::string& key, double fallback) const;
  double positive_or(const std::string& key, double fallback) const;
  bool flag_or(const std::string& key, bool fallback) const;
  std::string text_or(const std::string& key, const std::string& fallback) const;
  std::vector<std::string> texts(const std::string& key) const;  // a list of strings; empty if absent
  const nlohmann::json& json() const { return json_; }
  [[noreturn]] void refuse(const std::string& key, const std::string& why) const;

 private:
  std::string file_;
  nlohmann::json json_;
};

// What transformers' class of a family uses for keys that config.json lacks.
struct ClassDefaults {
  int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, num_layers = 0,
          num_heads = 0;            // 0: the key is required
  int64_t num_key_value_heads = 0;  // 0: as many as num_attention_heads
  int64_t head_size = 0;            // 0: hidden_size / num_attention_heads
  int64_t max_position_embeddings = 0;
  double rms_norm_epsilon = 1e-6;
  double rope_theta = 10000;
  bool tied_embeddings = false;
};

// The fields that all decoder families spell alike: sizes, epsilon, rope. Refuses what would change what the decoder
// computes: bidirectional attention, settings of single layers, a config within the config.
Architecture read_common(const ConfigJson& config, const ClassDefaults& defaults);
// The gate's activation under `key`, by transformers' names.
GateActivation read_activation(const ConfigJson& config, const std::string& key, const std::string& fallback);
// The per-layer windows if config.json has `layer_types`; false if it has not. `window` 0: none is set.
bool read_layer_types(const ConfigJson& config, int64_t window, Architecture& architecture);
// The same window, or none (0), in every layer.
void set_windows(Architecture& architecture, int64_t window);

}  // namespace cheems::model
