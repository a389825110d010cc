"""What stock transformers makes of the tokenizers that training writes.

node dist/testing/sample_template_cases.js FOLDERS
python tests/reference/sample_templates/record.py FOLDERS    (transformers; jinja2)

For each case and conversation: the ids of `apply_chat_template`, and those of its text tokenized afterwards, with special tokens (as
RewardBench does, a doubled BOS masked) and without (as vLLM's chat endpoints and TRL do). All must be the same, or this fails; recorded.json keeps them.
"""
import json
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import transformers
from transformers import AutoTokenizer

transformers.logging.set_verbosity_error()


def ids_of(tokenizer, conversation, where):
    ids = tokenizer.apply_chat_template(conversation, tokenize=True)
    ids = list(ids["input_ids"] if hasattr(ids, "keys") else ids)
    text = tokenizer.apply_chat_template(conversation, tokenize=False)
    special = tokenizer(text)["input_ids"]
    if tokenizer.bos_token and special[:2] == [tokenizer.bos_token_id] * 2:
        special = special[1:]
    plain = tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids == special == plain:
        raise SystemExit(f"{where}: {ids} by the template, {special} by its text, {plain} without special tokens")
    return ids


def record(folder):
    # AutoTokenizer looks for the model's type in config.json.
    (folder / "config.json").write_text('{"model_type": "llama"}')
    tokenizer = AutoTokenizer.from_pretrained(folder)
    conversations = json.loads((folder / "conversations.json").read_text())
    return [ids_of(tokenizer, conversation, folder.name) for conversation in conversations]


if __name__ == "__main__":
    folders = sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/conversations.json"))
    recorded = {folder.name: record(folder) for folder in folders}
    target = pathlib.Path(__file__).parent / "recorded.json"
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(ids, separators=(',', ':'))}" for name, ids in recorded.items())
    text = "{\n" + lines + "\n}\n"
    if "--check" in sys.argv and target.read_text() != text:
        raise SystemExit("recorded.json holds other ids")
    target.write_text(text)
    print(f"{len(recorded)} cases, transformers {transformers.__version__}")
