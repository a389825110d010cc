# transformers' side of bench/generation.cjs: a line of JSON in, {prompts, newTokens}, a line of timings out.
#   generation_huggingface.py FOLDER DTYPE THREADS      generation_huggingface.py FOLDER --make
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

folder = sys.argv[1]
if sys.argv[2] == "--make":
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    config = Qwen2Config(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, vocab_size=151936,
                         max_position_embeddings=32768, tie_word_embeddings=True)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    sys.exit()

torch.set_num_threads(int(sys.argv[3]))
model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, sys.argv[2])).eval()


def clocks():
    return time.perf_counter(), time.process_time()


with torch.inference_mode():
    for line in sys.stdin:
        request = json.loads(line)
        ids = torch.tensor(request["prompts"])
        t0, c0 = clocks()
        out = model(ids, use_cache=True, logits_to_keep=1)
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        t1, c1 = clocks()
        for _ in range(request["newTokens"]):
            out = model(token, past_key_values=out.past_key_values, use_cache=True)
            token = out.logits[:, -1].argmax(-1, keepdim=True)
        t2, c2 = clocks()
        print(json.dumps({"prefill": t1 - t0, "prefillCpu": c1 - c0, "decode": t2 - t1, "decodeCpu": c2 - c1}), flush=True)
