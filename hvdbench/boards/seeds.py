"""Average the seeds of a method, so that a board has one row for each method however often it was made."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hvdbench.boards.ranking.coverage import BLOCK, OVER_CLIPS, averaging_of, pools_frames
from hvdbench.boards.text.columns import column
from hvdbench.scoring.summary import scores_over_clips
from hvdbench.statistics.intervals import clip_interval
from hvdbench.tables.table import rounded

_METHOD = ("board", "protocol", "method", *BLOCK, "origin")
_VALUE = ("truth", "subset", "metric")


def over_seeds(board: pd.DataFrame) -> pd.DataFrame:
    """Average each clip's values over the seeds of a method, where a method has several.

    A clip, or a value of it, that one of the seeds lacks is left out, so that the method counts as incomplete and never
    as better than it is. The rows over all clips are made anew from these means: their interval is over clips, and the
    seeds do not make it shorter. Rows of labels, whose frames are pooled, have no such interval.

    Args:
        board: a board's rows; published ones stay as they are.

    Returns:
        The rows, with empty seeds where any method had several; the board itself where none had.
    """
    ours = board[board["origin"] != "published"]
    if ours["seed"].nunique() < 2:
        return board
    counts = ours.groupby(list(_METHOD), dropna=False)["seed"].nunique()
    several = counts[counts > 1]
    if several.empty:
        return board
    among = pd.MultiIndex.from_frame(board[list(_METHOD)]).isin(several.index)
    parts = [board[~among].assign(seed=None)]
    for key in several.index:
        rows = board[(board[list(_METHOD)] == pd.Series(key, index=list(_METHOD))).all(axis=1)]
        parts.append(_averaged(rows, int(several[key])))
    # the columns keep their types: an empty seed beside a number would turn them into floats
    return pd.concat(parts, ignore_index=True).astype(board.dtypes.to_dict())


def seed_lines(board: pd.DataFrame, metric: str, truth: str, subset: str) -> list[str]:
    """Write which methods are means over seeds, and how far the seeds of each lie apart by the metric that ranks.

    Args:
        board: a board's rows, before :func:`over_seeds`.
        metric: the metric that ranks.
        truth: the truth that it is against.
        subset: which frames.

    Returns:
        One sentence without its capital and full stop, or none where no method has several seeds.
    """
    rows = board[(board["origin"] != "published") & (board["clip"] == OVER_CLIPS) & (board["subset"] == subset)]
    rows = rows[(rows["metric"] == metric) & (rows["truth"] == truth)]
    shown, found = column(metric), []
    for (method, _), own in rows.groupby(["method", "dataset"], sort=True):
        count = len(own["seed"].dropna().drop_duplicates())
        if count > 1:
            spread = rounded(shown.factor * float(own["value"].std(ddof=1)), shown.decimals)
            unit = f" {shown.unit}" if shown.unit else ""
            found.append(f"{method} {count} ({spread}{unit})")
    if not found:
        return []
    words = ", ".join(dict.fromkeys(found))
    return [f"means over seeds, with the standard deviation of {shown.label} between them: {words}"]


def _averaged(rows: pd.DataFrame, seeds: int) -> pd.DataFrame:
    """Return the rows of one method, averaged over its seeds."""
    if pools_frames(rows):
        return _means(rows, [*_VALUE, "clip"], seeds)
    clips = _means(rows[rows["clip"] != OVER_CLIPS], [*_VALUE, "clip"], seeds)
    if clips.empty:  # a board may hold rows over all clips alone
        return _means(rows, [*_VALUE, "clip"], seeds)
    over = []
    for _, own in clips.groupby(list(_VALUE), sort=True):
        found = clip_interval(scores_over_clips(own["value"], own["n"], averaging_of(own)))
        row = own.iloc[0].to_dict() | {"clip": OVER_CLIPS, "value": found.mean, "n": found.n}
        over.append(row | {"ci_low": found.low, "ci_high": found.high})
    return pd.concat([pd.DataFrame(over), clips], ignore_index=True)


def _means(rows: pd.DataFrame, by: Sequence[str], seeds: int) -> pd.DataFrame:
    groups = rows.groupby(list(by), sort=True)
    kept = groups.first().assign(value=groups["value"].mean(), n=groups["n"].min(), seed=None)
    whole = kept[groups["seed"].nunique() == seeds].reset_index()
    return whole.assign(ci_low=np.nan, ci_high=np.nan)[list(rows.columns)]
