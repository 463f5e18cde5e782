"""Compute all scores of a run clip by clip: those of every board, and the metrics and strata that were asked for."""

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
from hvdbench.store import SERIES_FOLDER, TRUTH_FOLDERS, Dataset
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.progress import Progress, silent

logger = logging.getLogger(__name__)

J = TypeVar("J")
R = TypeVar("R")


def clips_of(run: Run, dataset: Dataset) -> list[RunClip]:
    """Match each clip of a run with the dataset's clip."""
    return [RunClip(run.folders[f"{clip.split}/{clip.name}"], clip) for clip in dataset.clips()]


def score(run: Run, dataset: Dataset, protocol: Protocol = DEFAULT, *, keep: bool = True) -> pd.DataFrame:
    """Score every frame of a run against each truth that the dataset has, or read the scores that were kept.

    Args:
        run: the frames of every clip.
        dataset: the dataset that they were restored from.
        protocol: the protocol under which they are scored.
        keep: whether scores that were computed are written beside the frames.

    Raises:
        DatasetError: if a clip was changed since the dataset was made.
        InputError: if frames were changed since they were restored, were restored from another version of the clip, do
            not fit it, or lack a result that the protocol counts.
    """
    places = clips_of(run, dataset)
    _check(places, dataset, protocol)
    return _scores(places, run, protocol, keep=keep)


def _check(places: Sequence[RunClip], dataset: Dataset, protocol: Protocol) -> None:
    """Refuse a run or a dataset that was changed, before anything is computed."""
    for place in places:
        digest = str(dataset.manifest["clips"][f"{place.clip.split}/{place.clip.name}"])
        place.check_clip(digest)
        place.check_origin(digest)
        place.check_frames()
        place.check_results(protocol)


def _scores(places: Sequence[RunClip], run: Run, protocol: Protocol, *, keep: bool = True) -> pd.DataFrame:
    tables = []
    for place in places:
        table = score_clip(place, labels_of(place.clip), protocol, keep=keep)
        tables.append(table.assign(method=run.method, split=place.clip.split, clip=place.clip.name))
    return pd.concat(tables, ignore_index=True)


def check_protocol(dataset: Dataset, protocol: Protocol) -> None:
    """Refuse a protocol that compares with a truth where a dataset has none.

    ``hvdbench-1`` suits every dataset, since its sharpness and shift need no truth.

    Raises:
        InputError: if the protocol needs a truth and the dataset has none.
    """
    if protocol.name != DEFAULT.name and not has_truth(dataset):
        raise InputError(
            f"protocol {protocol.name} needs a truth, and the dataset '{dataset.name}' has none: score it under "
            f"{DEFAULT.name}"
        )


def has_truth(dataset: Dataset) -> bool:
    """Return whether any clip of a dataset has a truth."""
    return any((clip.folder / name).is_dir() for clip in dataset.clips() for name in TRUTH_FOLDERS.values())


def usable(asked: Asked, dataset: Dataset, *, fallback: Fallback, run: Run | None = None) -> Asked:
    """Return the metrics that can be measured; each other one is left out after a sentence, or an error.

    Args:
        asked: metrics and strata.
        dataset: the dataset that is scored.
        fallback: whether the remaining metrics may do where one cannot be measured.
        run: stored frames; a metric remains if its scores are kept beside all of them.

    Raises:
        UnknownNameError: if there is no such metric.
        InputError: if a metric is on every board, or is one of sets of pictures.
        StrictError: if one cannot be measured, in strict mode.
    """

    def is_kept(name: str) -> bool:
        return run is not None and _is_kept(name, asked, run, dataset)

    names = measurable(
        asked.metrics,
        fallback=fallback,
        has_truth=has_truth(dataset),
        has_subframes=any((clip.folder / SERIES_FOLDER).is_dir() for clip in dataset.clips()),
        is_kept=is_kept,
    )
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
    """Score a run, measure the other metrics that were asked for, and read the scores that were kept.

    Args:
        run: the frames of every clip.
        dataset: the dataset that they were restored from.
        asked: the metrics and strata that :func:`usable` returned.
        fallback: whether the other metrics may do where one cannot be opened.
        engine: what runs the jobs, one per clip.
        protocol: the protocol under which the frames are scored.
        device: the device on which pyiqa's networks run.
        progress: function called with (done, total, what).

    Raises:
        DatasetError, InputError: under the conditions of :func:`score`.
        StrictError: if a metric cannot be opened, in strict mode.
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
    """List what is to be measured: the file that keeps the scores → the first name under which it was asked for."""
    found: dict[str, str] = {}
    for name in asked.metrics:
        if name != EFFICIENCY:
            found.setdefault(kept_as(name, asked.facts)[0], name)
    return found


def _do(do: Callable[[J], R], jobs: Sequence[J], engine: Engine, what: str, progress: Progress) -> list[R]:
    """Run jobs, one per clip, and report progress."""
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
    """Score one clip of a run; the scores are kept beside its frames."""
    score_clip(job.place, labels_of(job.place.clip), job.protocol)


@dataclass(frozen=True)
class MeasureJob:
    """One clip to measure; picklable, for a worker process.

    Attributes:
        place: the run's clip together with the dataset's.
        measures: pairs of a file that keeps scores and the name that opens their measure.
        device: the device on which pyiqa's networks run.
        strata: whether strata are computed too.
        protocol: the protocol under which the run is scored.
    """

    place: RunClip
    measures: tuple[tuple[str, str], ...]
    device: str
    strata: bool
    protocol: Protocol = DEFAULT


def measure_job(job: MeasureJob) -> dict[str, str]:
    """Measure one clip of a run; the scores are kept beside its frames.

    Returns:
        The reason why a measure could not be made, by its file; one whose scores are kept to the end has none.
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
