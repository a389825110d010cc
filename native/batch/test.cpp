#include <doctest/doctest.h>

#include <map>
#include <set>

#include "core/error.h"
#include "core/random.h"
#include "testing/trees.h"

namespace cheems {
namespace {

using namespace testing;

std::vector<int32_t> tokens_of(const OwnedSamples& samples, size_t s) {
  return {samples.tokens.begin() + samples.offsets[s], samples.tokens.begin() + samples.offsets[s + 1]};
}

// Groups of random samples that share prefixes at several depths, by few distinct ids and copied beginnings.
OwnedSamples random_samples(uint64_t seed) {
  RandomStream random(seed, 0);
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(random.next() % n); };
  OwnedSamples samples;
  const int64_t groups = 1 + below(5);
  for (int64_t group = 0; group < groups; ++group) {
    std::vector<std::vector<int32_t>> members;
    const int64_t count = 1 + below(7);
    for (int64_t i = 0; i < count; ++i) {
      std::vector<int32_t> ids;
      if (!members.empty() && below(5) > 0) {
        const auto& other = members[static_cast<size_t>(below(members.size()))];
        ids.assign(other.begin(), other.begin() + below(other.size() + 1));
      }
      const int64_t more = below(4) == 0 ? below(60) : below(8);
      for (int64_t j = 0; j < more || ids.empty(); ++j) ids.push_back(static_cast<int32_t>(below(3)));
      members.push_back(ids);
      samples.add(ids, static_cast<int32_t>(group));
    }
  }
  return samples;
}

// Distinct prefixes of the samples, group by group: no packing can have fewer rows.
int64_t distinct_prefixes(const OwnedSamples& samples, const std::vector<int32_t>& chosen) {
  std::set<std::pair<int32_t, std::vector<int32_t>>> prefixes;
  for (const int32_t s : chosen) {
    const auto ids = tokens_of(samples, static_cast<size_t>(s));
    for (size_t length = 1; length <= ids.size(); ++length)
      prefixes.insert(
          {samples.groups[static_cast<size_t>(s)], {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length)}});
  }
  return static_cast<int64_t>(prefixes.size());
}

int64_t token_count(const OwnedSamples& samples, const std::vector<int32_t>& chosen) {
  int64_t sum = 0;
  for (const int32_t s : chosen)
    sum += samples.offsets[static_cast<size_t>(s) + 1] - samples.offsets[static_cast<size_t>(s)];
  return sum;
}

void check_segments(const PackedTree& tree) {
  int32_t row = 0, trees = -1;
  for (size_t i = 0; i < tree.segments.size(); ++i) {
    const Segment& s = tree.segments[i];
    REQUIRE(s.begin == row);
    REQUIRE(s.length >= 1);
    REQUIRE(s.parent < static_cast<int32_t>(i));
    if (s.parent < 0) {
      CHECK(s.position == 0);
      ++trees;
    } else {
      const Segment& parent = tree.segments[static_cast<size_t>(s.parent)];
      CHECK(s.position == parent.position + parent.length);
      CHECK(s.tree == parent.tree);
    }
    CHECK(s.tree == trees);
    CHECK((static_cast<int32_t>(i) >= tree.tree_begins[static_cast<size_t>(s.tree)] &&
           static_cast<int32_t>(i) < tree.tree_begins[static_cast<size_t>(s.tree) + 1]));
    for (int32_t t = 0; t < s.length; ++t) CHECK(tree.positions[static_cast<size_t>(row + t)] == s.position + t);
    row += s.length;
  }
  CHECK(row == tree.rows());
  CHECK(static_cast<int32_t>(tree.tree_begins.size()) == trees + 2);
  CHECK(tree.tree_begins.back() == static_cast<int32_t>(tree.segments.size()));
}

void check_token_order(const PackedTree& tree) {
  std::vector<int32_t> expected = ids(0, tree.rows());
  std::stable_sort(expected.begin(), expected.end(), [&](int32_t a, int32_t b) {
    return tree.tokens[static_cast<size_t>(a)] < tree.tokens[static_cast<size_t>(b)];
  });
  CHECK(tree.token_order == expected);
  REQUIRE(tree.token_runs.size() == std::set<int32_t>(tree.tokens.begin(), tree.tokens.end()).size() + 1);
  CHECK((tree.token_runs.front() == 0 && tree.token_runs.back() == tree.rows()));
  for (size_t run = 0; run + 1 < tree.token_runs.size(); ++run) {
    const auto id = [&](int32_t at) {
      return tree.tokens[static_cast<size_t>(tree.token_order[static_cast<size_t>(at)])];
    };
    CHECK(id(tree.token_runs[run]) == id(tree.token_runs[run + 1] - 1));
  }
}

