"""Enter beside a fit that started from weights of hvdbench what it has to beat, and say whether it beats its start."""

import pandas as pd

from hvdbench.methods.recipe import Method
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.scoring.summary import clip_rows
from hvdbench.statistics.comparison import compare_scores
from hvdbench.store import Truth
from hvdbench.weights.finding import is_shipped

CONTROL = "warp_average"
"""The method that learns nothing, against which every fit is read."""
_SUBSET, _METRIC = "not_selected", "psnr"


def start_of(method: Method) -> str | None:
    """Return the name of the weights inside the package that a fit starts from, and of their method; else None."""
    start = method.recipe.values.settings.get("start_from")
    return str(start) if start and is_shipped(str(start)) else None


def against_start(own: pd.DataFrame, start: pd.DataFrame, name: str, protocol: Protocol) -> str | None:
    """Describe for a board how far a fit came from its start, with the interval over clips.

    Args:
        own: scores of the fit's frames, as :class:`hvdbench.scoring.run_tables.RunScores` holds them.
        start: scores of the same frames by the weights that it started from.
        name: name of these weights.
        protocol: protocol under which both were scored.

    Returns:
        The words; None where no frame is compared with a truth.
    """
    truth: Truth
    for truth in ("centroid", "mid"):
        after, before = (_by_clip(frames, truth, protocol) for frames in (own, start))
        if not after.empty:
            break
    else:
        return None
    found = compare_scores(after.to_numpy(), before.loc[after.index].to_numpy()).difference
    verdict = "above its start" if found.low > 0 else "below its start" if found.high < 0 else "not above its start"
    over = "one clip" if len(after) == 1 else f"{len(after)} clips, [{found.low:+.2f}, {found.high:+.2f}]"
    return f"{verdict} '{name}': {found.mean:+.2f} dB PSNR {truth} over {over}"


def _by_clip(frames: pd.DataFrame, truth: Truth, protocol: Protocol) -> "pd.Series[float]":
    """Return the mean PSNR of each clip over the frames that were not selected."""
    rows = clip_rows(frames, protocol)
    rows = rows[(rows["truth"] == truth) & (rows["subset"] == _SUBSET) & (rows["metric"] == _METRIC)]
    return rows.set_index(["split", "clip"])["value"].sort_index()
