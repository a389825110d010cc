#!/usr/bin/env python3
"""Makes numeric references for reward heads: tiny random models with a published model's configuration, tensor names and scoring rule.

usage: make_heads.py --seed N --out DIR          the four cases below, one folder each
       make_heads.py --check FOLDER...           only run the float64 backbone here on folders of the same format, with a linear head

Everything is plain numpy in float64, written from the published definitions; no deep-learning library computes anything. README.md says
what is in a folder and where each definition was read. Needs numpy and safetensors.
"""
import argparse, json, os, zlib
import numpy as np
from safetensors.numpy import load_file, save_file

LENGTHS = [1, 5, 16, 33, 64, 97]
VOCABULARY, HIDDEN = 112, 32
END_OF_TURN, START_OF_TURN, NEWLINE, MODEL_ROLE = 107, 106, 108, 98
PATTERN = [END_OF_TURN, NEWLINE, START_OF_TURN, MODEL_ROLE, NEWLINE]  # Gemma's <end_of_turn>\n<start_of_turn>model\n; 98 stands for 2516
COMMON = dict(vocab_size=VOCABULARY, hidden_size=HIDDEN, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=256, initializer_range=0.02,
              bos_token_id=1, eos_token_id=2, pad_token_id=0, attention_bias=False, use_cache=True, torch_dtype="float32", transformers_version="4.46.0")
LLAMA2 = dict(COMMON, model_type="llama", intermediate_size=48, num_key_value_heads=4, rms_norm_eps=1e-5, rope_theta=10000.0, rope_scaling=None,
              hidden_act="silu", tie_word_embeddings=False)
GEMMA2 = dict(COMMON, model_type="gemma2", intermediate_size=40, num_key_value_heads=2, head_dim=12, rms_norm_eps=1e-6, rope_theta=10000.0,
              query_pre_attn_scalar=24, sliding_window=16, attn_logit_softcapping=50.0, final_logit_softcapping=30.0,
              hidden_activation="gelu_pytorch_tanh", hidden_act="gelu_pytorch_tanh", tie_word_embeddings=True)


