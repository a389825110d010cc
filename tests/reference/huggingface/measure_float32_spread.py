"""How far float32 alone moves three training steps of the reference models.

AdamW's first steps go by the signs of the gradients. Where a gradient is nearly zero, its sign hangs on rounding, so that float32
does not settle what a later step is. This trains every model here with transformers in float32, RUNS times over, each time with
every weight off by at most half a unit in the last place. It writes float32_spread.json: the largest error of the gradient's norm
per step, and the smallest share of any tensor's elements within 2e-5 of the float64 run after three steps.

python tests/reference/huggingface/measure_float32_spread.py    (torch, transformers, safetensors)
"""
import json
import pathlib

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

RUNS = 16
FOLDER = pathlib.Path(__file__).parent


def perturb(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.rand(parameter.shape, generator=generator, dtype=torch.float64) - 0.5
            parameter.copy_(parameter.double() * (1 + noise * 2**-23))


def loss_of(model, train):
    sequences = [group["prompt"] + response for group in train["groups"] for response in group["responses"]]
    states = [model.model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1] for ids in sequences]
    rewards = torch.stack([model.score(state)[0] for state in states])
    differences = torch.stack([rewards[chosen] - rewards[rejected] for chosen, rejected in train["pairs"]])
    return -torch.nn.functional.logsigmoid(differences).mean() + 0.1 * (rewards**2).mean()


def three_steps(folder, train, seed):
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    perturb(model, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    norms = []
    for _ in range(3):
        optimizer.zero_grad()
        loss_of(model, train).backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
    return norms, dict(model.named_parameters())


def measure(folder):
    train = json.loads((folder / "reference.json").read_text())["train"]
    truth = load_file(folder / "reference.safetensors")
    expected = [step["grad_norm_before_clip"] for step in train["steps_f64"][:3]]
    spread, share = [0.0, 0.0, 0.0], 1.0
    for seed in range(1, RUNS + 1):
        norms, parameters = three_steps(folder, train, seed)
        spread = [max(worst, abs(norm - right)) for worst, norm, right in zip(spread, norms, expected)]
        for name, parameter in parameters.items():
            close = (parameter.detach().double() - truth["adamw3." + name].double()).abs() <= 2e-5
            share = min(share, close.double().mean().item())
    return {"grad_norm": spread, "close_share": share}


if __name__ == "__main__":
    folders = sorted(path.parent for path in FOLDER.glob("*/reference.safetensors"))
    trained = [folder for folder in folders if "train" in json.loads((folder / "reference.json").read_text())]
    spreads = {folder.name: measure(folder) for folder in trained}
    (FOLDER / "float32_spread.json").write_text(json.dumps(spreads, indent=2) + "\n")
