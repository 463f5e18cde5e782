"""Write the page of a study's results: scores, pairs and voters, and the crops on which people agreed most."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.annotate.study.design import CROPS
from hvdbench.annotate.study.results import Results, pairs_table, results_data, scores_table, voters_table
from hvdbench.annotate.study.votes import VoteFile
from hvdbench.frames import Frame, read_frame
from hvdbench.pages.page_clip import inks
from hvdbench.pages.pages import texts, write_page
from hvdbench.pages.pictures import BUDGET_BYTES, loaded_album, shown_size
from hvdbench.tables.table import Table

MOST_EXAMPLES = 12
"""The number of pairs of crops that a page embeds at most."""


@dataclass(frozen=True)
class Example:
    """A question whose crops the page shows, with its votes.

    Attributes:
        methods: the first and the second method.
        votes: votes for the first, for the second, and for neither.
        files: the files of the two crops, in ``crops/``.
        place: clip and frame, for a reader.
    """

    methods: tuple[str, str]
    votes: tuple[int, int, int]
    files: tuple[str, str]
    place: str


def study_page(path: Path, results: Results, *, title: str) -> None:
    """Write the page of a study's results.

    Args:
        path: the HTML file; written whole or not at all.
        results: what was counted.
        title: the headline.

    Raises:
        InputError: if a crop or the votes cannot be read.
    """
    study, folder = results.stored.study, results.stored.folder
    chosen = _examples(results)
    names = list(dict.fromkeys(name for one in chosen for name in one.files))

    def load(name: str) -> Frame:
        return read_frame(folder / CROPS / name)

    album = loaded_album(names, load, BUDGET_BYTES) if names else None
    scores, pairs = scores_table(results), pairs_table(results)
    examples = [
        {
            "example": one,
            "uris": [album.uris[name] for name in one.files],
            "size": shown_size(*_size(load(one.files[0]))),
        }
        for one in chosen
        if album is not None
    ]
    counted = len(results.voters) - len(results.left_out)
    context = {
        "title": title,
        "clips": [],
        "stamps": [f"{counted} voter{'s' if counted != 1 else ''} counted, {len(results.left_out)} left out"],
        "scores": scores,
        "scores_span": _span(scores, "score"),
        "pairs": pairs,
        "pairs_span": _span(pairs, "share"),
        "voters": voters_table(results),
        "examples": examples,
        "inks": inks(study.methods),
        "css": texts("page.css", "leaderboard.css", "study.css"),
        "js": texts("parts.js", "page.js", "study.js"),
        "quality": album.quality if album else None,
        "manifest": dict(results_data(results)),
    }
    write_page(path, "study.html", context)


def _examples(results: Results) -> list[Example]:
    """Choose for each pair of methods the crop that most preferred the first on, and the one that most the second."""
    study = results.stored.study
    counted = {voter.name for voter in results.voters if not voter.left_out}
    votes: dict[int, Counter[str]] = {}
    for vote in VoteFile(results.stored).read():
        if vote.voter in counted and study.questions[vote.question].right is None:
            votes.setdefault(vote.question, Counter())[vote.choice] += 1
    chosen: list[int] = []
    for pair in results.pairs:
        own = [n for n in votes if (study.questions[n].first, study.questions[n].second) == (pair.first, pair.second)]
        if own:
            lead = {n: votes[n]["first"] - votes[n]["second"] for n in own}
            best, worst = max(own, key=lambda n: (lead[n], -n)), min(own, key=lambda n: (lead[n], n))
            chosen += [n for n, is_one in ((best, lead[best] > 0), (worst, lead[worst] < 0)) if is_one]
    return [_example(results, number, votes[number]) for number in dict.fromkeys(chosen[:MOST_EXAMPLES])]


def _example(results: Results, number: int, votes: Counter[str]) -> Example:
    one = results.stored.study.questions[number]
    return Example(
        (one.first, one.second),
        (votes["first"], votes["second"], votes["tie"]),
        one.crops,
        f"{one.clip}, frame {one.frame}",
    )


def _size(crop: Frame) -> tuple[int, int]:
    return crop.shape[1], crop.shape[0]


def _span(table: Table, key: str) -> dict[str, Any]:
    """Return where a table's intervals are drawn: the keys of intervals and of means, the low end of all, the width."""
    cells = [row.cells[name] for row in table.rows for name in (key, "interval")]
    ends: Sequence[float] = [end for one in cells for end in (one.low, one.high) if math.isfinite(end)]
    values = [row.cells[key].value for row in table.rows]
    finite = [*ends, *(float(value) for value in values if isinstance(value, float))] or [0.0]
    return {"key": "interval", "point": key, "low": min(finite), "width": (max(finite) - min(finite)) or 1.0}
