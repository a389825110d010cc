#include "model/heads/heads.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "core/error.h"
#include "core/knobs.h"
#include "model/heads/linear.h"
#include "model/heads/pooler.h"
#include "model/networks/body.h"

namespace cheems::model {
namespace {

// All heads whose tensors are present. A kind that may claim tensors under another kind's name comes before it and
// takes them.
std::vector<HeadMatch> all_heads(const HeadSource& source) {
  std::vector<HeadMatch> found;
  std::set<std::string> taken;
  for (const auto recognize :
       {gated_attributes_head, weighted_attributes_head, label_distribution_head, process_head, relu_layers_head}) {
    if (auto match = recognize(source)) {
      taken.insert(match->tensors.begin(), match->tensors.end());
      found.push_back(std::move(*match));
    }
  }
  for (auto& match : linear_heads(source)) {
    if (!taken.contains(match.facts.source)) found.push_back(std::move(match));
  }
  return found;
}

// The kinds that may be chosen: an encoder has only its pooler.
std::string kinds() {
  std::string list = kHeadKinds;
  list.erase(list.rfind(" | "));
  for (size_t at; (at = list.find(" | ")) != std::string::npos;) list.replace(at, 3, ", ");
  return list;
}

std::string listed(const std::vector<HeadMatch>& heads) {
  std::string list;
  for (size_t i = 0; i < heads.size(); ++i)
    list += (i == 0                  ? ""
             : i + 1 == heads.size() ? " and "
                                     : ", ") +
            heads[i].facts.source + " (" + heads[i].facts.kind + ")";
  return list;
}

}  // namespace

const char* name(Readout readout) {
  switch (readout) {
    case Readout::last_token:
      return "last_token";
    case Readout::prompt_and_last:
      return "prompt_and_last";
    case Readout::every_step:
      return "every_step";
  }
  return "";
}

std::vector<int64_t> HeadSource::shape(const std::string& tensor) const {
  const auto* view = checkpoint.find(tensor);
  if (!view)
    fail(checkpoint.folder(), ": the weights lack tensor ", tensor,
         ", which the model's reward head needs. The download may be incomplete.");
  if (view->shape.size() == 2) return view->shape;
  if (view->shape.size() == 1) return {view->shape[0], 1};
  refuse(tensor, "has shape " + storage::shape_text(view->shape) + "; a matrix or a vector is expected.");
}

std::vector<float> HeadSource::read(const std::string& tensor, const std::vector<int64_t>& shape) const {
  if (!has(tensor))
    fail(checkpoint.folder(), ": the weights lack tensor ", tensor,
         ", which the model's reward head needs. The download may be incomplete.");
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  std::vector<float> values(static_cast<size_t>(count));
  checkpoint.read_float32(tensor, values.data(), shape);
  return values;
}

void HeadSource::refuse(const std::string& tensor, const std::string& why) const {
  fail(checkpoint.file_of(tensor), ": ", tensor, " ", why);
}

void add_head_files(storage::Checkpoint& checkpoint) {
  const std::filesystem::path folder = checkpoint.folder();
  const auto there = [&](const char* file) { return std::filesystem::exists(folder / file); };
  for (const char* file : {"value_head.safetensors", "value_head.bin"}) {
    if (!there(file)) continue;
    if (!checkpoint.find("v_head.summary.weight")) checkpoint.add_file((folder / file).string());
    break;
  }
  if (there("regression_layer.pt") && there("gating_layer.pt")) {
    checkpoint.add_file((folder / "regression_layer.pt").string(), "regression_layer.");
    checkpoint.add_file((folder / "gating_layer.pt").string(), "gating_layer.");
  } else if (there("heads.safetensors")) {
    checkpoint.add_file((folder / "heads.safetensors").string());
  }
}

HeadMatch new_head(const Architecture& architecture, const std::string& description) {
  HeadMatch match = body_of(architecture).pooled ? new_pooler_head() : new_linear_head();
  match.facts.source = "new";
  match.facts.description += ", " + description;
  return match;
}

std::optional<HeadMatch> find_head(const HeadSource& source) {
  if (body_of(source.architecture).pooled) return pooler_head(source);
  std::vector<HeadMatch> heads = all_heads(source);
  if (source.choice == "vocabulary_row") return vocabulary_row_head(source);
  if (!source.choice.empty()) {
    const auto other = [&](const HeadMatch& head) {
      return head.facts.kind != source.choice && head.facts.source != source.choice;
    };
    std::vector<HeadMatch> chosen;
    std::set<std::string> left_aside;
    for (auto& head : heads) {
      if (other(head)) left_aside.merge(head.tensors);
      else chosen.push_back(std::move(head));
    }
    for (auto& head : chosen) head.tensors.merge(left_aside);
    if (chosen.empty()) {
      fail(source.checkpoint.folder(), " has no reward head ", in_quotes(source.choice), " (", knob("rewardHead"),
           "): ", heads.empty() ? std::string("it has none at all") : "it has " + listed(heads), ". The kinds are ",
           kinds(), "; a linear head may be chosen by its tensor's name.");
    }
    heads = std::move(chosen);
  }
  if (heads.size() > 1) {
    fail(source.checkpoint.folder(), " holds ", heads.size() == 2 ? "two" : "several", " reward heads, ", listed(heads),
         "; nothing says which one the model was trained with. Choose one with ", knob("rewardHead", "NAME"),
         ", or remove one from the weights.");
  }
  if (heads.empty()) return std::nullopt;
  if (source.normalize_reward && !heads[0].facts.linear())
    fail(source.checkpoint.folder(), ": ", knob("normalizeReward"),
         " applies config.json's mean and std to a linear head, but this model's head is of kind ", heads[0].facts.kind,
         ".");
  return std::move(heads[0]);
}

}  // namespace cheems::model
