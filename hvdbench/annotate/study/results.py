"""Count the votes of a study: who looked, how often each method was preferred, and how the methods are ordered."""

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hvdbench.annotate.study.design import StudyFolder
from hvdbench.annotate.study.votes import Vote, VoteFile
from hvdbench.errors import InputError
from hvdbench.statistics.comparison import holm
from hvdbench.statistics.intervals import Interval
from hvdbench.statistics.preferences import Preference, bradley_terry, preference
from hvdbench.tables.table import Cell, Column, Kind, Row, Table, cell, interval, rounded
from hvdbench.tables.texts import comma_separated, markdown, padded

LEAST_RIGHT = 0.75
"""Share of the attention checks that a voter must have answered right. Somebody who presses one key all the time, or
never says that there is no difference, has at most two of three."""

_NO_FACTS = {"method": "", "protocol": "", "dataset": "", "split": ""}  # what the tables of pages ask of a row


@dataclass(frozen=True)
class Voter:
    """One person's part in a study.

    Attributes:
        name: the person's name.
        votes: votes on pairs of methods.
        right: attention checks that were answered right.
        checks: attention checks that were answered.
        median_s: median time of a vote, seconds.
        left_out: why the votes do not count; empty where they do.
    """

    name: str
    votes: int
    right: int
    checks: int
    median_s: float
    left_out: str = ""


@dataclass(frozen=True)
class ComparedPair:
    """Two methods that were compared.

    Attributes:
        first: a method.
        second: the other one.
        found: how often the first was preferred.
        p_corrected: the p-value, corrected by Holm's method over the pairs of the study.
        clips: on how many clips the first, and on how many the second had more votes.
    """

    first: str
    second: str
    found: Preference
    p_corrected: float
    clips: tuple[int, int]


@dataclass(frozen=True)
class Results:
    """The results of a study.

    Attributes:
        stored: the study.
        voters: everybody who voted, by name.
        pairs: the pairs of methods, in the study's order.
        scores: the methods' Bradley-Terry scores; None where the votes do not connect all methods.
    """

    stored: StudyFolder
    voters: Sequence[Voter]
    pairs: Sequence[ComparedPair]
    scores: Sequence[Interval] | None

    @property
    def left_out(self) -> list[Voter]:
        """The voters whose votes do not count."""
        return [voter for voter in self.voters if voter.left_out]


def count_votes(stored: StudyFolder, *, least_right: float = LEAST_RIGHT) -> Results:
    """Count a study's votes.

    Args:
        stored: the study.
        least_right: share of the attention checks that a voter must have answered right to be counted, 0 to 1.

    Raises:
        InputError: if nobody voted, or the votes are damaged.
    """
    votes = VoteFile(stored).read()
    if not votes:
        raise InputError(f"{stored.votes} contains no votes: collect some with 'hvdbench study serve {stored.folder}'")
    voters = [_voter(name, votes, stored, least_right) for name in sorted({vote.voter for vote in votes})]
    counted = {voter.name for voter in voters if not voter.left_out}
    questions = stored.study.questions
    taken = [vote for vote in votes if vote.voter in counted and questions[vote.question].right is None]
    asked = dict.fromkeys((one.first, one.second) for one in questions if one.right is None)
    found = {pair: _preference(pair, taken, stored) for pair in asked}
    corrected = holm([one.p for one, _ in found.values()])
    pairs = [
        ComparedPair(*pair, one, float(p), clips)
        for (pair, (one, clips)), p in zip(found.items(), corrected, strict=True)
    ]
    return Results(stored, voters, pairs, bradley_terry(_table(pairs, stored.study.methods)))


def _voter(name: str, votes: Sequence[Vote], stored: StudyFolder, least_right: float) -> Voter:
    own = [vote for vote in votes if vote.voter == name]
    rights = [(vote.choice, stored.study.questions[vote.question].right) for vote in own]
    checks = [choice == right for choice, right in rights if right is not None]
    has_checks = any(question.right is not None for question in stored.study.questions)
    why = ""
    if checks and sum(checks) < least_right * len(checks):
        why = f"{sum(checks)} of {len(checks)} attention checks right"
    elif has_checks and not checks:
        why = "no attention check answered yet"
    median_s = statistics.median(vote.seconds for vote in own)
    return Voter(name, len(own) - len(checks), sum(checks), len(checks), median_s, why)


