"""Says of each prediction of bench/gpu_predictions.json whether it held, from what scripts/test_gpu.sh and scripts/bench_gpu.sh
left in a folder, and writes that with the facts of the machine as one JSON.

    python3 bench/gpu_judge.py FOLDER OUTPUT [PREDICTIONS]

FOLDER has PART.json for each part that was measured, PART.reason for each that was not, and machine.json, all of one commit
(scripts/gpu/gpu_parts.sh). Called after every
part: a run that is killed leaves a whole file. The verdicts are "held", "refuted" and "not measured", the last with the reason.
"""
import datetime
import json
import math
import os
import pathlib
import sys

PREDICTIONS = pathlib.Path(__file__).resolve().parent / "gpu_predictions.json"


class NotMeasured(Exception):
    """Why there is no verdict."""


def load(file):
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise NotMeasured(f"{file.name} cannot be read: {error}")


def part_of(folder, name):
    part = load(folder / f"{name}.json")
    reason = folder / f"{name}.reason"
    if part is None:
        raise NotMeasured(reason.read_text().strip() if reason.exists() else f"part {name} was not run")
    return part


def row_of(part, wanted, emulated):
    """The row with these fields. The emulation has a model of its own, which stands for all."""
    wanted = {**wanted, "model": "tiny"} if emulated else wanted
    exact = {name: value for name, value in wanted.items() if name != "micro_batch_tokens"}
    rows = part.get("steps") if isinstance(part.get("steps"), list) else part.get("kernels", [])
    for row in rows:
        if any(row.get(name) != value for name, value in exact.items()):
            continue
        if "error" in row:
            raise NotMeasured(row["error"])
        if not emulated and row.get("micro_batch_tokens") != wanted.get("micro_batch_tokens", row.get("micro_batch_tokens")):
            raise NotMeasured(f"measured with micro-batches of {row['micro_batch_tokens']}, for the card's memory is too small")
        return row
    raise NotMeasured("no row of " + ", ".join(str(value) for value in exact.values()))


def number_in(values, path):
    for name in path.split("."):
        if not isinstance(values, dict) or values.get(name) is None:
            raise NotMeasured(f"{path} was not measured")
        values = values[name]
    value = float(values)
    if not math.isfinite(value):
        raise NotMeasured(f"{path} is not a finite number ({value})")
    return value


def value_of(measure, folder, emulated):
    part = part_of(folder, measure["part"])
    if "row" not in measure:
        return number_in(part, measure["field"])
    value = number_in(row_of(part, measure["row"], emulated), measure["field"])
    if "over" not in measure:
        return value
    other = number_in(row_of(part, measure["over"], emulated), measure["field"])
    if other <= 0:
        raise NotMeasured(f"{measure['field']} to divide by is {other}")
    return value / other


def judge(prediction, folder, machine):
    value, verdict, reason = None, "not measured", None
    emulated = bool(machine.get("emulated"))
    try:
        if emulated and not prediction.get("anywhere"):
            raise NotMeasured("emulated: the kernels were executed on the CPU")
        value = value_of(prediction["measure"], folder, emulated)
        cards = prediction.get("cards", [])
        if cards and not any(card in (machine.get("gpu") or "") for card in cards):
            raise NotMeasured(f"the prediction is for {' and '.join(cards)}, and this is {machine.get('gpu') or 'an unknown card'}")
        lowest, highest = prediction["lowest"], prediction["highest"]
        held = (lowest is None or value >= lowest) and (highest is None or value <= highest)
        verdict = "held" if held else "refuted"
    except NotMeasured as error:
        reason = str(error)
    told = {name: prediction[name] for name in ("id", "sentence", "how", "lowest", "highest")}
    return {**told, "value": value, "verdict": verdict, **({"reason": reason} if reason else {})}


def facts_of(folder, machine):
    """Driver, cuBLAS and so on, as the backend names them in whichever part tells."""
    for name in ("steps", "repeat"):
        try:
            part = load(folder / f"{name}.json")
        except NotMeasured:
            continue
        if part and part.get("device_facts"):
            return {**machine, "device": dict(part["device_facts"])}
    return machine


def report(folder, predictions):
    machine = facts_of(folder, load(folder / "machine.json") or {})
    verdicts = [judge(prediction, folder, machine) for prediction in predictions]
    counts = {verdict: sum(each["verdict"] == verdict for each in verdicts) for verdict in ("held", "refuted", "not measured")}
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine, "counts": counts, "predictions": verdicts,
    }


def write(result, output):
    temporary = output.with_name(output.name + ".new")
    temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    os.replace(temporary, output)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    predictions = json.loads(pathlib.Path(sys.argv[3]).read_text() if len(sys.argv) == 4 else PREDICTIONS.read_text())["predictions"]
    result = report(folder, predictions)
    write(result, output)
    for each in result["predictions"]:
        value = "" if each["value"] is None else f" ({each['value']:.6g})"
        print(f"{each['verdict']:12} {each['id']}{value}{': ' + each['reason'] if 'reason' in each else ''}")
    print(", ".join(f"{count} {verdict}" for verdict, count in result["counts"].items()) + f": {output}")


if __name__ == "__main__":
    main()
