"""Writes data.jsonl, made-up ranked data, and expected.json: what several judges' verdicts on it come to.

Plain Python 3, nothing else; independent of the package. Two ways of asking:

  cheems   the original's: every pair once, in the order of the rank object, swapped where random.random() < 0.5 after
           random.seed(0); right = the verdict names the better response; accuracy over pairs, exact match over questions
           with a pair, both as the mean over categories; overall = their mean. Checked below against the original's
           own output (../generative_judges.json) before anything is written.
  both     every pair in both orders; a right verdict adds 1, a wrong one takes 1, a tie and no verdict add nothing, and a pair is
           right above 0; beside it how the judge behaves, by the formulas that results.json names.

A judge's verdict is a function of the two texts in the order shown, so that any language can play it:
digest = SHA-256 of "NAME\\0FIRST\\0SECOND" in UTF-8, n = first byte * 256 + second byte, and then a rule by n (see JUDGES).

    python3 make_judges.py
"""
import hashlib
import json
import random
from pathlib import Path

HERE = Path(__file__).parent
# Of 65,536: below the first number "A", below the second "B", below the third a tie, else an answer without a verdict.
JUDGES = {"coin": (26000, 52000, 58000), "first": (50000, 60000, 62000), "silent": (9000, 18000, 18000)}


def verdict(judge, first, second):
    digest = hashlib.sha256(f"{judge}\0{first}\0{second}".encode()).digest()
    n = digest[0] * 256 + digest[1]
    a, b, tie = JUDGES[judge]
    return "A" if n < a else "B" if n < b else "tie" if n < tie else "none"


def make_data(rng):
    rows = []
    for number in range(60):
        ids = [f"r{i}" for i in range(rng.randint(2, 5))]
        rank = {one: str(rng.randint(1, len(ids))) for one in ids}
        rows.append({
            "input": f"问题 {number}：请回答。",
            "responses": [{"id": one, "content": f"回答 {number}-{one} {rng.random():.6f}"} for one in ids],
            "rank": rank,
            "category": [rng.choice(["理解", "创作", "数学"]), "其他"],
        })
    return rows


def pairs_of(row):
    """(text, later text, whether the former is the better) of every two responses of different rank, in the order of the rank object."""
    text = {one["id"]: one["content"] for one in row["responses"]}
    names = list(row["rank"])
    for i, a in enumerate(names):
        for b in names[i + 1:]:
            x, y = int(row["rank"][a]), int(row["rank"][b])
            if x != y:
                yield text[a], text[b], x < y


def mean(values):
    return sum(values) / len(values)


def figures(judged):
    """judged: (question, category, right) by pair."""
    categories = {}
    for question, category, right in judged:
        categories.setdefault(category, {}).setdefault(question, []).append(right)
    by_category = {
        name: (mean([right for rights in questions.values() for right in rights]), mean([all(rights) for rights in questions.values()]))
        for name, questions in categories.items()
    }
    metrics = {"accuracy-rank": mean([a for a, _ in by_category.values()]), "exact_match-rank": mean([e for _, e in by_category.values()])}
    for name, (accuracy, exact) in by_category.items():
        metrics[f"accuracy-rank-{name}"] = accuracy
        metrics[f"exact_match-rank-{name}"] = exact
    return metrics


def ask_once(rows, answer):
    """The original's way; `random` has been seeded. answer(first, second) -> "A", "B" or something else."""
    judged = []
    for row in rows:
        for one, other, is_better in pairs_of(row):
            swapped = random.random() < 0.5
            first, second = (other, one) if swapped else (one, other)
            judged.append((row["input"], row["category"][0], answer(first, second) == ("A" if is_better != swapped else "B")))
    return figures(judged)


def ask_twice(rows, judge):
    judged, says = [], []  # says: (verdict with the better one first, verdict with it second)
    for row in rows:
        for text, other, is_better in pairs_of(row):
            better, worse = (text, other) if is_better else (other, text)
            one, two = verdict(judge, better, worse), verdict(judge, worse, better)
            points = {"A": 1, "B": -1}.get(one, 0) + {"B": 1, "A": -1}.get(two, 0)
            judged.append((row["input"], row["category"][0], points > 0))
            says.append((one, two))
    every = [v for pair in says for v in pair]
    right_first, right_second = [one == "A" for one, _ in says], [two == "B" for _, two in says]
    named = [({"A": "better", "B": "worse"}.get(one, one), {"A": "worse", "B": "better"}.get(two, two)) for one, two in says]
    spoken = [(x, y) for x, y in named if "none" not in (x, y)]
    decided = [v for v in every if v in "AB"]
    statistics = {
        "pairs": len(says),
        "judgements": len(every),
        "unparsable": every.count("none"),
        "unparsable_share": every.count("none") / len(every),
        "tie_share": every.count("tie") / len(every),
        "judgement_accuracy": mean(right_first + right_second),
        "both_right_share": mean([a and b for a, b in zip(right_first, right_second)]),
        "consistency": sum(x == y for x, y in spoken) / len(says),
        "agreement": mean([x == y for x, y in spoken]),
        "first_share": decided.count("A") / len(decided),
        "accuracy_chosen_first": mean(right_first),
        "accuracy_chosen_second": mean(right_second),
        "position_bias": mean(right_first) - mean(right_second),
    }
    return {"metrics": figures(judged), "judge": statistics}


def check_against_original():
    golden = json.loads((HERE.parent / "generative_judges.json").read_text(encoding="utf8"))
    for one in golden["sets"]:
        files = {name: [json.loads(line) for line in (HERE.parents[1] / "cheems" / "generative" / Path(name).name).read_text(encoding="utf8").splitlines() if line.strip()] for name in one["files"]}
        for name, expected in one["judges"].items():
            random.seed(0)
            shown = iter(one["sequence"])

            def answer(first, second, count=iter(range(10**9)), name=name):
                question, a, b, right, _, _ = next(shown)
                assert (a, b) == (first, second), (question, a, first)
                return {"always-A": "A", "always-right": right, "every-third-error": "error" if next(count) % 3 == 2 else right}[name]

            results = {file: ask_once(rows, answer) for file, rows in files.items()}
            assert next(shown, None) is None
            for file, metrics in results.items():
                wanted = expected["metrics"][file]
                assert metrics.keys() == wanted.keys(), (metrics, wanted)
                assert all(abs(metrics[key] - wanted[key]) < 1e-12 for key in wanted), (file, name)
            overall = mean([(m["accuracy-rank"] + m["exact_match-rank"]) / 2 for m in results.values()])
            assert abs(overall - expected["overall"]) < 1e-12, name


def main():
    check_against_original()
    rows = make_data(random.Random(20251125))
    (HERE / "data.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf8")
    expected = {"judges": {name: list(rule) for name, rule in JUDGES.items()}, "cheems": {}, "both": {}}
    for judge in JUDGES:
        random.seed(0)
        expected["cheems"][judge] = ask_once(rows, lambda first, second: verdict(judge, first, second))
        expected["both"][judge] = ask_twice(rows, judge)
    (HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf8")


main()
