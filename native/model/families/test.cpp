#include <numbers>

#include "model/rope_table.h"
#include "testing/small_model.h"

namespace cheems::model {
namespace {

using namespace testing;
using nlohmann::json;

Architecture read(const json& config) {
  const storage::testing::TemporaryFolder folder;
  return read_architecture_file(folder.put("config.json", config.dump()));
}

json with(json config, const json& changes) {
  config.merge_patch(changes);  // a null removes the key
  return config;
}

std::string refused(const json& config) {
  return refusal([&] { read(config); });
}

TEST_CASE("families: sizes, biases, norms and classes as each family has them") {
  for (const std::string family : {"llama", "mistral", "qwen2", "qwen3"}) {
    CAPTURE(family);
    const Architecture a = read(small_config(family));
    CHECK(a.family == family);
    CHECK((a.hidden_size == 16 && a.intermediate_size == 24 && a.num_layers == 2 && a.num_heads == 4 && a.num_key_value_heads == 2 && a.head_size == 4 && a.vocab_size == 40 && a.max_position_embeddings == 128));
    CHECK(a.qkv_size() == 32);
    CHECK(a.qkv_bias == (family == "qwen2"));
    CHECK_FALSE((a.output_bias || a.mlp_bias));
    CHECK(a.qk_norm == (family == "qwen3"));
    CHECK(a.windows == std::vector<int64_t>{0, 0});
    CHECK(a.rope.theta == 10000);
    CHECK(a.pad_token_id == -1);
    CHECK(read(with(small_config(family), {{"pad_token_id", 3}})).pad_token_id == 3);
    CHECK(read(with(small_config(family), {{"tie_word_embeddings", true}})).tied_embeddings);
  }
  const Architecture biased = read(with(small_config("llama"), {{"attention_bias", true}, {"mlp_bias", true}}));
  CHECK((biased.qkv_bias && biased.output_bias && biased.mlp_bias));
  CHECK(read(with(small_config("qwen3"), {{"attention_bias", true}})).output_bias);
  CHECK(read(small_config("qwen2")).class_prefix == "Qwen2");
}

TEST_CASE("families: what config.json leaves out has transformers' defaults") {
  const Architecture a = read(with(small_config("llama"), {{"num_key_value_heads", nullptr}, {"head_dim", nullptr}, {"rope_theta", nullptr}, {"hidden_act", nullptr}, {"tie_word_embeddings", nullptr}, {"rms_norm_eps", nullptr}}));
  CHECK((a.num_key_value_heads == 4 && a.head_size == 4 && a.rope.theta == 10000 && !a.tied_embeddings));
  CHECK(a.rms_norm_epsilon == 1e-6f);
  CHECK(read(with(small_config("qwen3"), {{"head_dim", nullptr}})).head_size == 128);
  CHECK(read(with(small_config("qwen3"), {{"head_dim", nullptr}, {"hidden_size", 18}})).head_size == 128);
}

TEST_CASE("families: rope is read alike from the old spelling and the new") {
  const json scaling = {{"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 64}};
  for (const std::string type : {"default", "linear", "llama3"}) {
    CAPTURE(type);
    json old_settings = scaling, older = scaling, fresh = scaling;
    old_settings["rope_type"] = older["type"] = fresh["rope_type"] = type;
    fresh["rope_theta"] = 500000.0;
    const json old_config = with(small_config("llama"), {{"rope_theta", 500000.0}, {"rope_scaling", old_settings}});
    const json older_config = with(small_config("llama"), {{"rope_theta", 500000.0}, {"rope_scaling", older}});
    const json new_config = with(small_config("llama"), {{"rope_theta", nullptr}, {"rope_parameters", fresh}});
    for (const json& config : {old_config, older_config, new_config}) {
      const Rope rope = read(config).rope;
      CHECK(rope.theta == 500000);
      CHECK(rope.type == type);
      CHECK(rope.factor == (type == "default" ? 1 : 8));
      if (type == "llama3") CHECK((rope.low_freq_factor == 1 && rope.high_freq_factor == 4 && rope.original_max_position_embeddings == 64));
    }
  }
}

TEST_CASE("families: sliding windows as each family and each spelling says") {
  CHECK(read(with(small_config("mistral"), {{"sliding_window", 8}})).windows == std::vector<int64_t>{8, 8});
  CHECK(read(with(small_config("mistral"), {{"sliding_window", 8}, {"layer_types", {"sliding_attention", "full_attention"}}})).windows == std::vector<int64_t>{8, 0});
  for (const std::string family : {"qwen2", "qwen3"}) {
    const json sliding = with(small_config(family), {{"sliding_window", 8}});
    CHECK(read(sliding).windows == std::vector<int64_t>{0, 0});  // use_sliding_window is not said
    CHECK(read(with(sliding, {{"use_sliding_window", true}, {"max_window_layers", 1}})).windows == std::vector<int64_t>{0, 8});
    CHECK(read(with(sliding, {{"use_sliding_window", true}, {"max_window_layers", 0}})).windows == std::vector<int64_t>{8, 8});
    CHECK(read(with(sliding, {{"use_sliding_window", true}})).windows == std::vector<int64_t>{0, 0});  // 28 layers come first
    CHECK(read(with(sliding, {{"use_sliding_window", true}, {"layer_types", {"sliding_attention", "full_attention"}}})).windows == std::vector<int64_t>{8, 0});
  }
}

TEST_CASE("families: what cannot be is refused with file, key and value") {
  struct Bad {
    json changes;
    std::vector<std::string> said;
  };
  const json llama3 = {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 64}};
  const std::vector<Bad> bad = {
      {{{"model_type", "gpt2"}}, {"model_type", "gpt2", "llama, mistral, mixtral, qwen2, qwen3"}},
      {{{"model_type", nullptr}}, {"model_type", "missing"}},
      {{{"model_type", 3}}, {"model_type", "string"}},
      {{{"hidden_size", nullptr}}, {"hidden_size", "missing"}},
      {{{"hidden_size", 0}}, {"hidden_size", "positive"}},
      {{{"hidden_size", -16}}, {"hidden_size", "-16"}},
      {{{"hidden_size", "16"}}, {"hidden_size", "whole number"}},
      {{{"hidden_size", 16.5}}, {"hidden_size", "16.5"}},
      {{{"vocab_size", 18446744073709551615ull}}, {"vocab_size"}},
      {{{"vocab_size", int64_t{1} << 40}}, {"vocab_size", "more than any model"}},
      {{{"num_hidden_layers", 10001}}, {"num_hidden_layers", "more than any model"}},
      {{{"num_attention_heads", 3}}, {"3 attention heads", "2 key/value heads"}},
      {{{"num_key_value_heads", 3}}, {"4 attention heads", "3 key/value heads"}},
      {{{"vocab_size", 2000000000}, {"hidden_size", 2000000000}}, {"parameters", "written wrongly"}},
      {{{"partial_rotary_factor", 0.5}}, {"partial_rotary_factor", "0.5"}},
      {{{"rope_scaling", {{"full_attention", {{"rope_type", "default"}}}}}}, {"full_attention", "one rope"}},
      {{{"head_dim", nullptr}, {"hidden_size", 18}}, {"18", "num_attention_heads"}},
      {{{"head_dim", 5}}, {"head size of 5", "odd"}},
      {{{"rms_norm_eps", 0}}, {"rms_norm_eps", "positive"}},
      {{{"rms_norm_eps", "1e-6"}}, {"rms_norm_eps", "number"}},
      {{{"hidden_act", "relu"}}, {"hidden_act", "relu"}},
      {{{"tie_word_embeddings", 1}}, {"tie_word_embeddings", "true or false"}},
      {{{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}}}}, {"yarn", "default, linear, llama3 and dynamic"}},
      {{{"rope_parameters", {{"rope_type", "longrope"}}}}, {"longrope"}},
      {{{"rope_parameters", {{"rope_type", 3}}}}, {"rope_parameters", "string"}},
      {{{"rope_scaling", "linear"}}, {"rope_scaling", "object"}},
      {{{"rope_scaling", {{"rope_type", "linear"}}}}, {"factor"}},
      {{{"rope_scaling", {{"rope_type", "linear"}, {"factor", 0}}}}, {"factor", "positive"}},
      {{{"rope_scaling", with(llama3, {{"low_freq_factor", nullptr}})}}, {"low_freq_factor"}},
      {{{"rope_scaling", with(llama3, {{"low_freq_factor", 4.0}})}}, {"high_freq_factor", "larger"}},
      {{{"rope_parameters", {{"rope_theta", -1.0}}}}, {"rope_theta", "positive"}},
  };
  for (const auto& [changes, said] : bad) {
    CAPTURE(changes.dump());
    auto parts = said;
    parts.push_back("config.json");
    check_refused(refused(with(small_config("llama"), changes)), parts);
  }
  check_refused(refused(with(small_config("qwen2"), {{"layer_types", {"full_attention"}}})), {"layer_types", "1 entries", "2 layers"});
  check_refused(refused(with(small_config("qwen2"), {{"layer_types", {"full_attention", "linear_attention"}}})), {"layer_types", "linear_attention"});
  check_refused(refused(with(small_config("qwen2"), {{"layer_types", "full_attention"}})), {"layer_types", "list"});
  check_refused(refused(with(small_config("mistral"), {{"sliding_window", -4}})), {"sliding_window", "-4"});
}

TEST_CASE("families: a rope_theta of zero or less is refused in the old spelling, too") {
  check_refused(refused(with(small_config("llama"), {{"rope_theta", 0}})), {"rope_theta", "positive"});
  check_refused(refused(with(small_config("llama"), {{"rope_theta", -10000.0}})), {"rope_theta", "positive"});
}

TEST_CASE("families: files that are no JSON object are refused, not crashed on") {
  const storage::testing::TemporaryFolder folder;
  for (const std::string text : {"", "[]", "3", "null", "{", "{\"model_type\": \"llama\"} x", "\xff\xfe"}) {
    CAPTURE(text);
    check_refused(refusal([&] { read_architecture_file(folder.put("config.json", text)); }), {"config.json"});
  }
  check_refused(refusal([&] { read_architecture_file(folder.file("nowhere.json")); }), {"nowhere.json"});
}

// ---- Rope tables.

TEST_CASE("rope table: frequencies by the formulas of each type") {
  const Rope plain;
  const auto frequencies = inverse_frequencies(plain, 8);
  REQUIRE(frequencies.size() == 4);
  for (size_t i = 0; i < 4; ++i) CHECK(frequencies[i] == doctest::Approx(std::pow(10000.0, -static_cast<double>(i) / 4)).epsilon(1e-14));
  Rope linear = plain;
  linear.type = "linear", linear.factor = 4;
  for (size_t i = 0; i < 4; ++i) CHECK(inverse_frequencies(linear, 8)[i] == frequencies[i] / 4);
  // llama3: short waves are kept, long ones divided, between them it rises without a jump.
  Rope llama3 = plain;
  llama3.type = "llama3", llama3.theta = 500000, llama3.factor = 8, llama3.original_max_position_embeddings = 8192;
  Rope unscaled = llama3;
  unscaled.type = "default";
  const auto scaled = inverse_frequencies(llama3, 128), base = inverse_frequencies(unscaled, 128);
  int kept = 0, divided = 0;
  for (size_t i = 0; i < scaled.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi / base[i];
    if (wavelength < 8192.0 / 4 * 0.9999) {
      CHECK(scaled[i] == base[i]);
      ++kept;
    } else if (wavelength > 8192.0 * 1.0001) {
      CHECK(scaled[i] == doctest::Approx(base[i] / 8).epsilon(1e-6));
      ++divided;
    } else {
      CHECK((scaled[i] <= base[i] && scaled[i] >= base[i] / 8));
    }
    if (i > 0) CHECK(scaled[i] < scaled[i - 1]);
  }
  CHECK((kept > 10 && divided > 10));
}

TEST_CASE("rope table: cosines and sines of whole angles, exact far out") {
  const RopeTable table = rope_table({}, 4, 100001);
  const auto frequencies = inverse_frequencies({}, 4);
  REQUIRE(table.cosine.size() == 200002);
  for (const size_t position : {size_t{0}, size_t{1}, size_t{7}, size_t{100000}}) {
    for (size_t i = 0; i < 2; ++i) {
      const double angle = static_cast<double>(position) * frequencies[i];
      CHECK(table.cosine[position * 2 + i] == static_cast<float>(std::cos(angle)));
      CHECK(table.sine[position * 2 + i] == static_cast<float>(std::sin(angle)));
    }
  }
}

}  // namespace
}  // namespace cheems::model
