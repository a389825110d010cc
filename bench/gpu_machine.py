"""The facts of this machine and checkout that a GPU's report begins with, as JSON.

    python3 bench/gpu_machine.py [--emulated]
"""
import csv
import json
import subprocess
import sys

from gpu_report import git

QUERY = ("name", "driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "clocks.max.mem", "power.draw", "power.limit", "temperature.gpu")


def first_gpu():
    """What nvidia-smi says; nothing where it is not there or does not work."""
    try:
        done = subprocess.run(["nvidia-smi", "--query-gpu=" + ",".join(QUERY), "--format=csv,noheader", "-i", "0"], capture_output=True, text=True)
    except OSError:
        return {}
    rows = list(csv.reader(done.stdout.splitlines(), skipinitialspace=True)) if done.returncode == 0 else []
    return dict(zip(QUERY, rows[0])) if rows else {}


def main():
    emulated = sys.argv[1:] == ["--emulated"]
    gpu = {} if emulated else first_gpu()
    changes = git("status", "--porcelain", "--untracked-files=no")
    facts = {
        "gpu": "the CUDA backend executed on the CPU" if emulated else gpu.get("name"), "emulated": emulated,
        "driver": gpu.get("driver_version"), "clocks_and_power": {name: gpu[name] for name in QUERY[2:] if name in gpu},
        "commit": git("rev-parse", "HEAD"), "uncommitted_changes": None if changes is None else bool(changes),
    }
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
