"""Look up the facts of every metric that a board may have, by its name: direction, title, unit, decimals.

Ours and pyiqa's come with the metrics, those of labels with what scores labels, those that only papers print with the
published rows. A metric of others brings its own: they lie beside the board (``<board>.metrics.json``) and are
remembered when it is read.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from hvdbench.boards.printed import PRINTED
from hvdbench.errors import InputError
from hvdbench.labels.accuracy import LABEL_SCORES
from hvdbench.metrics.metric import Better, Facts, facts_as_data, facts_from_data
from hvdbench.metrics.opening import known_facts, listed_facts
from hvdbench.metrics.perceptual import TITLES
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.parsing import read_json

_FIXED = {facts.name: facts for facts in (*LABEL_SCORES, *PRINTED)}
_OF_OTHERS: dict[str, Facts] = {}


def metric_facts(name: str) -> Facts | None:
    """Look up the facts of a metric; None where nothing is known of it."""
    fixed = _FIXED.get(name)
    return fixed or known_facts(name) or _OF_OTHERS.get(name)


def direction(name: str) -> Better | None:
    """Look up which values of a metric are better; None where that is not known, and then it is not ranked."""
    facts = metric_facts(name)
    return None if facts is None else facts.better


def within(name: str, low: float, high: float) -> tuple[float, float]:
    """Cut an interval of a metric's mean at the ends of its range, such as 0 and 1 of a share."""
    facts = metric_facts(name)
    return (low, high) if facts is None else facts.within(low, high)


def difference_within(name: str, low: float, high: float) -> tuple[float, float]:
    """Cut an interval of the difference of two means at the largest that the metric's range allows."""
    facts = metric_facts(name)
    if facts is None or facts.least is None or facts.most is None:
        return low, high
    widest = facts.most - facts.least
    return max(low, -widest), min(high, widest)


def ordered_facts() -> list[Facts]:
    """List the facts of all metrics whose column has a place: as a board shows them, what papers alone print last."""
    ours = listed_facts()
    first_of_clips = next((place for place, facts in enumerate(ours) if facts.of_clips), len(ours))
    of_frames = next((place for place, facts in enumerate(ours) if facts.name in TITLES), first_of_clips)
    others = sorted(_OF_OTHERS.values(), key=lambda facts: facts.name)
    return [*ours[:of_frames], *LABEL_SCORES, *ours[of_frames:], *PRINTED, *others]


def remember_facts(facts: Iterable[Facts]) -> None:
    """Remember the facts of metrics of others, so that boards with such metrics can be ranked and shown."""
    _OF_OTHERS.update({one.name: one for one in facts})


def facts_path(board: Path) -> Path:
    """Return the path of the facts beside a board's CSV."""
    return board.with_suffix(".metrics.json")


def read_facts(board: Path) -> list[Facts]:
    """Read the facts beside a board's CSV; none where it has no metric of others.

    Raises:
        InputError: if the file is damaged.
    """
    path = facts_path(board)
    if not path.is_file():
        return []
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: remove it and score again") from error
    if not isinstance(found, list):
        raise InputError(f"{path} does not contain a list of facts: remove it and score again")
    return [facts_from_data(one, str(path)) for one in found]


def write_facts(board: Path, metrics: Iterable[str]) -> None:
    """Write the facts of a board's metrics of others beside its CSV; nothing where it has none.

    Args:
        board: the CSV.
        metrics: all metrics that are on it.
    """
    found = [facts_as_data(_OF_OTHERS[name]) for name in sorted(set(metrics) & set(_OF_OTHERS))]
    path = facts_path(board)
    if found:
        atomic_write_text(path, json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    else:
        path.unlink(missing_ok=True)
