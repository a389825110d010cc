"""Rewards of tiny models under edits of their config.json, by transformers in float64.

    python make_config_keys.py          # writes config_keys.json beside itself

For each family a base config and a list of edits. The weights are a function of seed, tensor name and place (`values`), so that none are stored:
whoever reads the file makes the same. An edit either leaves transformers with rewards, which are recorded, or is one of those that must be refused
by a sentence that names the key (REFUSED below): transformers fails, or computes what the engine does not.
Made with torch 2.15.0, transformers 5.24.0, numpy 2.4.
"""

import json
import os
import pathlib
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification

MASK = 2**64 - 1
REFUSED = "refused"
DELETE = "delete"
SAMPLES = [[7], [3, 10, 4, 11, 20, 38, 6, 30, 9], [(5 * i * i + 3 * i + 4) % 37 + 3 for i in range(33)]]
FLOAT32, TENSOR_FLOAT = torch.float32, torch.Tensor.float


class Float64Throughout:
    """transformers takes norms and angles in float32 whatever the weights are: here it does not."""

    def __enter__(self):
        torch.float32 = torch.float = torch.float64
        torch.Tensor.float = torch.Tensor.double

    def __exit__(self, *_):
        torch.float32 = torch.float = FLOAT32
        torch.Tensor.float = TENSOR_FLOAT


