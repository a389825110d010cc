#include <numbers>

#include "model/rope_table.h"
#include "ops/gated_mlp/gated_mlp.h"
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

json with_null(json config, const std::string& key) {
  config[key] = nullptr;
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
    CHECK((a.hidden_size == 16 && a.intermediate_size == 24 && a.num_layers == 2 && a.num_heads == 4 &&
           a.num_key_value_heads == 2 && a.head_size == 4 && a.vocab_size == 40 && a.max_position_embeddings == 128));
    CHECK(a.qkv_size() == 32);
    CHECK(a.qkv_bias == (family == "qwen2"));
    CHECK_FALSE((a.output_bias || a.mlp_bias));
    CHECK(a.qk_norm == (family == "qwen3"));
    const int64_t window = family == "mistral" ? 4096 : 0;
    CHECK(a.windows == std::vector<int64_t>{window, window});
    CHECK(a.rope.theta == 10000);
    CHECK(a.pad_token_id == -1);
    CHECK(read(with(small_config(family), {{"pad_token_id", 3}})).pad_token_id == 3);
    CHECK(read(with(small_config(family), {{"tie_word_embeddings", true}})).tied_embeddings);
  }
  for (const nlohmann::json& wrong : {nlohmann::json("0"), nlohmann::json({0}), nlohmann::json(0.5),
                                      nlohmann::json(true), nlohmann::json(100000), nlohmann::json(-100000)}) {
    CHECK_THROWS_WITH(read(with(small_config("llama"), {{"pad_token_id", wrong}})), doctest::Contains("pad_token_id"));
  }
  CHECK(read(with(small_config("llama"), {{"pad_token_id", -2}})).pad_token_id == -1);
  CHECK(read(small_config("gemma")).pad_token_id == 0);  // the class's
  CHECK(read(with_null(small_config("gemma"), "pad_token_id")).pad_token_id == -1);
  const Architecture biased = read(with(small_config("llama"), {{"attention_bias", true}, {"mlp_bias", true}}));
  CHECK((biased.qkv_bias && biased.output_bias && biased.mlp_bias));
  CHECK(read(with(small_config("qwen3"), {{"attention_bias", true}})).output_bias);
  CHECK(read(small_config("qwen2")).class_prefix == "Qwen2");
}

TEST_CASE("families: what config.json leaves out has transformers' defaults") {
  const Architecture a = read(with(small_config("llama"), {{"num_key_value_heads", nullptr},
                                                           {"head_dim", nullptr},
                                                           {"rope_theta", nullptr},
                                                           {"hidden_act", nullptr},
                                                           {"tie_word_embeddings", nullptr},
                                                           {"rms_norm_eps", nullptr}}));
  CHECK((a.num_key_value_heads == 4 && a.head_size == 4 && a.rope.theta == 10000 && !a.tied_embeddings));
  CHECK(a.rms_norm_epsilon == 1e-6f);
  const std::pair<const char*, int64_t> positions[] = {{"llama", 2048},  {"mistral", 131072}, {"mixtral", 131072},
                                                       {"qwen2", 32768}, {"qwen3", 32768},    {"gemma", 8192},
                                                       {"gemma2", 8192}, {"internlm2", 2048}};
  for (const auto& [family, expected] : positions) {
    CAPTURE(std::string(family));
    json config = with(small_config(family), {{"max_position_embeddings", nullptr}});
    CHECK(read(config).max_position_embeddings == expected);
  }
  const std::pair<const char*, int64_t> key_value_heads[] = {
      {"llama", 32}, {"mistral", 8}, {"mixtral", 8}, {"qwen2", 32}, {"gemma2", 4}};
  for (const auto& [family, expected] : key_value_heads) {
    CAPTURE(std::string(family));
    const json config = with(small_config(family), {{"num_key_value_heads", nullptr}, {"num_attention_heads", 32}});
    CHECK(read(config).num_key_value_heads == expected);
    CHECK(read(with_null(config, "num_key_value_heads")).num_key_value_heads == 32);
  }
  const Architecture sizeless = read({{"model_type", "llama"}});
  CHECK((sizeless.hidden_size == 4096 && sizeless.num_layers == 32 && sizeless.vocab_size == 32000));
  CHECK(sizeless.assumed.front() == "hidden_size (4096)");
  CHECK((read(small_config("internlm2")).qkv_bias &&
         read(with(small_config("gemma"), {{"tie_word_embeddings", nullptr}})).tied_embeddings));
  CHECK(read(with(small_config("mixtral"), {{"rope_theta", nullptr}, {"rope_parameters", {{"rope_type", "default"}}}}))
            .rope.theta == 1e6);
  CHECK(read(with(small_config("qwen3"), {{"head_dim", nullptr}})).head_size == 128);
  CHECK(read(with(small_config("qwen3"), {{"head_dim", nullptr}, {"hidden_size", 18}})).head_size == 128);
}

