#!/usr/bin/env python3
"""The Hugging Face side of the comparison: a reward model in transformers on the CPU, float32 or bfloat16.

  python3 bench/huggingface.py make  --config tiny --model DIR --workload FILE [--prompts 64] [--seed 0]
  python3 bench/huggingface.py train --model DIR --workload FILE [--threads N] [--dtype bfloat16]
  python3 bench/huggingface.py eval  --model DIR --workload FILE [--threads N] [--dtype bfloat16]

`make` writes a randomly initialized Qwen2 model folder and the workload, one prompt a line:
{"id", "prompt_ids", "response_ids": [[...], ...], "order"}, order being the responses from best to worst.

`train` and `eval` are workers that bench/compare.cjs drives over standard streams. Once ready they print
{"ready": true, "engine"}; each input line "run N" makes them work through the next N prompts of the workload (from its start
again after its end) and answer with one JSON line: seconds, prompts, responses, tokens (prompt and response of every
response, no padding), peak_rss_mib, and losses (train) or rewards (eval), by which the driver sees that both sides do the same job.

train: one prompt a step, its responses padded to the longest, as the original trains; all pairs; AdamW (fused), norm clipped at 1.
eval: one response at a time, as the original evaluates.
--dtype bfloat16: weights, activations, gradients and moments, which is as fast as transformers goes; an autocast over
float32 weights converts them again in every step.
"""
import argparse
import itertools
import json
import os
import pathlib
import sys
import time

CONFIGS = {
    "tiny": dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
                 intermediate_size=768, vocab_size=8192),
    "small": dict(hidden_size=512, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=2,
                  intermediate_size=1536, vocab_size=32000),
}
PROMPT_TOKENS, RESPONSES = 180, 5
RESPONSE_MEAN, RESPONSE_SIGMA, RESPONSE_MIN, RESPONSE_MAX = 300, 0.6, 20, 1024
FIRST_PLAIN_ID = 3  # 0, 1 and 2 are padding, begin and end
LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM, REG_COEF = 1e-5, 0.01, 1.0, 0.1


def make_workload(vocabulary, prompts, seed):
    """Random ids; response lengths are log-normal with the given mean, whose median is mean / exp(sigma^2 / 2)."""
    import numpy as np
    random = np.random.default_rng(seed)
    for number in range(prompts):
        lengths = np.exp(np.log(RESPONSE_MEAN) - RESPONSE_SIGMA ** 2 / 2 + RESPONSE_SIGMA * random.standard_normal(RESPONSES))
        lengths = lengths.round().clip(RESPONSE_MIN, RESPONSE_MAX).astype(int)
        yield {
            "id": f"p{number}",
            "prompt_ids": random.integers(FIRST_PLAIN_ID, vocabulary, PROMPT_TOKENS).tolist(),
            "response_ids": [random.integers(FIRST_PLAIN_ID, vocabulary, length).tolist() for length in lengths],
            "order": random.permutation(RESPONSES).tolist(),
        }


def make(arguments):
    import torch
    from transformers import Qwen2Config, Qwen2ForSequenceClassification
    sizes = CONFIGS[arguments.config]
    torch.manual_seed(arguments.seed)
    config = Qwen2Config(**sizes, num_labels=1, max_position_embeddings=4096, rms_norm_eps=1e-6, pad_token_id=0,
                         bos_token_id=1, eos_token_id=2, tie_word_embeddings=True,
                         rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
    Qwen2ForSequenceClassification(config).float().save_pretrained(arguments.model)
    with open(arguments.workload, "w", encoding="utf-8") as file:
        for row in make_workload(sizes["vocab_size"], arguments.prompts, arguments.seed):
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def peak_rss_mib():
    """The process's own high-water mark; ru_maxrss would start at the parent's."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024)
    raise RuntimeError("/proc/self/status has no VmHWM line.")


def pad(sequences, torch):
    longest = max(map(len, sequences))
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros(len(sequences), longest, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, :len(sequence)] = torch.tensor(sequence)
        mask[row, :len(sequence)] = 1
    return ids, mask


def samples_of(prompt):
    return [prompt["prompt_ids"] + response for response in prompt["response_ids"]]


def make_trainer(model, torch):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)

    def step(prompt):
        ids, mask = pad(samples_of(prompt), torch)
        rewards = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, 0]
        chosen, rejected = zip(*itertools.combinations(prompt["order"], 2))
        ranking = -torch.nn.functional.logsigmoid(rewards[list(chosen)] - rewards[list(rejected)]).mean()
        loss = ranking + REG_COEF * (rewards ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return {"losses": [loss.item()]}

    return step


def make_evaluator(model, torch):
    model.eval()

    def score(prompt):
        rewards = []
        for sample in samples_of(prompt):
            ids, mask = pad([sample], torch)
            with torch.inference_mode():
                rewards.append(model(input_ids=ids, attention_mask=mask, use_cache=False).logits[0, 0].item())
        return {"rewards": rewards}

    return score


def work(arguments):
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        arguments.model, dtype=getattr(torch, arguments.dtype), attn_implementation="sdpa")
    work_on = (make_trainer if arguments.mode == "train" else make_evaluator)(model, torch)
    with open(arguments.workload, encoding="utf-8") as file:
        prompts = [json.loads(line) for line in file]

    def reply(answer):
        print(json.dumps(answer), flush=True)

    reply({"ready": True, "engine": f"transformers {transformers.__version__}, torch {torch.__version__}"})
    following = itertools.cycle(prompts)
    for line in sys.stdin:
        command, count = line.split()
        if command != "run":
            raise SystemExit(f'Unknown command "{command}": expected "run N".')
        batch = list(itertools.islice(following, int(count)))
        results = {}
        begin = time.perf_counter()
        for prompt in batch:
            for name, values in work_on(prompt).items():
                results.setdefault(name, []).extend(values)
        seconds = time.perf_counter() - begin
        samples = [sample for prompt in batch for sample in samples_of(prompt)]
        reply({"seconds": seconds, "prompts": len(batch), "responses": len(samples), "tokens": sum(map(len, samples)),
               "peak_rss_mib": peak_rss_mib(), **results})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["make", "train", "eval"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--config", choices=CONFIGS, default="tiny")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    (make if arguments.mode == "make" else work)(arguments)


if __name__ == "__main__":
    main()
