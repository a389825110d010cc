#include "model/families/rope_json.h"

#include <cmath>

#include "core/error.h"

namespace cheems::model {
namespace {

class RopeSettings {
 public:
  explicit RopeSettings(const ConfigJson& config) : config_(config) {
    // As in transformers, an empty rope_scaling counts as absent.
    key_ = config.has("rope_scaling") && !config.json()["rope_scaling"].empty() ? "rope_scaling" : "rope_parameters";
    if (!config.has(key_)) return;
    settings_ = config.json()[key_];
    if (!settings_.is_object()) config.refuse(key_, "an object is needed.");
    for (const auto& [field, value] : settings_.items()) {
      if (value.is_object())
        fail(config.file(), ": \"", key_, "\" has separate settings for ", in_quotes(field),
             "; this engine supports one rope for all layers.");
    }
  }

  bool contains(const char* field) const { return settings_.contains(field); }
  bool has(const char* field) const { return contains(field) && !settings_[field].is_null(); }

  [[noreturn]] void refuse(const char* field, const std::string& why) const {
    fail(config_.file(), ": \"", key_, "\" has ", contains(field) ? settings_[field].dump() : std::string("nothing"),
         " for its \"", field, "\"; ", why);
  }

  double number(const char* field) const {
    if (!has(field) || !settings_[field].is_number() || !std::isfinite(settings_[field].get<double>()))
      refuse(field, "a number is needed.");
    return settings_[field].get<double>();
  }
  double positive(const char* field) const {
    if (!has(field) || !(number(field) > 0)) refuse(field, "a positive number is needed.");
    return number(field);
  }
  // For fields that mean the same in transformers if absent, null or 0.
  double positive_or(const char* field, double fallback) const {
    return !has(field) || number(field) == 0 ? fallback : positive(field);
  }

  std::string type() const {
    const char* field = contains("rope_type") ? "rope_type" : "type";
    if (!contains(field)) return "default";
    if (!settings_[field].is_string()) refuse(field, "a string is needed.");
    return settings_[field].get<std::string>();
  }

  bool truncates() const {
    if (!contains("truncate")) return true;
    if (settings_["truncate"].is_null()) return false;  // as transformers takes it
    if (!settings_["truncate"].is_boolean()) refuse("truncate", "true or false is needed.");
    return settings_["truncate"].get<bool>();
  }

  [[noreturn]] void refuse_type(const std::string& type) const {
    fail(config_.file(), ": \"", key_, "\" has the rope_type ", in_quotes(type),
         "; this engine supports default, linear, llama3, yarn and dynamic (within max_position_embeddings).");
  }

 private:
  const ConfigJson& config_;
  std::string key_;
  nlohmann::json settings_ = nlohmann::json::object();
};

double read_theta(const ConfigJson& config, const RopeSettings& settings, double default_theta) {
  if (settings.contains("rope_theta")) return settings.positive("rope_theta");
  return config.positive_or("rope_theta", default_theta);
}

double read_original_positions(const ConfigJson& config, const RopeSettings& settings,
                               int64_t max_position_embeddings) {
  constexpr const char* kKey = "original_max_position_embeddings";
  if (config.json().contains(kKey)) return config.positive_or(kKey, 0);
  return settings.contains(kKey) ? settings.positive(kKey) : static_cast<double>(max_position_embeddings);
}

void read_llama3(const ConfigJson& config, const RopeSettings& settings, Rope& rope) {
  rope.factor = settings.positive("factor");
  rope.low_freq_factor = settings.positive("low_freq_factor");
  rope.high_freq_factor = settings.positive("high_freq_factor");
  if (!(rope.high_freq_factor > rope.low_freq_factor))
    fail(config.file(), ": rope's high_freq_factor must be larger than its low_freq_factor.");
}

// YaRN (Peng et al. 2023, arXiv 2309.00071) with the options that transformers supports.
void read_yarn(const RopeSettings& settings, int64_t max_position_embeddings, Rope& rope) {
  if (!settings.contains("factor"))
    settings.refuse("factor", "YaRN needs it (or null: max_position_embeddings / original_max_position_embeddings).");
  rope.factor = settings.has("factor")
                    ? settings.positive("factor")
                    : static_cast<double>(max_position_embeddings) / rope.original_max_position_embeddings;
  rope.beta_fast = settings.positive_or("beta_fast", 32);
  rope.beta_slow = settings.positive_or("beta_slow", 1);
  rope.truncate = settings.truncates();
  if (rope.theta == 1) settings.refuse("rope_theta", "YaRN has no frequencies for 1.");
  const auto magnitude = [&](double scale) { return rope.factor <= 1 ? 1 : 0.1 * scale * std::log(rope.factor) + 1; };
  const double scale = settings.has("mscale") ? settings.number("mscale") : 0,
               all = settings.has("mscale_all_dim") ? settings.number("mscale_all_dim") : 0;
  if (settings.has("attention_factor")) rope.attention_factor = settings.number("attention_factor");
  else rope.attention_factor = scale != 0 && all != 0 ? magnitude(scale) / magnitude(all) : magnitude(1);
  if (!std::isfinite(rope.attention_factor))
    settings.refuse("mscale_all_dim", "it makes an infinite attention factor.");
}

}  // namespace

Rope read_rope(const ConfigJson& config, double default_theta, int64_t max_position_embeddings) {
  const RopeSettings settings(config);
  if (config.has("partial_rotary_factor") && config.number("partial_rotary_factor") != 1)
    config.refuse("partial_rotary_factor", "this engine rotates whole heads (1).");
  if (settings.has("partial_rotary_factor") && settings.number("partial_rotary_factor") != 1)
    settings.refuse("partial_rotary_factor", "this engine rotates whole heads (1).");
  Rope rope;
  rope.theta = read_theta(config, settings, default_theta);
  rope.type = settings.type();
  if (rope.type == "default") return rope;
  if (rope.type == "dynamic") {
    // It changes the angles only of samples longer than max_position_embeddings, and those are refused.
    settings.positive("factor");
    rope.type = "default";
  } else if (rope.type == "linear") {
    rope.factor = settings.positive("factor");
  } else if (rope.type == "llama3") {
    rope.original_max_position_embeddings = read_original_positions(config, settings, max_position_embeddings);
    read_llama3(config, settings, rope);
  } else if (rope.type == "yarn") {
    rope.original_max_position_embeddings = read_original_positions(config, settings, max_position_embeddings);
    read_yarn(settings, max_position_embeddings, rope);
  } else {
    settings.refuse_type(rope.type);
  }
  return rope;
}

}  // namespace cheems::model
