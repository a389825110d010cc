#!/usr/bin/env bash
# Installs what the benchmarks compare with, each in a folder of its own: transformers (Python), RewardBench (Python,
# another transformers) and node-llama-cpp with its prebuilt llama.cpp. Nothing of it becomes part of this package.
#
#   bash bench/setup.sh [FOLDER]        build/bench/tools; about 10 GB, of which torch's CUDA libraries are most
#
# What is already installed is not changed. PYTHON names the interpreter (3.10 or newer); pip's and npm's own settings
# say where packages come from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=${1:-build/bench/tools}
mkdir -p "$tools"

# environment NAME: a virtual environment with bench/requirements/NAME.txt.
environment() {
  local folder=$tools/$1
  [ -x "$folder/bin/python" ] || "${PYTHON:-python3}" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "bench/requirements/$1.txt"
}

has() { [ -x "$tools/$1/bin/python" ] && "$tools/$1/bin/python" -c "import $2" 2>/dev/null; }

if ! has transformers "torch, transformers, gguf"; then
  echo "transformers …"
  environment transformers
fi
if ! has rewardbench "rewardbench"; then
  echo "RewardBench …"
  environment rewardbench
  "$tools/rewardbench/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps rewardbench==0.1.4
fi
case $(uname -m) in aarch64) machine=arm64 ;; *) machine=x64 ;; esac
if [ ! -e "$tools/node-llama-cpp/node_modules/@node-llama-cpp/linux-$machine" ]; then
  echo "node-llama-cpp …"
  # Its optional dependencies are builds for other machines and for CUDA and Vulkan, 700 MB.
  npm install --prefix "$tools/node-llama-cpp" --ignore-scripts --omit=optional --no-audit --no-fund --no-save \
    node-llama-cpp@3.22.1 "@node-llama-cpp/linux-$machine@3.22.1"
fi
echo "$tools is ready."
