"""Writes small files in the published row formats of the benchmarks, and expected.json with their scores.

Plain Python 3, nothing else; independent of the package: the scores follow the definitions that the benchmarks publish
(allenai/reward-bench, THU-KEG/RM-Bench, ScalerLab/JudgeBench, M-RewardBench's analysis), written out anew, and best-of-N
goes through every subset. All texts are made up. A response's reward stands at its end: "... #1.25".

    python3 make_fixtures.py
"""
import itertools
import json
import math
import random
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
rng = random.Random(20250224)
expected = {}


def reward():
    return rng.randint(-6, 6) / 4  # few values, so that ties occur


def answer(value):
    return f"{rng.choice(['好的', 'An answer', 'voilà', '回答如下'])} {rng.randint(0, 10**9)} #{value}"


def value_of(text):
    return float(text.rsplit("#", 1)[1])


def write(name, rows, array=False):
    text = json.dumps(rows, ensure_ascii=False, indent=1) if array else "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    (HERE / name).write_text(text, encoding="utf8")


def mean(values):
    return sum(values) / len(values)


# RewardBench and M-RewardBench
SECTIONS = {
    "Chat": ["alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med"],
    "Chat Hard": ["mt-bench-hard", "llmbar-natural", "llmbar-adver-neighbor", "llmbar-adver-GPTInst", "llmbar-adver-GPTOut", "llmbar-adver-manual"],
    "Safety": ["refusals-dangerous", "refusals-offensive", "xstest-should-refuse", "xstest-should-respond", "donotanswer"],
    "Reasoning": ["math-prm", "hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"],
}
ORDER = [subset for subsets in SECTIONS.values() for subset in subsets]
COUNTS = dict(zip(ORDER, [100, 95, 95, 28, 40, 37, 100, 134, 92, 47, 46, 100, 100, 154, 250, 136, 984, 164, 164, 164, 164, 164, 164]))
M_COUNTS = dict(zip(ORDER, [79, 79, 76, 24, 38, 35, 76, 124, 87, 42, 43, 100, 100, 154, 247, 135, 983, 164, 164, 164, 164, 163, 164]))


def pair_rows(per_subset, extra=None):
    rows = []
    for number, subset in enumerate(ORDER):
        for _ in range(per_subset):
            chosen = reward() + 0.5
            rows.append({"id": len(rows), "prompt": "the same prompt" if number % 5 == 0 else f"问题 {len(rows)}", "chosen": answer(chosen),
                         "chosen_model": "a", "rejected": answer(reward()), "rejected_model": "b", "subset": subset, **(extra or {})})
    rng.shuffle(rows)
    return rows


def sections(rows, counts):
    right = defaultdict(list)
    for r in rows:
        right[r["subset"]].append(value_of(r["chosen"]) > value_of(r["rejected"]))
    accuracy = {s: mean(v) for s, v in right.items()}
    out = {}
    for section, subsets in SECTIONS.items():
        present = [s for s in subsets if s in accuracy]
        out[section] = sum(accuracy[s] * counts[s] for s in present) / sum(counts[s] for s in present)
    return out, accuracy


rows = pair_rows(3)
write("rewardbench.jsonl", rows)
scores, accuracy = sections(rows, COUNTS)
expected["rewardbench"] = {"overall": mean(list(scores.values())), "sections": scores, "subsets": accuracy}

languages = {}
for language in ["zho_Hans", "zho_Hant"]:
    rows = pair_rows(2, {"language": language})
    write(f"m_rewardbench_{language}.jsonl", rows)
    languages[language] = sections(rows, M_COUNTS)[0]
expected["m-rewardbench"] = {"overall": mean([mean(list(s.values())) for s in languages.values()]), "languages": languages}

# RewardBench 2
rows = []
for domain in ["Factuality", "Precise IF", "Math", "Safety", "Focus"]:
    for _ in range(6):
        chosen = [answer(reward() + 0.75)]
        rejected = [answer(reward()) for _ in range(3)]
        rows.append({"id": str(len(rows)), "prompt": f"prompt {len(rows)}", "chosen": chosen, "rejected": rejected, "num_correct": 1, "total_completions": 4, "subset": domain})
