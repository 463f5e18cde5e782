"""Write the comparison as a table: text for a terminal, Markdown, CSV."""

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
from hvdbench.tables.dataframes import frame_csv
from hvdbench.tables.table import DASH, Kind, Table, cell, table_of
from hvdbench.tables.texts import markdown, markdown_words, padded
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
    """Write the table as CSV with four decimals; what is not known is empty."""
    return frame_csv(table, "%.4f")


def markdown_text(table: pd.DataFrame, comparison: Comparison) -> str:
    """Write the table as Markdown, with what was measured above it and the notes below."""
    above = f"# How real {markdown_words(comparison.dataset)} is\n\n*{markdown_words(_what(comparison))}*\n\n"
    below = "".join(f"- {markdown_words(note)}\n" for note in notes(comparison))
    return f"{above}{markdown(_shown(table))}\n{below}"


def text_lines(table: pd.DataFrame, comparison: Comparison) -> list[str]:
    """Return the table as lines for a terminal."""
    return [_what(comparison), *padded(_shown(table)).splitlines(), *notes(comparison)]


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
    """Return what a reader of the table must know."""
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


def _shown(table: pd.DataFrame) -> Table:
    by_key = {statistic.key: statistic for statistic in STATISTICS}
    measured = [str(name) for name in table.columns if name not in ("statistic", "unit", "target", DISTANCE, KS)]
    heads: list[tuple[str, Kind]] = [("statistic", "words"), ("unit", "words")]
    heads += [(name, "number") for name in (*measured, "target", DISTANCE, KS)]
    rows = []
    for record in table.to_dict("records"):
        of = by_key[str(record["statistic"])]
        values = [cell(record[name], of.decimals) for name in measured]
        ends = [of.target or DASH, cell(record[DISTANCE], of.decimals), cell(record[KS])]
        rows.append([of.label, of.unit, *values, *ends])
    return table_of(heads, rows)


def write_validity(folder: Path, comparison: Comparison) -> list[Path]:
    """Write ``validity.csv``, ``validity.md`` and ``validity.png`` into a folder, made when absent."""
    from hvdbench.realism.figure import write_figure

    table = validity_table(comparison)
    paths = [folder / "validity.csv", folder / "validity.md", folder / "validity.png"]
    atomic_write_text(paths[0], csv_text(table))
    atomic_write_text(paths[1], markdown_text(table, comparison))
    write_figure(paths[2], comparison)
    return paths
