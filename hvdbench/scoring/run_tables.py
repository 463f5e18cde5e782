"""Hold all scores of a run together, and compute a board's numbers from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hvdbench.errors import InputError, UnknownNameError
from hvdbench.metrics.efficiency import EFFICIENCY
from hvdbench.metrics.metric import Facts
from hvdbench.metrics.opening import find_metric, known_facts
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.scoring.costs import read_costs
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.stored_scores import read_kept
from hvdbench.scoring.stratified import KEYS, strata_table, summarise_strata
from hvdbench.scoring.summary import SUBSETS, subset_mask, summarise, summary_table, with_means


@dataclass(frozen=True)
class Asked:
    """The metrics and strata that are scored in addition to those of every board.

    Attributes:
        metrics: the names that were asked for; see :func:`hvdbench.metrics.opening.find_metric`.
        strata: whether gains are split by strata too.
        facts: the facts of foreign metrics that are asked for by name alone, because their scores are kept.
    """

    metrics: tuple[str, ...] = ()
    strata: bool = False
    facts: tuple[Facts, ...] = ()


@dataclass(frozen=True)
class AskedMetric:
    """The scores of one metric that was asked for, over a run's clips.

    Attributes:
        name: the name by which it may be asked for again.
        table: ``method``, ``split``, ``clip``, ``frame`` and columns ``<metric>_<truth>``.
        versions: the versions of libraries that its numbers depend on, in addition to those of the board's other rows;
            may be empty.
        facts: the facts of what it enters on a board, where the metric is neither ours nor pyiqa's.
    """

    name: str
    table: pd.DataFrame
    versions: str = ""
    facts: tuple[Facts, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no frame has a value."""
        return not self.table[_score_columns(self.table)].notna().any(axis=None)


@dataclass(frozen=True)
class RunScores:
    """The scores of a run, one row per frame, from which a board's rows are computed.

    Attributes:
        frames: :func:`hvdbench.scoring.frame_scores.frame_columns` with ``method``, ``split`` and ``clip``.
        asked: the scores of the additional metrics.
        strata: the strata that each frame is in, with the same keys; None where they were not asked for.
        protocol: the protocol under which the frames were scored.
    """

    frames: pd.DataFrame
    asked: tuple[AskedMetric, ...] = ()
    strata: pd.DataFrame | None = None
    protocol: Protocol = DEFAULT

    @property
    def was_asked(self) -> Asked:
        """The metrics and strata that were asked for, in a form that can be asked for again."""
        facts = tuple(facts for metric in self.asked for facts in metric.facts)
        return Asked(tuple(metric.name for metric in self.asked), self.strata is not None, facts)

    def summaries(self) -> Iterator[tuple[pd.DataFrame, str]]:
        """Yield the rows of a board in parts, each with the versions that its numbers additionally depend on."""
        yield summarise(self.frames, self.protocol), ""
        for metric in self.asked:
            yield summarise_asked(metric, self.frames, self.protocol), metric.versions
        if self.strata is not None:
            yield summarise_strata(self.frames, self.strata, self.protocol), ""