void check_tree(const OwnedSamples& samples, const std::vector<int32_t>& chosen, bool share) {
  const PackedTree tree = pack_tree(samples.view(), chosen, share);
  check_segments(tree);
  check_token_order(tree);
  REQUIRE(tree.rewards() == static_cast<int64_t>(chosen.size()));
  CHECK(std::set<int32_t>(tree.samples.begin(), tree.samples.end()) == std::set<int32_t>(chosen.begin(), chosen.end()));
  CHECK(std::set<int32_t>(tree.reward_rows.begin(), tree.reward_rows.end()).size() == tree.reward_rows.size());
  CHECK(std::is_sorted(tree.reward_rows.begin(), tree.reward_rows.end()));
  int64_t longest = 0;
  for (size_t r = 0; r < tree.samples.size(); ++r) {
    const auto index = static_cast<size_t>(tree.reward_index[r]);
    const auto expected = tokens_of(samples, static_cast<size_t>(tree.samples[r]));
    std::vector<int32_t> spelled;
    for (const int32_t row : path_to(tree, tree.reward_rows[index]))
      spelled.push_back(tree.tokens[static_cast<size_t>(row)]);
    CHECK(spelled == expected);
    CHECK(tree.reward_positions[index] == static_cast<int32_t>(expected.size()) - 1);
    longest = std::max(longest, static_cast<int64_t>(expected.size()));
  }
  CHECK(tree.longest_path == longest);
  if (share) {
    // Not shared are at most short runs: fewer than 16 tokens saved at each branching.
    CHECK(tree.rows() >= distinct_prefixes(samples, chosen));
    CHECK(tree.rows() <= token_count(samples, chosen));
    CHECK(tree.rows() <= distinct_prefixes(samples, chosen) + 16 * static_cast<int64_t>(chosen.size()) * 3);
  } else {
    CHECK(tree.rows() == token_count(samples, chosen));
    CHECK(tree.segments.size() == chosen.size());
  }
}

TEST_CASE("packed tree: of random samples, every path spells its sample, parents come first, and indices agree") {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const OwnedSamples samples = random_samples(seed);
    for (const bool share : {true, false}) check_tree(samples, all_samples(samples), share);
  }
  for (const bool share : {true, false}) check_tree(deep_samples(), all_samples(deep_samples()), share);
}

TEST_CASE("packed tree: a prompt stands once; equal samples share a row; a sample may end where others go on") {
  const OwnedSamples deep = deep_samples();
  const PackedTree tree = pack_tree(deep.view(), all_samples(deep), true);
  // 37 + 20 + 18 + 5 + 70 + 7 + 1 + 60, then 1, 131, and 3 + 17 + 31 + 2.
  CHECK(tree.rows() == 218 + 1 + 131 + 53);
  CHECK(tree.longest_path == 145);
  CHECK(tree.rewards() == 12);
  CHECK(tree.reward_rows.size() == 11);  // samples 1 and 2 are equal
  CHECK(tree.tree_begins.size() == 5);
  const auto rows = sample_rows(tree);
  CHECK(rows[1] == rows[2]);
  CHECK(rows[5] == std::vector<int32_t>(rows[0].begin(), rows[0].begin() + 37));  // the prompt alone
}

TEST_CASE("packed tree: equal ids of different groups are not shared, and a short common run is not split off") {
  OwnedSamples samples;
  samples.add({1, 2, 3}, 0);
  samples.add({1, 2, 3}, 1);
  CHECK(pack_tree(samples.view(), all_samples(samples), true).rows() == 6);
  OwnedSamples short_run;  // below the prompt 1, the two that go on with 2 would save less than they cost
  for (const auto& tail : {ids(20, 3), ids(30, 3)}) short_run.add(joined({1, 2}, tail), 0);
  short_run.add({1, 9}, 0);
  CHECK(pack_tree(short_run.view(), all_samples(short_run), true).rows() == 1 + 4 + 4 + 1);
}