# ---- the decoder ----------------------------------------------------------------------------------------------------------------
def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def final_hidden(c, T, ids, prefix="model."):
    """[n, H] after the final norm; T: the file's tensors. Llama, Mistral without window, Gemma 2."""
    g = lambda name: T[prefix + name].astype(np.float64)
    gemma, heads, kv, n = c["model_type"] == "gemma2", c["num_attention_heads"], c["num_key_value_heads"], len(ids)
    size = c.get("head_dim") or c["hidden_size"] // heads
    norm = lambda x, w: x / np.sqrt((x * x).mean(-1, keepdims=True) + c["rms_norm_eps"]) * (1 + w if gemma else w)
    # transformers keeps these two in float32: sqrt(H) of Gemma, and the inverse frequencies.
    x = g("embed_tokens.weight")[ids] * (np.float64(np.float32(np.sqrt(c["hidden_size"]))) if gemma else 1.0)
    powers = (c["rope_theta"] ** (np.arange(0, size, 2, dtype=np.float32) / np.float32(size)).astype(np.float64)).astype(np.float32)
    inverse = (np.float32(1) / powers).astype(np.float64)
    angles = np.outer(np.arange(n), inverse)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]

    def rope(t):
        a, b = t[..., : size // 2], t[..., size // 2:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    distance = np.arange(n)[:, None] - np.arange(n)[None, :]
    for layer in range(c["num_hidden_layers"]):
        w = lambda name: g(f"layers.{layer}.{name}.weight")
        h = norm(x, w("input_layernorm"))
        q, k, v = ((h @ w(f"self_attn.{p}_proj").T).reshape(n, count, size) for p, count in (("q", heads), ("k", kv), ("v", kv)))
        q, k = rope(q), rope(k)
        k, v = (np.repeat(t, heads // kv, axis=1) for t in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) * (c["query_pre_attn_scalar"] if gemma else size) ** -0.5
        if gemma: scores = np.tanh(scores / c["attn_logit_softcapping"]) * c["attn_logit_softcapping"]
        seen = distance >= 0
        if gemma and layer % 2 == 0: seen &= distance < c["sliding_window"]
        a = np.einsum("hij,jhd->ihd", softmax(np.where(seen, scores, -np.inf)), v).reshape(n, -1) @ w("self_attn.o_proj").T
        x = x + (norm(a, w("post_attention_layernorm")) if gemma else a)
        h = norm(x, w("pre_feedforward_layernorm" if gemma else "post_attention_layernorm"))
        u = h @ w("mlp.gate_proj").T
        u = 0.5 * u * (1 + np.tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u ** 3))) if gemma else u / (1 + np.exp(-u))
        f = (u * (h @ w("mlp.up_proj").T)) @ w("mlp.down_proj").T
        x = x + (norm(f, w("post_feedforward_layernorm")) if gemma else f)
    return norm(x, g("norm.weight"))


def random_decoder(c, rng):
    """Names without prefix. Norms are not left at 1, queries and keys are enlarged, so that attention is not flat."""
    gemma, H, I = c["model_type"] == "gemma2", c["hidden_size"], c["intermediate_size"]
    size = c.get("head_dim") or H // c["num_attention_heads"]
    A, K = c["num_attention_heads"] * size, c["num_key_value_heads"] * size
    matrix = lambda o, i, gain=1.0: rng.standard_normal((o, i)) * gain / np.sqrt(i)
    scale = lambda: 0.25 * rng.standard_normal(H) + (0.0 if gemma else 1.0)
    T = {"embed_tokens.weight": rng.standard_normal((c["vocab_size"], H)) * 0.03 / (np.sqrt(H) if gemma else 1.0), "norm.weight": scale()}
    for layer in range(c["num_hidden_layers"]):
        add = lambda name, value: T.__setitem__(f"layers.{layer}.{name}.weight", value)
        for name in ("input_layernorm", "post_attention_layernorm") + (("pre_feedforward_layernorm", "post_feedforward_layernorm") if gemma else ()): add(name, scale())
        for name, o, i, gain in (("q", A, H, 1.7), ("k", K, H, 1.7), ("v", K, H, 1.0), ("o", H, A, 1.0)): add(f"self_attn.{name}_proj", matrix(o, i, gain))
        for name, o, i in (("gate", I, H), ("up", I, H), ("down", H, I)): add(f"mlp.{name}_proj", matrix(o, i))
    return {name: value.astype(np.float32) for name, value in T.items()}


# ---- the heads: rng, config -> tensors; hidden states, ids, tensors, config -> what is known of one sample --------------------
def ziya_tensors(rng, c): return {"value_head.weight": rng.standard_normal((c["model_parallel_size"], HIDDEN)) / np.sqrt(HIDDEN)}
def ziya(h, ids, T, c): return dict(scored_position=len(ids) - 1, reward_f64=(T["value_head.weight"] @ h[-1]).mean())


def grm_tensors(rng, c):
    T, width = {"lm_head.weight": rng.standard_normal((VOCABULARY, HIDDEN)) / np.sqrt(HIDDEN)}, HIDDEN
    for i, out in enumerate([c["vhead_num_neurons"]] * c["vhead_num_layers"] + [1]):
        T[f"v_head.summary.{2 * i}.weight"] = rng.standard_normal((out, width)) * 1.5 / np.sqrt(width)
        T[f"v_head.summary.{2 * i}.bias"] = 0.3 * rng.standard_normal(out)
        width = out
    return T
def grm(h, ids, T, c):
    x = h[-1]
    for i in range(c["vhead_num_layers"] + 1):
        x = T[f"v_head.summary.{2 * i}.weight"] @ x + T[f"v_head.summary.{2 * i}.bias"]
        if i < c["vhead_num_layers"]: x = np.maximum(x, 0)
    return dict(scored_position=len(ids) - 1, reward_f64=x[0])


def starling_tensors(rng, c): return {"v_head.weight": rng.standard_normal((1, HIDDEN)) / np.sqrt(HIDDEN),
                                      "model.lm_head.weight": rng.standard_normal((VOCABULARY, HIDDEN)) / np.sqrt(HIDDEN)}
def starling(h, ids, T, c): return dict(scored_position=len(ids) - 1, reward_f64=(T["v_head.weight"] @ h[-1])[0])


def qrm_indices(c):
    """A dropout stands behind each hidden layer but the last: Linear 0, 4, 8; BatchNorm 2, 6, 10; the last Linear 11."""
    n = c["gating_n_hidden"]
    return [4 * i for i in range(n)], [4 * i + 2 for i in range(n)], 4 * n - 1
def qrm_tensors(rng, c):
    O, Q, width = c["num_objectives"], c["num_quantiles"], HIDDEN
    T = {"regression_layer.weight": rng.standard_normal((O * Q, HIDDEN)) / np.sqrt(HIDDEN), "gating.logit_scale": np.array([1.37])}
    linears, norms, last = qrm_indices(c)
    for linear, norm in zip(linears, norms):
        out = c["gating_hidden_dim"]
        T[f"gating.layers.{linear}.weight"] = rng.standard_normal((out, width)) / np.sqrt(width)
        for name, value in (("weight", 1 + 0.3 * rng.standard_normal(out)), ("bias", 0.3 * rng.standard_normal(out)),
                            ("running_mean", 0.5 * rng.random(out)), ("running_var", 0.2 + rng.random(out)), ("num_batches_tracked", np.array(1000, np.int64))):
            T[f"gating.layers.{norm}.{name}"] = value
        width = out
    T[f"gating.layers.{last}.weight"] = rng.standard_normal((O, width)) * 2 / np.sqrt(width)
    T[f"gating.layers.{last}.bias"] = 0.3 * rng.standard_normal(O)
    return T
def qrm(h, ids, T, c):
    at = max(i for i in range(len(ids)) if ids[i:i + len(PATTERN)] == PATTERN)
    linears, norms, last = qrm_indices(c)
    x = h[at]
    for linear, norm in zip(linears, norms):
        B = lambda name: T[f"gating.layers.{norm}.{name}"]
        x = (np.maximum(T[f"gating.layers.{linear}.weight"] @ x, 0) - B("running_mean")) / np.sqrt(B("running_var") + 1e-5) * B("weight") + B("bias")
    gate = softmax((T[f"gating.layers.{last}.weight"] @ x + T[f"gating.layers.{last}.bias"]) / c["gating_temperature"]) * T["gating.logit_scale"][0]
    attributes = (T["regression_layer.weight"] @ h[-1]).reshape(c["num_objectives"], c["num_quantiles"]).mean(-1)
    return dict(scored_position=len(ids) - 1, prompt_position=at, reward_f64=(gate * attributes).sum(), gating=gate.tolist(), attributes=attributes.tolist())


CASES = {
    "ziya": dict(config=dict(LLAMA2, architectures=["LlamaRewardModel"], model_parallel_size=4), tensors=ziya_tensors, head=ziya, prefixes=["model."],
                 formula="mean of the rows of value_head.weight times h"),
    "grm-mlp-deep": dict(config=dict(LLAMA2, architectures=["LlamaForCausalLM"], vhead_layer_type="mlp", vhead_num_neurons=24, vhead_num_layers=2),
                         tensors=grm_tensors, head=grm, prefixes=["model."], formula="W4 relu(W2 relu(W0 h + b0) + b2) + b4; lm_head is not used"),
    "starling-7b": dict(config=dict(LLAMA2, architectures=["LlamaForCausalLM"]), tensors=starling_tensors, head=starling,
                        prefixes=["transformer.", "model.model."], formula="v_head.weight times h; the decoder stands in the file twice"),
    "qrm-gemma2": dict(config=dict(GEMMA2, architectures=["Gemma2ForRewardModelWithGating"], num_labels=1, num_objectives=5, num_quantiles=7,
                                   gating_n_hidden=3, gating_hidden_dim=20, gating_temperature=1), tensors=qrm_tensors, head=qrm, prefixes=["model."],
                       formula="sum over objectives of gate times the mean over quantiles; gate = softmax(MLP(h_prompt) / T) * logit_scale; each hidden layer is "
                               "Linear, ReLU, BatchNorm; no reward_transform_matrix"),
}


def ids_of(name, rng, n):
    ids = [int(i) for i in rng.integers(3, 95, n)]
    if name != "qrm-gemma2": return ids
    # Two turns where there is room: the last pattern counts.
    if n > 40: ids[10:10 + len(PATTERN)] = PATTERN
    return ids[: n // 2] + PATTERN + ids[n // 2:]


def make(name, seed, out):
    case = CASES[name]
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    c, decoder = case["config"], random_decoder(case["config"], rng)
    head = {k: v if v.dtype == np.int64 else v.astype(np.float32) for k, v in case["tensors"](rng, c).items()}
    head64 = {k: v.astype(np.float64) for k, v in head.items()}
    tensors = dict(head, **{prefix + k: v.copy() for prefix in case["prefixes"] for k, v in decoder.items()})
    entries, last = [], []
    for n in LENGTHS:
        ids = ids_of(name, rng, n)
        h = final_hidden(c, tensors, ids, case["prefixes"][0])
        entries.append(dict(ids=ids, **case["head"](h, ids, head64, c)))
        last.append(h[-1])
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f: json.dump(c, f, indent=2)
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    save_file({"eval.hidden_last": np.stack(last)}, os.path.join(folder, "reference.safetensors"))
    with open(os.path.join(folder, "reference.json"), "w") as f:
        json.dump(dict(name=name, seed=seed, kind="reward", family=c["model_type"], architecture=c["architectures"][0], formula=case["formula"],
                       **({"token_rules": {"gating_pattern": PATTERN}} if name == "qrm-gemma2" else {}), eval=entries), f, indent=1)
    print(name, [round(float(e["reward_f64"]), 4) for e in entries])


def check(folder):
    with open(os.path.join(folder, "config.json")) as f: c = json.load(f)
    with open(os.path.join(folder, "reference.json")) as f: reference = json.load(f)
    T = load_file(os.path.join(folder, "model.safetensors"))
    weight = next(n for n in T if T[n].shape == (1, c["hidden_size"]))
    bias = T.get(weight.replace("weight", "bias"), np.zeros(1))
    prefix = "transformer." if "transformer.norm.weight" in T else "model."
    worst = max(abs((T[weight].astype(np.float64) @ final_hidden(c, T, e["ids"], prefix)[-1] + bias)[0] - e["reward_f64"]) for e in reference["eval"])
    print(f"{folder}: {worst:.2e}")
    return worst < 1e-9


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out")
    parser.add_argument("--check", nargs="+")
    arguments = parser.parse_args()
    if arguments.check: raise SystemExit(not all([check(folder) for folder in arguments.check]))
    for name in CASES: make(name, arguments.seed, arguments.out)
