"""Wide tables from a board's rows: a row for each method, a column for each metric."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hvdbench.boards.facts import direction
from hvdbench.boards.ranking.coverage import BLOCK, ENTRY, coverage, pools_frames
from hvdbench.boards.ranking.order import headline, is_lower_better, ranked
from hvdbench.boards.text.columns import METRICS, column, shown_metrics
from hvdbench.errors import InputError
from hvdbench.store import Truth

TEXT = frozenset(
    {"method", "metric", "better", "note", "clip", "origin", "dataset", "data", "split", "ties", "incomplete", "source"}
)
"""Columns of words; all others are numbers."""

_STAMPS = {
    "demo": "demo rows: simulated trajectories, embedded demo scenes; they show that the pipeline runs, no more",
    "simulated": "simulated rows: simulated trajectories; the blur is synthetic",
}


def table(
    board: pd.DataFrame,
    *,
    subset: str = "not_selected",
    clip: str = "*",
    truths: Sequence[Truth] = ("centroid", "mid"),
    rank: str = "psnr",
) -> pd.DataFrame:
    """Lay a board out for reading: a row for each method, a column for each metric.

    Args:
        board: a board's rows.
        subset: ``not_selected`` (the frames that needed restoring), ``all`` or ``selected``.
        clip: ``*`` for the mean over the clips, or one clip's name.
        truths: whose columns are shown, in this order.
        rank: the metric that orders the rows.

    Returns:
        ``method``, ``origin``; ``dataset``, ``data`` (the dataset's digest), ``split`` and ``seed`` where the board has
        several; ``clips`` (``frames`` for one clip, and for scores of labels), the least number behind a row; ``ties``
        where clips can tell (:func:`hvdbench.statistics.comparison.tie_groups`); ``incomplete`` where a row lacks
        clips or frames, whose means are not given; then titled metrics, unrounded, NaN where a row has none. Best
        first within dataset and split: by ``rank`` against the first truth that any row was scored against, else by
        sharpness; incomplete rows last. Published rows follow after all others: they were made under other protocols
        and rank only among themselves.
    """
    stands = Standing.of(board, subset, rank, truths) if clip == "*" else None
    return laid_out(board, subset=subset, clip=clip, truths=truths, rank=rank, stands=stands)


@dataclass(frozen=True)
class Standing:
    """What is known of a board's subset before it is laid out.

    Attributes:
        known: what :func:`hvdbench.boards.ranking.coverage` gave.
        order: what :func:`hvdbench.boards.ranking.order.ranked` gave; None where there is no number to rank by.
        metric: by which.
    """

    known: pd.DataFrame
    order: pd.DataFrame | None
    metric: str

    @classmethod
    def of(cls, board: pd.DataFrame, subset: str, rank: str, truths: Sequence[Truth]) -> "Standing":
        """Count and rank."""
        metric, truth = headline(board, rank, truths)
        known = coverage(board[board["subset"] == subset])
        try:
            return cls(known, ranked(board, metric=metric, truth=truth, subset=subset, known=known), metric)
        except InputError:
            return cls(known, None, metric)


def laid_out(
    board: pd.DataFrame, *, subset: str, clip: str, truths: Sequence[Truth], rank: str, stands: Standing | None
) -> pd.DataFrame:
    """Give :func:`table` from what is known."""
    rows = board[(board["subset"] == subset) & (board["clip"] == clip)]
    count = "frames" if clip != "*" or pools_frames(rows) else "clips"
    return _wide(rows, board, count, truths, rank, {} if stands is None else _entries(stands))


def _entries(stands: Standing) -> dict[object, dict[str, Any]]:
    """Give each entry its ``ties``, its note where it is ``incomplete``, and the numbers that are no means of it."""
    known, order = stands.known, stands.order
    found: dict[object, dict[str, Any]] = {}
    for row in known[~known["complete"].astype(bool)].to_dict("records"):
        found.setdefault(_key(row), {"hidden": set()})["hidden"].add((row["truth"], row["metric"]))
    for row in [] if order is None else order[order["origin"] != "published"].to_dict("records"):
        note = "" if row["complete"] else str(row["note"]).removeprefix("incomplete: ")
        found.setdefault(_key(row), {"hidden": set()}).update(ties=row["ties"], incomplete=note)
    return found


def _key(row: Mapping[Any, object]) -> tuple[str, ...]:
    """Name an entry by text, an empty seed included."""
    texts = ("" if pd.isna(row[name]) else str(row[name]) for name in ENTRY)  # type: ignore[call-overload]
    return tuple(text.removesuffix(".0") if name == "seed" else text for name, text in zip(ENTRY, texts, strict=True))


def _wide(
    rows: pd.DataFrame,
    board: pd.DataFrame,
    count: str,
    truths: Sequence[Truth],
    rank: str,
    entries: dict[object, dict[str, Any]],
) -> pd.DataFrame:
    several = [name for name in ("dataset", "split", "seed") if len(board[name].drop_duplicates()) > 1]
    datas = board.loc[board["origin"] != "published", list(BLOCK[:2])].drop_duplicates()
    several[1:1] = ["data"] if datas["dataset"].duplicated().any() else []
    listed = shown_metrics({*board["metric"], "psnr_half", "sharpness"})
    metrics = {(truth, metric): column(metric) for truth in (*truths, "none") for metric in listed}
    records = []
    keys = ["method", "origin", "dataset", "dataset_digest", "split", "seed"]
    for key, group in rows.assign(half=(rows["ci_high"] - rows["ci_low"]) / 2).groupby(keys, sort=True, dropna=False):
        record: dict[str, object] = dict(zip(keys, key, strict=True))
        told = entries.get(_key(record), {})
        hidden: set[object] = told.get("hidden", set())
        names = list(zip(group["truth"], group["metric"], strict=True))
        values = {name: math.nan if name in hidden else v for name, v in zip(names, group["value"], strict=True)}
        values |= {
            (t, f"{m}_half"): math.nan if (t, m) in hidden else half
            for (t, m), half in zip(names, group["half"].tolist(), strict=True)
        }
        record["data"] = str(record["dataset_digest"])[:6]
        record |= {name: told.get(name, "") for name in ("ties", "incomplete")}
        record[count] = group["n"].max() if pools_frames(group) else group["n"].min()
        record |= {c.title(truth): c.factor * values.get((truth, m), math.nan) for (truth, m), c in metrics.items()}
        records.append(record)
    titles = list(dict.fromkeys(shown.title(truth) for (truth, _), shown in metrics.items()))
    wide = pd.DataFrame(records, columns=[*keys, "data", "ties", "incomplete", count, *titles])
    wide = wide.astype({count: "Int64", "seed": "Int64"} | dict.fromkeys(titles, "float64"))
    shown = [title for title in titles if wide[title].notna().any()]
    said = [name for name in ("ties", "incomplete") if (wide[name] != "").any()]
    ranks = [title for truth in (*truths, "none") if (title := column(rank).title(truth)) in shown] or ["sharpness"]
    by = ranks[:1] if ranks == ["sharpness"] or direction(rank) is not None else []
    order = wide.assign(published=wide["origin"] == "published").sort_values(
        ["published", "dataset", "dataset_digest", "split", *by, "method", "seed"],
        ascending=[True] * 4 + [is_lower_better(rank) and by != ["sharpness"]] * len(by) + [True, True],
        kind="stable",
    )
    return order[["method", "origin", *several, count, *said, *shown]].reset_index(drop=True)


def published_table(papers: pd.DataFrame) -> pd.DataFrame:
    """Lay papers' numbers out: ``method``, ``dataset`` where there are several, metrics, ``source``.

    In the order of the papers' tables, best first by the first metric; nothing is ranked.
    """
    listed = shown_metrics(papers["metric"])
    keys = ["source", "dataset", "method"]
    records = []
    for key, group in papers.groupby(keys, sort=True):
        values = dict(zip(group["metric"], group["value"], strict=True))
        told = {column(m).title("none"): column(m).factor * values.get(m, math.nan) for m in listed}
        records.append(dict(zip(keys, key, strict=True)) | told)
    titles = [column(metric).title("none") for metric in listed]
    wide = pd.DataFrame(records, columns=[*keys, *titles]).astype(dict.fromkeys(titles, "float64"))
    ways = [is_lower_better(metric) for metric in listed]
    order = wide.sort_values(["source", "dataset", *titles], ascending=[True, True, *ways], kind="stable")
    several = ["dataset"] if len(set(papers["dataset"])) > 1 else []
    return order[["method", *several, *titles, "source"]].reset_index(drop=True)


def stamp_lines(board: pd.DataFrame) -> list[str]:
    """Say above a table what its rows are not: a line for demo rows, one for simulated ones."""
    present = set(board["origin"])
    return [line for origin, line in _STAMPS.items() if origin in present]


def formatted(wide: pd.DataFrame) -> pd.DataFrame:
    """Round a :func:`table` for print: dB 2 decimals, SSIM 4; what is missing is a dash."""
    listed = METRICS.values()
    decimals = {shown.title(truth): shown.decimals for truth in ("mid", "centroid", "none") for shown in listed}
    cells = {
        name: [_cell(value, decimals.get(str(name), 4)) for value in column_.tolist()] for name, column_ in wide.items()
    }
    return pd.DataFrame(cells, columns=wide.columns, dtype=object)


def _cell(value: object, decimals: int) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return "–"
    return f"{value:z.{decimals}f}" if isinstance(value, float) else str(value)
