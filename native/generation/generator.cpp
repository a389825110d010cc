#include "generation/generator.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "execution/session.h"
#include "generation/logits.h"
#include "generation/row_allocator.h"
#include "generation/step_tree.h"
#include "model/key_value_cache.h"

namespace cheems::generation {
namespace {

struct Sequence {
  int64_t prompt_length = 0, max_new_tokens = 0;
  std::shared_ptr<CachedPrompts> prompts;  // null while it waits and after it has ended
  int32_t last_segment = -1;               // of the prompt, within prompts->tree
  int64_t begin = 0;                       // cache rows reserved for its new tokens
  std::vector<int32_t> tokens;             // new ones
  size_t delivered = 0;
  Finish finish = Finish::running;

  // The last token is chosen but never computed.
  int64_t reserved_rows() const { return max_new_tokens - 1; }
  int64_t rows() const { return prompt_length + reserved_rows(); }
};

// The segment of a packed tree whose last row is `row`.
int32_t segment_ending_at(const PackedTree& tree, int32_t row) {
  for (size_t s = 0;; ++s) {
    if (tree.segments[s].begin + tree.segments[s].length - 1 == row) return static_cast<int32_t>(s);
  }
}

std::vector<int32_t> copied(std::span<const int32_t> numbers) { return {numbers.begin(), numbers.end()}; }

void check_options(const GenerationOptions& o, const Samples& prompts, const model::Architecture& architecture) {
  check_sampling(o.sampling);
  const auto count = static_cast<size_t>(prompts.count());
  if (count == 0) fail("There are no prompts to generate from.");
  check_samples(prompts, architecture.vocab_size, architecture.max_position_embeddings);
  if (!prompts.readout_offsets.empty())
    fail("Prompts must have no readouts: generation continues from their last tokens.");
  if (o.max_new_tokens.size() != count)
    fail("max_new_tokens has ", o.max_new_tokens.size(), " entries for ", count, " prompts.");
  for (size_t i = 0; i < count; ++i) {
    if (o.max_new_tokens[i] < 1)
      fail("max_new_tokens of prompt ", i, " is ", o.max_new_tokens[i], "; it must be at least 1.");
  }
  if (!o.sequence_numbers.empty() && o.sequence_numbers.size() != count)
    fail("sequence_numbers has ", o.sequence_numbers.size(), " entries for ", count, " prompts.");
  for (const int32_t id : o.stop_tokens) {
    if (id < 0 || id >= architecture.vocab_size)
      fail("Stop token ", id, " is outside the model's vocabulary of ", architecture.vocab_size, " ids.");
  }
  if (o.micro_batch_tokens < 1) fail("micro_batch_tokens is ", o.micro_batch_tokens, "; it must be at least 1.");
  if (o.max_sequences < 1) fail("max_sequences is ", o.max_sequences, "; it must be at least 1.");
  if (o.cache_tokens < 0) fail("cache_tokens is ", o.cache_tokens, "; it must be 0 (as many as are useful) or above.");
}

}  // namespace

struct Generator::State {
  const model::CausalModel& model;
  const GenerationOptions options;
  const std::vector<int32_t> tokens, offsets, groups;  // the prompts
  std::vector<Sequence> sequences;
  std::vector<std::shared_ptr<CachedPrompts>> filling;  // prompts of which not all rows are computed yet, in order
  std::vector<int32_t> under_way;                       // sequences that have a first token and have not ended
  size_t next = 0;                                      // the first sequence that may wait for room
  int64_t in_cache = 0;                                 // sequences that have room in the cache
  int64_t computed_tokens = 0;
  bool broken = false;
  std::unique_ptr<RowAllocator> rows;
  std::unique_ptr<model::KeyValueCache> cache;
  execution::Session session;
  std::unique_ptr<Logits> logits;

