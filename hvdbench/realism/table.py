"""The comparison as a table: text for a terminal, Markdown, CSV."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from hvdbench.realism.clip import ClipMeasure
from hvdbench.realism.comparison import Comparison
from hvdbench.realism.reported import REPORTED
from hvdbench.realism.statistic import STATISTICS, Statistic
from hvdbench.workspace.atomic import atomic_write_text

Array = NDArray[np.float64]

SIMULATED = "simulated"
REAL = "real:"
REPORTED_COLUMN = "reported "
DISTANCE, KS = "distance", "ks"


def validity_table(comparison: Comparison) -> pd.DataFrame:
    """Lay a comparison out: a row a statistic.

    Returns:
        ``statistic`` (its key), ``unit``, ``simulated`` (clips pooled), ``real:<name>`` for each real clip,
        ``reported HVD 002`` … (numbers written down once, measured elsewhere), ``target`` (text), ``distance``
        (Wasserstein's between the samples of both sides, in the row's unit) and ``ks`` (the largest difference of their
        distribution functions, 0 to 1). NaN where something is not known.
    """
    reported = {name: clip.values() for name, clip in REPORTED.items()}
    return pd.DataFrame([_row(statistic, comparison, reported) for statistic in STATISTICS])


def _row(statistic: Statistic, comparison: Comparison, reported: dict[str, dict[str, float]]) -> dict[str, str | float]:
    distance, ks = _distances(statistic, comparison.simulated, comparison.real)
    return {
        "statistic": statistic.key,
        "unit": statistic.unit,
        SIMULATED: statistic.value(comparison.simulated),
        **{f"{REAL}{clip.name}": statistic.value([clip]) for clip in comparison.real},
        **{f"{REPORTED_COLUMN}{name}": values.get(statistic.key, math.nan) for name, values in reported.items()},
        "target": statistic.target,
        DISTANCE: distance,
        KS: ks,
    }


def _distances(
    statistic: Statistic, simulated: Sequence[ClipMeasure], real: Sequence[ClipMeasure]
) -> tuple[float, float]:
    if statistic.samples is None:
        return math.nan, math.nan
    ours, theirs = statistic.samples(simulated), statistic.samples(real)
    if not (len(ours) and len(theirs)):
        return math.nan, math.nan
    return float(wasserstein_distance(ours, theirs)), largest_step(ours, theirs)


def largest_step(ours: Array, theirs: Array) -> float:
    """Return the largest difference of two samples' distribution functions (Kolmogorov and Smirnov), 0 to 1.

    Without a p-value: frames of one clip are not independent of each other.
    """
    values = np.concatenate([ours, theirs])
    shares = [np.searchsorted(np.sort(sample), values, side="right") / len(sample) for sample in (ours, theirs)]
    return float(abs(shares[0] - shares[1]).max())


def csv_text(table: pd.DataFrame) -> str:
    """Return the table as CSV with four decimals; what is not known is empty."""
    return table.to_csv(index=False, float_format="%.4f", lineterminator="\n")


def markdown_text(table: pd.DataFrame, comparison: Comparison) -> str:
    """Return the table as Markdown, what was measured above it and the notes below."""
    shown = _shown(table)
    lines = [f"# How real {comparison.dataset} is", "", f"*{_what(comparison)}*", ""]
    lines.append("| " + " | ".join(_plain(name) for name in shown.columns) + " |")
    lines.append("|" + "|".join("---" if name in ("statistic", "unit") else "---:" for name in shown.columns) + "|")
    lines += ["| " + " | ".join(_plain(cell) for cell in row) + " |" for row in shown.itertuples(index=False)]
    lines += ["", *(f"- {note}" for note in notes(comparison))]
    return "\n".join(lines) + "\n"


def _plain(cell: object) -> str:
    return " ".join(str(cell).replace("\\", "\\\\").replace("|", "\\|").split())


def text_lines(table: pd.DataFrame, comparison: Comparison) -> list[str]:
    """Return the table as lines for a terminal."""
    shown = _shown(table)
    buffer = io.StringIO()
    widths = [max(len(str(name)), *(len(str(cell)) for cell in shown[name])) for name in shown.columns]
    for row in [tuple(shown.columns), *shown.itertuples(index=False)]:
        cells = [
            str(cell).ljust(width) if index < 2 else str(cell).rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        buffer.write("  ".join(cells).rstrip() + "\n")
    return [_what(comparison), *buffer.getvalue().splitlines(), *notes(comparison)]


def _what(comparison: Comparison) -> str:
    frames = {
        name: sum(len(clip.extent_px) for clip in clips)
        for name, clips in (("ours", comparison.simulated), ("real", comparison.real))
    }
    return (
        f"{comparison.dataset} ({comparison.origin}, {len(comparison.simulated)} clips, {frames['ours']} frames) "
        f"against {len(comparison.real)} real clips ({frames['real']} frames); lengths in px at a width of 1920"
    )


def notes(comparison: Comparison) -> list[str]:
    """List the sentences that a reader of the table must know."""
    found = list(comparison.notes)
    check = comparison.validation
    if check is not None:
        found.append(
            f"the estimator on {check.frames} simulated frames with known paths: correlation {check.correlation:.3f}, "
            f"slope {check.slope:.2f}, {check.floor_px:.1f} px where almost nothing moved"
        )
    found.append(
        "reported: measured once on three clips, by another program (docs/realism.md); distances are to the real clips"
    )
    return found


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    by_key = {statistic.key: statistic for statistic in STATISTICS}
    rows = []
    for record in table.to_dict("records"):
        statistic = by_key[str(record["statistic"])]
        cells = {
            str(name): _cell(value, statistic.decimals if name != KS else 2)
            for name, value in record.items()
            if name not in ("statistic", "unit", "target")
        }
        target = {"target": statistic.target or "–"}
        distances = {name: cells.pop(name) for name in (DISTANCE, KS)}
        rows.append({"statistic": statistic.label, "unit": statistic.unit, **cells, **target, **distances})
    return pd.DataFrame(rows)


def _cell(value: object, decimals: int) -> str:
    if not isinstance(value, float) or math.isnan(value):
        return "–"
    return f"{value:.{decimals}f}"


def write_validity(folder: Path, comparison: Comparison) -> list[Path]:
    """Write ``validity.csv``, ``validity.md`` and ``validity.png`` into a folder, made when absent."""
    from hvdbench.realism.figure import write_figure

    table = validity_table(comparison)
    paths = [folder / "validity.csv", folder / "validity.md", folder / "validity.png"]
    atomic_write_text(paths[0], csv_text(table))
    atomic_write_text(paths[1], markdown_text(table, comparison))
    write_figure(paths[2], comparison)
    return paths
