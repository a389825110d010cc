"""PyTorch on the same card, beside bench/gpu_steps.cpp and bench/gpu_kernels.cpp.

    python3 bench/gpu_pytorch.py [--models 0.5B,1.5B,7B] [--steps 4] [--micro_batch_tokens N]
    python3 bench/gpu_pytorch.py --tiny          small sizes, on the CPU too: shows that the script runs

Two parts. "steps": transformers' Qwen2ForSequenceClassification (num_labels 1) forward and backward with the pairwise ranking
loss, bfloat16, scaled_dot_product_attention, every sample padded to the longest and each prompt computed with each of its
responses, as a trainer without prompt sharing does; AdamW fused over the bfloat16 parameters where memory allows, and said where it
does not. "attention": scaled_dot_product_attention forward and backward, causal, flash kernel, at gpu_kernels' shapes; FLOPs
counted alike (4 and 10 a visible pair and head channel). Prints one JSON object; progress goes to stderr.
"""
import argparse
import json
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F

SHAPES = {  # hidden, layers, heads, key-value heads, intermediate, vocabulary
    "0.5B": (896, 24, 14, 2, 4864, 151936),
    "1.5B": (1536, 28, 12, 2, 8960, 151936),
    "7B": (3584, 28, 28, 4, 18944, 152064),
    "tiny": (128, 2, 2, 1, 192, 512),
}


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measured_gemm_teraflops(device, size, repeats):
    a, b = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    times = [seconds(device, lambda: a @ b.T) for _ in range(repeats + 2)][2:]
    return 2 * size**3 / statistics.median(times) * 1e-12


def seconds(device, body):
    """The time of one call on the device."""
    if device != "cuda":
        start = time.perf_counter()
        body()
        return time.perf_counter() - start
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    body()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e-3


def build_model(size, device):
    from transformers import Qwen2Config, Qwen2ForSequenceClassification

    hidden, layers, heads, key_value_heads, intermediate, vocab = SHAPES[size]
    config = Qwen2Config(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=key_value_heads, intermediate_size=intermediate,
        vocab_size=vocab, max_position_embeddings=32768, rope_theta=1e6, tie_word_embeddings=size != "7B", num_labels=1, pad_token_id=0, use_cache=False,
    )
    config._attn_implementation = "sdpa"
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            return Qwen2ForSequenceClassification(config).train()
    finally:
        torch.set_default_dtype(default)


def training_step(model, optimizer, samples, micro_batch):
    """Samples in pairs, one after another (chosen, rejected); all of one length, as in gpu_steps."""
    pairs = len(samples) // 2
    for begin in range(0, len(samples), micro_batch):
        ids = samples[begin : begin + micro_batch]
        rewards = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float().squeeze(-1)
        loss = (-F.logsigmoid(rewards[0::2] - rewards[1::2])).sum() / pairs + 0.1 * (rewards**2).sum() / len(samples)
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if optimizer is not None:
        optimizer.step()
    model.zero_grad(set_to_none=False)
    return loss.item()


