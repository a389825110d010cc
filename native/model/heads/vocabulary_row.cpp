// Nemotron-70B-Reward: the reward is the logit of vocabulary id 0, that is, row 0 of lm_head. Nothing in config.json or
// the tensors distinguishes such a folder from a plain language model, whose row 0 means nothing: it is used only if
// the user says so.
#include "core/error.h"
#include "core/knobs.h"
#include "model/heads/heads.h"
#include "model/heads/linear.h"

namespace cheems::model {

std::optional<HeadMatch> vocabulary_row_head(const HeadSource& source) {
  if (!source.has(kVocabularyName))
    fail(source.checkpoint.folder(), ": ", knob("rewardHead", "vocabulary_row"), " reads the reward from row 0 of ",
         kVocabularyName, ", which the weights lack.");
  const auto* view = source.checkpoint.find(kVocabularyName);
  const std::vector<int64_t> shape = {source.architecture.vocab_size, source.architecture.hidden_size};
  if (view->shape != shape || !view->reads_as_float32())
    source.refuse(kVocabularyName, "has shape " + storage::shape_text(view->shape) + ", but config.json needs " +
                                       storage::shape_text(shape) + ".");
  HeadMatch match;
  // A linear head except for where its row is stored: computed and trained like one.
  match.facts = {.kind = "linear",
                 .source = kVocabularyName,
                 .description = "linear, row 0 of lm_head.weight (vocabulary_row)",
                 .readout = Readout::last_token};
  match.tensors = {kVocabularyName};
  if (const auto dtype = view->float_dtype()) {
    match.weight.resize(static_cast<size_t>(source.architecture.hidden_size));
    widen(view->bytes.data(), *dtype, match.weight.data(), match.weight.size());
    round_to(source.checkpoint.rounded_to(), match.weight.data(), match.weight.size());
  } else {  // float64, for which single rows cannot be read
    match.weight = source.read(kVocabularyName, shape);
    match.weight.resize(static_cast<size_t>(source.architecture.hidden_size));
  }
  finish_linear_head(match);
  return match;
}

}  // namespace cheems::model