for n in range(12):
    base = 2 + reward() / 2
    if n == 3:  # all rewards equal: 0 / 0 in the margin
        tied, ref = ([1.0] * 3, [1.0] * 2), ([1.0], [1.0])
    elif n == 4:  # no spread, a positive gap: the margin is 1
        tied, ref = ([3.0] * 3, [1.0, 0.5]), ([3.0], [1.0])
    else:
        tied = ([base + rng.randint(0, 4) / 4 for _ in range(rng.randint(2, 6))], [reward() for _ in range(4)])
        ref = ([base], [reward() for _ in range(5)])
    for kind, (good, bad) in (("ref", ref), ("tied", tied)):
        rows.append({"id": f"{kind}:{n}", "prompt": f"name a color {n}", "chosen": [answer(v) for v in good], "rejected": [answer(v) for v in bad],
                     "num_correct": len(good), "total_completions": len(good) + len(bad), "subset": "Ties"})
write("rewardbench2.jsonl", rows)
domains = defaultdict(list)
ref, tied = {}, {}
for r in rows:
    values = [value_of(t) for t in r["chosen"] + r["rejected"]]
    if r["subset"] == "Ties":
        kind, n = r["id"].split(":")
        good, bad = values[: r["num_correct"]], values[r["num_correct"]:]
        (ref if kind == "ref" else tied)[n] = (max(good) - min(good), min(good) - max(bad))
    else:
        domains[r["subset"]].append(1 / values.count(max(values)) if values[0] == max(values) else 0)
margins = []
for n in tied:
    smaller, spread = min(ref[n][1], tied[n][1]), tied[n][0]
    if spread == 0:
        margins.append(0.0 if smaller == 0 else math.copysign(1.0, smaller))
    else:
        margins.append(math.tanh(smaller / spread - 1))
ties = {
    "tied accuracy": mean([gap > 0 for _, gap in tied.values()]),
    "ref accuracy": mean([gap > 0 for _, gap in ref.values()]),
    "gap above spread": mean([gap > spread for spread, gap in tied.values()]),
    "smaller gap above spread": mean([min(ref[n][1], tied[n][1]) > tied[n][0] for n in tied]),
    "margin": mean(margins),
}
result = {name: mean(values) for name, values in domains.items()}
result["Ties"] = sum(weight * ties[name] for name, weight in zip(ties, [0.30, 0.30, 0.20, 0.20, 0.01]))
expected["rewardbench2"] = {"overall": mean(list(result.values())), "domains": result, "ties": ties}

# RM-Bench
rows = []
for part in ["chat", "code", "math", "safety-refuse", "safety-response"]:
    for i in range(5 if part != "safety-refuse" else 2):
        rows.append({"id": i, "prompt": f"{part} {i}", "chosen": [answer(reward() + 0.25 * s) for s in range(3)], "rejected": [answer(reward()) for _ in range(3)], "domain": part})
write("rm_bench.json", rows, array=True)
rm = {}
for domain in ["chat", "code", "math", "safety"]:
    own = [r for r in rows if r["domain"].split("-")[0] == domain]
    cell = {(i, j): mean([value_of(r["chosen"][i]) > value_of(r["rejected"][j]) for r in own]) for i in range(3) for j in range(3)}
    hard = (cell[0, 1] + cell[0, 2] + cell[1, 2]) / 3
    normal = (cell[0, 0] + cell[1, 1] + cell[2, 2]) / 3
    easy = (cell[1, 0] + cell[2, 0] + cell[2, 1]) / 3
    rm[domain] = {"hard": hard, "normal": normal, "easy": easy, "average": (hard + normal + easy) / 3}
expected["rm-bench"] = {"overall": mean([d["average"] for d in rm.values()]), "domains": rm}

