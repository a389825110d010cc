#!/usr/bin/env python3
"""Scores token ids with transformers: does a written model folder mean there what it means here?

  python3 scripts/testing/verify_with_transformers.py [--padded-batch] MODEL_FOLDER ROWS.jsonl [MODEL_FOLDER ROWS.jsonl ...]

ROWS.jsonl has a row {"id", "input_ids"} a sample. Prints a row {"id", "reward"} for each, in order: the logit of
AutoModelForSequenceClassification in float32, each sample alone. With --padded-batch a row has "padded_reward" too: that of
the same sample when all of the file are one batch, padded on the right with config.json's pad_token_id, which is what
transformers finds the last token by. Any parameter that the folder lacks or has too much is an error, for transformers
itself would only warn and score with random weights.
"""
import json
import os
import sys


def load(folder):
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    precision = {"dtype" if version >= (4, 56) else "torch_dtype": torch.float32}
    model, report = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, **precision, attn_implementation="eager", output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if report.get(kind):
            raise SystemExit(f"{folder}: transformers reports {kind}: {sorted(map(str, report[kind]))}")
    return model.eval()


def score(model, ids, mask):
    return model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, 0].tolist()


def score_padded(model, samples):
    import torch
    longest = max(map(len, samples))
    padding = [[model.config.pad_token_id] * (longest - len(sample)) for sample in samples]
    ids = torch.tensor([sample + pad for sample, pad in zip(samples, padding)])
    mask = torch.tensor([[1] * len(sample) + [0] * len(pad) for sample, pad in zip(samples, padding)])
    return score(model, ids, mask)


def verify(folder, rows_file, padded_batch):
    import torch
    model = load(folder)
    with open(rows_file, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    with torch.inference_mode():
        padded = score_padded(model, [row["input_ids"] for row in rows]) if padded_batch else None
        for number, row in enumerate(rows):
            ids = torch.tensor([row["input_ids"]])
            result = {"id": row["id"], "reward": score(model, ids, torch.ones_like(ids))[0]}
            if padded:
                result["padded_reward"] = padded[number]
            print(json.dumps(result), flush=True)


def main():
    arguments = sys.argv[1:]
    padded_batch = arguments[:1] == ["--padded-batch"]
    arguments = arguments[padded_batch:]
    if not arguments or len(arguments) % 2:
        raise SystemExit("Usage: verify_with_transformers.py [--padded-batch] MODEL_FOLDER ROWS.jsonl [MODEL_FOLDER ROWS.jsonl ...]")
    for folder, rows_file in zip(arguments[::2], arguments[1::2]):
        verify(folder, rows_file, padded_batch)


if __name__ == "__main__":
    main()
