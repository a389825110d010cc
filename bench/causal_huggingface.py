#!/usr/bin/env python3
"""transformers' side of bench/llama_cpp.cjs, and its model.

  python3 bench/causal_huggingface.py make  --model DIR [--tiny]        random Qwen2.5-0.5B: DIR/bfloat16 and DIR/float32
  python3 bench/causal_huggingface.py serve --model FOLDER --dtype float32 [--threads N]

Both folders hold the same numbers. A worker answers the requests that bench/llama_cpp.cjs lists, one JSON line each.
"""
import argparse
import json
import os
import sys
import time
import warnings

SIZES = dict(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
             num_key_value_heads=2, vocab_size=151936)
TINY_SIZES = dict(hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2,
                  num_key_value_heads=1, vocab_size=2048)


def make(arguments):
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM
    torch.manual_seed(0)
    sizes = TINY_SIZES if arguments.tiny else SIZES
    config = Qwen2Config(**sizes, max_position_embeddings=32768, tie_word_embeddings=True, rms_norm_eps=1e-6,
                         rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
    model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(os.path.join(arguments.model, "bfloat16"))
    model.float().save_pretrained(os.path.join(arguments.model, "float32"))


class Engine:
    def __init__(self, folder, dtype):
        import torch
        from transformers import AutoModelForCausalLM
        self.torch = torch
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()

    def score(self, request):
        """Every sample whole, one after another: the hidden states, without the vocabulary's product."""
        for sample in request["samples"]:
            self.model.model(self.torch.tensor([sample]), use_cache=False).last_hidden_state[0, -1].tolist()
        return {}

    def score_shared(self, request):
        """The prompt once, its keys and values kept; each response after it, taken off again."""
        body = self.model.model
        cache = body(self.torch.tensor([request["prompt"]]), use_cache=True).past_key_values
        for response in request["responses"]:
            out = body(self.torch.tensor([response]), past_key_values=cache, use_cache=True)
            out.last_hidden_state[0, -1].tolist()
            cache.crop(-len(response))
        return {}

    def generate(self, request):
        out = self.model(self.torch.tensor(request["prompts"]), use_cache=True, logits_to_keep=1)
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        begin = time.perf_counter()
        for _ in range(request["newTokens"]):
            out = self.model(token, past_key_values=out.past_key_values, use_cache=True)
            token = out.logits[:, -1].argmax(-1, keepdim=True)
        return {"decodeSeconds": time.perf_counter() - begin}

    def next_tokens(self, request):
        logits = self.model(self.torch.tensor([request["prompt"]]), use_cache=False, logits_to_keep=1).logits[0, -1]
        values, ids = self.torch.log_softmax(logits.double(), -1).topk(request["count"])
        return {"ids": ids.tolist(), "logProbabilities": values.tolist()}


def serve(arguments):
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore", FutureWarning)  # the cache's argument is about to be renamed
    transformers.logging.disable_progress_bar()
    engine = Engine(arguments.model, arguments.dtype)
    works = {work.__name__: work for work in (engine.score, engine.score_shared, engine.generate, engine.next_tokens)}
    version = f"transformers {transformers.__version__}, torch {torch.__version__}"
    print(json.dumps({"ready": True, "engine": version}), flush=True)
    with torch.inference_mode():
        for line in sys.stdin:
            request = json.loads(line)
            begin = time.perf_counter()
            answer = works[request["work"]](request)
            print(json.dumps({"seconds": time.perf_counter() - begin, **answer}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["make", "serve"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    (make if arguments.mode == "make" else serve)(arguments)


if __name__ == "__main__":
    main()
