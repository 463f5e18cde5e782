"""All scores of a run: what every board has, and the metrics and strata that were asked for, clip by clip."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from hvdbench.errors import FitError, InputError, UnknownNameError, WeightsError
from hvdbench.labels.stored import labels_of
from hvdbench.metrics.efficiency import EFFICIENCY
from hvdbench.metrics.opening import OTHERS, measurable, open_measure
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_scores import read_scores, score_clip
from hvdbench.scoring.run_tables import Asked, RunScores, asked_metric, kept_as, run_strata
from hvdbench.scoring.stored_scores import measure_clip, read_kept
from hvdbench.scoring.stratified import strata_table
from hvdbench.store import TRUTH_FOLDERS, Dataset
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.progress import Progress, silent

logger = logging.getLogger(__name__)

J = TypeVar("J")
R = TypeVar("R")


def clips_of(run: Run, dataset: Dataset) -> list[RunClip]:
    """Put each clip of a run beside the dataset's."""
    return [RunClip(run.folders[f"{clip.split}/{clip.name}"], clip) for clip in dataset.clips()]


def score(run: Run, dataset: Dataset, protocol: Protocol = DEFAULT) -> pd.DataFrame:
    """Score every frame of a run against whatever truth the dataset has, or read the scores kept.

    Raises:
        DatasetError: a clip was changed since the dataset was made.
        InputError: frames were changed since they were restored, were restored from another version of the clip, do
            not fit it, or lack a result that the protocol counts.
    """
    places = clips_of(run, dataset)
    _check(places, dataset, protocol)
    return _scores(places, run, protocol)


def _check(places: Sequence[RunClip], dataset: Dataset, protocol: Protocol) -> None:
    """Refuse a run or a dataset that was changed, before anything is computed."""
    for place in places:
        digest = str(dataset.manifest["clips"][f"{place.clip.split}/{place.clip.name}"])
        place.check_clip(digest)
        place.check_origin(digest)
        place.check_frames()
        place.check_results(protocol)


def _scores(places: Sequence[RunClip], run: Run, protocol: Protocol) -> pd.DataFrame:
    tables = []
    for place in places:
        table = score_clip(place, labels_of(place.clip), protocol)
        tables.append(table.assign(method=run.method, split=place.clip.split, clip=place.clip.name))
    return pd.concat(tables, ignore_index=True)


def check_protocol(dataset: Dataset, protocol: Protocol) -> None:
    """Refuse a protocol that compares with a truth where a dataset has none.

    ``hvdbench-1`` is taken anywhere: its sharpness and shift need no truth.

    Raises:
        InputError: so it is.
    """
    if protocol.name != DEFAULT.name and not has_truth(dataset):
        raise InputError(
            f"protocol {protocol.name} compares with a truth, and the dataset '{dataset.name}' has none: score it "
            f"under {DEFAULT.name}"
        )


def has_truth(dataset: Dataset) -> bool:
    """Return whether any clip of a dataset has a truth."""
    return any((clip.folder / name).is_dir() for clip in dataset.clips() for name in TRUTH_FOLDERS.values())


def usable(asked: Asked, dataset: Dataset, *, fallback: Fallback, run: Run | None = None) -> Asked:
    """Leave out the metrics that cannot be measured, after a sentence for each.

    Args:
        asked: metrics and strata.
        dataset: that is scored.
        fallback: whether the others may stand in.
        run: stored frames; a metric stays whose scores are kept beside all of them.

    Raises:
        UnknownNameError: there is no such metric.
        InputError: a metric that is on every board, or of sets of pictures.
        StrictError: one cannot be measured, in strict mode.
    """

    def is_kept(name: str) -> bool:
        return run is not None and _is_kept(name, asked, run, dataset)

    names = measurable(asked.metrics, fallback=fallback, has_truth=has_truth(dataset), is_kept=is_kept)
    return Asked(tuple(names), asked.strata, asked.facts)


def _is_kept(name: str, asked: Asked, run: Run, dataset: Dataset) -> bool:
    file, _ = kept_as(name, asked.facts)
    found = (read_kept(place, file) for place in clips_of(run, dataset))
    return all(kept is not None and kept.is_whole for kept in found)