def measure_steps(size, device, options):
    tiny = size == "tiny"
    length = 32 if tiny else 1024
    micro_batch = max(2, (options.micro_batch_tokens or (64 if tiny else 4096 if size == "7B" else 16384)) // length // 2 * 2)
    count = max(micro_batch, (64 if tiny else options.tokens) // length // micro_batch * micro_batch)
    model = build_model(size, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.01, fused=device == "cuda")
    vocab = SHAPES[size][5]
    updates, times, loss = True, [], None
    step = 0
    while len(times) < options.steps + 2:
        samples = torch.randint(1, vocab, (count, length), device=device)
        try:
            synchronize(device)
            start = time.perf_counter()
            loss = training_step(model, optimizer if updates else None, samples, micro_batch)
            synchronize(device)
            times.append(time.perf_counter() - start)
        except torch.cuda.OutOfMemoryError:
            model.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            times = []
            if micro_batch > 2:
                micro_batch //= 2
                micro_batch -= micro_batch % 2
                count = max(micro_batch, count // micro_batch * micro_batch)
            elif updates:
                updates = False
                optimizer.state.clear()
                torch.cuda.empty_cache()
            else:
                raise
            print(f"{size}: out of memory; {micro_batch} samples at once, {'with' if updates else 'without'} AdamW", file=sys.stderr)
            continue
        step += 1
        print(f"{size}, step {step}: {times[-1] * 1e3:.1f} ms, loss {loss:.4f}", file=sys.stderr)
    times = times[2:]
    median = statistics.median(times)
    return {
        "model": size, "row": "padded", "precision": "bfloat16", "sample_tokens": length, "tokens_per_step": count * length, "micro_batch_tokens": micro_batch * length,
        "adamw": updates, "steps_ms": [t * 1e3 for t in times], "step_ms": median * 1e3, "tokens_per_second": count * length / median, "last_loss": loss,
        "peak_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None,
    }


def measure_attention(model, tokens, length, heads, key_value_heads, head_size, device, repeats):
    batch = max(1, tokens // length)

    def operand(count):
        return torch.randn(batch, count, length, head_size, dtype=torch.bfloat16, device=device, requires_grad=True)

    q, k, v = operand(heads), operand(key_value_heads), operand(key_value_heads)
    d_context = torch.randn(batch, heads, length, head_size, dtype=torch.bfloat16, device=device)
    flush = torch.empty(128 << 20, dtype=torch.int32, device=device) if device == "cuda" else None
    grouped = {"enable_gqa": True} if heads != key_value_heads else {}

    def cold(body):
        if flush is not None:
            flush.zero_()
        return seconds(device, body)

    from contextlib import nullcontext

    from torch.nn.attention import SDPBackend, sdpa_kernel

    forward, backward = [], []
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION) if device == "cuda" else nullcontext():
        for _ in range(repeats + 3):
            results = []
            forward.append(cold(lambda: results.append(F.scaled_dot_product_attention(q, k, v, is_causal=True, **grouped))))
            backward.append(cold(lambda: results[0].backward(d_context)))
            q.grad = k.grad = v.grad = None
    pairs = batch * length * (length + 1) / 2 * heads * head_size
    rows = []
    for name, times, products in (("attention_forward", forward, 4), ("attention_backward", backward, 10)):
        median = statistics.median(times[3:])
        rows.append({
            "model": model, "operation": name, "shape": f"T = {length}, {heads}/{key_value_heads} heads of {head_size}", "ms": median * 1e3, "teraflops": products * pairs / median * 1e-12,
        })
        print(f"{model:6} {name:20} {rows[-1]['shape']:34} {rows[-1]['ms']:9.4f} ms {rows[-1]['teraflops']:7.1f} TFLOP/s", file=sys.stderr)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="0.5B,1.5B,7B")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=131072, help="tokens of a step")
    parser.add_argument("--rows", type=int, default=8192, help="tokens of the attention of the models' shapes")
    parser.add_argument("--micro_batch_tokens", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--output", type=pathlib.Path, help="the JSON goes there in place of the standard output")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not options.tiny:
        sys.exit("torch sees no GPU; on a CPU this script takes --tiny only.")
    if options.tiny:
        options.models, options.steps, options.repeats = "tiny", 1, 1
    result = {
        "card": torch.cuda.get_device_name() if device == "cuda" else "cpu", "torch": torch.__version__, "transformers": None, "steps": [], "attention": [],
        "measured_gemm_teraflops": measured_gemm_teraflops(device, 64 if options.tiny else 8192, 1 if options.tiny else 20),
    }
    for size in options.models.split(","):
        hidden, _, heads, key_value_heads, _, _ = SHAPES[size]
        result["attention"] += measure_attention(size, 64 if options.tiny else options.rows, 32 if options.tiny else 1024, heads, key_value_heads, hidden // heads, device, options.repeats)
    for head_size in (64, 128):
        for length in (48,) if options.tiny else (512, 1024, 2048, 4096, 8192, 16384):
            heads = 1 if options.tiny else 2048 // head_size
            result["attention"] += measure_attention("flash", 48 if options.tiny else 16384, length, heads, heads, head_size, device, options.repeats)
    try:
        import transformers

        result["transformers"] = transformers.__version__
    except ImportError:
        print("transformers is not installed: no training steps are measured.", file=sys.stderr)
    if result["transformers"]:
        for size in options.models.split(","):
            try:
                result["steps"].append(measure_steps(size, device, options))
            except Exception as error:  # what one model cannot do must not lose the others' figures
                print(f"{size}: {error}", file=sys.stderr)
                result["steps"].append({"model": size, "row": "padded", "error": str(error).splitlines()[0]})
            if device == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
    text = json.dumps(result, indent=2) + "\n"
    if options.output:
        options.output.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
