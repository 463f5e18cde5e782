"""From the scores of single fits to tables: seeds are averaged within a clip, intervals are over clips."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.statistics.intervals import Interval, mean_interval

ORDER = (
    "input",
    "warp_average",
    "reblur_blend",
    "Ren-style L1",
    "stage 1",
    "goes on",
    "+SEVD",
    "+SCSCM",
    "both",
    "pairs",
    "supervised",
    "stage 1 rc",
    "+SEVD rc",
    "+SCSCM rc",
    "both rc",
    "pairs rc",
    "supervised rc",
)
CONTROL = "warp_average"
Values = dict[str, dict[str, dict[str, dict[str, list[float]]]]]
"""Clip → arm → kind of frames → metric → a value a seed."""


def collect(folder: Path) -> dict[str, Any]:
    """Read the scores of a folder; what is missing is left out, and ``seeds`` says how many there are."""
    facts: dict[str, Any] = {}
    values: Values = {}
    seconds: dict[str, list[float]] = {}
    prepare: list[float] = []
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        facts[record["clip"]] = record["facts"]
        prepare.append(record["times"]["prepare_s"])
        for arm, found in record["arms"].items():
            seconds.setdefault(arm, []).append(found["seconds"])
            for kind, metrics in found["scores"].items():
                place = values.setdefault(record["clip"], {}).setdefault(arm, {}).setdefault(kind, {})
                for metric, value in metrics.items():
                    place.setdefault(metric, []).append(round(value, 3))
    return {
        "clips": facts,
        "prepare_s": round(float(np.median(prepare)), 1) if prepare else None,
        "seconds": {arm: round(float(np.median(seconds[arm])), 1) for arm in ORDER if arm in seconds},
        "values": values,
    }


def groups(facts: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names of the clips of each role, and of all."""
    found = {"all": list(facts)}
    for role in ("held out", "tuning"):
        found[role] = [clip for clip, fact in facts.items() if fact["role"] == role]
    return {name: clips for name, clips in found.items() if clips}


def as_json(report: Mapping[str, Any]) -> str:
    """Write the report as JSON, a line an arm."""
    head = {key: value for key, value in report.items() if key != "values"}
    clips = []
    for clip, arms in report["values"].items():
        lines = [f"   {json.dumps(arm)}: {json.dumps(kinds)}" for arm, kinds in arms.items()]
        clips.append(f"  {json.dumps(clip)}: {{\n" + ",\n".join(lines) + "\n  }")
    begin = json.dumps(head, indent=1).removesuffix("\n}")
    return begin + ',\n "values": {\n' + ",\n".join(clips) + "\n }\n}\n"


def over_clips(values: Values, clips: Sequence[str]) -> dict[str, Any]:
    """Average over clips, with intervals, beside the difference to the control on the same clips and seeds' spread."""
    found: dict[str, Any] = {}
    for arm in ORDER:
        for kind, metric in sorted(
            {(k, m) for clip in clips for k, ms in values[clip].get(arm, {}).items() for m in ms}
        ):
            per_clip = {clip: v for clip in clips if (v := seed_mean(values, clip, arm, kind, metric)) is not None}
            control = {clip: seed_mean(values, clip, CONTROL, kind, metric) for clip in per_clip}
            entry: dict[str, Any] = {"mean": _interval(per_clip.values())}
            differences = [v - c for clip, v in per_clip.items() if (c := control[clip]) is not None]
            if differences:
                entry["to_control"] = _interval(differences)
            entry["seed_sd"] = _seed_spread(values, per_clip, arm, kind, metric)
            found.setdefault(arm, {}).setdefault(kind, {})[metric] = entry
    return found


def seed_mean(values: Values, clip: str, arm: str, kind: str, metric: str) -> float | None:
    """Average an arm's seeds on a clip; None where there is no value."""
    seeds = values.get(clip, {}).get(arm, {}).get(kind, {}).get(metric, [])
    finite = [value for value in seeds if math.isfinite(value)]
    return float(np.mean(finite)) if finite else None


def gain_share(values: Values, clip: str, arm: str, bound: str, metric: str) -> float | None:
    """Return an arm's gain over the input as a share of the supervised one's, on frames that were not selected."""
    found = [seed_mean(values, clip, name, "not_selected", metric) for name in (arm, bound, "input")]
    if None in found:
        return None
    mine, best, before = (float(v) for v in found if v is not None)
    return (mine - before) / (best - before) if best > before else None


def _interval(values: Iterable[float]) -> dict[str, float | int | None]:
    interval: Interval = mean_interval(list(values))
    low, high = (None if math.isnan(end) else round(end, 4) for end in (interval.low, interval.high))
    return {"mean": round(interval.mean, 4), "low": low, "high": high, "n": interval.n}


def _seed_spread(values: Values, clips: Iterable[str], arm: str, kind: str, metric: str) -> float | None:
    """Return the standard deviation between seeds, pooled over clips."""
    variances = [np.var(seeds, ddof=1) for clip in clips if len(seeds := values[clip][arm][kind][metric]) > 1]
    return round(float(np.sqrt(np.mean(variances))), 4) if variances else None