TEST_CASE("families: rope is read alike from the old spelling and the new") {
  const json scaling = {
      {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 64}};
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
      if (type == "llama3")
        CHECK((rope.low_freq_factor == 1 && rope.high_freq_factor == 4 && rope.original_max_position_embeddings == 64));
    }
  }
}

TEST_CASE("families: sliding windows as each family and each spelling says") {
  CHECK(read(with(small_config("mistral"), {{"sliding_window", 8}})).windows == std::vector<int64_t>{8, 8});
  const json types = {"sliding_attention", "full_attention"};
  for (const std::string family : {"mistral", "mixtral"})
    CHECK(read(with_null(small_config(family), "sliding_window")).windows == std::vector<int64_t>{0, 0});
  CHECK(read(with(small_config("mistral"), {{"sliding_window", 8}, {"layer_types", types}})).windows ==
        std::vector<int64_t>{8, 0});
  CHECK(read(with(small_config("mixtral"), {{"sliding_window", 8}, {"layer_types", types}})).windows ==
        std::vector<int64_t>{8, 8});  // whose class has one mask for all layers
  for (const std::string family : {"llama", "gemma"})
    check_refused(refused(with(small_config(family), {{"sliding_window", 8}, {"layer_types", types}})),
                  {"layer_types", "sliding_attention"});
  CHECK(read(small_config("mistral")).windows == std::vector<int64_t>{4096, 4096});
  CHECK(read(small_config("mixtral")).windows == std::vector<int64_t>{0, 0});
  CHECK(read(small_config("gemma2")).windows == std::vector<int64_t>{4096, 0});
  check_refused(refused(with_null(small_config("gemma2"), "sliding_window")), {"sliding_window", "null"});
  for (const std::string family : {"qwen2", "qwen3"}) {
    const json sliding = with(small_config(family), {{"sliding_window", 8}});
    CHECK(read(sliding).windows == std::vector<int64_t>{0, 0});  // use_sliding_window is not said
    CHECK(read(with(sliding, {{"use_sliding_window", true}, {"max_window_layers", 1}})).windows ==
          std::vector<int64_t>{0, 8});
    CHECK(read(with(sliding, {{"use_sliding_window", true}, {"max_window_layers", 0}})).windows ==
          std::vector<int64_t>{8, 8});
    CHECK(read(with(sliding, {{"use_sliding_window", true}})).windows ==
          std::vector<int64_t>{0, 0});  // 28 layers come first
    CHECK(read(with(sliding, {{"use_sliding_window", true}, {"layer_types", types}})).windows ==
          std::vector<int64_t>{8, 0});
    CHECK(read(with_null(with(sliding, {{"use_sliding_window", true}, {"max_window_layers", 0}}), "sliding_window"))
              .windows == std::vector<int64_t>{0, 0});
    CHECK(read(with(small_config(family), {{"use_sliding_window", true}, {"max_window_layers", 0}})).windows ==
          std::vector<int64_t>{4096, 4096});
    check_refused(refused(with(sliding, {{"layer_types", types}})), {"layer_types", "use_sliding_window"});
  }
}

