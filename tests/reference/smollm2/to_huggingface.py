#!/usr/bin/env python3
"""Make a Hugging Face model folder from SmolLM2-135M-Instruct.Q4_1.gguf.

    pip install gguf numpy
    python3 to_huggingface.py GGUF OUT [--dtype bfloat16|float32] [--head head.json]

The result is an ordinary LlamaForCausalLM folder: config.json, generation_config.json,
model.safetensors, tokenizer.json, tokenizer_config.json (with the chat template), special_tokens_map.json.
The weights are the 4-bit file's, dequantized; they are a real language model, a little worse than the original.
With --head it is a LlamaForSequenceClassification folder: one label, score.weight [1, hidden] from a JSON list.
"""
import argparse
import json
import pathlib

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def hugging_face_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, rest, kind = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[rest]}.{kind}"


def undo_rotary_permutation(weight: np.ndarray, heads: int) -> np.ndarray:
    """GGUF keeps the rows of each head's q and k interleaved (pairs beside each other); Hugging Face keeps halves."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """Round to nearest even; the upper 16 bits of each float32, as uint16."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write_safetensors(path: pathlib.Path, tensors: dict[str, np.ndarray], dtype: str) -> None:
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(data.shape), "data_offsets": [offset, offset + data.nbytes]}
        offset += data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for data in tensors.values():
            file.write(data.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--head", type=pathlib.Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    reader = GGUFReader(args.gguf)
    field = lambda key: reader.fields[key].contents()
    heads = field("llama.attention.head_count")
    kv_heads = field("llama.attention.head_count_kv")

    tensors = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if ".attn_q." in tensor.name:
            values = undo_rotary_permutation(values, heads)
        elif ".attn_k." in tensor.name:
            values = undo_rotary_permutation(values, kv_heads)
        tensors[hugging_face_name(tensor.name)] = to_bfloat16(values) if args.dtype == "bfloat16" else values
    if args.head:
        weight = np.array(json.loads(args.head.read_text()), dtype=np.float32).reshape(1, -1)
        tensors["score.weight"] = to_bfloat16(weight) if args.dtype == "bfloat16" else weight
    write_safetensors(args.out / "model.safetensors", tensors, "BF16" if args.dtype == "bfloat16" else "F32")

    def write(name: str, value: object) -> None:
        (args.out / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    tokens = field("tokenizer.ggml.tokens")
    kinds = field("tokenizer.ggml.token_type")
    special = {index: token for index, (token, kind) in enumerate(zip(tokens, kinds)) if kind == 3}
    added = lambda token: {"content": token, "lstrip": False, "normalized": False, "rstrip": False,
                           "single_word": False, "special": True}
    bos, eos = field("tokenizer.ggml.bos_token_id"), field("tokenizer.ggml.eos_token_id")
    unknown, padding = field("tokenizer.ggml.unknown_token_id"), field("tokenizer.ggml.padding_token_id")

    write("config.json", {
        "architectures": ["LlamaForSequenceClassification" if args.head else "LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": field("llama.embedding_length"),
        "intermediate_size": field("llama.feed_forward_length"),
        "num_hidden_layers": field("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": field("llama.rope.dimension_count"),
        "hidden_act": "silu",
        "rms_norm_eps": 1e-05,
        "rope_theta": field("llama.rope.freq_base"),
        "max_position_embeddings": field("llama.context_length"),
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "vocab_size": field("llama.vocab_size"),
        "bos_token_id": bos, "eos_token_id": eos, "pad_token_id": padding,
        "torch_dtype": args.dtype,
        **({"num_labels": 1} if args.head else {}),
    })
    write("generation_config.json", {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": padding})
    write("tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": index, **added(token)} for index, token in special.items()],
        "normalizer": None,
        # llama.cpp's name for this pre-tokenizer is "smollm": every digit alone, then GPT-2's splitting
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: index for index, token in enumerate(tokens)},
                  "merges": [merge.split(" ") for merge in field("tokenizer.ggml.merges")]},
    })
    # not GPT2Tokenizer: transformers 5 builds that class anew and loses the digits' rule of tokenizer.json
    write("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids", "attention_mask"], "clean_up_tokenization_spaces": False,
        "bos_token": tokens[bos], "eos_token": tokens[eos], "unk_token": tokens[unknown],
        "pad_token": tokens[padding], "model_max_length": field("llama.context_length"),
        "additional_special_tokens": [tokens[bos], tokens[eos]],
        "added_tokens_decoder": {str(index): added(token) for index, token in special.items()},
        "chat_template": field("tokenizer.chat_template"),
    })
    write("special_tokens_map.json", {"bos_token": tokens[bos], "eos_token": tokens[eos],
                                      "unk_token": tokens[unknown], "pad_token": tokens[padding]})
    print(f"{args.out}: {len(tensors)} tensors, {sum(t.size for t in tensors.values()) / 1e6:.1f} million parameters")


if __name__ == "__main__":
    main()
