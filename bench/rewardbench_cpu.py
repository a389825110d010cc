#!/usr/bin/env python3
"""RewardBench's own command on a machine without a GPU; takes the command's own options.

  python3 bench/rewardbench_cpu.py --model=FOLDER --dataset=rows.json --load_json --not_quantized --torch_dtype=float32 …

Nothing of RewardBench is edited. Two things are set at run time, neither of which slows it: what it sends to "cuda" stays
on the CPU, and its eight processes for formatting rows are one. At its end the process's CPU seconds and peak memory go to
the file that $CHEEMS_BENCH_USAGE names.
"""
import json
import os
import resource

os.environ.update(HF_HUB_OFFLINE="1", WANDB_MODE="disabled", TOKENIZERS_PARALLELISM="false")

import datasets
from transformers import BatchEncoding

move = BatchEncoding.to
BatchEncoding.to = lambda self, device, **options: move(self, "cpu" if device == "cuda" else device, **options)
map_rows = datasets.Dataset.map
datasets.Dataset.map = lambda self, *rest, **options: map_rows(self, *rest, **{**options, "num_proc": None})

from rewardbench.rewardbench import main

main()
usage = resource.getrusage(resource.RUSAGE_SELF)
if "CHEEMS_BENCH_USAGE" in os.environ:
    with open(os.environ["CHEEMS_BENCH_USAGE"], "w", encoding="utf-8") as file:
        json.dump({"cpu": usage.ru_utime + usage.ru_stime, "peakMib": round(usage.ru_maxrss / 1024)}, file)