def score_all(
    run: Run,
    dataset: Dataset,
    asked: Asked,
    *,
    fallback: Fallback,
    engine: Engine,
    protocol: Protocol = DEFAULT,
    device: str = "cpu",
    progress: Progress = silent,
) -> RunScores:
    """Score a run, measure what was asked for beside it, and read what is kept.

    Args:
        run: frames of every clip.
        dataset: that they were restored from.
        asked: what :func:`usable` left.
        fallback: whether the other metrics may stand in for one that cannot be opened.
        engine: one job a clip.
        protocol: under which the frames are scored.
        device: where pyiqa's networks run.
        progress: called with (done, total, what).

    Raises:
        DatasetError, InputError: as :func:`score`.
        StrictError: a metric cannot be opened, in strict mode.
    """
    places = clips_of(run, dataset)
    _check(places, dataset, protocol)
    new = [ScoreJob(p, protocol) for p in places if read_scores(p, labels_of(p.clip), protocol) is None]
    _do(score_job, new, engine, f"score: {run.method}", progress)
    frames = _scores(places, run, protocol)
    measures = _measures(asked)
    problems: dict[str, str] = {}
    if measures or asked.strata:
        jobs = [MeasureJob(place, tuple(measures.items()), device, asked.strata, protocol) for place in places]
        what = f"measure: {', '.join([*measures, *(['strata'] if asked.strata else [])])}"
        for found in _do(measure_job, jobs, engine, what, progress):
            problems |= found
    metrics = []
    for name in asked.metrics:
        file, _ = kept_as(name, asked.facts)
        if file in problems:
            fallback.take(problems[file], OTHERS)
            continue
        metric = asked_metric(name, places, run.method, asked.facts)
        if metric.is_empty:
            logger.warning("metric '%s' has no value on any frame of '%s'", name, run.method)
        metrics.append(metric)
    strata = run_strata(places, run.method, protocol) if asked.strata else None
    return RunScores(frames, tuple(metrics), strata, protocol)


def _measures(asked: Asked) -> dict[str, str]:
    """List what is to be measured: the file that keeps the scores → the first name that was asked for."""
    found: dict[str, str] = {}
    for name in asked.metrics:
        if name != EFFICIENCY:
            found.setdefault(kept_as(name, asked.facts)[0], name)
    return found


def _do(do: Callable[[J], R], jobs: Sequence[J], engine: Engine, what: str, progress: Progress) -> list[R]:
    """Do jobs, one a clip, and report how far they are."""
    found = []
    if jobs:
        progress(0, len(jobs), what)
    for done, (_, result) in enumerate(engine.map(do, jobs)):
        found.append(result)
        progress(done + 1, len(jobs), what)
    return found


@dataclass(frozen=True)
class ScoreJob:
    """One clip to score; picklable, for a worker process."""

    place: RunClip
    protocol: Protocol


def score_job(job: ScoreJob) -> None:
    """Score a clip of a run; the scores are kept beside its frames."""
    score_clip(job.place, labels_of(job.place.clip), job.protocol)


@dataclass(frozen=True)
class MeasureJob:
    """One clip to measure; picklable, for a worker process.

    Attributes:
        place: run and clip.
        measures: pairs of a file that keeps scores and the name to open what measures them by.
        device: where pyiqa's networks run.
        strata: whether strata are worked out too.
        protocol: under which the run is scored.
    """

    place: RunClip
    measures: tuple[tuple[str, str], ...]
    device: str
    strata: bool
    protocol: Protocol = DEFAULT


def measure_job(job: MeasureJob) -> dict[str, str]:
    """Measure a clip of a run; the scores are kept beside its frames.

    Returns:
        Why a measure could not be made, by its file; one whose scores are kept to the end needs none.
    """
    problems = {}
    for file, name in job.measures:
        try:
            measure = open_measure(name, job.device)
        except (InputError, UnknownNameError, WeightsError) as error:
            kept = read_kept(job.place, file)
            if kept is None or not kept.is_whole:
                problems[file] = str(error)
            continue
        try:
            measure_clip(job.place, measure)
        except FitError as error:
            problems[file] = str(error)
    if job.strata:
        strata_table(job.place, job.protocol)
    return problems
