"""Tables of :mod:`benchmarks.reblur_gate`: what the gate said against what correcting did."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.methods.blur.exposure_model import CLIP_GAIN, FRAME_GAIN

MARGIN_DB = 0.1  # changes below count as none
TUNED = "(tuned on)"
FRAME_LEVELS = (0.0, 0.8, 0.9, 0.95)
CLIP_LEVELS = (0.0, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98)
BLEND_LEVELS = (0.0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95)
LEFT_OVER = (0.0, 1.5, 2.0, 3.0, 4.0, 6.0)
UNEVEN_PX = (0.0, 0.03, 0.06, 0.12, 0.25, 0.5, np.inf)

Clip = Mapping[str, Any]
Numbers = NDArray[np.float64]


def change(clip: Clip, arm: str, truth: str, start: str = "average") -> Numbers:
    """Return (F,) PSNR of an arm less that of ``start``; a real pair has one truth, which counts as both."""
    key = truth if f"average_{truth}" in clip["frames"][0] else "mid"
    return np.array([row[f"{arm}_{key}"] - row[f"{start}_{key}"] for row in clip["frames"]])


def column(clip: Clip, name: str) -> Numbers:
    """Return one number of each frame, (F,)."""
    return np.array([row[name] for row in clip["frames"]], np.float64)


def opens(
    clip: Clip, frame_level: float = FRAME_GAIN, clip_level: float = CLIP_GAIN, left_over: float = 0.0
) -> NDArray[np.bool_]:
    """Return (F,) where a gate of these thresholds opens.

    Args:
        clip: as measured.
        frame_level, clip_level: least gain of the frame, and of the clip's median.
        left_over: least residual of the start, in variances of the frame's noise: a condition the method does not have.
    """
    gain = column(clip, "gain")
    return (np.median(gain) >= clip_level) & (gain >= frame_level) & (column(clip, "left_over") >= left_over)


def score(clips: Sequence[Clip], gates: Sequence[NDArray[np.bool_]], truth: str) -> dict[str, float]:
    """Return a gate's confusion table in frames, the mean change over clips, and the worst frame's change."""
    changes = [change(clip, "average+", truth) for clip in clips]
    gated = [np.where(gate, delta, 0.0) for gate, delta in zip(gates, changes, strict=True)]
    gate, delta = np.concatenate(list(gates)), np.concatenate(changes)
    helps, harms = delta > MARGIN_DB, delta < -MARGIN_DB
    return {
        "open_helps": int((gate & helps).sum()),
        "open_neither": int((gate & ~helps & ~harms).sum()),
        "open_harms": int((gate & harms).sum()),
        "closed_helps": int((~gate & helps).sum()),
        "closed_neither": int((~gate & ~helps & ~harms).sum()),
        "closed_harms": int((~gate & harms).sum()),
        "mean_db": round(float(np.mean([values.mean() for values in gated])), 3),
        "worst_frame_db": round(float(min(values.min() for values in gated)), 2),
        "worst_clip_db": round(float(min(values.mean() for values in gated)), 2),
    }


def summarise(clips: Sequence[Clip]) -> dict[str, Any]:
    """Sum up over the clips that nothing was tuned on."""
    held = [clip for clip in clips if TUNED not in clip["kind"]]
    own = [opens(clip) for clip in held]
    never = [np.zeros(len(gate), bool) for gate in own]
    rules = {"never": never, "always": [~gate for gate in never], "as it is": own}
    sweep = [
        {"clip_level": c, "frame_level": f} | score(held, [opens(clip, f, c) for clip in held], "centroid")
        for c in CLIP_LEVELS
        for f in FRAME_LEVELS
    ]
    noise = [
        {"clip_level": c, "left_over": n} | score(held, [opens(clip, FRAME_GAIN, c, n) for clip in held], "centroid")
        for c in (0.93, CLIP_GAIN)
        for n in LEFT_OVER
    ]
    return {
        "clips": len(held),
        "rules": {truth: _rules(held, rules, truth) for truth in _TRUTHS},
        "blend": {truth: _blend(held, own, truth) for truth in _TRUTHS},
        "blend_by_clip_level": [_blend_at(held, level) for level in BLEND_LEVELS],
        "sweep": sweep,
        "noise_condition": noise,
        "by_unevenness": _by_unevenness(held),
    }


_TRUTHS = ("centroid", "mid")


def _rules(
    held: Sequence[Clip], rules: Mapping[str, Sequence[NDArray[np.bool_]]], truth: str
) -> dict[str, dict[str, float]]:
    """Score gates, and beside them the one that knows each frame's truth."""
    best = [change(clip, "average+", truth) > 0 for clip in held]
    return {name: score(held, gates, truth) for name, gates in {**rules, "knowing the truth": best}.items()}


def _blend_at(held: Sequence[Clip], level: float) -> dict[str, float]:
    """Return the change, means over clips, by a blend that the average stands in for where a clip's gain is lower."""
    found: dict[str, float] = {"clip_level": level}
    for truth in _TRUTHS:
        gated = [change(clip, "blend", truth) * (np.median(column(clip, "gain")) >= level) for clip in held]
        found[f"mean_{truth}_db"] = round(float(np.mean([values.mean() for values in gated])), 3)
        found[f"worst_clip_{truth}_db"] = round(float(min(values.mean() for values in gated)), 2)
        found[f"worst_frame_{truth}_db"] = round(float(min(values.min() for values in gated)), 2)
    return found


