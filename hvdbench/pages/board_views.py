"""A board's tables for its page: one for each truth and subset, with intervals, ties and what is incomplete."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hvdbench.boards.facts import direction
from hvdbench.boards.ranking.coverage import BLOCK, ENTRY, coverage
from hvdbench.boards.ranking.order import ranked
from hvdbench.boards.text.columns import column, shown_metrics
from hvdbench.boards.text.texts import note_lines, shown_subsets, subset_words

if TYPE_CHECKING:
    import pandas as pd

NEUTRAL = frozenset({"sharpness", "sharpness_ratio", "majority_rate", "params"})
"""Metrics of which neither more nor less is better in itself."""


@dataclass(frozen=True)
class ViewColumn:
    """A column: ``better`` is ``high``, ``low`` or empty; the title of one that has a way ends in an arrow."""

    title: str
    is_number: bool = True
    better: str = ""


@dataclass(frozen=True)
class ViewCell:
    """A cell: its text, a second line in small, the number that it is sorted by, and where it leads."""

    text: str
    small: str = ""
    number: float | None = None
    is_best: bool = False
    href: str = ""
    span: tuple[float, float, float] | None = None
    """An interval to be drawn: low, mean and high as shares (0 to 1) of the column's range."""


@dataclass(frozen=True)
class ViewRow:
    """A method's row and what the filters ask of it; ``cells[head]`` names it."""

    protocol: str
    dataset: str
    split: str
    cells: Sequence[ViewCell]


@dataclass(frozen=True)
class BoardView:
    """What the page shows for one truth and one subset of frames."""

    truth: str
    subset: str
    words: str
    metric: str
    columns: Sequence[ViewColumn]
    rows: Sequence[ViewRow]
    notes: Sequence[str]
    order: "pd.DataFrame | None" = field(repr=False)
    """What :func:`hvdbench.boards.ranking.order.ranked` gave; None where nothing ranks."""


def truths_of(board: "pd.DataFrame", truths: Sequence[str]) -> list[str]:
    """List the truths that have numbers of their own, in the board's order; ``none`` where no other has."""
    found = set(board["truth"])
    return [truth for truth in truths if truth in found] or ["none"]


def board_views(
    board: "pd.DataFrame", *, truths: Sequence[str], rank: str, run_links: Mapping[str, str]
) -> list[BoardView]:
    """Lay out a board's table for each truth and subset that has rows over all clips.

    Args:
        board: a board's rows; published ones are passed over.
        truths: in the order of the board's choice.
        rank: the metric that ranks, where a view has it.
        run_links: run digest → where the page tells of that run.
    """
    ours = board[board["origin"] != "published"]
    views = []
    for subset in shown_subsets(ours["subset"]):
        rows = ours[ours["subset"] == subset]
        for truth in truths_of(ours, truths):
            chosen = rows[rows["truth"].isin([truth, "none"]) & (rows["clip"] == "*")]
            if truth == "none" or truth in set(chosen["truth"]):
                views.append(_view(rows, chosen, (truth, subset), rank, run_links))
    return [view for view in views if view.rows]


def _view(
    rows: "pd.DataFrame", chosen: "pd.DataFrame", of: tuple[str, str], rank: str, run_links: Mapping[str, str]
) -> BoardView:
    truth, subset = of
    metric, against = _headline(chosen, truth, rank)
    known = coverage(rows)
    order = ranked(rows, metric=metric, truth=against, subset=subset, known=known) if metric else None
    values = _values(chosen, known)
    metrics = [name for name in shown_metrics(chosen["metric"]) if name != metric]
    sides = [truth if any(key[-2:] == (truth, name) for key in values) else "none" for name in metrics]
    several = [name for name in ("dataset", "split", "seed") if len(chosen[name].drop_duplicates()) > 1]
    digests = chosen[["dataset", "dataset_digest"]].drop_duplicates()
    several[1:1] = ["data"] if digests["dataset"].duplicated().any() else []
    origins = ["origin"] if set(chosen["origin"]) != {"measured"} else []
    columns = [ViewColumn("rank"), ViewColumn("method", is_number=False), _column(metric, against)]
    columns += [ViewColumn("95\u00a0%\u00a0interval\u00a0↓"), ViewColumn("ties", is_number=False)]
    columns += [ViewColumn(name, is_number=name == "seed") for name in (*several, *origins)]
    columns += [ViewColumn("clips")]
    columns += [_column(name, side) for name, side in zip(metrics, sides, strict=True)]
    columns += [ViewColumn("run", is_number=False)]
    entries = [] if order is None else order[order["origin"] != "published"].to_dict("records")
    facts = _facts(chosen)
    best = _best(values, entries, [(metric, against), *zip(metrics, sides, strict=True)])
    ends = _ends(entries)
    found = []
    for entry in entries:
        key = _key(entry)
        told = {name: str(entry[name]) for name in ("origin", "dataset", "split")}
        told |= {"data": key[1][:6], "seed": key[-1] or "–"}
        cells = _first_cells(entry, column(metric).number, ends, best.get((key, against, metric), False))
        cells[5:5] = [_told(told[name], is_number=name == "seed") for name in (*several, *origins)]
        cells += [
            _value_cell(values.get((key, side, name)), name, best.get((key, side, name), False))
            for name, side in zip(metrics, sides, strict=True)
        ]
        protocol, digest = facts.get(key, ("", ""))
        cells.append(ViewCell(digest[:7] or "–", href=run_links.get(digest, "")))
        found.append(ViewRow(protocol, str(entry["dataset"]), str(entry["split"]), cells))
    notes = note_lines(order, metric)
    return BoardView(truth, subset, subset_words(subset), metric, columns, found, notes, order)