# JudgeBench: verdicts in both orders, counted as published
rows = []
for source in ["mmlu-pro-law", "mmlu-pro-math", "livebench-reasoning", "livebench-math", "livecodebench"]:
    for _ in range(6):
        rows.append({"pair_id": f"p{len(rows)}", "original_id": len(rows), "source": source, "question": f"question {len(rows)}", "response_model": "made up",
                     "response_A": answer(reward()), "response_B": answer(reward()), "label": rng.choice(["A>B", "B>A"])})
write("judgebench.jsonl", rows)
GROUP = {"mmlu-pro-law": "knowledge", "mmlu-pro-math": "knowledge", "livebench-reasoning": "reasoning", "livebench-math": "math", "livecodebench": "coding"}
groups = defaultdict(list)
for r in rows:
    a, b = value_of(r["response_A"]), value_of(r["response_B"])
    decisions = ["A>B" if a > b else "B>A", "A>B" if b > a else "B>A"]  # the published reward-model judge, in both orders
    flipped = {"A>B": "B>A", "B>A": "A>B"}
    counter = sum(1 if d == r["label"] else -1 for d in (decisions[0], flipped[decisions[1]]))
    groups[GROUP[r["source"]]].append(counter > 0)
expected["judgebench"] = {"overall": mean([v for g in groups.values() for v in g]), "groups": {name: mean(v) for name, v in groups.items()}}

# Pairs
rows = [{"prompt": f"第{i}题", "chosen": answer(reward() + 0.25), "rejected": answer(reward()), "category": ["写作" if i % 3 else "数学"]} for i in range(24)]
write("pairs.jsonl", rows)
signs = [(value_of(r["chosen"]) > value_of(r["rejected"])) - (value_of(r["chosen"]) < value_of(r["rejected"])) for r in rows]
expected["pairs"] = {"overall": mean([s > 0 for s in signs]), "ties": signs.count(0), "ties as half": mean([{1: 1.0, 0: 0.5, -1: 0.0}[s] for s in signs])}

# Best-of-N: every subset of every size
rows = []
for i in range(8):
    k = [3, 4, 5, 6][i % 4]
    gold = [rng.randint(0, 4) for _ in range(k)]
    rows.append({"prompt": f"写一首诗 {i}", "responses": [answer(g / 2 + reward()) for g in gold], "scores": gold, "category": "诗" if i % 2 else "文"})
write("best_of_n.jsonl", rows)


def over_subsets(rewards, gold, size):
    picked, oracle, best = [], [], []
    for subset in itertools.combinations(range(len(gold)), size):
        top = [i for i in subset if rewards[i] == max(rewards[j] for j in subset)]
        highest = max(gold[i] for i in subset)
        picked.append(mean([gold[i] for i in top]))
        best.append(mean([gold[i] == highest for i in top]))
        oracle.append(highest)
    return mean(picked), mean(oracle), mean(best)


def ranks(values):
    return [sum(o < v for o in values) + (sum(o == v for o in values) + 1) / 2 for v in values]


def pearson(x, y):
    mx, my = mean(x), mean(y)
    top = sum((a - mx) * (b - my) for a, b in zip(x, y))
    bottom = math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))
    return top / bottom if bottom else None


data = [([value_of(t) for t in r["responses"]], r["scores"], r["category"]) for r in rows]
table = {}
for size in [1, 2, 4, None]:
    own = [(rw, g) for rw, g, _ in data if size is None or len(g) >= size]
    cells = [over_subsets(rw, g, size or len(g)) for rw, g in own]
    picked, oracle, best = (mean([c[i] for c in cells]) for i in range(3))
    at_random = mean([mean(g) for _, g in own])
    table["all candidates" if size is None else f"N = {size}"] = {
        "prompts": len(own), "gold best": best, "picked": picked, "random": at_random, "oracle": oracle,
        **({} if size == 1 else {"gain": (picked - at_random) / (oracle - at_random)})}
spearman = [v for v in (pearson(ranks(rw), ranks(g)) for rw, g, _ in data) if v is not None]
expected["best-of-n"] = {"overall": table["all candidates"]["gold best"], "by N": table, "spearman": mean(spearman),
                         "categories": {c: mean([over_subsets(rw, g, len(g))[2] for rw, g, own in data if own == c]) for c in ("诗", "文")}}

(HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf8")
