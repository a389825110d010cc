"""Joins what scripts/bench_gpu.sh measured into one file, and prints it as tables.

    python3 bench/gpu_report.py PARTS_FOLDER [--output FILE]      FILE: bench/results/gpu-CARD.json
    python3 bench/gpu_report.py --print FILE                      the tables of a file that is there
"""
import csv
import datetime
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Tokens per second on one H100, T = 1024, nothing shared: llmq's own utilization without its head over the vocabulary.
GOALS = {"0.5B": 200e3, "1.5B": 69e3, "7B": 15e3}


def load(file):
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None  # the part was left out, or failed and said so


def clocks(file):
    rows = list(csv.DictReader(file.open(), skipinitialspace=True)) if file.exists() else []
    return rows[0] if rows else None


def git(*arguments):
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def join(parts):
    steps, kernels = load(parts / "steps.json"), load(parts / "kernels.json")
    if not steps and not kernels:
        sys.exit(f"Neither steps.json nor kernels.json in {parts} could be read: nothing was measured.")
    changes = git("status", "--porcelain", "--untracked-files=no")
    return {
        "card": (steps or kernels)["card"], "emulated": (steps or kernels)["emulated"], "commit": git("rev-parse", "HEAD"),
        "uncommitted_changes": None if changes is None else bool(changes), "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "clocks": {"before": clocks(parts / "clocks-before.csv"), "after_steps": clocks(parts / "clocks-after.csv")},
        "goals_tokens_per_second_h100": GOALS, "steps": steps, "kernels": kernels, "pytorch": load(parts / "pytorch.json"),
    }


def percent(value):
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value, digits=0):
    return "-" if value is None else f"{value:.{digits}f}"


def ratio(value, other):
    return None if value is None or not other else value / other


def print_steps(result):
    steps, pytorch = result["steps"], result["pytorch"] or {"steps": []}
    if not steps:
        return
    theirs = {row["model"]: row for row in pytorch["steps"]}
    print(f"\nTraining steps, bfloat16 (spec peak {steps['spec_teraflops']} TFLOP/s, cuBLASLt at 8192^3 {steps['measured_gemm_teraflops']:.1f})\n")
    print("| model | row | step, ms | tokens/s | computed tokens/s | goal | share of goal | MFU (spec) | MFU (measured) | memory, GiB: planned / used | transformers, tokens/s | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in steps["steps"]:
        if "error" in row:
            print(f"| {row['model']} | {row['row']} | {row['error']} |")
            continue
        goal = GOALS.get(row["model"]) if row["row"] == "flat" else None
        other = theirs.get(row["model"], {}).get("tokens_per_second")
        memory = row["memory"]
        print(
            f"| {row['model']} | {row['row']} | {row['step_ms']:.1f} | **{row['tokens_per_second']:.0f}** | {row['computed_tokens_per_second']:.0f} | {number(goal)} | "
            f"{percent(ratio(row['tokens_per_second'], goal))} | {percent(row['mfu_of_spec'])} | {percent(row['mfu_of_measured'])} | "
            f"{memory['planned_bytes'] / 2**30:.1f} / {memory['used_bytes'] / 2**30:.1f} | {number(other)} | {number(ratio(row['tokens_per_second'], other), 2)} |"
        )
    for row in pytorch["steps"]:
        if "error" in row:
            print(f"\ntransformers, {row['model']}: {row['error']}")
        elif not row["adamw"]:
            print(f"\ntransformers, {row['model']}: forward and backward alone, for AdamW's state found no room.")


def print_kernels(result):
    kernels, pytorch = result["kernels"], result["pytorch"] or {"attention": []}
    if not kernels:
        return
    theirs = {(row["model"], row["operation"], row["shape"]): row["ms"] for row in pytorch["attention"]}
    measured = kernels["measured"]
    print(f"\nOperations (measured peaks: {measured['gemm_8192_teraflops']:.1f} TFLOP/s, {measured['copy_gigabytes_per_second']:.0f} GB/s)\n")
    print("| model | operation | shape | ms | GB/s | TFLOP/s | floor (spec) | floor (measured) | PyTorch flash, ms | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in kernels["kernels"]:
        other = theirs.get((row["model"], row["operation"], row["shape"]))
        print(
            f"| {row['model']} | {row['operation']} | {row['shape']} | {row['ms']:.4f} | {row['gigabytes_per_second']:.0f} | {row['teraflops']:.1f} | {percent(row['of_spec'])} | "
            f"{percent(row['of_measured'])} | {number(other, 4)} | {number(ratio(other, row['ms']), 2)} |"
        )


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--print"] and len(arguments) == 2:
        result = json.loads(pathlib.Path(arguments[1]).read_text())
    elif arguments and not arguments[0].startswith("--"):
        result = join(pathlib.Path(arguments[0]))
        card = re.sub(r"[^a-z0-9]+", "-", result["card"].lower().replace("nvidia", "")).strip("-")
        if arguments[1:2] == ["--output"]:
            output = pathlib.Path(arguments[2])
        else:  # figures of the emulation are no results
            output = pathlib.Path(arguments[0]) / "emulated.json" if result["emulated"] else ROOT / "bench" / "results" / f"gpu-{card}.json"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=1) + "\n")
        print(f"\nWritten: {output}")
    else:
        sys.exit(__doc__)
    print(f"{result['card']}, commit {result['commit']}{' with uncommitted changes' if result['uncommitted_changes'] else ''}, {result['date']}")
    print_steps(result)
    print_kernels(result)


if __name__ == "__main__":
    main()
