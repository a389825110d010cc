#!/usr/bin/env python3
"""Trains the quickstart's tokenizer, data/tokenizer, on the sample data's training files.

  python3 scripts/generate/make_quickstart_tokenizer.py data/tokenizer data/oasst-zh/train.jsonl data/dpo-zh/train.jsonl

Byte-level BPE, normalized and pre-tokenized as Qwen2's tokenizer, 8192 entries of which the last three are Qwen's special
tokens, and a plain ChatML template (no system text of its own). Held-out files are left out of the training on purpose.
Needs the Python package `tokenizers`; the package's users never run this, they get the files that it wrote.
"""
import argparse
import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

VOCABULARY_SIZE = 8192
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
QWEN2_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
               r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CHAT_TEMPLATE = ("{% for message in messages %}"
                 "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
                 "{% endfor %}"
                 "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def texts(path):
    """Every text of a JSONL file, role names included, for they stand in each rendered sample."""
    def walk(value, key):
        if isinstance(value, str):
            if key in ("input", "content", "role"):
                yield value
        elif isinstance(value, dict):
            for name, part in value.items():
                yield from walk(part, name)
        elif isinstance(value, list):
            for part in value:
                yield from walk(part, key)

    for line in pathlib.Path(path).read_bytes().decode("utf-8").strip("\n").split("\n"):
        yield from walk(json.loads(line), None)


def train(files):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY_SIZE - len(SPECIAL_TOKENS), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator((text for file in files for text in texts(file)), trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    if tokenizer.get_vocab_size() != VOCABULARY_SIZE:
        raise SystemExit(f"The data gave {tokenizer.get_vocab_size()} entries instead of {VOCABULARY_SIZE}: too little text.")
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    tokenizer = train(arguments.files)

    arguments.output.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(arguments.output / "tokenizer.json"), pretty=False)
    config = {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(tokenizer.token_to_id(token)): {"content": token, "lstrip": False, "normalized": False, "rstrip": False,
                                                "single_word": False, "special": True}
            for token in SPECIAL_TOKENS
        },
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "bos_token": None,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "model_max_length": 32768,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    text = json.dumps(config, ensure_ascii=False, indent=2) + "\n"
    (arguments.output / "tokenizer_config.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
