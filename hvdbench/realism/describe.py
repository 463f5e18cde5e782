"""Describe a dataset: how sharp, how long, how blurry, how shaky its clips are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.realism.describe_facts import BANDS_HZ, DescribedClip, read_facts
from hvdbench.realism.series import run_lengths
from hvdbench.store import Dataset
from hvdbench.tables.dataframes import frame_csv
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.progress import Progress, silent

Array = NDArray[np.float64]

CLASSES = ("sharp", "mild", "blurry")
PERCENTS = (10, 50, 90)
POOLED = "all clips"
_ORIGINS: Mapping[str, str] = {
    "demo": "embedded demo scenes and simulated motion: nothing here was filmed shaking",
    "simulated": "the blur is synthetic",
    "measured": "frames that were filmed, not simulated here",
}


def describe_dataset(dataset: Dataset, out: Path | None, *, progress: Progress = silent) -> list[str]:
    """Describe a dataset in lines for a terminal.

    Args:
        dataset: any dataset; what it lacks without an oracle or tracks is named.
        out: a folder for ``describe.csv`` (a row a clip, then one for all), ``blur.png`` and ``motion.png``; None
            writes nothing.
        progress: function called after every clip.

    Raises:
        DatasetError: if there is no finished clip.
        InputError: if frames cannot be read.
    """
    clips = dataset.clips()
    facts = []
    for index, clip in enumerate(clips):
        facts.append(read_facts(clip))
        progress(index + 1, len(clips), "describe")
    table = facts_table(facts, dataset.origin)
    lines = _lines(dataset, facts, table)
    if out is not None:
        from hvdbench.realism.describe_plots import write_plots

        atomic_write_text(out / "describe.csv", frame_csv(table, "%.4f"))
        lines.append("  ".join(str(path) for path in (out / "describe.csv", *write_plots(out, dataset, facts))))
    return lines


def facts_table(facts: Sequence[DescribedClip], origin: str) -> pd.DataFrame:
    """Return a row for each clip and a last one, :data:`POOLED`, over all; NaN where something is not known."""
    rows = [_row([one], one.name, origin) for one in facts]
    return pd.DataFrame([*rows, _row(facts, POOLED, origin)])


def _row(facts: Sequence[DescribedClip], name: str, origin: str) -> dict[str, object]:
    one = facts[0] if len(facts) == 1 and name != POOLED else None
    widths = {fact.width_px for fact in facts}
    row: dict[str, object] = {
        "clip": name,
        "origin": origin,
        "source": one.source if one else "",
        "hand": one.hand if one else "",
        "frames": sum(len(fact.sharpness) for fact in facts),
        "width_px": widths.pop() if len(widths) == 1 else None,
    }
    row |= _class_cells([fact.blur_class for fact in facts if fact.blur_class is not None])
    for kind in ("median", "max", "extent"):
        values = [fact.displacement_px[kind] for fact in facts if kind in fact.displacement_px]
        row |= _percentiles("extent_px" if kind == "extent" else f"displacement_{kind}_px", values)
    row |= _percentiles("motion_px", [fact.motion_px for fact in facts])
    row |= _percentiles("sharpness", [fact.sharpness for fact in facts])
    for path in ("hand", "residual"):
        power = [fact.rate_rms_deg_s[path] ** 2 for fact in facts if path in fact.rate_rms_deg_s]
        mean = np.sqrt(np.mean(power, axis=0)) if power else np.full(len(BANDS_HZ), np.nan)
        row |= {
            f"{path}_{low:g}_{high:g}_hz_deg_s": float(value) for (low, high), value in zip(BANDS_HZ, mean, strict=True)
        }
    return row


def _class_cells(classes: Sequence[NDArray[np.int64]]) -> dict[str, float]:
    """Return the shares of the classes, the runs of sharp frames, and the runs of blurry or mild ones."""
    joined = np.concatenate(classes) if classes else np.zeros(0, np.int64)
    cells = {f"{name}_share": _mean(joined == index) for index, name in enumerate(CLASSES)}
    for name, is_sharp in (("sharp", True), ("unsharp", False)):
        lengths = [run_lengths((one == 0) == is_sharp) for one in classes]
        runs = np.concatenate(lengths).astype(np.float64) if lengths else np.zeros(0)
        cells |= {
            f"{name}_run_mean": _mean(runs),
            f"{name}_run_median": float(np.median(runs)) if len(runs) else float("nan"),
            f"{name}_run_longest": float(runs.max()) if len(runs) else float("nan"),
        }
    return cells


def _mean(values: NDArray[np.bool_] | Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _percentiles(name: str, parts: Sequence[Array]) -> dict[str, float]:
    values = np.concatenate(parts) if parts else np.zeros(0)
    return {f"{name}_p{p}": float(np.percentile(values, p)) if len(values) else float("nan") for p in PERCENTS}


def _lines(dataset: Dataset, facts: Sequence[DescribedClip], table: pd.DataFrame) -> list[str]:
    total = {str(name): value for name, value in table.iloc[-1].items()}
    splits = sorted({fact.name.split("/")[0] for fact in facts})
    about = f" ({_ORIGINS[dataset.origin]})" if dataset.origin in _ORIGINS else ""
    widths = sorted({fact.width_px for fact in facts})
    wide = f"{widths[0]}" if len(widths) == 1 else f"{widths[0]} to {widths[-1]}"
    lines = [
        f"{dataset.name}: {len(facts)} clips, {total['frames']} frames {wide} px wide, {', '.join(splits)}; "
        f"origin {dataset.origin}{about}",
        *_clip_lines(table),
        _spread("motion per frame", total, "motion_px", "px"),
        _spread("variance of the Laplacian", total, "sharpness", ""),
    ]
    known = {kind for fact in facts for kind in fact.displacement_px}
    if "median" in known:
        lines.append(
            _spread("displacement in an exposure, median over the frame", total, "displacement_median_px", "px")
        )
        lines.append(_spread("displacement in an exposure, largest in the frame", total, "displacement_max_px", "px"))
    if "extent" in known:
        lines.append(_spread("extent of the path at the centre", total, "extent_px", "px"))
    for path in ("hand", "residual"):
        if any(path in fact.rate_rms_deg_s for fact in facts):
            cells = ", ".join(f"{low:g}-{high:g} Hz {_band(total, path, low, high):.2f}" for low, high in BANDS_HZ)
            lines.append(f"{path}, deg/s rms about x and y: {cells}")
    return lines + _left_out(facts)


def _band(row: Mapping[str, object], path: str, low: float, high: float) -> float:
    return float(str(row[f"{path}_{low:g}_{high:g}_hz_deg_s"]))


def _clip_lines(table: pd.DataFrame) -> list[str]:
    """Return one line for each clip: its frames, the shares of the classes, and the runs."""
    width = max(len(str(name)) for name in table["clip"])
    head = f"{'':{width}}  frames  sharp   mild  blurry  sharp runs         other runs (mean / median / longest)"
    lines = [head] if table["sharp_share"].notna().any() else []
    for row in table.to_dict("records"):
        if np.isnan(row["sharp_share"]):
            lines.append(f"{row['clip']:{width}}  {row['frames']:6d}")
            continue
        shares = "".join(f"{100 * row[f'{name}_share']:6.0f}%" for name in CLASSES)
        runs = [
            "{:.1f} / {:g} / {:g}".format(*(row[f"{kind}_run_{what}"] for what in ("mean", "median", "longest")))
            for kind in ("sharp", "unsharp")
        ]
        lines.append(f"{row['clip']:{width}}  {row['frames']:6d}{shares}  {runs[0]:17}  {runs[1]}")
    return lines


def _spread(what: str, row: Mapping[str, object], field: str, unit: str) -> str:
    values = " / ".join(f"{float(str(row[f'{field}_p{p}'])):.1f}" for p in PERCENTS)
    return f"{what}, {'/'.join(map(str, PERCENTS))} %: {values} {unit}".rstrip()


def _left_out(facts: Sequence[DescribedClip]) -> list[str]:
    """List what could not be measured, and for how many clips."""
    missing = {
        "shares of sharp and blurry frames and their runs (no oracle)": [fact.blur_class is None for fact in facts],
        "displacement in an exposure (no oracle)": ["median" not in fact.displacement_px for fact in facts],
        "extent of the path (no path within the exposure)": ["extent" not in fact.displacement_px for fact in facts],
        "spectra of hand and residual (no camera path)": [not fact.rate_rms_deg_s for fact in facts],
    }
    return [
        f"left out of {'all' if all(lacks) else sum(lacks)} clips: {what}"
        for what, lacks in missing.items()
        if any(lacks)
    ]
