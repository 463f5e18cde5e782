"""Compare two methods of a board, clip by clip."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.boards.facts import difference_within, direction
from hvdbench.boards.ranking.coverage import BLOCK, ENTRY, OVER_CLIPS, averaging_of, coverage, keyed, pools_frames
from hvdbench.boards.ranking.order import few_clips, headline, unranked_note
from hvdbench.boards.seeds import over_seeds
from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.scoring.summary import Averaging, scores_over_clips
from hvdbench.statistics.comparison import ALPHA, compare_scores, corrected_pairs, holm

COMPARISON_COLUMNS = (
    *BLOCK,
    "truth",
    "metric",
    "role",
    "value_a",
    "value_b",
    "difference",
    "ci_low",
    "ci_high",
    "interval",
    "p",
    "p_pairs",
    "p_holm",
    "detectable",
    "better",
    "better_alone",
    "wins_a",
    "wins_b",
    "equal",
    "clips",
    "of_clips",
    "note",
)

HEADLINE, SECONDARY = "headline", "secondary"
"""The roles of metrics in a comparison; in this order by letter, too."""

_WAYS = {"higher": 1, "lower": -1, None: 0}


def clip_differences(
    board: pd.DataFrame, a: str, b: str, *, metric: str = "psnr", truth: str | None = None, subset: str = "not_selected"
) -> pd.DataFrame:
    """Put two methods beside each other, clip by clip.

    Args:
        board: a board's rows.
        a: a method on it.
        b: another; several seeds of a method are averaged.
        metric: what is compared.
        truth: as in :func:`ranked`.
        subset: which frames.

    Returns:
        :data:`BLOCK`, ``clip``, ``value_a``, ``value_b``, ``difference`` (a - b) for the clips that both have, and
        ``better``: ``a``, ``b`` or empty, always empty where the metric's direction is unknown.

    Raises:
        UnknownNameError: if a method is not on the board.
        InputError: if the two methods have no clip in common.
    """
    truth = truth or headline(board, metric)[1]
    both = _pairs(keyed(_chosen(board, a, b, subset)), a, b)
    both = both[(both["metric"] == metric) & (both["truth"] == truth)].reset_index(drop=True)
    if both.empty:
        raise InputError(f"'{a}' and '{b}' have no clip with {metric} of truth '{truth}' in common on '{subset}'")
    way = _WAYS[direction(metric)]
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
    first: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Compare two methods on the clips that both have: by the headline metric, and by all others beside it.

    Args:
        board: a board's rows.
        a: a method on it.
        b: another; several seeds of a method are averaged clip by clip.
        metrics: which; None: all that both have.
        truths: which; None: all.
        subset: which frames.
        first: metric and truth of the headline; None: that of ``metrics[0]``, else of PSNR, as
            :func:`hvdbench.boards.ranking.order.headline` finds it.

    Returns:
        :data:`COMPARISON_COLUMNS`, a row for each dataset, split, truth and metric, the headline first. ``role`` is
        ``headline`` or ``secondary``. ``difference`` is a - b with its 95 % interval; ``p`` is the paired t-test's.
        ``p_pairs`` is corrected over all pairs of methods that the board ranks by that metric on these clips: the
        family of :func:`hvdbench.boards.ranking.order.ranked`'s tie letters, so that both say the same of two methods;
        a method that is not ranked there because it lacks clips joins the family for the comparison.
        ``p_holm`` is the same for the headline, which is not corrected for the other metrics; those of secondary
        metrics are corrected over all of them, too. ``detectable`` is the least difference that so many clips would
        have shown with probability 0.8; ``better`` is ``a`` or ``b`` where ``p_holm`` is under 0.05, else empty;
        ``better_alone`` is so where ``p_pairs`` is, as if nobody had looked at another metric. ``wins_a``, ``wins_b``
        and ``equal`` count clips. Of a metric of unknown direction no side is better and no clip is won.

    Raises:
        UnknownNameError: if a method is not on the board.
        InputError: if the two methods have no clip in common, or there is no metric of that name.
    """
    chosen = _chosen(board, a, b, subset)
    pairs = _pairs(keyed(chosen), a, b)
    for name, wanted in (("metric", metrics), ("truth", truths)):
        pairs = pairs if wanted is None else pairs[pairs[name].isin(list(wanted))]
    if pairs.empty:
        raise InputError(
            f"'{a}' and '{b}' have no number in common on the frames '{subset}': they were scored on other clips, on "
            "another version of the dataset, or by other metrics"
        )
    averaging, families = averaging_of(chosen), _families(chosen)
    first = first or headline(board, *(metrics or ())[:1])
    rows = []
    for key, found in pairs.groupby([*BLOCK, "truth", "metric"], sort=True):
        p = _corrected(found, families.get(key, {}), a, b, averaging)
        rows.append(_compared(found, averaging) | {"p_pairs": p, "p_holm": p})
    table = pd.DataFrame(rows)
    is_first = (table["metric"] == first[0]) & (table["truth"] == first[1])
    table["role"] = np.where(is_first, HEADLINE, SECONDARY)
    for _, block in table[~is_first].groupby(list(BLOCK)):
        table.loc[block.index, "p_holm"] = holm(block["p_pairs"].to_numpy(np.float64))
    table["better"] = np.where(table["p_holm"] < ALPHA, table["leads"], "")
    table["better_alone"] = np.where(table["p_pairs"] < ALPHA, table["leads"], "")
    ordered = table.sort_values([*BLOCK, "role"], kind="stable", ignore_index=True)
    return ordered[list(COMPARISON_COLUMNS)]