TEST_CASE("families: what cannot be is refused with file, key and value") {
  struct Bad {
    json changes;
    std::vector<std::string> said;
  };
  const json llama3 = {{"rope_type", "llama3"},
                       {"factor", 8.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 64}};
  const std::vector<Bad> bad = {
      {{{"model_type", "gpt2"}}, {"model_type", "gpt2", "llama, mistral, mixtral, qwen2, qwen3"}},
      {{{"model_type", nullptr}}, {"model_type", "missing"}},
      {{{"model_type", 3}}, {"model_type", "string"}},
      {{{"hidden_size", 0}}, {"hidden_size", "positive"}},
      {{{"hidden_size", -16}}, {"hidden_size", "-16"}},
      {{{"hidden_size", "16"}}, {"hidden_size", "whole number"}},
      {{{"hidden_size", 16.5}}, {"hidden_size", "16.5"}},
      {{{"vocab_size", 18446744073709551615ull}}, {"vocab_size"}},
      {{{"vocab_size", int64_t{1} << 40}}, {"vocab_size", "more than any model"}},
      {{{"num_hidden_layers", 10001}}, {"num_hidden_layers", "more than any model"}},
      {{{"num_attention_heads", 3}}, {"3 attention heads", "2 key/value heads"}},
      {{{"num_key_value_heads", 3}}, {"4 attention heads", "3 key/value heads"}},
      {{{"vocab_size", 2000000000}, {"hidden_size", 2000000000}}, {"parameters", "one of the sizes wrong"}},
      {{{"partial_rotary_factor", 0.5}}, {"partial_rotary_factor", "0.5"}},
      {{{"rope_scaling", {{"full_attention", {{"rope_type", "default"}}}}}}, {"full_attention", "one rope"}},
      {{{"head_dim", nullptr}, {"hidden_size", 18}}, {"18", "num_attention_heads"}},
      {{{"head_dim", 5}}, {"head size of 5", "odd"}},
      {{{"rms_norm_eps", 0}}, {"rms_norm_eps", "positive"}},
      {{{"rms_norm_eps", "1e-6"}}, {"rms_norm_eps", "number"}},
      {{{"hidden_act", "relu"}}, {"hidden_act", "relu"}},
      {{{"tie_word_embeddings", 1}}, {"tie_word_embeddings", "true or false"}},
      {{{"rope_scaling", {{"rope_type", "yarn"}}}}, {"rope_scaling", "factor"}},
      {{{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}, {"truncate", 1}}}}, {"truncate", "true or false"}},
      {{{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}, {"rope_theta", 1}}}}, {"rope_theta"}},
      {{{"rope_scaling", {{"rope_type", "dynamic"}}}}, {"rope_scaling", "factor"}},
      {{{"is_causal", false}}, {"is_causal", "causal"}},
      {{{"per_layer_config", {{"0", {{"sliding_window", 4}}}}}}, {"per_layer_config"}},
      {{{"quantization_config", {{"quant_method", "gptq"}}}}, {"quantization_config", "gptq", "bfloat16"}},
      {{{"rope_parameters", {{"rope_type", "longrope"}}}},
       {"rope_parameters", "longrope", "default, linear, llama3, yarn and dynamic"}},
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
  check_refused(refused(with(small_config("qwen2"), {{"layer_types", {"full_attention"}}})),
                {"layer_types", "1 entries", "2 layers"});
  check_refused(refused(with(small_config("qwen2"), {{"layer_types", {"full_attention", "linear_attention"}}})),
                {"layer_types", "linear_attention"});
  check_refused(refused(with(small_config("qwen2"), {{"layer_types", "full_attention"}})), {"layer_types", "list"});
  check_refused(refused(with(small_config("mistral"), {{"sliding_window", -4}})), {"sliding_window", "-4"});
}

