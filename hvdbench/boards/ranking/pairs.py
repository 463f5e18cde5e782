"""Two methods of a board, clip by clip."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hvdbench.boards.ranking.coverage import BLOCK, OVER_CLIPS, keyed
from hvdbench.boards.ranking.order import few_clips, headline, is_lower_better
from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.statistics.comparison import ALPHA, compare_scores, holm

COMPARISON_COLUMNS = (
    *BLOCK,
    "truth",
    "metric",
    "value_a",
    "value_b",
    "difference",
    "ci_low",
    "ci_high",
    "interval",
    "p",
    "p_holm",
    "detectable",
    "better",
    "wins_a",
    "wins_b",
    "equal",
    "clips",
    "of_clips",
    "note",
)


def clip_differences(
    board: pd.DataFrame, a: str, b: str, *, metric: str = "psnr", truth: str | None = None, subset: str = "not_selected"
) -> pd.DataFrame:
    """Set two methods beside each other, clip by clip.

    Args:
        board: a board's rows.
        a: a method on it.
        b: another; several seeds of a method are averaged.
        metric: what is compared.
        truth: as in :func:`ranked`.
        subset: which frames.

    Returns:
        :data:`BLOCK`, ``clip``, ``value_a``, ``value_b``, ``difference`` (a - b) for the clips that both have, and
        ``better``: ``a``, ``b`` or empty.

    Raises:
        UnknownNameError: a method that is not on the board.
        InputError: the two have no clip in common.
    """
    truth = truth or headline(board, metric)[1]
    both = _pairs(_chosen(board, a, b, subset), a, b)
    both = both[(both["metric"] == metric) & (both["truth"] == truth)].reset_index(drop=True)
    if both.empty:
        raise InputError(f"'{a}' and '{b}' have no clip with {metric} of truth '{truth}' in common on '{subset}'")
    way = -1 if is_lower_better(metric) else 1
    better = np.select([way * both["difference"] > 0, way * both["difference"] < 0], ["a", "b"], "")
    return both.assign(better=better)[[*BLOCK, "clip", "value_a", "value_b", "difference", "better"]]


def compare(
    board: pd.DataFrame,
    a: str,
    b: str,
    *,
    metrics: Sequence[str] | None = None,
    truths: Sequence[str] | None = None,
    subset: str = "not_selected",
) -> pd.DataFrame:
    """Compare two methods on the clips that both have, by every metric.

    Args:
        board: a board's rows.
        a: a method on it.
        b: another; several seeds of a method are averaged clip by clip.
        metrics: which; None: all that both have.
        truths: which; None: all.
        subset: which frames.

    Returns:
        :data:`COMPARISON_COLUMNS`, a row for each dataset, split, truth and metric. ``difference`` is a - b with its
        95 % interval; ``p`` is the paired t-test's, ``p_holm`` corrected over the rows given; ``detectable`` the least
        difference that so many clips would have shown with probability 0.8; ``better`` is ``a`` or ``b`` where
        ``p_holm`` is under 0.05, else empty; ``wins_a``, ``wins_b`` and ``equal`` count clips.

    Raises:
        UnknownNameError: a method that is not on the board.
        InputError: the two have no clip in common, or no metric of that name.
    """
    pairs = _pairs(_chosen(board, a, b, subset), a, b)
    for name, wanted in (("metric", metrics), ("truth", truths)):
        pairs = pairs if wanted is None else pairs[pairs[name].isin(list(wanted))]
    if pairs.empty:
        raise InputError(
            f"'{a}' and '{b}' have no number in common on the frames '{subset}': they were scored on other clips, on "
            "another version of the dataset, or by other metrics"
        )
    rows = [_compared(found) for _, found in pairs.groupby([*BLOCK, "truth", "metric"], sort=True)]
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p"].to_numpy(np.float64))
    table["better"] = np.where(table["p_holm"] < ALPHA, table["leads"], "")
    return table[list(COMPARISON_COLUMNS)]


def _compared(pairs: pd.DataFrame) -> dict[str, object]:
    """Compare by one metric on the clips of one dataset and split."""
    first = pairs.iloc[0]
    found = compare_scores(pairs["value_a"].to_numpy(np.float64), pairs["value_b"].to_numpy(np.float64))
    over, lower = found.difference, is_lower_better(str(first["metric"]))
    wins = (found.below, found.above) if lower else (found.above, found.below)
    short = f"on {len(pairs)} of {first['of_clips']} clips" if len(pairs) < first["of_clips"] else ""
    return {
        **{name: first[name] for name in (*BLOCK, "truth", "metric", "of_clips")},
        "value_a": float(pairs["value_a"].mean()),
        "value_b": float(pairs["value_b"].mean()),
        "difference": over.mean,
        "ci_low": over.low,
        "ci_high": over.high,
        "interval": over.kind,
        "p": found.p,
        "detectable": found.detectable,
        "leads": "b" if (over.mean > 0) == lower else "a",
        "wins_a": wins[0],
        "wins_b": wins[1],
        "equal": found.equal,
        "clips": len(pairs),
        "note": "; ".join(filter(None, (short, few_clips(over)))),
    }


def _chosen(board: pd.DataFrame, a: str, b: str, subset: str) -> pd.DataFrame:
    """Take the clips' rows of a subset, and refuse methods that have none on the whole board."""
    ours = board[(board["origin"] != "published") & (board["clip"] != OVER_CLIPS)]
    names = sorted(set(ours["method"]))
    for method in (a, b):
        if method not in names:
            raise UnknownNameError(unknown("method with scores of clips", method, names))
    return keyed(ours[ours["subset"] == subset])


def _pairs(rows: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Pair two methods' rows by clip, seeds averaged, beside how many clips there are."""
    measure = [*BLOCK, "truth", "metric"]
    whole = rows.drop_duplicates([*measure, "clip"]).groupby(measure).size().rename("of_clips").reset_index()
    sides = [rows[rows["method"] == name].groupby([*measure, "clip"])["value"].mean() for name in (a, b)]
    both = pd.concat(sides, axis=1, keys=["value_a", "value_b"], join="inner").reset_index()
    return both.assign(difference=both["value_a"] - both["value_b"]).merge(whole, on=measure)