def summarise_asked(asked: AskedMetric, frame_scores: pd.DataFrame, protocol: Protocol = DEFAULT) -> pd.DataFrame:
    """Average the scores of an additional metric, as :func:`hvdbench.scoring.summary.summarise` does.

    Args:
        asked: the scores.
        frame_scores: the scores of the same run, which hold the selection of frames.
        protocol: which frames count, and how clips are averaged; a pair of frames counts where both frames do.

    Returns:
        Rows for each clip and over the clips (``*``). Scores of pairs of frames, or of a whole run, have only the
        subset ``all``; ``n`` counts the values that were averaged.
    """
    frames = asked.table.merge(frame_scores[[*KEYS, "frame", "selected"]], on=[*KEYS, "frame"], how="left")
    lengths = {key: len(own) for key, own in frame_scores.groupby(list(KEYS))}
    facts = {found.name: found for found in asked.facts}
    rows: list[dict[str, object]] = []
    for key, clip in frames.groupby(list(KEYS), sort=True):
        for column in _score_columns(asked.table):
            metric, _, truth = column.rpartition("_")
            about = facts.get(metric) or known_facts(metric) or Facts(metric)
            counted = clip[_counted(about, clip["frame"].to_numpy(np.int64), lengths[key], protocol)]
            for subset in SUBSETS[:1] if about.of_clips else SUBSETS:
                known = counted.loc[subset_mask(counted, subset), column].dropna()
                if len(known):
                    row = dict(zip(KEYS, key, strict=True)) | {"truth": truth, "subset": subset, "metric": metric}
                    rows.append(row | {"value": float(np.mean(known.to_numpy(np.float64))), "n": len(known)})
    return with_means(summary_table(rows), protocol.averaging)


def _counted(facts: Facts, index: np.ndarray, count: int, protocol: Protocol) -> np.ndarray:
    """Return which values count, by the frame (of a pair: the later frame) that each belongs to."""
    if facts.per == "run":
        return np.ones(len(index), np.bool_)
    counts = protocol.counts(index, count)
    return counts & protocol.counts(index - 1, count) if facts.per == "pair" and protocol.skip_first else counts


def _score_columns(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.columns if name not in (*KEYS, "frame")]


def asked_metric(name: str, places: Sequence[RunClip], method: str, told: Sequence[Facts] = ()) -> AskedMetric:
    """Gather the kept scores of an additional metric.

    Args:
        name: the name under which it was asked for.
        places: all clips of a run.
        method: the method's name on the board.
        told: the facts of foreign metrics that are known by name alone.

    Raises:
        InputError: if a clip's scores are not kept, or were not measured to the end.
    """
    file, shown = kept_as(name, told)
    tables, versions = [], set()
    for place in places:
        if name == EFFICIENCY:
            table = read_costs(place)
        else:
            kept = read_kept(place, file)
            if kept is None or not kept.is_whole:
                raise InputError(
                    f"{place.folder} has no scores of '{name}' for these frames: measure them with --metric {name}"
                )
            table = kept.table
            versions.add(kept.versions)
        names = {facts.name for facts in shown}
        own = [column for column in table if str(column).rpartition("_")[0] in names]
        tables.append(keyed(table[["frame", *own]], place, method))
    others = tuple(facts for facts in shown if known_facts(facts.name) is None)
    again = shown[0].asked if others else name
    return AskedMetric(again, pd.concat(tables, ignore_index=True), " ".join(sorted(versions - {""})), others)


def kept_as(name: str, told: Sequence[Facts] = ()) -> tuple[str, tuple[Facts, ...]]:
    """Find the measure that keeps a metric's scores, and the facts of what it enters on a board.

    Args:
        name: the name under which it was asked for; a name that no metric has is a foreign metric's whose scores are
            kept.
        told: the facts of such metrics.

    Raises:
        InputError, UnknownNameError: if an import string leads nowhere, or a metric cannot be asked for.
    """
    try:
        metric = find_metric(name)
    except UnknownNameError:
        if ":" in name:
            raise
        return name, tuple(facts for facts in told if facts.asked == name) or (Facts(name),)
    return metric.measured_with, metric.shown


def run_strata(places: Sequence[RunClip], method: str, protocol: Protocol = DEFAULT) -> pd.DataFrame:
    """Gather the strata of a run's frames; see :func:`hvdbench.scoring.stratified.strata_table`."""
    tables = [keyed(strata_table(place, protocol), place, method) for place in places]
    return pd.concat(tables, ignore_index=True)


def keyed(table: pd.DataFrame, place: RunClip, method: str) -> pd.DataFrame:
    """Put method and clip into every row of a clip's scores."""
    return table.assign(method=method, split=place.clip.split, clip=place.clip.name)