def _headline(chosen: "pd.DataFrame", truth: str, rank: str) -> tuple[str, str]:
    """Name the metric and truth that rank a view: the board's, else the first that it has."""
    found = {(str(t), str(m)) for t, m in zip(chosen["truth"], chosen["metric"], strict=True)}
    for metric in (rank, *shown_metrics(chosen["metric"])):
        for side in (truth, "none"):
            if (side, metric) in found:
                return metric, side
    return "", "none"


def _column(metric: str, truth: str) -> ViewColumn:
    better = "" if metric in NEUTRAL else {"lower": "low", "higher": "high", None: ""}[direction(metric)]
    return ViewColumn(
        column(metric).title(truth) + {"high": "\u00a0↑", "low": "\u00a0↓", "": ""}[better], better=better
    )


def _key(row: Mapping[Any, Any]) -> tuple[str, ...]:
    texts = ("" if _is_missing(row[name]) else str(row[name]) for name in ENTRY)
    return tuple(text.removesuffix(".0") if name == "seed" else text for name, text in zip(ENTRY, texts, strict=True))


def _is_missing(value: object) -> bool:
    return value is None or str(value) in ("", "nan", "<NA>")


def _values(chosen: "pd.DataFrame", known: "pd.DataFrame") -> dict[tuple[Any, ...], tuple[float, float, float]]:
    """Give value and interval by entry, truth and metric; an incomplete entry has none."""
    hidden = {
        (_key(row), row["truth"], row["metric"]) for row in known[~known["complete"].astype(bool)].to_dict("records")
    }
    found = {}
    for row in chosen.to_dict("records"):
        name = (_key(row), row["truth"], row["metric"])
        if name not in hidden:
            found[name] = (float(row["value"]), float(row["ci_low"]), float(row["ci_high"]))
    return found


def _facts(chosen: "pd.DataFrame") -> dict[tuple[str, ...], tuple[str, str]]:
    return {_key(row): (str(row["protocol"]), str(row["run_digest"])) for row in chosen.to_dict("records")}


def _best(
    values: Mapping[tuple[Any, ...], tuple[float, float, float]],
    entries: Sequence[Mapping[Any, Any]],
    columns: Sequence[tuple[str, str]],
) -> dict[tuple[Any, ...], bool]:
    """Mark the best of each column among what was scored on the same clips, where they differ."""
    found: dict[tuple[Any, ...], bool] = {}
    blocks: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for entry in entries:
        blocks.setdefault(tuple(str(entry[name]) for name in BLOCK), []).append(_key(entry))
    for keys in blocks.values():
        for metric, truth in columns:
            scores = {key: values[key, truth, metric][0] for key in keys if (key, truth, metric) in values}
            if metric in NEUTRAL or direction(metric) is None or len(set(scores.values())) < 2:
                continue
            top = min(scores.values()) if direction(metric) == "lower" else max(scores.values())
            found |= {(key, truth, metric): True for key, score in scores.items() if score == top}
    return found


def _ends(entries: Sequence[Mapping[Any, Any]]) -> tuple[float, float]:
    """Give the range of all means and intervals."""
    every = [float(entry[name]) for entry in entries for name in ("value", "ci_low", "ci_high")]
    finite = [value for value in every if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (0.0, 1.0)


def _first_cells(entry: Mapping[Any, Any], words: Any, ends: tuple[float, float], is_best: bool) -> list[ViewCell]:
    """Give the cells rank, method, mean, interval, ties and clips."""
    rank = None if _is_missing(entry["rank"]) else int(entry["rank"])
    value, low, high = (float(entry[name]) for name in ("value", "ci_low", "ci_high"))
    bare = math.isnan(value)
    note = str(entry["note"]) if not entry["complete"] else ""
    interval = ViewCell("–")
    if not math.isnan(low) and not math.isnan(high):
        width = (ends[1] - ends[0]) or 1.0
        start, middle, stop = ((bound - ends[0]) / width for bound in (low, value, high))
        text = f"{words(low)} to {words(high)}".replace("-", "−")
        interval = ViewCell(text, number=high - low, span=(start, middle, stop))
    clips = "–" if _is_missing(entry["clips"]) else str(entry["clips"])
    if not _is_missing(entry["of_clips"]) and entry["of_clips"] != entry["clips"]:
        clips += f" of {entry['of_clips']}"
    return [
        ViewCell("–" if rank is None else str(rank), number=rank),
        ViewCell(str(entry["method"]), small=note),
        ViewCell("–" if bare else words(value).replace("-", "−"), number=None if bare else value, is_best=is_best),
        interval,
        ViewCell(str(entry["ties"]) or "–"),
        ViewCell(clips, number=None if clips == "–" else float(clips.split()[0])),
    ]


def _told(text: str, *, is_number: bool) -> ViewCell:
    return ViewCell(text, number=float(text) if is_number and text.isdigit() else None)


def _value_cell(found: tuple[float, float, float] | None, metric: str, is_best: bool) -> ViewCell:
    if found is None or math.isnan(found[0]):
        return ViewCell("–")
    words = column(metric).number
    value, low, high = found
    small = "" if math.isnan(low) or math.isnan(high) else f"{words(low)} to {words(high)}".replace("-", "−")
    return ViewCell(words(value).replace("-", "−"), small=small, number=value, is_best=is_best)
