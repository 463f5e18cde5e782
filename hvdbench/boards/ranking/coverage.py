"""Count on how much of a dataset each method was scored, compared with the others on the board."""

from collections.abc import Hashable, Mapping

import pandas as pd

from hvdbench.metrics.protocols.known import PROTOCOLS
from hvdbench.scoring.summary import Averaging

BLOCK = ("dataset", "dataset_digest", "split")
"""Rows that agree in these were scored on the same clips."""
ENTRY = (*BLOCK, "method", "origin", "seed")
"""What is ranked: one method, made once."""
COVERAGE_COLUMNS = (
    *ENTRY,
    "truth",
    "subset",
    "metric",
    "clips",
    "frames",
    "of_clips",
    "of_frames",
    "complete",
)
OVER_CLIPS = "*"

_BLOCKS = len(BLOCK)
_ANY = ""


def coverage(board: pd.DataFrame) -> pd.DataFrame:
    """Count the clips and frames behind each mean, and how many there are on the board.

    Args:
        board: a board's rows; those over all clips and published ones are passed over.

    Returns:
        :data:`COVERAGE_COLUMNS`: ``clips`` and ``frames`` that the method has, ``of_clips`` and
        ``of_frames`` that any method of the same dataset and split has; ``complete``. A clip's frames are the most
        that any of the method's metrics counts, since a metric may have no value on a frame.
    """
    ours = keyed(board[(board["clip"] != OVER_CLIPS) & (board["origin"] != "published")])
    pooled = pools_frames(ours)
    entries = list(zip(*(ours[name].tolist() for name in ENTRY), strict=True))
    number = {entry: index for index, entry in enumerate(sorted(set(entries)))}
    blocks = [entry[:_BLOCKS] for entry in number]
    frames: dict[tuple[int, str, str], int] = {}
    most: dict[tuple[tuple[str, ...], str, str], int] = {}
    own: dict[tuple[int, str, str, str], set[str]] = {}
    whole: dict[tuple[tuple[str, ...], str, str, str], set[str]] = {}
    measured = {}
    counts = ours["n"].fillna(0).astype("int64").tolist()
    columns = (ours[name].tolist() for name in ("truth", "subset", "metric", "clip"))
    for entry, truth, subset, metric, clip, n in zip(entries, *columns, counts, strict=True):
        one, by = number[entry], _ANY if pooled else metric
        block = blocks[one]
        frames[one, subset, clip] = max(n, frames.get((one, subset, clip), 0))
        most[block, subset, clip] = max(n, most.get((block, subset, clip), 0))
        own.setdefault((one, truth, subset, by), set()).add(clip)
        whole.setdefault((block, truth, subset, by), set()).add(clip)
        measured[one, truth, subset, metric] = entry
    found = []
    for (one, truth, subset, metric), entry in sorted(measured.items()):
        by = _ANY if pooled else metric
        clips, every = own[one, truth, subset, by], whole[blocks[one], truth, subset, by]
        seen = sum(frames[one, subset, clip] for clip in clips)
        there = sum(most[blocks[one], subset, clip] for clip in every)
        complete = len(clips) == len(every) and seen == there
        found.append((*entry, truth, subset, metric, len(clips), seen, len(every), there, complete))
    return pd.DataFrame(found, columns=list(COVERAGE_COLUMNS))


def pools_frames(rows: pd.DataFrame) -> bool:
    """Return whether rows over all clips are about their frames pooled, as those that score labels are.

    On a clip such a score may have no value (no frame was called sharp) without its row lacking anything.
    """
    return bool(len(rows)) and bool(rows["protocol"].str.startswith("labels").all())


def averaging_of(rows: pd.DataFrame) -> Averaging:
    """Return how the protocol of a board's rows averages over clips; each clip weighs the same where none is known."""
    found = {protocol.averaging for protocol in PROTOCOLS if protocol.name in set(rows["protocol"])}
    return "frames" if found == {"frames"} else "clips"


def lacks(count: Mapping[Hashable, object]) -> str:
    """Write what an incomplete entry of :func:`coverage` lacks."""
    if count["clips"] != count["of_clips"]:
        return f"incomplete: {count['clips']} of {count['of_clips']} clips"
    return f"incomplete: {count['frames']} of {count['of_frames']} frames"


def keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn the key columns of rows into plain text, so that an empty seed groups and joins like any other."""
    seeds = rows["seed"].astype("Int64").astype("string").fillna("").astype(object)
    return rows.assign(seed=seeds)