def mix(x):
    """The finalizer of SplitMix64."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def values(name, shape, seed, one_is_zero):
    """In steps of 2^-23 of [-1, 1), exact in float32; matrices by 3/8, vectors by 1/4, norms about 1 (or about 0, where they add it)."""
    key = mix(seed)
    for byte in name.encode():
        key = mix(key ^ byte)
    count = int(np.prod(shape))
    unit = np.array([(mix((key + i) & MASK) >> 40) / 2**23 - 1 for i in range(count)])
    if len(shape) == 2:
        numbers = unit * 0.375
    else:
        numbers = unit * 0.25 + (1 if name.endswith("weight") and not one_is_zero else 0)
    return torch.tensor(numbers.reshape(shape), dtype=FLOAT32)


def common(model_type, **fields):
    return {
        "model_type": model_type, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 40, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "hidden_act": "silu", "rope_theta": 300.0, "pad_token_id": None, "id2label": {"0": "LABEL_0"}, **fields,
    }


def yarn(**fields):
    return {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, **fields}


def llama3(**fields):
    return {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, **fields}


ROPE = [  # edits of llama, whose code all decoders share
    *({"rope_scaling": each} for each in [
        {"type": "linear", "factor": 2.0}, {"rope_type": "linear", "factor": 0.5, "rope_theta": 50.0}, {"rope_type": "default", "type": "linear", "factor": 2.0},
        {"rope_theta": 50.0}, {"rope_type": "default", "factor": 9.0}, {}, {"rope_type": "dynamic", "factor": 4.0},
        llama3(original_max_position_embeddings=20.5), llama3(), yarn(), yarn(factor=None), yarn(beta_fast=4, beta_slow=2), yarn(beta_fast=0, beta_slow=None),
        yarn(truncate=False, beta_fast=3), yarn(truncate=None, beta_fast=3), yarn(attention_factor=0.7), yarn(attention_factor=-1.3), yarn(attention_factor=None), yarn(mscale=0.7),
        yarn(mscale=0.7, mscale_all_dim=1.3), yarn(mscale=1.0, mscale_all_dim=0), yarn(factor=0.5), {"type": "yarn", "factor": 4.0}, yarn(rope_theta=50.0)]),
    *({"rope_scaling": each, REFUSED: field} for each, field in [
        ({"rope_type": "linear"}, "factor"), ({"rope_type": "linear", "factor": None}, "factor"), ({"rope_type": "dynamic"}, "factor"), ({"rope_type": "yarn"}, "factor"),
        ({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0}, "high_freq_factor"), (llama3(original_max_position_embeddings=None), "original_max_position_embeddings"),
        ({"rope_type": "longrope", "factor": 4.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}, "rope_scaling"), ({"rope_type": "proportional"}, "rope_scaling"),
        ({"rope_type": None}, "rope_type"), ({"rope_type": "default", "rope_theta": None}, "rope_theta"), ({"rope_type": "default", "partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ("linear", "rope_scaling"), (yarn(truncate="yes"), "truncate"), (yarn(attention_factor="1"), "attention_factor")]),
    {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 70.0}},
    {"rope_parameters": {"rope_type": "linear", "factor": 3.0}},
    {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 70.0}, "rope_scaling": {"rope_type": "linear", "factor": 2.0}},
    {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 70.0}, "rope_scaling": {}},
    {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 70.0}, "rope_scaling": None},
    {"rope_scaling": llama3(original_max_position_embeddings=40), "original_max_position_embeddings": 16},
    {"rope_scaling": yarn(), "original_max_position_embeddings": 24}, {"original_max_position_embeddings": 16},
    {"rope_scaling": yarn(), "original_max_position_embeddings": None, REFUSED: "original_max_position_embeddings"},
    {"rope_theta": DELETE}, {"rope_theta": 7}, {"rope_theta": None, REFUSED: "rope_theta"}, {"rope_theta": 0, REFUSED: "rope_theta"},
    {"partial_rotary_factor": 0.5, REFUSED: "partial_rotary_factor"}, {"partial_rotary_factor": None}, {"partial_rotary_factor": 1.0},
]

EVERYWHERE = [  # of all decoders
    {"is_causal": False, REFUSED: "is_causal"}, {"is_causal": None, REFUSED: "is_causal"}, {"is_causal": True},
    {"max_position_embeddings": DELETE}, {"rms_norm_eps": DELETE}, {"rms_norm_eps": 0.1}, {"rms_norm_eps": None, REFUSED: "rms_norm_eps"},
    {"head_dim": 4, REFUSED: "head_dim"}, {"num_hidden_layers": 3, REFUSED: "num_hidden_layers"}, {"num_hidden_layers": 1, REFUSED: "num_hidden_layers"},
    {"vocab_size": DELETE, REFUSED: "vocab_size"}, {"hidden_size": DELETE, REFUSED: "hidden_size"}, {"intermediate_size": DELETE, REFUSED: "intermediate_size"},
    {"per_layer_config": {"0": {"sliding_window": 3}}, REFUSED: "per_layer_config"}, {"quantization_config": {"quant_method": "gptq", "bits": 4}, REFUSED: "quantization_config"},
    {"text_config": {"hidden_size": 8}, REFUSED: "text_config"}, {"attention_dropout": 0.5, "pretraining_tp": 2, "use_cache": False, "tie_word_embeddings": True},
    {"rope_scaling": yarn()},
]

SLIDES_BY_LAYER = ["sliding_attention", "full_attention"]
SLIDES = ["sliding_attention", "sliding_attention"]
IS_FULL = ["full_attention", "full_attention"]


def activations(key, base):
    names = ["silu", "swish", "gelu_pytorch_tanh", "gelu_new", "gelu_fast"]
    return [*({key: name} for name in names if name != base), *({key: name, REFUSED: key} for name in ("relu", "quick_gelu", None))]


QWEN = [
    {"use_sliding_window": False}, {"use_sliding_window": DELETE}, {"use_sliding_window": None, REFUSED: "use_sliding_window"}, {"sliding_window": None}, {"sliding_window": DELETE},
    {"sliding_window": 2}, {"sliding_window": 0, REFUSED: "sliding_window"}, {"max_window_layers": 0}, {"max_window_layers": DELETE}, {"max_window_layers": 2}, {"max_window_layers": -1},
    {"layer_types": SLIDES_BY_LAYER}, {"layer_types": None}, {"layer_types": IS_FULL}, {"layer_types": SLIDES_BY_LAYER, "use_sliding_window": False, REFUSED: "layer_types"},
    {"layer_types": SLIDES_BY_LAYER, "sliding_window": None, REFUSED: "layer_types"}, {"layer_types": ["full_attention"], REFUSED: "layer_types"}, {"layer_types": [], REFUSED: "layer_types"},
]

FAMILIES = [
    (common("llama"), [*ROPE, *EVERYWHERE, *activations("hidden_act", "silu"), {"hidden_act": "gelu", REFUSED: "hidden_act"}, {"hidden_act": DELETE}, {"num_key_value_heads": DELETE, REFUSED: "num_key_value_heads"},
                       {"attention_bias": True, REFUSED: "attention_bias"}, {"mlp_bias": True, REFUSED: "mlp_bias"}, {"sliding_window": 4}, {"layer_types": IS_FULL}, {"layer_types": SLIDES, REFUSED: "layer_types"}]),
    (common("mistral", sliding_window=6), [*EVERYWHERE, {"sliding_window": None}, {"sliding_window": DELETE}, {"sliding_window": 2}, {"sliding_window": 0, REFUSED: "sliding_window"}, {"layer_types": SLIDES_BY_LAYER},
                                           {"layer_types": IS_FULL}, {"layer_types": None}, {"layer_types": SLIDES, "sliding_window": None, REFUSED: "layer_types"}, {"attention_bias": True}]),
    (common("mixtral", sliding_window=6, num_local_experts=3, num_experts_per_tok=2), [
        *EVERYWHERE, {"sliding_window": None}, {"sliding_window": DELETE}, {"layer_types": SLIDES_BY_LAYER}, {"layer_types": IS_FULL}, {"rope_theta": DELETE},
        {"rope_theta": DELETE, "rope_parameters": {"rope_type": "default"}}, {"num_experts_per_tok": 1}, {"num_experts_per_tok": 3}, {"num_experts_per_tok": DELETE}, {"num_experts_per_tok": 4, REFUSED: "num_experts_per_tok"},
        {"num_local_experts": DELETE, REFUSED: "num_local_experts"}, {"num_experts": 3, "num_local_experts": 2}, {"num_experts": 2, REFUSED: "num_experts"}, {"router_jitter_noise": 0.5}]),
    (common("qwen2", use_sliding_window=True, sliding_window=5, max_window_layers=1), [*EVERYWHERE, *QWEN, {"attention_bias": False}]),
    (common("qwen3", use_sliding_window=True, sliding_window=5, max_window_layers=1, attention_bias=False), [*EVERYWHERE, *QWEN, {"attention_bias": True, REFUSED: "attention_bias"}, {"head_dim": None, REFUSED: "head_dim"}]),
    (common("gemma", hidden_act="gelu"), [*EVERYWHERE, {"hidden_act": "gelu_pytorch_tanh"}, {"hidden_act": "silu"}, {"hidden_act": DELETE}, {"hidden_act": "relu", REFUSED: "hidden_act"}, {"hidden_activation": None},
                                          {"hidden_activation": "gelu_pytorch_tanh"}, {"hidden_activation": "silu", REFUSED: "hidden_activation"}, {"use_bidirectional_attention": None},
                                          {"use_bidirectional_attention": True, REFUSED: "use_bidirectional_attention"}]),
    (common("gemma2", hidden_activation="gelu_pytorch_tanh", sliding_window=5, query_pre_attn_scalar=16, attn_logit_softcapping=1.5, final_logit_softcapping=30.0), [
        *EVERYWHERE, *activations("hidden_activation", "gelu_pytorch_tanh"), {"hidden_activation": "gelu", REFUSED: "hidden_activation"}, {"hidden_activation": DELETE}, {"hidden_act": "relu"},
        {"attn_logit_softcapping": None}, {"attn_logit_softcapping": DELETE}, {"attn_logit_softcapping": 0, REFUSED: "attn_logit_softcapping"}, {"final_logit_softcapping": None}, {"query_pre_attn_scalar": DELETE},
        {"query_pre_attn_scalar": 3}, {"query_pre_attn_scalar": None, REFUSED: "query_pre_attn_scalar"}, {"sliding_window": DELETE}, {"sliding_window": None, REFUSED: "sliding_window"}, {"layer_types": SLIDES},
        {"layer_types": IS_FULL}, {"layer_types": None}]),
    ({"model_type": "deberta-v2", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 40, "max_position_embeddings": 64, "type_vocab_size": 0,
      "relative_attention": True, "position_biased_input": False, "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm", "position_buckets": 8, "max_relative_positions": -1,
      "layer_norm_eps": 1e-5, "pad_token_id": 0, "id2label": {"0": "LABEL_0"}},
     [{"pos_att_type": "c2p|p2c"}, {"pos_att_type": ["p2c"], REFUSED: "pos_att_type"}, {"pos_att_type": DELETE, REFUSED: "pos_att_type"}, {"norm_rel_ebd": DELETE, REFUSED: "norm_rel_ebd"},
      {"share_att_key": DELETE, REFUSED: "share_att_key"}, {"relative_attention": DELETE, REFUSED: "relative_attention"}, {"position_biased_input": DELETE, REFUSED: "position_biased_input"},
      {"position_buckets": -1, REFUSED: "position_buckets"}, {"position_buckets": 4, REFUSED: "position_buckets"}, {"max_relative_positions": 24}, {"max_relative_positions": 0}, {"max_position_embeddings": DELETE},
      {"max_position_embeddings": 32}, {"layer_norm_eps": DELETE}, {"layer_norm_eps": 0.1}, {"layer_norm_eps": None, REFUSED: "layer_norm_eps"}, {"hidden_act": "gelu_new", REFUSED: "hidden_act"},
      {"pooler_hidden_act": "tanh", REFUSED: "pooler_hidden_act"}, {"type_vocab_size": 2, REFUSED: "type_vocab_size"}, {"conv_kernel_size": 3, REFUSED: "conv_kernel_size"}, {"num_attention_heads": 4},
      {"attention_head_size": 4, REFUSED: "attention_head_size"}, {"id2label": {"0": "a", "1": "b"}, REFUSED: "id2label"}, {"is_causal": False}]),
]


# The file's single row of score.weight is a reward model's, whatever number of labels the class has where none is said.
HARMLESS = {"id2label"}
ROPES = [{"rope_type": "linear", "factor": 2.0, "rope_theta": 70.0}, llama3(original_max_position_embeddings=16), yarn(beta_fast=4, beta_slow=2, attention_factor=0.7, truncate=False)]


def removals(config, edits):
    """Each key of the config removed, alone and together with max_position_embeddings, and each field of a rope."""
    known = [edit for edit in edits if list(edit.values()) == [DELETE] or (len(edit) == 2 and DELETE in edit.values() and REFUSED in edit)]
    done = {next(iter(edit)) for edit in known}
    refused = {next(iter(edit)): {REFUSED: edit[REFUSED]} for edit in known if REFUSED in edit}
    alone = [{key: DELETE} for key in config if key not in done | HARMLESS]
    pairs = [{key: DELETE, "max_position_embeddings": DELETE, **refused.get(key, {})} for key in config if key not in HARMLESS | {"max_position_embeddings", "model_type"}]
    ropes = []
    if config["model_type"] != "deberta-v2":
        for spelling in ("rope_scaling", "rope_parameters"):
            ropes += [{spelling: {k: v for k, v in rope.items() if k != field}} for rope in ROPES for field in rope]
    return alone + pairs + [edit for edit in ropes if edit not in edits]


def edited(config, edit):
    config = json.loads(json.dumps(config))
    for key, value in edit.items():
        if key == REFUSED:
            continue
        if value == DELETE:
            config.pop(key, None)
        else:
            config[key] = value
    return config


def tensors_of(config, folder):
    """Names and shapes as transformers writes them."""
    (folder / "config.json").write_text(json.dumps(config))
    model = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(folder))
    model.save_pretrained(folder / "saved")
    from safetensors import safe_open

    with safe_open(folder / "saved" / "model.safetensors", "pt") as file:
        return {name: file.get_slice(name).get_shape() for name in sorted(file.keys())}


def rewards(folder):
    """None where transformers fails, or makes up weights that the file lacks."""
    try:
        torch.float = torch.float64  # angles are made while loading
        model, info = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager", experts_implementation="eager", output_loading_info=True)
        if info["missing_keys"] or info["mismatched_keys"]:
            return None
        model.eval()
        with torch.no_grad(), Float64Throughout():
            found = [model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long)).logits for ids in SAMPLES]
        return [float(f"{float(logits[0, 0]):.9g}") for logits in found] if found[0].numel() == 1 else None
    except Exception as error:
        print("   ", type(error).__name__, str(error).replace("\n", " ")[:140])
        return None
    finally:
        torch.float = FLOAT32


def main():
    transformers.utils.logging.set_verbosity(50)
    transformers.utils.logging.disable_progress_bar()
    families = []
    for seed, (config, edits) in enumerate(FAMILIES, 1):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            tensors = tensors_of(config, folder)
            one_is_zero = config["model_type"].startswith("gemma")
            save_file({tensor: values(tensor, shape, seed, one_is_zero) for tensor, shape in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
            base, cases = rewards(folder), []
            written = len(edits)
            for number, edit in enumerate([*edits, *removals(config, edits)]):
                (folder / "config.json").write_text(json.dumps(edited(config, edit)))
                print(config["model_type"], json.dumps(edit))
                found = rewards(folder)
                case = {"delete": [key for key, value in edit.items() if value == DELETE], "set": {key: value for key, value in edit.items() if key != REFUSED and value != DELETE}}
                case = {key: value for key, value in case.items() if value}
                if REFUSED in edit:
                    case[REFUSED] = edit[REFUSED]
                elif found is None and number >= written:
                    case[REFUSED] = next(iter(edit))  # transformers fails too, or makes up weights
                elif found is None:
                    raise SystemExit(f"transformers has no rewards for {edit}: say that it is refused")
                else:
                    case["rewards"] = found
                cases.append(case)
            families.append({"config": config, "seed": seed, "tensors": tensors, "rewards": base, "cases": cases})
    lines, counts = [], [family["cases"] for family in families]
    for family in families:
        cases = ",\n   ".join(json.dumps(case) for case in family.pop("cases"))
        lines.append("  " + json.dumps(family)[:-1] + ', "cases": [\n   ' + cases + "]}")
    text = '{"samples": ' + json.dumps(SAMPLES) + ',\n "families": [\n' + ",\n".join(lines) + "]}\n"
    pathlib.Path(__file__).with_name("config_keys.json").write_text(text)
    print(sum(len(family) for family in counts), "edits,", len(text), "bytes")


main()
