#include "testing/generation_check.h"

namespace cheems::generation {
namespace {

using namespace testing;

void check_same(const Generated& a, const Generated& b) {
  CHECK(a.tokens == b.tokens);
  REQUIRE(a.logits.size() == b.logits.size());
  for (size_t i = 0; i < a.logits.size(); ++i) {
    REQUIRE(a.logits[i].size() == b.logits[i].size());
    for (size_t step = 0; step < a.logits[i].size(); ++step) CHECK(same_bits(a.logits[i][step], b.logits[i][step]));
  }
}

TEST_CASE("generation: transformers' greedy tokens and logits, with a vocabulary of its own and a tied one") {
  for (const char* name : {"qwen2-causal", "qwen2-causal-tied"}) {
    for (const bool legacy : {false, true}) check_causal_reference(name, legacy, cpu_backend(2));
  }
}

// The logits of a step are those of one forward pass over the prompt and all tokens so far, without any cache, to the
// bit.
TEST_CASE("generation: with a cache every family's logits are those of whole sequences") {
  for (const std::string& family : kDecoderFamilies) {
    CAPTURE(family);
    const auto model = CausalFolder(causal_config(family)).load(cpu_backend(2));
    const OwnedSamples prompts = mixed_prompts();
    const Generated found = generate(*model, prompts, {});
    OwnedSamples whole;
    for (size_t i = 0; i < found.tokens.size(); ++i) {
      const std::vector<int32_t> prompt(prompts.tokens.begin() + prompts.offsets[i],
                                        prompts.tokens.begin() + prompts.offsets[i + 1]);
      REQUIRE(found.tokens[i].size() == 10);
      for (int64_t step = 0; step < 10; ++step)
        whole.add(joined(prompt, {found.tokens[i].begin(), found.tokens[i].begin() + step}),
                  static_cast<int32_t>(10 * i) + static_cast<int32_t>(step));
    }
    const int64_t vocabulary = model->architecture().vocab_size;
    const NextTokens exact = NextTokenReader(*model, 8192).read(whole.view(), vocabulary, Control());
    for (size_t i = 0; i < found.tokens.size(); ++i) {
      for (size_t step = 0; step < 10; ++step) {
        const auto best = likeliest_tokens(found.logits[i][step], vocabulary);
        for (size_t k = 0; k < best.size(); ++k) {
          const size_t at = (10 * i + step) * static_cast<size_t>(vocabulary) + k;
          CHECK(best[k].first == exact.ids[at]);
          CHECK(best[k].second == exact.log_probabilities[at]);
        }
      }
    }
  }
}

TEST_CASE("generation: a sequence's bits do not depend on company, room, chunks of prompts, steps a call or threads") {
  for (const char* family : {"qwen2", "gemma2"}) {
    for (const double temperature : {0.0, 0.8}) {
      const CausalFolder folder(causal_config(family));
      const auto model = folder.load(cpu_backend(1));
      const OwnedSamples prompts = mixed_prompts();
      GenerationOptions options{.sampling = {.temperature = temperature, .top_k = 20, .top_p = 0.95, .seed = 11},
                                .sequence_numbers = {3, 1, 4, 1, 5, 9, 2}};
      const Generated together = generate(*model, prompts, options);
      // Equal prompts with equal sequence numbers are one sequence.
      CHECK(together.tokens[1] == together.tokens[3]);
      for (size_t i = 0; i < prompts.groups.size(); ++i) {
        GenerationOptions one = options;
        one.sequence_numbers = {options.sequence_numbers[i]};
        const Generated alone = generate(*model, only(prompts, i), one);
        CHECK(alone.tokens[0] == together.tokens[i]);
        for (size_t step = 0; step < 10; ++step) CHECK(same_bits(alone.logits[0][step], together.logits[i][step]));
      }
      GenerationOptions narrow = options;
      narrow.micro_batch_tokens = 4;
      narrow.cache_tokens = 95;
      narrow.max_sequences = 3;
      check_same(generate(*model, prompts, narrow, 10, 1), together);
      OwnedSamples apart = prompts;
      apart.groups = ids(0, static_cast<int64_t>(apart.groups.size()));
      const Generated unshared = generate(*model, apart, options, 10, 100);
      check_same(unshared, together);
      CHECK(unshared.computed_tokens > together.computed_tokens + 2 * 30);
      check_same(generate(*folder.load(cpu_backend(5)), prompts, options), together);
    }
  }
}

TEST_CASE("generation: 16-bit weights kept as stored give the bits of the same weights in float32") {
  const CausalFolder folder(causal_config("qwen2"), DType::bfloat16);
  check_same(generate(*folder.load(cpu_backend(2), DType::float32, true), mixed_prompts(), {}),
             generate(*folder.load(cpu_backend(2)), mixed_prompts(), {}));
}

TEST_CASE(
    "generation: stop tokens, lengths of each prompt, the end of the positions, and prompts that the caller ends") {
  const auto model = CausalFolder(causal_config("llama")).load(cpu_backend(1));
  const OwnedSamples prompts = mixed_prompts();
  const Generated free = generate(*model, prompts, {}, 12);
  // The first prompt's fourth token stops whoever says it.
  GenerationOptions options{.max_new_tokens = {12, 1, 2, 5, 12, 12, 12}, .stop_tokens = {free.tokens[0][3]}};
  const Generated found = generate(*model, prompts, options);
  for (size_t i = 0; i < found.tokens.size(); ++i) {
    std::vector<int32_t> expected(free.tokens[i].begin(), free.tokens[i].begin() + options.max_new_tokens[i]);
    const auto stop = std::find(expected.begin(), expected.end(), options.stop_tokens[0]);
    const bool stopped = stop != expected.end();
    expected.erase(stop, expected.end());
    CHECK(found.tokens[i] == expected);
    CHECK(found.finish[i] == (stopped ? Finish::stop_token : Finish::length));
  }
  CHECK(found.finish[0] == Finish::stop_token);
  CHECK(std::find(found.finish.begin(), found.finish.end(), Finish::length) != found.finish.end());

  // 128 positions: a prompt of 125 tokens has room for three more, and a fourth that is chosen behind the last.
  OwnedSamples longest;
  std::vector<int32_t> ids_125(125, 7);
  longest.add(ids_125, 0);
  CHECK(generate(*model, longest, {}, 50).tokens[0].size() == 4);

  Generator generator(*model, prompts.view(), {.max_new_tokens = std::vector<int32_t>(7, 12), .max_sequences = 3});
  auto advanced = generator.advance(2, {}, Control());
  CHECK(advanced.counts == std::vector<int32_t>{2, 2, 2, 0, 0, 0, 0});
  const std::vector<int32_t> stop{1, 6, 1};
  advanced = generator.advance(2, stop, Control());
  CHECK(advanced.finished == std::vector<uint8_t>{0, 3, 0, 0, 0, 0, 3});
  CHECK(advanced.counts == std::vector<int32_t>{2, 0, 2, 2, 0, 0, 0});
  advanced = generator.advance(100, {}, Control());
  CHECK(advanced.finished == std::vector<uint8_t>{2, 3, 2, 2, 2, 2, 3});
  CHECK(std::vector<int32_t>(advanced.tokens.end() - 12, advanced.tokens.end()) == free.tokens[5]);
  check_refused(refusal([&] { generator.advance(1, {}, Control()); }), {"nothing left to generate"});
}

TEST_CASE("generation: ended sequences make room in a cache for one prompt at a time") {
  const auto model = CausalFolder(causal_config("mistral")).load(cpu_backend(2));
  const OwnedSamples prompts = mixed_prompts();
  int64_t largest = 0;
  for (size_t i = 0; i + 1 < prompts.offsets.size(); ++i)
    largest = std::max<int64_t>(largest, prompts.offsets[i + 1] - prompts.offsets[i] + 9);
  check_same(generate(*model, prompts, {.cache_tokens = largest}), generate(*model, prompts, {}));
  check_refused(refusal([&] { generate(*model, prompts, {.cache_tokens = largest - 1}); }),
                {"cache_tokens", "prompt 1", std::to_string(largest)});
}

TEST_CASE("generation: what is canceled goes on where it stopped and loses nothing") {
  const auto model = CausalFolder(causal_config("qwen3")).load(cpu_backend(1));
  const OwnedSamples prompts = mixed_prompts();
  const Generated expected = generate(*model, prompts, {});
  GenerationOptions options{.max_new_tokens = std::vector<int32_t>(7, 10), .micro_batch_tokens = 16};
  Control canceled;
  int64_t seen = 0;
  options.on_logits = [&](int64_t, int64_t, std::span<const float>) {
    if (++seen == 20) canceled.cancel();
  };
  Generator generator(*model, prompts.view(), options);
  CHECK_THROWS_AS(generator.advance(100, {}, canceled), Canceled);
  CHECK_THROWS_AS(generator.advance(100, {}, canceled), Canceled);
  const auto advanced = generator.advance(100, {}, Control());
  std::vector<int32_t> all;
  for (const auto& tokens : expected.tokens) all.insert(all.end(), tokens.begin(), tokens.end());
  CHECK(advanced.tokens == all);
}

TEST_CASE("generation: prompts and options that do not fit are refused by name") {
  const auto model = CausalFolder(causal_config("llama")).load(cpu_backend(1));
  const OwnedSamples prompts = only(mixed_prompts(), 0);
  const auto refused = [&](GenerationOptions options, const OwnedSamples& samples) {
    return refusal([&] { Generator(*model, samples.view(), std::move(options)); });
  };
  check_refused(refused({}, prompts), {"max_new_tokens", "0 entries", "1 prompts"});
  check_refused(refused({.max_new_tokens = {0}}, prompts), {"max_new_tokens of prompt 0", "at least 1"});
  check_refused(refused({.sampling = {.top_p = 2}, .max_new_tokens = {1}}, prompts), {"top_p"});
  check_refused(refused({.max_new_tokens = {1}, .sequence_numbers = {1, 2}}, prompts), {"sequence_numbers"});
  check_refused(refused({.max_new_tokens = {1}, .stop_tokens = {40}}, prompts), {"Stop token 40", "40 ids"});
  check_refused(refused({.max_new_tokens = {1}, .micro_batch_tokens = 0}, prompts), {"micro_batch_tokens"});
  OwnedSamples none;
  check_refused(refused({}, none), {"no prompts"});
  OwnedSamples foreign;
  foreign.add({3, 40}, 0);
  check_refused(refused({.max_new_tokens = {1}}, foreign), {"token id 40", "position 1"});
  Generator generator(*model, prompts.view(), {.max_new_tokens = {3}});
  check_refused(refusal([&] { generator.advance(0, {}, Control()); }), {"steps"});
  const std::vector<int32_t> stop{1};
  check_refused(refusal([&] { generator.advance(1, stop, Control()); }), {"stop prompt 1", "0 to 0"});
  check_refused(refusal([&] { NextTokenReader(*model, 64).read(prompts.view(), 41, Control()); }), {"count is 41"});
}

TEST_CASE("generation: numbers that overflow are an error, and the generation is over") {
  nlohmann::json config = causal_config("llama");
  config["tie_word_embeddings"] = true;
  const CausalFolder folder(config);
  const auto model = folder.load(cpu_backend(1));
  auto* embedding = static_cast<float*>(model->parameters().tensors().embedding.data);
  embedding[5 * 16] = INFINITY;
  const OwnedSamples prompts = only(mixed_prompts(), 0);
  Generator generator(*model, prompts.view(), {.max_new_tokens = {3}});
  check_refused(refusal([&] { generator.advance(1, {}, Control()); }), {"not finite"});
  check_refused(refusal([&] { generator.advance(1, {}, Control()); }), {"failed earlier"});
}

}  // namespace
}  // namespace cheems::generation