def markdown(report: Mapping[str, Any]) -> str:
    """Write the report for people."""
    values: Values = report["values"]
    found = {name: over_clips(values, clips) for name, clips in groups(report["clips"]).items()}
    parts = [
        "# SelfHVD small: the fusion network fitted to short clips",
        f"Machine: {report['machine']}. Times are process CPU seconds of one thread. Written by "
        "`python -m benchmarks.selfhvd_tiny`; `benchmarks/README.md` says what each arm is.",
        "## Clips",
        _clips_table(report),
    ]
    for role in found:
        parts += [f"## Frames not selected, {role} clips", _main_table(found[role], report["seconds"])]
    parts += [
        "## By clip: PSNR of the frames not selected, dB (centroid truth; mid where there is no other)",
        _by_clip(report["clips"], values),
        "## Kinds of frames: difference to `warp_average` in dB, all clips, 95 % interval",
        _strata(found["all"], ("all", "selected", "not_selected", *_ORACLE), "psnr_mid"),
        "## Still and moving pixels of the frames not selected, clips with object masks: PSNR in dB, mid truth",
        _strata(found["all"], ("not_selected",), "static_mid", "moving_mid", absolute=True),
        "## Share of the supervised gain, frames not selected",
        _gains(report["clips"], values),
    ]
    return "\n\n".join(parts) + "\n"


_ORACLE = ("oracle_sharp", "oracle_mild", "oracle_blurry")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _clips_table(report: Mapping[str, Any]) -> str:
    rows = []
    for clip, fact in report["clips"].items():
        arms = report["values"][clip]
        seeds = max((len(kinds["all"]["psnr_mid"]) for kinds in arms.values()), default=0)
        oracle = "/".join(map(str, fact["oracle_sharp_mild_blurry"] or ["-"]))
        extent = "/".join(map(str, fact["extent_px_median_p90"] or ["-"]))
        count = f"{fact['selected']} of {fact['frames']}"
        rows.append((clip, fact["kind"], fact["role"], count, oracle, extent, str(seeds)))
    head = ("clip", "kind", "role", "selected", "oracle sharp/mild/blurry", "extent px median/90 %", "seeds")
    return _table(head, rows)


def _cell(entry: Mapping[str, Any] | None, places: int = 2, sign: bool = False) -> str:
    if entry is None:
        return "-"
    mean = f"{entry['mean']:{'+' if sign else ''}.{places}f}"
    return mean if entry["low"] is None else f"{mean} [{entry['low']:.{places}f}, {entry['high']:.{places}f}]"


def _main_table(clips: Mapping[str, Any], seconds: Mapping[str, float]) -> str:
    head = (
        "arm",
        "PSNR mid",
        "to `warp_average`",
        "PSNR centroid",
        "to `warp_average`",
        "SSIM mid",
        "registered mid",
        "sharpness ×",
        "shift px",
        "worse",
        "seed sd",
        "s",
    )
    rows = []
    for arm in ORDER:
        found = clips.get(arm, {}).get("not_selected")
        if found is None:
            continue

        def mean(metric: str, places: int = 2, found: Mapping[str, Any] = found) -> str:
            return f"{found[metric]['mean']['mean']:.{places}f}" if metric in found else "-"

        def difference(metric: str, found: Mapping[str, Any] = found) -> str:
            return _cell(found.get(metric, {}).get("to_control"), sign=True)

        spread = found["psnr_mid"]["seed_sd"]
        rows.append(
            (
                arm,
                mean("psnr_mid"),
                difference("psnr_mid"),
                mean("psnr_centroid"),
                difference("psnr_centroid"),
                mean("ssim_mid", 4),
                mean("registered_mid"),
                mean("sharpness_ratio"),
                mean("shift_px"),
                mean("worse_mid"),
                "-" if spread is None else f"{spread:.2f}",
                str(seconds[arm]),
            )
        )
    return _table(head, rows)


def _truth_of(fact: Mapping[str, Any]) -> str:
    return "psnr_centroid" if "centroid" in fact["truths"] else "psnr_mid"


def _by_clip(clips: Mapping[str, Any], values: Values) -> str:
    rows = []
    for arm in ORDER:
        found = [seed_mean(values, clip, arm, "not_selected", _truth_of(fact)) for clip, fact in clips.items()]
        if any(value is not None for value in found):
            rows.append((arm, *("-" if value is None else f"{value:.2f}" for value in found)))
    return _table(("arm", *clips), rows)


def _strata(found: Mapping[str, Any], kinds: Sequence[str], *metrics: str, absolute: bool = False) -> str:
    columns = [(kind, metric) for kind in kinds for metric in metrics]
    rows = []
    for arm in ORDER:
        entries = [found.get(arm, {}).get(kind, {}).get(metric) for kind, metric in columns]
        if not any(entries) or (arm == CONTROL and not absolute):
            continue
        which = "mean" if absolute else "to_control"
        rows.append((arm, *(_cell(None if e is None else e.get(which), sign=not absolute) for e in entries)))
    head = [f"{kind} {metric.split('_')[0]}" if len(metrics) > 1 else kind for kind, metric in columns]
    return _table(("arm", *(name.replace("_", " ") for name in head)), rows)


def _gains(clips: Mapping[str, Any], values: Values) -> str:
    rows, has_own = [], any("supervised rc" in arms for arms in values.values())
    for arm in ORDER:
        bound = "supervised rc" if arm.endswith(" rc") and has_own else "supervised"
        if arm in ("input", bound):
            continue
        shares = [gain_share(values, clip, arm, bound, _truth_of(fact)) for clip, fact in clips.items()]
        known = [share for share in shares if share is not None]
        if known:
            cells = ["-" if share is None else f"{share:.2f}" for share in shares]
            rows.append((arm, f"{np.mean(known):.2f}", *cells))
    return _table(("arm", "mean", *clips), rows)
