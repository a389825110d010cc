# What transformers' logits warpers keep of given logits, and the probabilities they leave: warpers.json.
# The order is that of generate(): temperature, top-k, top-p. Made with transformers 5.18 and torch 2.13, in float64.
import json
import pathlib

import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

torch.manual_seed(7)
cases = []
for vocabulary, spread in ((1, 1.0), (11, 1.0), (97, 2.0), (500, 4.0)):
    logits = (torch.randn(vocabulary, dtype=torch.float32) * spread)
    if vocabulary == 97:
        logits[20] = logits[40] = logits.topk(3).values[2]  # equals at the edge of top-k
    for temperature, top_k, top_p in ((1.0, 0, 1.0), (0.7, 0, 1.0), (1.0, 3, 1.0), (1.3, 0, 0.9), (0.8, 20, 0.95), (1.0, 5, 0.5), (2.0, 0, 0.01), (0.05, 50, 0.8)):
        warpers = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
        if top_k:
            warpers.append(TopKLogitsWarper(min(top_k, vocabulary)))
        if top_p < 1:
            warpers.append(TopPLogitsWarper(top_p))
        scores = warpers(torch.zeros((1, 1), dtype=torch.long), logits.double()[None])
        kept = torch.isfinite(scores[0]).nonzero()[:, 0]
        cases.append({
            "logits": logits.tolist(), "temperature": temperature, "top_k": top_k, "top_p": top_p,
            "ids": kept.tolist(), "probabilities": torch.softmax(scores[0], 0)[kept].tolist(),
        })
path = pathlib.Path(__file__).parent / "warpers.json"
path.write_text(json.dumps(cases) + "\n")
