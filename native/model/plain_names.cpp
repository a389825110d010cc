#include "model/plain_names.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "model/families/families.h"
#include "model/networks/body.h"
#include "model/quantization.h"
#include "model/weight_reader.h"

namespace cheems::model {
namespace {

using storage::Checkpoint;
using Names =
    std::map<std::string, std::string>;  // the file's name -> the plain one; tensors that are left out are not in it

// Wrapper modules that stand before a module's own name and add no meaning: no known model has a module with such a
// name.
constexpr std::string_view kWrappers[] = {
    "_orig_mod",                   // torch.compile
    "module",                      // DataParallel, DDP, DeepSpeed, accelerate, averaged models
    "_fsdp_wrapped_module",        // FSDP
    "_fpw_module",                 // FSDP of PyTorch 1.12
    "_checkpoint_wrapped_module",  // activation checkpointing
    "_forward_module",             // Lightning's strategies
};
constexpr std::string_view kTrainedCopies = "modules_to_save", kOriginalCopy = "original_module";  // PEFT's

// The parameters of PEFT's adapters, next to the layer that they change.
constexpr std::string_view kAdapterParts[] = {
    "lora_A", "lora_B",    "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector",
    "ia3_l",  "hada_w1_a", "lokr_w1",          "lokr_w1_a",        "oft_r",
    "oft_R",  "boft_R",    "vera_lambda_b",    "token_adapter",    "prompt_encoder"};

std::vector<std::string> split(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '.') parts.emplace_back();
    else parts.back() += c;
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts) {
  std::string name;
  for (const std::string& part : parts) name += (name.empty() ? "" : ".") + part;
  return name;
}

template <typename List>
bool holds(const List& list, std::string_view text) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

void refuse_other_contents(const Checkpoint& checkpoint) {
  for (const std::string& name : checkpoint.names()) {
    const std::vector<std::string> parts = split(name);
    const std::string place = checkpoint.file_of(name) + ": tensor " + in_quotes(name) + " ";
    const auto is_adapter = [](const std::string& part) { return holds(kAdapterParts, part); };
    if (std::any_of(parts.begin(), parts.end(), is_adapter) || holds(parts, "base_layer")) {
      fail(place,
           "belongs to a PEFT adapter (LoRA) that is not merged into the weights. Merge it first, in Python: "
           "model.merge_and_unload().save_pretrained(OUT), where model is the PeftModel that was saved here.");
    }
    if (holds(parts, "_flat_param") || holds(parts, "flat_param")) {
      fail(place,
           "is one of FSDP's flat parameters, which hold several tensors without their names. Save the model in full: "
           "with "
           "StateDictType.FULL_STATE_DICT, or accelerate's fsdp_state_dict_type: FULL_STATE_DICT.");
    }
    const auto& shape = checkpoint.find(name)->shape;
    if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
      fail(place, "is empty (shape ", storage::shape_text(shape),
           "), as in a model that was saved under DeepSpeed's ZeRO-3 without gathering its "
           "parameters from all processes. Convert the run's checkpoint with the zero_to_fp32.py that lies in it, or "
           "save "
           "with stage3_gather_16bit_weights_on_model_save.");
    }
  }
}

// Without wrappers, wherever they are; of PEFT's two copies of a layer, the trained one.
Names without_wrappers(const Checkpoint& checkpoint) {
  Names plain;
  std::set<std::string> adapters, trained;
  std::vector<std::pair<std::string, std::string>> originals;
  for (const std::string& name : checkpoint.names()) {
    std::vector<std::string> parts;
    for (std::string& part : split(name)) {
      if (!holds(kWrappers, part)) parts.push_back(std::move(part));
    }
    if (const auto copies = std::find(parts.begin(), parts.end(), kTrainedCopies);
        copies != parts.end() && parts.end() - copies > 2) {
      adapters.insert(copies[1]);
      parts.erase(copies, copies + 2);
      trained.insert(join(parts));
    } else if (const auto original = std::find(parts.begin(), parts.end(), kOriginalCopy); original != parts.end()) {
      parts.erase(original);
      originals.emplace_back(name, join(parts));
      continue;
    }
    plain[name] = join(parts);
  }
  if (adapters.size() > 1) {
    fail(checkpoint.folder(), ": the weights hold layers of several PEFT adapters (", kTrainedCopies, ".",
         *adapters.begin(), ", ", kTrainedCopies, ".", *adapters.rbegin(),
         "); nothing says which one to use. Save the model with one of them: model.set_adapter(NAME), "
         "model.merge_and_unload().save_pretrained(OUT).");
  }
  for (const auto& [name, layer] : originals) {
    if (!trained.contains(layer)) {
      fail(checkpoint.file_of(name), ": tensor ", in_quotes(name),
           " is the layer as it was before PEFT trained it, and the trained one (", kTrainedCopies,
           ") is missing. Save the model again: model.merge_and_unload().save_pretrained(OUT).");
    }
  }
  return plain;
}