def _families(rows: pd.DataFrame) -> dict[tuple[object, ...], dict[str, pd.DataFrame]]:
    """Gather what is ranked together: (block, truth, metric) → method → its clips, of entries that lack nothing.

    A method that occurs more than once, with several origins, is not among them under its name alone.
    """
    if pools_frames(rows):  # their clips are not a sample of scores, and they get no tie letters either
        return {}
    known = coverage(rows)
    whole = set(
        known.loc[known["complete"].astype(bool), [*ENTRY, "truth", "metric"]].itertuples(index=False, name=None)
    )
    found: dict[tuple[object, ...], dict[str, pd.DataFrame]] = {}
    for key, own in keyed(rows).groupby([*ENTRY, "truth", "metric"], sort=True):
        if key in whole:
            *block, method, origin, _, truth, metric = key
            family = found.setdefault((*block, truth, metric), {})
            name = f"{method}\n{origin}" if method in family else str(method)
            family[name] = own.sort_values("clip")
    return found


def _corrected(pairs: pd.DataFrame, family: dict[str, pd.DataFrame], a: str, b: str, averaging: Averaging) -> float:
    """Correct the p-value of one pair over all pairs of its family."""
    if a == b:
        return compare_scores(*_sides(pairs, averaging)).p
    twice = {name.partition("\n")[0] for name in family if "\n" in name}
    if {a, b} <= set(family) and not {a, b} & twice:
        scores = {name: scores_over_clips(own["value"], own["n"], averaging) for name, own in family.items()}
        found = corrected_pairs(scores)
        return found[(a, b) if (a, b) in found else (b, a)]
    others = {name: scores_over_clips(own["value"], own["n"], averaging) for name, own in family.items()}
    own_p = compare_scores(*_sides(pairs, averaging)).p
    among = [compare_scores(others[x], others[y]).p for x, y in itertools.combinations(others, 2)]
    return float(holm([own_p, *among])[0])


def _sides(pairs: pd.DataFrame, averaging: Averaging) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = (scores_over_clips(pairs[f"value_{side}"], pairs["n"], averaging) for side in "ab")
    return a, b


def _compared(pairs: pd.DataFrame, averaging: Averaging) -> dict[str, object]:
    """Compare by one metric on the clips of one dataset and split."""
    first = pairs.iloc[0]
    a, b = _sides(pairs, averaging)
    found = compare_scores(a, b)
    over, better = found.difference, direction(str(first["metric"]))
    wins = {"lower": (found.below, found.above), "higher": (found.above, found.below), None: (0, 0)}[better]
    short = f"on {len(pairs)} of {first['of_clips']} clips" if len(pairs) < first["of_clips"] else ""
    aimless = unranked_note(str(first["metric"])) if better is None else ""
    return {
        **{name: first[name] for name in (*BLOCK, "truth", "metric", "of_clips")},
        "value_a": float(a.mean()),
        "value_b": float(b.mean()),
        "difference": over.mean,
        **dict(zip(("ci_low", "ci_high"), difference_within(str(first["metric"]), over.low, over.high), strict=True)),
        "interval": over.kind,
        "p": found.p,
        "detectable": found.detectable,
        "leads": "" if better is None else "b" if (over.mean > 0) == (better == "lower") else "a",
        "wins_a": wins[0],
        "wins_b": wins[1],
        "equal": found.equal,
        "clips": len(pairs),
        "note": "; ".join(filter(None, (short, aimless, few_clips(over)))),
    }


def _chosen(board: pd.DataFrame, a: str, b: str, subset: str) -> pd.DataFrame:
    """Take the clips' rows of a subset, and refuse methods that have none on the whole board."""
    ours = board[(board["origin"] != "published") & (board["clip"] != OVER_CLIPS)]
    names = sorted(set(ours["method"]))
    for method in (a, b):
        if method not in names:
            raise UnknownNameError(unknown("method with scores of clips", method, names))
    averaged = over_seeds(ours[ours["subset"] == subset])
    return averaged[averaged["clip"] != OVER_CLIPS]


def _pairs(rows: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Pair two methods' rows by clip, beside how many clips there are."""
    measure = [*BLOCK, "truth", "metric"]
    whole = rows.drop_duplicates([*measure, "clip"]).groupby(measure).size().rename("of_clips").reset_index()
    sides = [rows[rows["method"] == name].groupby([*measure, "clip"])["value"].mean() for name in (a, b)]
    counts = rows[rows["method"] == a].groupby([*measure, "clip"])["n"].mean()
    both = pd.concat([*sides, counts], axis=1, keys=["value_a", "value_b", "n"], join="inner").reset_index()
    return both.assign(difference=both["value_a"] - both["value_b"]).merge(whole, on=measure)