TEST_CASE("families: a null is no absent key: refused, but for the keys to which transformers gives it a meaning") {
  for (const std::string key : {"hidden_size", "max_position_embeddings", "rms_norm_eps", "hidden_act",
                                "tie_word_embeddings", "rope_theta", "attention_bias", "is_causal"}) {
    CAPTURE(key);
    check_refused(refused(with_null(small_config("llama"), key)), {key, "null"});
  }
  for (const std::string key : {"rope_scaling", "rope_parameters", "num_key_value_heads", "head_dim", "pad_token_id",
                                "partial_rotary_factor", "quantization_config"}) {
    CAPTURE(key);
    CHECK(read(with_null(small_config("llama"), key)).head_size == 4);
  }
}

TEST_CASE("families: of two places for a rope setting, transformers' choice counts") {
  const json scaling = {{"rope_type", "linear"}, {"factor", 2.0}},
             parameters = {{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 500.0}};
  const Rope both =
      read(with(small_config("llama"), {{"rope_scaling", scaling}, {"rope_parameters", parameters}})).rope;
  CHECK((both.factor == 2 && both.theta == 10000));
  json empty = with(small_config("llama"), {{"rope_parameters", parameters}});
  empty["rope_scaling"] = json::object();
  const Rope within = read(empty).rope;
  CHECK((within.factor == 4 && within.theta == 500));
  const json llama3 = {{"rope_type", "llama3"},
                       {"factor", 8.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 64}};
  CHECK(read(with(small_config("llama"), {{"rope_scaling", llama3}})).rope.original_max_position_embeddings == 64);
  CHECK(read(with(small_config("llama"), {{"rope_scaling", llama3}, {"original_max_position_embeddings", 16.5}}))
            .rope.original_max_position_embeddings == 16.5);
  CHECK(read(with(small_config("llama"),
                  {{"rope_scaling", with(llama3, {{"original_max_position_embeddings", nullptr}})}}))
            .rope.original_max_position_embeddings == 128);
}

TEST_CASE("families: Gemma's activations, of which published files name one and mean another") {
  const auto activation = [&](const std::string& family, const json& changes) {
    return read(with(small_config(family), changes)).activation;
  };
  CHECK(activation("gemma", {{"hidden_act", "gelu"}}) == GateActivation::gelu_tanh);
  CHECK(activation("gemma", {{"hidden_act", nullptr}}) == GateActivation::gelu_tanh);
  CHECK(activation("gemma", {{"hidden_act", "silu"}}) == GateActivation::silu);
  CHECK(activation("gemma", {{"hidden_act", "gelu"}, {"hidden_activation", "gelu_pytorch_tanh"}}) ==
        GateActivation::gelu_tanh);
  check_refused(
      refused(with(small_config("gemma"), {{"hidden_act", "silu"}, {"hidden_activation", "gelu_pytorch_tanh"}})),
      {"hidden_activation", "hidden_act"});
  CHECK(activation("gemma2", {{"hidden_act", "silu"}}) == GateActivation::gelu_tanh);
  CHECK(activation("gemma2", {{"hidden_activation", "silu"}}) == GateActivation::silu);
  check_refused(refused(with(small_config("gemma2"), {{"hidden_activation", "gelu"}})), {"hidden_activation", "gelu"});
  CHECK(activation("llama", {{"hidden_act", "gelu_new"}}) == GateActivation::gelu_tanh);
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
  const std::string infinite = refusal([&] {
    read_architecture_file(folder.put("config.json", "{\"model_type\": \"llama\",\n \"rms_norm_eps\": -Infinity}"));
  });
  check_refused(infinite, {"config.json", "rms_norm_eps", "-Infinity", "a number is needed"});
  check_refused(
      refusal([&] {
        read_architecture_file(folder.put("config.json", "{\"model_type\": \"llama\", \"rms_norm_eps\": NaN}"));
      }),
      {"rms_norm_eps", "NaN", "a number is needed"});
  const std::string unread =
      "{\"model_type\": \"llama\", \"limits\": [0, Infinity, -Infinity, NaN], \"note\": \"NaN \\\"NaN\"}";
  CHECK(read_architecture_file(folder.put("config.json", "\xef\xbb\xbf" + unread)).hidden_size == 4096);
  check_refused(refusal([&] {
                  read_architecture_file(folder.put("config.json", "{\n // the family\n \"model_type\": \"llama\"}"));
                }),
                {"comment at line 2", "remove it"});
  check_refused(
      refusal([&] {
        read_architecture_file(folder.put("config.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"));
      }),
      {"config.json", "git lfs pull"});
  check_refused(refusal([&] { read_architecture_file(folder.put("config.json", "\n<!DOCTYPE html><html>")); }),
                {"config.json", "web page"});
  check_refused(refusal([&] { read_architecture_file(folder.put("config.json", "{\"rope_theta\": 1e400}")); }),
                {"rope_theta", "too large"});
  check_refused(refusal([&] { read_architecture_file(folder.file("nowhere.json")); }), {"nowhere.json"});
}

