#!/usr/bin/env python3
"""Writes a Hugging Face folder of Qwen2 as GGUF files for llama.cpp, one per type, with the same numbers.

  python3 bench/llama_cpp_gguf.py FOLDER OUT [--types f32,bf16,q8_0,q4_0]      writes OUT/f32.gguf, …

Matrices have the type, norms and biases are float32. The benches feed token ids, so the vocabulary is made up. Needs the
packages gguf, torch and safetensors.
"""
import argparse
import json
import pathlib

import gguf
from safetensors import safe_open

TYPES = {"f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
         "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
         "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
         "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0)}


def write_header(writer, config, file_type):
    writer.add_file_type(file_type)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(config.get("rope_parameters", config)["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    size = config["vocab_size"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(["a", "b", "ab", *(f"token{number}" for number in range(3, size))])
    writer.add_token_types([gguf.TokenType.NORMAL] * size)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(size - 1)
    writer.add_add_bos_token(False)


def write(folder, target, name):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["model_type"] != "qwen2":
        raise SystemExit(f'{folder} is a "{config["model_type"]}" model: only qwen2 is written here.')
    matrix_type, file_type = TYPES[name]
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config["num_hidden_layers"])
    partial = target.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "qwen2")
    write_header(writer, config, file_type)
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for key in tensors.keys():
                values = tensors.get_tensor(key).float().numpy()
                tensor_type = matrix_type if values.ndim == 2 else gguf.GGMLQuantizationType.F32
                mapped = names.get_name(key, try_suffixes=(".weight", ".bias"))
                writer.add_tensor(mapped, gguf.quantize(values, tensor_type), raw_dtype=tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--types", default=",".join(TYPES))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.types.split(","):
        target = arguments.out / f"{name}.gguf"
        if not target.exists():
            write(arguments.folder, target, name)


if __name__ == "__main__":
    main()