TEST_CASE("packed tree: a token left out has no rows in the order, and the others keep theirs") {
  OwnedSamples samples;
  samples.add({5, 3, 5, 9}, 0);
  samples.add({5, 3, 5, 1, 5}, 0);
  const PackedTree whole = pack_tree(samples.view(), ids(0, 2), true);
  for (const int32_t token : {1, 3, 5, 9}) {
    PackedTree tree = whole;
    leave_token_out(tree, token);
    std::vector<int32_t> order, runs;  // as the definition has it
    for (const int32_t row : whole.token_order) {
      const int32_t id = whole.tokens[static_cast<size_t>(row)];
      if (id == token) continue;
      if (order.empty() || whole.tokens[static_cast<size_t>(order.back())] != id)
        runs.push_back(static_cast<int32_t>(order.size()));
      order.push_back(row);
    }
    runs.push_back(static_cast<int32_t>(order.size()));
    CHECK(tree.token_order == order);
    CHECK(tree.token_runs == runs);
    CHECK(tree.tokens == whole.tokens);
  }
  for (const int32_t absent : {0, 4, 10}) {
    PackedTree tree = whole;
    leave_token_out(tree, absent);
    CHECK(tree.token_order == whole.token_order);
    CHECK(tree.token_runs == whole.token_runs);
  }
  OwnedSamples same;
  same.add({2, 2, 2}, 0);
  PackedTree tree = pack_tree(same.view(), ids(0, 1), true);
  leave_token_out(tree, 2);
  CHECK(tree.token_order.empty());
  CHECK(tree.token_runs == std::vector<int32_t>{0});
}

TEST_CASE("packed tree: micro-batches hold each sample once, within the budget, prompts whole where they fit") {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const OwnedSamples samples = random_samples(seed);
    for (const int64_t budget : {1, 8, 40, 150, 5000}) {
      for (const bool share : {true, false}) {
        CAPTURE(seed);
        CAPTURE(budget);
        std::vector<int32_t> seen;
        std::map<int32_t, std::set<size_t>> batches_of_group;
        const auto plan = plan_micro_batches(samples.view(), budget, share);
        for (size_t batch = 0; batch < plan.size(); ++batch) {
          REQUIRE_FALSE(plan[batch].empty());
          const int64_t rows = pack_tree(samples.view(), plan[batch], share).rows();
          CHECK((rows <= budget || plan[batch].size() == 1));
          CHECK(static_cast<int64_t>(plan[batch].size()) <= reward_capacity(budget));
          for (const int32_t s : plan[batch]) {
            seen.push_back(s);
            batches_of_group[samples.groups[static_cast<size_t>(s)]].insert(batch);
          }
        }
        CHECK(seen == all_samples(samples));
        for (const auto& [group, batches] : batches_of_group) {
          std::vector<int32_t> members;
          for (const int32_t s : seen) {
            if (samples.groups[static_cast<size_t>(s)] == group) members.push_back(s);
          }
          if (pack_tree(samples.view(), members, share).rows() <= budget) CHECK(batches.size() == 1);
        }
      }
    }
  }
}

TEST_CASE("packed tree: more samples than a micro-batch may hold are cut, even where their tokens fit") {
  OwnedSamples samples;
  for (int32_t i = 0; i < 200; ++i) samples.add({5}, i < 150 ? 0 : i);
  const auto plan = plan_micro_batches(samples.view(), 512, true);
  int64_t sum = 0;
  for (const auto& batch : plan) {
    CHECK(static_cast<int64_t>(batch.size()) <= reward_capacity(512));
    sum += static_cast<int64_t>(batch.size());
  }
  CHECK(sum == 200);
}

std::string refusal(const Samples& samples, int64_t vocab_size, int64_t max_positions) {
  try {
    check_samples(samples, vocab_size, max_positions);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("check_samples: good samples pass; bad ids, empty samples, lengths and offsets are named") {
  OwnedSamples samples;
  samples.add({0, 9}, 0);
  samples.add({3}, 1);
  const auto says = [](const std::string& text, const char* what) { return text.find(what) != std::string::npos; };
  CHECK(refusal(samples.view(), 10, 2).empty());
  CHECK(refusal(samples.view(), 10, 0).empty());
  CHECK(says(refusal(samples.view(), 9, 0), "Sample 0 of the batch has token id 9 at position 1"));
  CHECK(says(refusal(samples.view(), 10, 1), "Sample 0 of the batch has 2 tokens"));
  OwnedSamples negative;
  negative.add({-1}, 0);
  CHECK(says(refusal(negative.view(), 10, 0), "token id -1"));
  OwnedSamples hollow = samples;
  hollow.add({}, 2);
  CHECK(says(refusal(hollow.view(), 10, 0), "Sample 2 of the batch is empty"));
  auto cut = samples;
  cut.offsets.pop_back();
  CHECK(says(refusal(cut.view(), 10, 0), "offsets"));
  auto backwards = samples;
  backwards.offsets = {0, 1000000, 3};  // must be seen before the ids of sample 0 are read
  CHECK(says(refusal(backwards.view(), 10, 0), "do not ascend"));
  auto late = samples;
  late.offsets = {1, 2, 3};
  CHECK_FALSE(refusal(late.view(), 10, 0).empty());
}

}  // namespace
}  // namespace cheems