// ---- Rope tables.

TEST_CASE("rope table: frequencies by the formulas of each type") {
  const Rope plain;
  const auto frequencies = inverse_frequencies(plain, 8);
  REQUIRE(frequencies.size() == 4);
  for (size_t i = 0; i < 4; ++i)
    CHECK(frequencies[i] == doctest::Approx(std::pow(10000.0, -static_cast<double>(i) / 4)).epsilon(1e-14));
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

TEST_CASE("rope table: YaRN's frequencies and attention factors are transformers'") {
  const json yarn = {
      {"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}, {"rope_theta", 1000.0}};
  struct Known {
    json changes;
    double second, third, sixth, attention_factor;  // transformers 5.24, of a head of 16
  };
  const std::vector<Known> known = {
      {json::object(), 0.3162724, 0.08891397, 0.003333804, 1.138629436111989},
      {{{"beta_fast", 4}, {"beta_slow", 2}}, 0.4216965, 0.04445698, 0.003333804, 1.138629436111989},
      {{{"beta_fast", 0}}, 0.3162724, 0.08891397, 0.003333804, 1.138629436111989},
      {{{"truncate", false}}, 0.3040357, 0.0785936, 0.003333804, 1.138629436111989},
      {{{"mscale", 0.7}, {"mscale_all_dim", 1.3}}, 0.3162724, 0.08891397, 0.003333804, 0.9295234923939468},
      {{{"mscale", 0.7}}, 0.3162724, 0.08891397, 0.003333804, 1.138629436111989},
      {{{"attention_factor", 0.7}}, 0.3162724, 0.08891397, 0.003333804, 0.7},
      {{{"factor", 0.5}}, 0.5622621, 0.2963799, 0.02667043, 1.0},
  };
  for (const Known& each : known) {
    CAPTURE(each.changes.dump());
    const Rope rope = read(with(small_config("llama"), {{"rope_parameters", with(yarn, each.changes)}})).rope;
    const auto frequencies = inverse_frequencies(rope, 16);
    CHECK(frequencies[0] == 1);
    CHECK(frequencies[1] == doctest::Approx(each.second).epsilon(2e-7));
    CHECK(frequencies[2] == doctest::Approx(each.third).epsilon(2e-7));
    CHECK(frequencies[5] == doctest::Approx(each.sixth).epsilon(2e-7));
    CHECK(rope.attention_factor == doctest::Approx(each.attention_factor).epsilon(1e-14));
    const RopeTable table = rope_table(rope, 16, 2);
    CHECK(table.cosine[8] == static_cast<float>(rope.attention_factor * std::cos(1.0)));
    CHECK(table.sine[8] == static_cast<float>(rope.attention_factor * std::sin(1.0)));
  }
  // A factor of null is the ratio of the two lengths, 128 and 32.
  json config = small_config("llama");
  config["rope_parameters"] = with_null(with(yarn, {{"original_max_position_embeddings", 32}}), "factor");
  CHECK(read(config).rope.factor == 4);
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