  State(const model::CausalModel& causal_model, const Samples& prompts, GenerationOptions given)
      : model(causal_model),
        options(std::move(given)),
        tokens(copied(prompts.tokens)),
        offsets(copied(prompts.offsets)),
        groups(copied(prompts.groups)),
        session(model, {.micro_batch_tokens = options.micro_batch_tokens, .hidden_dtype = model.activations()}) {
    const auto& architecture = model.architecture();
    for (size_t i = 0; i < groups.size(); ++i) {
      Sequence sequence;
      sequence.prompt_length = offsets[i + 1] - offsets[i];
      sequence.max_new_tokens = options.max_new_tokens[i];
      // The last of the new tokens needs no position.
      if (architecture.max_position_embeddings > 0)
        sequence.max_new_tokens =
            std::min(sequence.max_new_tokens, architecture.max_position_embeddings - sequence.prompt_length + 1);
      sequences.push_back(std::move(sequence));
    }
    take_memory();
  }

  Samples prompts() const { return {.tokens = tokens, .offsets = offsets, .groups = groups}; }

  int64_t cache_rows() const {
    const auto largest = std::max_element(sequences.begin(), sequences.end(),
                                          [](const Sequence& a, const Sequence& b) { return a.rows() < b.rows(); });
    if (options.cache_tokens > 0) {
      if (options.cache_tokens < largest->rows()) {
        fail("A cache of ", options.cache_tokens, " tokens (cache_tokens) cannot hold prompt ",
             largest - sequences.begin(), " with ", largest->prompt_length, " tokens and ", largest->max_new_tokens,
             " new ones; it must have room for ", largest->rows(), ".");
      }
      return options.cache_tokens;
    }
    std::vector<int64_t> needs;
    for (const Sequence& sequence : sequences) needs.push_back(sequence.rows());
    std::sort(needs.rbegin(), needs.rend());
    needs.resize(std::min(needs.size(), static_cast<size_t>(options.max_sequences)));
    const int64_t useful = std::accumulate(needs.begin(), needs.end(), int64_t{0});
    const int64_t per_row = model::KeyValueCache::bytes(model.architecture(), 1024, model.activations()) / 1024;
    const int64_t reserve = options.memory_reserve < 0 ? model.backend().memory_reserve() : options.memory_reserve;
    const int64_t available = std::max<int64_t>(0, model.backend().available_memory() - reserve);
    return std::max(largest->rows(), std::min(useful, available / 2 / per_row));
  }

  void take_memory() {
    const int64_t cached = cache_rows();
    rows = std::make_unique<RowAllocator>(cached);
    cache = std::make_unique<model::KeyValueCache>(model.architecture(), cached, model.activations(), model.backend());
    const int64_t most = std::min<int64_t>(options.max_sequences, static_cast<int64_t>(sequences.size()));
    model::ActivationCapacity capacity;
    for (const Sequence& sequence : sequences) capacity.longest_path = std::max(capacity.longest_path, sequence.rows());
    capacity.rows = most + std::min(options.micro_batch_tokens, static_cast<int64_t>(tokens.size()));
    capacity.rewards = most + 1;
    capacity.dtype = capacity.final_dtype = model.activations();
    session.network_with(capacity);
    logits = std::make_unique<Logits>(model, most);
  }

  // Gives rows of the cache to waiting prompts, in their order, while there are free rows.
  void admit() {
    while (next < sequences.size() && in_cache < options.max_sequences) {
      if (sequences[next].finish != Finish::running) {
        ++next;
        continue;
      }
      size_t end = next;  // the prompts of one group that may enter together and share their common prefixes
      while (end < sequences.size() && groups[end] == groups[next] &&
             static_cast<int64_t>(end - next) < options.max_sequences - in_cache)
        ++end;
      size_t admitted = 0;
      for (size_t count = end - next; count > 0 && admitted == 0; count /= 2)
        admitted = admit_group(next, next + count) ? count : 0;
      if (admitted == 0) return;
      next += admitted;
    }
  }

