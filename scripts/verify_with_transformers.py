#!/usr/bin/env python3
"""Scores token ids with transformers: does a written model folder mean there what it means here?

  python3 scripts/verify_with_transformers.py MODEL_FOLDER ROWS.jsonl

ROWS.jsonl has a row {"id", "input_ids"} a sample. Prints a row {"id", "reward"} for each, in order: the logit of
AutoModelForSequenceClassification in float32, each sample alone. Any parameter that the folder lacks or has too much is an
error, for transformers itself would only warn and score with random weights.
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
    model, report = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if report.get(kind):
            raise SystemExit(f"{folder}: transformers reports {kind}: {sorted(map(str, report[kind]))}")
    return model.eval()


def main():
    if len(sys.argv) != 3:
        raise SystemExit("Usage: verify_with_transformers.py MODEL_FOLDER ROWS.jsonl")
    folder, rows = sys.argv[1:]
    model = load(folder)
    import torch
    with open(rows, encoding="utf-8") as file, torch.inference_mode():
        for line in file:
            row = json.loads(line)
            ids = torch.tensor([row["input_ids"]])
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
            print(json.dumps({"id": row["id"], "reward": logits[0, 0].item()}))


if __name__ == "__main__":
    main()
