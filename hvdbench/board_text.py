"""Boards as people read them: wide tables with titles and rounding, as Markdown, LaTeX or CSV.

A text is a pure function of a board's rows, whose columns are :data:`hvdbench.leaderboard.COLUMNS`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.store import Truth

FORMATS = ("csv", "md", "latex")

_STAMPS = {
    "demo": "demo rows: simulated trajectories, embedded demo scenes; they show that the pipeline runs, no more",
    "simulated": "simulated rows: simulated trajectories; the blur is synthetic",
}


@dataclass(frozen=True)
class _Column:
    """How a metric is shown: its name, unit, decimals and factor."""

    label: str
    unit: str = ""
    decimals: int = 2
    factor: float = 1.0

    def title(self, truth: str) -> str:
        words = [self.label, *([] if truth == "none" else [truth]), *([f"({self.unit})"] if self.unit else [])]
        return " ".join(words)


_METRICS = {
    "psnr": _Column("PSNR", "dB"),
    "psnr_half": _Column("± PSNR", "dB"),
    "ssim": _Column("SSIM", decimals=4),
    "psnr_registered": _Column("PSNR registered", "dB"),
    "worse_share": _Column("worse frames", "%", 1, 100.0),
    "sharpness": _Column("sharpness", decimals=1),
    "sharpness_ratio": _Column("sharpness ratio"),
    "shift_px": _Column("shift", "px", 3),
    "accuracy": _Column("accuracy", "%", 2, 100.0),
    "selection_precision": _Column("precision of the selection", "%", 2, 100.0),
    "majority_rate": _Column("commoner class", "%", 2, 100.0),
    "balanced_accuracy": _Column("balanced accuracy", "%", 2, 100.0),
    "precision": _Column("precision", "%", 2, 100.0),
    "recall": _Column("recall", "%", 2, 100.0),
    "f1": _Column("F1", "%", 2, 100.0),
    "average_precision": _Column("average precision", "%", 2, 100.0),
}


def table(
    board: pd.DataFrame,
    *,
    subset: str = "not_selected",
    clip: str = "*",
    truths: Sequence[Truth] = ("centroid", "mid"),
) -> pd.DataFrame:
    """Lay a board out for reading: a row for each method, a column for each metric.

    Args:
        board: a board's rows.
        subset: ``not_selected`` (the frames that needed restoring), ``all`` or ``selected``.
        clip: ``*`` for the mean over the clips, or one clip's name.
        truths: whose columns are shown, in this order.

    Returns:
        ``method``, ``origin``; ``dataset``, ``split`` and ``seed`` where the board has several; ``clips`` (``frames``
        for one clip, and for scores of labels), the least number behind a row; then titled metrics, unrounded, NaN
        where a row has none. Best first within dataset and split: by the first truth that any row was scored against,
        else by sharpness. Published rows follow after all others: they were made under other protocols and rank only
        among themselves.
    """
    rows = board[(board["subset"] == subset) & (board["clip"] == clip)]
    return _wide(rows, board, "frames" if clip != "*" or _pools_frames(rows) else "clips", truths)


def _pools_frames(rows: pd.DataFrame) -> bool:
    """Say whether rows over all clips are about their frames pooled, as those that score labels are."""
    return bool(len(rows)) and bool(rows["protocol"].str.startswith("labels").all())


def _wide(rows: pd.DataFrame, board: pd.DataFrame, count: str, truths: Sequence[Truth]) -> pd.DataFrame:
    several = [name for name in ("dataset", "split", "seed") if len(board[name].drop_duplicates()) > 1]
    metrics = {(truth, metric): column for truth in (*truths, "none") for metric, column in _METRICS.items()}
    records = []
    keys = ["method", "origin", "dataset", "split", "seed"]
    for key, group in rows.assign(half=(rows["ci_high"] - rows["ci_low"]) / 2).groupby(keys, sort=True, dropna=False):
        names = list(zip(group["truth"], group["metric"], strict=True))
        values = dict(zip(names, group["value"].tolist(), strict=True))
        values |= {(t, f"{m}_half"): half for (t, m), half in zip(names, group["half"].tolist(), strict=True)}
        behind = group["n"].max() if _pools_frames(group) else group["n"].min()
        record = dict(zip(keys, key, strict=True)) | {count: behind}
        record |= {c.title(truth): c.factor * values.get((truth, m), math.nan) for (truth, m), c in metrics.items()}
        records.append(record)
    titles = [column.title(truth) for (truth, _), column in metrics.items()]
    wide = pd.DataFrame(records, columns=[*keys, count, *titles])
    wide = wide.astype({count: "Int64", "seed": "Int64"} | dict.fromkeys(titles, "float64"))
    shown = [title for title in titles if wide[title].notna().any()]
    ranks = [title for truth in truths if (title := _METRICS["psnr"].title(truth)) in shown] or ["sharpness"]
    order = wide.assign(published=wide["origin"] == "published").sort_values(
        ["published", "dataset", "split", ranks[0], "method", "seed"],
        ascending=[True, True, True, False, True, True],
        kind="stable",
    )
    return order[["method", "origin", *several, count, *shown]].reset_index(drop=True)


def stamp_lines(board: pd.DataFrame) -> list[str]:
    """Say above a table what its rows are not: a line for demo rows, one for simulated ones."""
    present = set(board["origin"])
    return [line for origin, line in _STAMPS.items() if origin in present]


def formatted(wide: pd.DataFrame) -> pd.DataFrame:
    """Round a :func:`table` for print: dB 2 decimals, SSIM 4; what is missing is a dash."""
    decimals = {c.title(truth): c.decimals for truth in ("mid", "centroid", "none") for c in _METRICS.values()}
    cells = {
        name: [_cell(value, decimals.get(str(name))) for value in column.tolist()] for name, column in wide.items()
    }
    return pd.DataFrame(cells, columns=wide.columns, dtype=object)


def _cell(value: object, decimals: int | None) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return "–"
    return f"{value:.{decimals}f}" if decimals is not None and isinstance(value, float) else str(value)


def export(
    board: pd.DataFrame,
    kind: str = "md",
    *,
    subset: str = "not_selected",
    clip: str = "*",
    truths: Sequence[Truth] = ("centroid", "mid"),
) -> str:
    """Write one table as text: ``csv``, ``md`` or ``latex`` (booktabs), with its stamp where it is not measured.

    Args:
        board: a board's rows.
        kind: the format; the CSV has the full values, the others are rounded.
        subset: as in :func:`table`.
        clip: as in :func:`table`.
        truths: as in :func:`table`.

    Raises:
        UnknownNameError: another format.
        InputError: the board has no row for that subset and clip.
    """
    if kind not in FORMATS:
        raise UnknownNameError(unknown("format", kind, FORMATS))
    chosen = board[(board["subset"] == subset) & (board["clip"] == clip)]
    if chosen.empty:
        raise InputError(f"the board has no row for subset '{subset}' and clip '{clip}': choose another")
    wide = table(board, subset=subset, clip=clip, truths=truths)
    if kind == "csv":
        return wide.to_csv(index=False, lineterminator="\n")
    return _markdown(wide, stamp_lines(chosen)) if kind == "md" else _latex(wide, stamp_lines(chosen))


def _markdown(wide: pd.DataFrame, stamps: Sequence[str]) -> str:
    text = formatted(wide)
    left = {"method", "origin", "dataset", "split"}
    lines = [
        "| " + " | ".join(_plain(name) for name in text.columns) + " |",
        "|" + "|".join("---" if name in left else "---:" for name in text.columns) + "|",
    ]
    lines += ["| " + " | ".join(_plain(cell) for cell in row) + " |" for row in text.itertuples(index=False)]
    return "".join(f"*{line}*\n\n" for line in stamps) + "\n".join(lines) + "\n"


def _plain(cell: object) -> str:
    """Keep a name inside its Markdown cell."""
    return " ".join(str(cell).replace("\\", "\\\\").replace("|", "\\|").split())


def _latex(wide: pd.DataFrame, stamps: Sequence[str]) -> str:
    text = formatted(wide)
    rows = [[_tex(cell) for cell in row] for row in [list(text.columns), *text.itertuples(index=False)]]
    head, *body = [" & ".join(row) + r" \\" for row in rows]
    align = "".join("l" if name in {"method", "origin", "dataset", "split"} else "r" for name in text.columns)
    lines = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*(f"% {line}" for line in stamps), *lines]) + "\n"


def _tex(cell: object) -> str:
    signs = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "±": r"$\pm$"}
    signs |= {sign: "\\" + sign for sign in "&%$#_{}"}
    return "".join(signs.get(sign, sign) for sign in " ".join(str(cell).split()))


def document(board: pd.DataFrame, *, title: str, truths: Sequence[Truth], note: str) -> str:
    """Give the Markdown beside a CSV: the not-selected frames first, then all of them.

    Args:
        board: a board's rows, of any subsets and clips.
        title: the heading.
        truths: as in :func:`table`.
        note: a sentence or two at the end.
    """
    parts = [f"# {title}\n"]
    parts += [f"*{line}*\n" for line in stamp_lines(board)]
    words = {
        "not_selected": "Frames not selected as sharp",
        "sharp_blurry": "Sharp and blurry frames, mild ones apart",
        "all": "All frames",
        "selected": "Frames selected as sharp",
    }
    present = set(board["subset"])
    for subset in (*words, *sorted(present - set(words))):
        rows = board[board["subset"] == subset]
        for clip in ["*"] if (rows["clip"] == "*").any() else sorted(set(rows["clip"])):
            heading = words.get(subset, subset) + ("" if clip == "*" else f", clip {clip}")
            wide = table(board, subset=subset, clip=clip, truths=truths)
            parts.append(f"## {heading}\n\n{_markdown(wide, ())}")
    intervals = "; ± is the 95 % interval over clips" if any("± PSNR" in part for part in parts) else ""
    protocols = ", ".join(sorted(set(board["protocol"])))
    parts.append(f"Protocol {protocols} (docs/protocol.md){intervals}. {note}".strip() + "\n")
    return "\n".join(parts)