  // All of them or none.
  bool admit_group(size_t begin, size_t end) {
    std::vector<int32_t> chosen;
    for (size_t i = begin; i < end; ++i) {
      if (sequences[i].finish == Finish::running) chosen.push_back(static_cast<int32_t>(i));
    }
    auto cached = std::make_shared<CachedPrompts>();
    cached->tree = session.pack(prompts(), chosen, TokenOrder::none);
    std::vector<std::pair<int64_t, int64_t>> taken;
    const auto take = [&](int64_t count) {
      const auto first = rows->take(count);
      if (first) taken.emplace_back(*first, count);
      return first;
    };
    auto first = take(cached->tree.rows());
    if (first) cached->begin = *first;
    std::vector<int64_t> begins;
    for (size_t i = 0; first && i < chosen.size(); ++i) {
      if ((first = take(sequences[static_cast<size_t>(chosen[i])].reserved_rows()))) begins.push_back(*first);
    }
    if (!first) {
      for (const auto& [row, count] : taken) rows->give_back(row, count);
      return false;
    }
    for (size_t r = 0; r < cached->tree.samples.size(); ++r) {
      Sequence& sequence = sequences[static_cast<size_t>(cached->tree.samples[r])];
      sequence.last_segment =
          segment_ending_at(cached->tree, cached->tree.reward_rows[static_cast<size_t>(cached->tree.reward_index[r])]);
    }
    for (size_t i = 0; i < chosen.size(); ++i) {
      Sequence& sequence = sequences[static_cast<size_t>(chosen[i])];
      sequence.prompts = cached;
      sequence.begin = begins[i];
    }
    cached->users = static_cast<int64_t>(chosen.size());
    in_cache += cached->users;
    filling.push_back(cached);
    return true;
  }

  void end(int32_t number, Finish how) {
    Sequence& sequence = sequences[static_cast<size_t>(number)];
    sequence.finish = how;
    std::erase(under_way, number);
    if (!sequence.prompts) return;
    rows->give_back(sequence.begin, sequence.reserved_rows());
    --in_cache;
    PackedTree& tree = sequence.prompts->tree;  // no prompt rows are left to compute
    const auto r = std::find(tree.samples.begin(), tree.samples.end(), number) - tree.samples.begin();
    tree.samples.erase(tree.samples.begin() + r);
    tree.reward_index.erase(tree.reward_index.begin() + r);
    if (--sequence.prompts->users == 0) {
      rows->give_back(sequence.prompts->begin, sequence.prompts->tree.rows());
      std::erase(filling, sequence.prompts);
    }
    sequence.prompts.reset();
  }

  // One forward pass over all new tokens; false if there are none.
  bool step(const Control& control) {
    admit();
    StepTree builder;
    std::vector<std::pair<std::shared_ptr<CachedPrompts>, int64_t>> filled;
    for (int64_t left = options.micro_batch_tokens; const auto& prompts : filling) {
      if (left == 0) break;
      const int64_t to = std::min(prompts->tree.rows(), prompts->computed + left);
      left -= to - prompts->computed;
      builder.add_prompts(*prompts, to);
      filled.emplace_back(prompts, to);
    }
    for (const int32_t number : under_way) {
      const Sequence& s = sequences[static_cast<size_t>(number)];
      builder.add_token(*s.prompts,
                        {number, s.tokens.back(), s.last_segment, s.begin, static_cast<int64_t>(s.tokens.size()) - 1});
    }
    if (builder.empty()) return false;
    StepTree::Readers readers;
    const PackedTree tree = builder.finish(readers);
    const Tensor hidden = session.network().forward_hidden(tree, control, cache.get());
    computed_tokens += tree.rows();
    for (const auto& [prompts, to] : filled) prompts->computed = to;
    std::erase_if(filling, [](const auto& prompts) { return prompts->computed == prompts->tree.rows(); });
    if (readers.sequences.empty()) return true;
    // From here on nothing may be left half done, so cancellation is not checked.
    logits->for_each_row(hidden, Control(), [&](int64_t row, std::span<const float> numbers) {
      const auto at = static_cast<size_t>(row);
      for (int32_t i = readers.begins[at]; i < readers.begins[at + 1]; ++i)
        choose(readers.sequences[static_cast<size_t>(i)], numbers);
    });
    return true;
  }