def _preference(
    pair: tuple[str, str], votes: Sequence[Vote], stored: StudyFolder
) -> tuple[Preference, tuple[int, int]]:
    """Count the votes of a pair by clip."""
    counts: dict[str, Counter[str]] = {}
    for vote in votes:
        question = stored.study.questions[vote.question]
        if (question.first, question.second) == pair:
            counts.setdefault(question.clip, Counter())[vote.choice] += 1
    wins, losses = ([one[choice] for one in counts.values()] for choice in ("first", "second"))
    ahead = [(a > b, b > a) for a, b in zip(wins, losses, strict=True)]
    clips = (sum(first for first, _ in ahead), sum(second for _, second in ahead))
    return preference(wins, losses, sum(one["tie"] for one in counts.values())), clips


def _table(pairs: Sequence[ComparedPair], methods: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return the votes for each method (row) against each other one (column); a tie is half a vote for each."""
    place = {name: index for index, name in enumerate(methods)}
    wins = np.zeros((len(methods), len(methods)))
    for pair in pairs:
        first, second = place[pair.first], place[pair.second]
        wins[first, second] += pair.found.wins + pair.found.ties / 2
        wins[second, first] += pair.found.losses + pair.found.ties / 2
    return wins


def scores_table(results: Results) -> Table:
    """Lay out the methods by their Bradley-Terry scores, best first; without rows where there is no common scale."""
    columns = (
        Column("rank", "rank", "count"),
        Column("method", "method", "words"),
        Column("score", "score", better="high", metric="score"),
        Column("interval", "95 % interval"),
        Column("votes", "votes", "count"),
    )
    if results.scores is None:
        below = ("the votes do not connect all methods, so they have no scores on one scale",)
        return Table(columns, (), below=below)
    ranked = sorted(zip(results.stored.study.methods, results.scores, strict=True), key=lambda one: -one[1].mean)
    rows = [
        Row(
            {
                "rank": cell(place),
                "method": cell(name),
                "score": _score_cell(one, place),
                "interval": _ends(one, 2, signed=True),
                "votes": cell(one.n),
            },
            {**_NO_FACTS, "method": name},
        )
        for place, (name, one) in enumerate(ranked, start=1)
    ]
    below = (
        "scores are Bradley and Terry's: one that is higher by 1 is preferred in 73 % of the votes between the two, by "
        "2 in 88 %; their mean is 0, and a vote that saw no difference counts half for each",
    )
    return Table(columns, tuple(rows), below=below)


def pairs_table(results: Results) -> Table:
    """Lay out each pair of methods: votes, the share of the first among those that chose, intervals and p-values."""
    heads: list[tuple[str, str, Kind]] = [
        ("method", "method", "words"),
        ("against", "against", "words"),
        ("wins", "better", "count"),
        ("losses", "worse", "count"),
        ("ties", "no difference", "count"),
        ("share", "preferred (%)", "number"),
        ("interval", "95 % over votes", "number"),
        ("over_clips", "95 % over clips", "number"),
        ("clips", "clips for:against", "words"),
        ("p", "p", "number"),
        ("p_corrected", "p, corrected", "number"),
    ]
    rows = []
    for pair in results.pairs:
        found = pair.found
        share, over = _percent(found.share), _percent(found.over_clips)
        cells = {
            "method": cell(pair.first),
            "against": cell(pair.second),
            "wins": cell(found.wins),
            "losses": cell(found.losses),
            "ties": cell(found.ties),
            "share": cell(share.mean, 1),
            "interval": _ends(share, 1),
            "over_clips": _ends(over, 1),
            "clips": cell(f"{pair.clips[0]}:{pair.clips[1]}"),
            "p": _p_cell(found.p),
            "p_corrected": _p_cell(pair.p_corrected),
        }
        rows.append(Row(cells, {**_NO_FACTS, "method": pair.first}))
    below = (
        "shares and p-values are of the votes that chose; those that saw no difference are counted beside them",
        "intervals over votes (Wilson's) and p-values (exact binomial test) take votes as independent; the interval "
        "over clips also holds where clips differ in which method suits them",
        "corrected p-values are Holm's over the pairs of the study",
    )
    return Table(tuple(Column(*head) for head in heads), tuple(rows), below=below)


def voters_table(results: Results) -> Table:
    """Lay out the voters, and why the votes of some do not count."""
    columns = (
        Column("voter", "voter", "words"),
        Column("votes", "votes", "count"),
        Column("checks", "checks right", "words"),
        Column("median_s", "median (s)"),
        Column("counted", "counted", "words"),
    )
    rows = [
        Row(
            {
                "voter": cell(voter.name),
                "votes": cell(voter.votes),
                "checks": cell(f"{voter.right} of {voter.checks}"),
                "median_s": cell(voter.median_s, 1),
                "counted": cell(f"no: {voter.left_out}" if voter.left_out else "yes"),
            },
            _NO_FACTS,
        )
        for voter in results.voters
    ]
    return Table(columns, tuple(rows))


def results_data(results: Results) -> Mapping[str, object]:
    """Return the results as JSON values; what is not known is null."""
    study = results.stored.study
    scores: Sequence[Interval | None] = results.scores or [None for _ in study.methods]
    return {
        "study": results.stored.digest,
        "seed": study.seed,
        "made_from": dict(study.made_from),
        "methods": [
            {"method": name, "score": None if one is None else one.mean, "interval": _ends_data(one)}
            for name, one in zip(study.methods, scores, strict=True)
        ],
        "pairs": [
            {
                "method": pair.first,
                "against": pair.second,
                "wins": pair.found.wins,
                "losses": pair.found.losses,
                "ties": pair.found.ties,
                "preferred_share": _finite(pair.found.share.mean),
                "interval_over_votes": _ends_data(pair.found.share),
                "interval_over_clips": _ends_data(pair.found.over_clips),
                "clips_for": pair.clips[0],
                "clips_against": pair.clips[1],
                "p": _finite(pair.found.p),
                "p_corrected": _finite(pair.p_corrected),
            }
            for pair in results.pairs
        ],
        "voters": [vars(voter) for voter in results.voters],
    }


def results_text(results: Results, kind: str) -> str:
    """Write the results as a text.

    Args:
        results: what was counted.
        kind: ``text``, ``md``, ``csv`` (the pairs alone) or ``json``.
    """
    if kind == "json":
        return json.dumps(results_data(results), indent=1) + "\n"
    if kind == "csv":
        return comma_separated(_with_ends(pairs_table(results)))
    write = padded if kind == "text" else markdown
    tables = [scores_table(results), pairs_table(results), voters_table(results)]
    return "\n".join(write(table) for table in tables if table.rows or table.below)


def _with_ends(table: Table) -> Table:
    """Return a table in which the two ends of each interval have a column each, as numbers."""
    columns: list[Column] = []
    for column in table.columns:
        named = [replace(column, key=f"{column.key}_{end}", title=f"{column.title}, {end}") for end in ("low", "high")]
        columns += named if column.key in ("interval", "over_clips") else [column]
    rows = []
    for row in table.rows:
        ends = {
            f"{key}_{end}": cell(getattr(row.cells[key], end))
            for key in ("interval", "over_clips")
            for end in ("low", "high")
        }
        rows.append(replace(row, cells={**row.cells, **ends}))
    return replace(table, columns=tuple(columns), rows=tuple(rows))


def _score_cell(one: Interval, place: int) -> Cell:
    shown = interval(one.low, one.high, 2, signed=True)
    return Cell(rounded(one.mean, 2, signed=True), one.mean, one.low, one.high, shown, place)


def _ends(one: Interval, decimals: int, *, signed: bool = False) -> Cell:
    text = interval(one.low, one.high, decimals, signed=signed)
    return Cell(text, one.high - one.low, one.low, one.high, text) if text else Cell()


def _percent(one: Interval) -> Interval:
    return Interval(100 * one.mean, 100 * one.low, 100 * one.high, one.n, one.kind)


def _p_cell(p: float) -> Cell:
    return Cell("< 0.0001", p) if p < 1e-4 else cell(p, 4)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _ends_data(one: Interval | None) -> list[float | None] | None:
    return None if one is None else [_finite(one.low), _finite(one.high)]