def _blend(held: Sequence[Clip], gates: Sequence[NDArray[np.bool_]], truth: str) -> dict[str, float]:
    """Return the change by the blend alone on frames where the gate is open and closed, and by blend and correction."""
    gate = np.concatenate(list(gates))
    blend = np.concatenate([change(clip, "blend", truth) for clip in held])
    whole = np.concatenate([change(clip, "blend+", truth) for clip in held])
    step = np.concatenate([change(clip, "blend+", truth, "blend") for clip in held])
    found = {
        "blend_where_open_db": blend[gate].mean(),
        "blend_where_closed_db": blend[~gate].mean(),
        "blend_worst_frame_db": blend.min(),
        "blend_gated_worst_frame_db": np.where(gate, blend, 0.0).min(),
        "steps_on_blend_where_open_db": step[gate].mean(),
        "steps_on_blend_where_closed_db": step[~gate].mean(),
        "blend_and_steps_ungated_db": whole.mean(),
        "blend_and_steps_gated_db": np.where(gate, whole, blend).mean(),
        "both_gated_db": np.where(gate, whole, 0.0).mean(),
    }
    return {name: round(float(value), 3) for name, value in found.items()}


def _by_unevenness(held: Sequence[Clip]) -> list[dict[str, float]]:
    """Sort made frames by how far their true path was off an even one."""
    made = [clip for clip in held if "uneven_px" in clip["frames"][0]]
    off = np.concatenate([column(clip, "uneven_px") for clip in made])
    gain = np.concatenate([column(clip, "gain") for clip in made])
    gate = np.concatenate([opens(clip) for clip in made])
    delta = np.concatenate([change(clip, "average+", "centroid") for clip in made])
    rows = []
    for low, high in pairwise(UNEVEN_PX):
        inside = (off >= low) & (off < high)
        if not inside.any():
            continue
        five, half = np.percentile(gain[inside], (5, 50))
        rows.append(
            {
                "from_px": low,
                "frames": int(inside.sum()),
                "gain_p5": round(float(five), 3),
                "gain_p50": round(float(half), 3),
                "frame_test_passed": round(float((gain[inside] >= FRAME_GAIN).mean()), 2),
                "open": round(float(gate[inside].mean()), 2),
                "change_db": round(float(delta[inside].mean()), 2),
            }
        )
    return rows


def markdown(report: Mapping[str, Any]) -> str:
    """Write every table."""
    summary, derived = report["summary"], report["derived"]
    rules = [{"gate": name} | values for name, values in summary["rules"]["centroid"].items()]
    even = [{"errors": name} | values for name, values in derived["even"].items()]
    parts = [
        ("Clips (change of PSNR by correction, against the centroid)", [_clip_row(clip) for clip in report["clips"]]),
        (f"Gates over the {summary['clips']} clips that nothing was tuned on, centroid truth", rules),
        ("The same, truth at mid-exposure", [{"gate": n} | v for n, v in summary["rules"]["mid"].items()]),
        ("Blend", [{"truth": name} | values for name, values in summary["blend"].items()]),
        ("A blend gated by the clip's gain", summary["blend_by_clip_level"]),
        ("Other thresholds", summary["sweep"]),
        ("With a condition on what the start leaves over", summary["noise_condition"]),
        ("Made frames by how uneven the true path was", summary["by_unevenness"]),
        ("The statistic on paths known to be even", even),
        ("The statistic on bent paths, by arc in px", derived["bent"]),
    ]
    head = f"# The re-blur gate\n\n{report['machine']}; {report['process_s']} s of process time.\n"
    return "\n".join([head, *(f"## {title}\n\n{table(rows)}\n" for title, rows in parts)])


def _clip_row(clip: Clip) -> dict[str, Any]:
    delta, gate = change(clip, "average+", "centroid"), opens(clip)
    blend = change(clip, "blend", "centroid")
    uneven = column(clip, "uneven_px") if "uneven_px" in clip["frames"][0] else None
    return {
        "clip": f"{clip['kind']} {clip.get('seed', '')}".strip(),
        "frames": len(delta),
        "off even px": "" if uneven is None else round(float(np.median(uneven)), 2),
        "clip gain": clip["clip_gain"],
        "open": round(float(gate.mean()), 2),
        "ungated dB": round(float(delta.mean()), 2),
        "gated dB": round(float(np.where(gate, delta, 0).mean()), 2),
        "worst ungated": round(float(delta.min()), 1),
        "worst gated": round(float(np.where(gate, delta, 0).min()), 1),
        "open, harms": int((gate & (delta < -MARGIN_DB)).sum()),
        "closed, helps": int((~gate & (delta > MARGIN_DB)).sum()),
        "left over": round(float(np.median(column(clip, "left_over"))), 1),
        "blend dB": round(float(blend.mean()), 2),
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows of the same keys as a table."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)