  void choose(int32_t number, std::span<const float> numbers) {
    Sequence& sequence = sequences[static_cast<size_t>(number)];
    if (sequence.finish != Finish::running) return;
    const auto step_number = static_cast<int64_t>(sequence.tokens.size());
    if (options.on_logits) options.on_logits(number, step_number, numbers);
    const int64_t stream =
        options.sequence_numbers.empty() ? number : options.sequence_numbers[static_cast<size_t>(number)];
    const int32_t token = next_token(numbers, options.sampling, stream, step_number);
    if (std::find(options.stop_tokens.begin(), options.stop_tokens.end(), token) != options.stop_tokens.end())
      return end(number, Finish::stop_token);
    sequence.tokens.push_back(token);
    if (static_cast<int64_t>(sequence.tokens.size()) == sequence.max_new_tokens) return end(number, Finish::length);
    if (step_number == 0) under_way.push_back(number);
  }

  bool done() const {
    return std::all_of(sequences.begin(), sequences.end(),
                       [](const Sequence& s) { return s.finish != Finish::running; });
  }
  bool delivered() const {
    return std::all_of(sequences.begin(), sequences.end(),
                       [](const Sequence& s) { return s.delivered == s.tokens.size(); });
  }

  Advanced deliver() {
    Advanced result;
    for (Sequence& sequence : sequences) {
      result.tokens.insert(result.tokens.end(),
                           sequence.tokens.begin() + static_cast<std::ptrdiff_t>(sequence.delivered),
                           sequence.tokens.end());
      result.counts.push_back(static_cast<int32_t>(sequence.tokens.size() - sequence.delivered));
      result.finished.push_back(static_cast<uint8_t>(sequence.finish));
      sequence.delivered = sequence.tokens.size();
    }
    return result;
  }
};

Generator::Generator(const model::CausalModel& model, const Samples& prompts, GenerationOptions options) {
  check_options(options, prompts, model.architecture());
  state_ = std::make_unique<State>(model, prompts, std::move(options));
}
Generator::~Generator() = default;

bool Generator::done() const { return state_->done(); }
int64_t Generator::computed_tokens() const { return state_->computed_tokens; }

Generator::Advanced Generator::advance(int64_t steps, std::span<const int32_t> stop, const Control& control) {
  State& s = *state_;
  if (s.broken) fail("This generation failed earlier and cannot continue; start a new one.");
  if (steps < 1) fail("advance was asked for ", steps, " steps; it must be at least 1.");
  if (s.done() && s.delivered()) fail("All prompts of this generation have ended: there is nothing left to generate.");
  for (const int32_t number : stop) {
    if (number < 0 || number >= static_cast<int32_t>(s.sequences.size()))
      fail("advance was asked to stop prompt ", number, ", but there are prompts 0 to ", s.sequences.size() - 1, ".");
  }
  for (const int32_t number : stop) {
    if (s.sequences[static_cast<size_t>(number)].finish == Finish::running) s.end(number, Finish::by_caller);
  }
  try {
    for (int64_t step = 0; step < steps && s.step(control); ++step) {
      const auto ended = std::count_if(s.sequences.begin(), s.sequences.end(),
                                       [](const Sequence& q) { return q.finish != Finish::running; });
      control.report(ended, static_cast<int64_t>(s.sequences.size()), s.computed_tokens);
    }
  } catch (const Canceled&) {
    throw;
  } catch (...) {
    s.broken = true;
    throw;
  }
  return s.deliver();
}

}  // namespace cheems::generation