// The dotted prefix that all names have in common.
std::string common_beginning(const Names& names) {
  std::string common = names.empty() ? "" : names.begin()->second;
  for (const auto& [file_name, name] : names) {
    const auto end = std::mismatch(common.begin(), common.end(), name.begin(), name.end()).first;
    common.erase(end, common.end());
  }
  return common.substr(0, common.rfind('.') + 1);  // npos + 1 is 0
}

// The model's embedding table, by the name in the family's files, and what transformers has before that name.
struct Anchor {
  std::string name;
  std::vector<std::string> known;
  std::string strip_known(std::string prefix) const {
    for (const std::string& each : known) {
      if (!each.empty() && prefix.ends_with(each)) return prefix.substr(0, prefix.size() - each.size());
    }
    return prefix;
  }
};

Anchor anchor_of(const Architecture& architecture) {
  if (const Body& body = body_of(architecture); !body.embedding.empty()) return {body.embedding, {body.prefix}};
  const std::string name = stored_tensor(architecture, "model.embed_tokens.weight").name;
  return {name.starts_with("model.") ? name.substr(6) : name, {kDecoderPrefixes.begin(), kDecoderPrefixes.end()}};
}

// The prefix of each embedding table: one for each decoder among the weights.
std::set<std::string> embeddings(const Names& names, const Anchor& anchor) {
  std::set<std::string> prefixes;
  for (const auto& [file_name, name] : names) {
    if (!name.ends_with(anchor.name)) continue;
    const std::string prefix = name.substr(0, name.size() - anchor.name.size());
    if (prefix.empty() || prefix.back() == '.') prefixes.insert(prefix);
  }
  return prefixes;
}

void strip(Names& names, const std::string& prefix) {
  for (auto& [file_name, name] : names) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
}

// Removes what precedes the decoder's own names: PEFT's base_model.model., TRL's pretrained_model., a user's own class.
// The weight reader refuses what then has no place in the model, so the names are certain if every tensor has a place.
void strip_prefixes(const Checkpoint& checkpoint, const Architecture& architecture, Names& names) {
  const Anchor anchor = anchor_of(architecture);
  const auto is_plain = [&] {
    const auto found = embeddings(names, anchor);
    return found.empty() ||
           std::any_of(found.begin(), found.end(), [&](const std::string& each) { return holds(anchor.known, each); });
  };
  if (is_plain()) return;
  strip(names, anchor.strip_known(common_beginning(names)));
  if (is_plain()) return;
  const auto found = embeddings(names, anchor);
  if (found.size() > 1) {
    fail(checkpoint.folder(), ": the weights hold ", found.size(), " decoders, among them ", *found.begin(),
         anchor.name, " and ", *found.rbegin(), anchor.name,
         "; nothing says which one to use. Save only the one that gives rewards: torch.save(model.state_dict(), "
         "...).");
  }
  const std::string inner = anchor.strip_known(*found.begin());
  strip(names, inner.empty() ? *found.begin() : inner);
}

}  // namespace

Checkpoint open_weights(const std::string& folder, const Architecture& architecture) {
  Checkpoint checkpoint = Checkpoint::open(folder);
  refuse_quantized_tensors(checkpoint);
  refuse_other_contents(checkpoint);
  Names names = without_wrappers(checkpoint);
  strip_prefixes(checkpoint, architecture, names);
  checkpoint.rename(names);
  return checkpoint;
}

}  // namespace cheems::model
