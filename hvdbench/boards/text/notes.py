"""Write the notes around a board's table: what its rows are not, what its clips allow, and the names of subsets."""

from collections.abc import Iterable, Sequence

import pandas as pd

from hvdbench.boards.facts import direction
from hvdbench.boards.ranking.coverage import BLOCK, OVER_CLIPS
from hvdbench.boards.ranking.order import unranked_note
from hvdbench.boards.text.columns import column
from hvdbench.statistics.intervals import FEWEST_FOR_BOOTSTRAP
from hvdbench.tables.table import rounded

PAPERS = "Published numbers, each under its paper's own protocol and on the official dataset: not ranked with others"
SUBSETS = {
    "not_selected": "Frames not selected as sharp",
    "sharp_blurry": "Sharp and blurry frames, mild ones apart",
    "all": "All frames",
    "selected": "Frames selected as sharp",
}

_STAMPS = {
    "demo": "demo rows: simulated trajectories, embedded demo scenes; they show that the pipeline runs, no more",
    "simulated": "simulated rows: simulated trajectories; the blur is synthetic",
}


def subset_words(subset: str) -> str:
    """Return a subset of frames in words; one that is not known keeps its name."""
    return SUBSETS.get(subset, subset)


def shown_subsets(found: Iterable[str]) -> list[str]:
    """Order subsets for people: those that are known in their order, then others by name."""
    present = set(found)
    return [*(subset for subset in SUBSETS if subset in present), *sorted(present - set(SUBSETS))]


def caption(board: pd.DataFrame, subset: str, truths: Sequence[str], clip: str = OVER_CLIPS) -> str:
    """Write what the numbers of one table are about: frames, clips, dataset, protocol and truth.

    It is empty where only papers have numbers.

    Args:
        board: all rows of a board.
        subset: whose frames the table is about.
        truths: those that it shows; only those that rows have are named.
        clip: ``*`` for means over clips, or one clip's name.
    """
    ours = board[board["origin"] != "published"]
    rows = ours[ours["subset"] == subset]
    rows = rows if clip == OVER_CLIPS else rows[rows["clip"] == clip]
    if rows.empty:
        return ""
    among, of = (len(one.loc[one["clip"] != OVER_CLIPS, [*BLOCK, "clip"]].drop_duplicates()) for one in (rows, ours))
    clips = f"{among}{f' of {of}' if among < of else ''} clip{'s' if max(among, of) > 1 else ''} of " if among else ""
    clips = clips if clip == OVER_CLIPS else f"clip {clip} of "
    sets = [f"{name}, split {split}" for name, _, split in rows[list(BLOCK)].drop_duplicates().itertuples(index=False)]
    against = [truth for truth in truths if truth != "none" and truth in set(rows["truth"])]
    protocols = ", ".join(sorted(set(rows["protocol"])))
    compared = f"truth{'s' if len(against) > 1 else ''} {' and '.join(against)}" if against else "no truth"
    return f"{subset_words(subset)}; {clips}{' and of '.join(sets)}; protocol {protocols}; {compared}"


def stamp_lines(board: pd.DataFrame) -> list[str]:
    """List what a board's rows are not: a line for demo rows, one for simulated ones."""
    present = set(board["origin"])
    return [line for origin, line in _STAMPS.items() if origin in present]


def note_lines(order: pd.DataFrame | None, metric: str = "psnr") -> list[str]:
    """List what a board's clips allow: how sure means are, and what differences would show.

    Args:
        order: ranks from :func:`hvdbench.boards.ranking.order.ranked`; None where nothing is ranked.
        metric: the metric that ranks.

    Returns:
        Sentences without their capital and full stop.
    """
    if order is None:
        return []
    known = order[order["interval"].isin(["t", "BCa"]) & (order["clips"] > 1)]
    notes = [unranked_note(metric)] if len(order) and direction(metric) is None else []
    if len(known) and known["clips"].min() < FEWEST_FOR_BOOTSTRAP:
        notes.append(
            f"fewer than {FEWEST_FOR_BOOTSTRAP} clips ({known['clips'].min()}): intervals are Student's t, too short "
            "where scores are skewed"
        )
    gaps = known["detectable"].dropna()
    if len(gaps):
        shown = column(metric)
        some = {rounded(shown.factor * gap, shown.decimals) for gap in (gaps.min(), gaps.max())}
        notes.append(
            f"the least true difference in {shown.label} to the best that these clips show with probability 0.8 is "
            f"{' to '.join(sorted(some, key=float))}{f' {shown.unit}' if shown.unit else ''}"
        )
    if (known["ties"] != "").any():
        notes.append(
            "ties: the clips cannot tell methods that share a letter from the best of that group (paired t-tests, "
            "Holm's correction, 5 %)"
        )
    if not order["complete"].all():
        notes.append("incomplete: scored on fewer clips or frames than others, so neither averaged nor ranked")
    return notes
