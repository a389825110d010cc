"""DeBERTa-v3-large in shape (24 layers, hidden 1024, random weights): the time of texts of 512 tokens, here and in transformers float32.

    python bench/encoder_speed.py --operation_times build/cmake/operation_times [--texts 4] [--rounds 3] [--threads 2]

Needs torch and transformers. The two take turns; of each the fastest round counts, in seconds of wall clock and of processor time. The
vocabulary is small: looking an embedding up costs nothing. Transformers is given its texts one at a time and all at once, and the better counts.
"""
import argparse
import json
import os
import re
import resource
import subprocess
import tempfile
import time

import torch
from transformers import AutoModelForSequenceClassification, DebertaV2Config

TOKENS, VOCABULARY = 512, 2000


def make_model(folder):
    config = DebertaV2Config(
        vocab_size=VOCABULARY, hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, max_position_embeddings=512,
        max_relative_positions=-1, position_buckets=256, relative_attention=True, pos_att_type=["p2c", "c2p"], share_att_key=True, norm_rel_ebd="layer_norm",
        position_biased_input=False, type_vocab_size=0, layer_norm_eps=1e-7, pad_token_id=0, num_labels=1, pooler_hidden_act="gelu", pooler_dropout=0)
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    model.save_pretrained(folder)
    return model


def times_of(work):
    begin, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        rewards = work()
    return time.perf_counter() - begin, time.process_time() - cpu, rewards


def ours(program, folder, workload, threads):
    """Seconds a step, and seconds of processor time a step, loading left out: from runs of two lengths."""
    def run(steps):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = subprocess.run([program, folder, workload, "eval", str(steps), str(threads)], check=True, capture_output=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = float(re.search(r"step ([0-9.]+) ms", text).group(1)) / 1000
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, text
    short, long = run(1), run(2)
    return min(short[0], long[0]), long[1] - short[1], long[2]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--operation_times", required=True)
    options.add_argument("--texts", type=int, default=4)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(folder)
        ids = torch.randint(4, VOCABULARY, (given.texts, TOKENS), generator=torch.Generator().manual_seed(2))
        workload = os.path.join(folder, "workload.jsonl")
        with open(workload, "w") as file:
            for _ in range(4):
                file.write(json.dumps({"prompt_ids": [], "response_ids": ids.tolist(), "order": list(range(given.texts))}) + "\n")
        mask = torch.ones_like(ids)
        one = lambda: torch.cat([model(input_ids=ids[i:i + 1], attention_mask=mask[i:i + 1]).logits for i in range(given.texts)])
        batch = lambda: model(input_ids=ids, attention_mask=mask).logits
        best = {}
        for round_number in range(given.rounds):
            for name, work in (("transformers, one at a time", one), ("transformers, one batch", batch)):
                wall, cpu, _ = times_of(work)
                best[name] = [min(a, b) for a, b in zip(best.get(name, [1e9, 1e9]), (wall, cpu))]
            wall, cpu, table = ours(given.operation_times, folder, workload, given.threads)
            best["here"] = [min(a, b) for a, b in zip(best.get("here", [1e9, 1e9]), (wall, cpu))]
            print(f"round {round_number + 1}: " + "; ".join(f"{name} {w:.2f} s ({c:.2f} s of processor time)" for name, (w, c) in best.items()), flush=True)
        print(table)
        theirs = [min(best["transformers, one at a time"][i], best["transformers, one batch"][i]) for i in (0, 1)]
        print(f"{given.texts} texts of {TOKENS} tokens, {given.threads} threads: transformers takes {theirs[0] / best['here'][0]:.2f} times the time and {theirs[1] / best['here'][1]:.2f} times the processor time")


if __name__ == "__main__":
    main()
