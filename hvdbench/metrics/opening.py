"""Find metrics by name and open their measures: ours, pyiqa's, and those of others by import string.

Importing this imports neither torch nor pyiqa.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from hvdbench.catalog import METRICS, resolve, unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import Frame
from hvdbench.metrics.measure import Measure
from hvdbench.metrics.metric import Facts, FrameFunction, Metric
from hvdbench.metrics.perceptual import TITLES, is_of_sets, perceptual_metric, perceptual_names
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.imports import import_thing

OTHERS = "the other metrics"
"""What replaces a metric that cannot be measured."""


def catalogue_metrics() -> tuple[Metric, ...]:
    """List the metrics of the catalogue, in its order."""
    return _listed(tuple(METRICS.items()))


@lru_cache(maxsize=8)
def _listed(lines: tuple[tuple[str, str], ...]) -> tuple[Metric, ...]:
    return tuple(_as_metric(name, resolve("metric", name)) for name, _ in lines)


def known_facts(name: str) -> Facts | None:
    """Look up the facts of a metric by its name on boards, ours or pyiqa's; None where neither has it.

    An import string is never followed, since the content of a file must not run code.
    """
    ours = _facts_by_name(catalogue_metrics()).get(name)
    if ours is not None:
        return ours
    try:
        return perceptual_metric(name)
    except InputError:  # pyiqa is not installed: nothing is known of its metrics
        return None


@lru_cache(maxsize=8)
def _facts_by_name(metrics: tuple[Metric, ...]) -> Mapping[str, Facts]:
    return {facts.name: facts for metric in metrics for facts in metric.shown}


def listed_facts() -> list[Facts]:
    """List the facts of all metrics whose place in a table is known: usual ones, those of frames, of pairs, of runs."""
    ours = [(metric, facts) for metric in catalogue_metrics() for facts in metric.shown]
    usual = [facts for metric, facts in ours if metric.is_usual]
    of_frames = [facts for metric, facts in ours if not metric.is_usual and not facts.of_clips]
    papers = [facts for facts in map(known_facts, TITLES) if facts is not None]
    return [*usual, *of_frames, *papers, *(facts for _, facts in ours if facts.of_clips)]


def usual_names() -> frozenset[str]:
    """List what a board has without being asked."""
    return frozenset(metric.name for metric in catalogue_metrics() if metric.is_usual)


def metric_names() -> list[str]:
    """List the metrics that may be requested in addition to those of every board."""
    ours = {metric.asked for metric in catalogue_metrics() if not metric.is_usual}
    return sorted(ours | {name for name in perceptual_names() if name not in usual_names()})


def find_metric(name: str) -> Metric:
    """Find a metric that may be requested.

    Args:
        name: of the catalogue or of pyiqa, or an import string ``their_package.module:thing`` that leads to a
            :class:`Metric` or to a function ``thing(restored, truth) -> float``, in the current folder too. Which
            values of a plain function are better is not known.

    Raises:
        UnknownNameError: if there is no such metric.
        InputError: if the metric is on every board or compares sets of pictures, or the import string leads to
            something else or to a metric whose name another one has.
    """
    if ":" in name:
        return _of_others(name)
    ours = {metric.asked: metric for metric in catalogue_metrics()}
    found = ours.get(name)
    if name in usual_names():
        raise InputError(f"metric '{name}' is on every board: ask only for metrics that boards do not have anyway")
    found = found or perceptual_metric(name)
    if found is None:
        if is_of_sets(name):
            raise InputError(f"metric '{name}' compares two sets of pictures, not frames: it is not offered here")
        raise UnknownNameError(unknown("metric", name, metric_names()))
    return found


def _of_others(name: str) -> Metric:
    metric = _as_metric(name.rpartition(":")[2], import_thing("metric", name), name)
    for facts in metric.shown:
        if known_facts(facts.name) is not None:
            raise InputError(
                f"metric '{name}' is called '{facts.name}', which is a metric of hvdbench or pyiqa: give it another "
                "name (Metric(name=...))"
            )
    return metric


def _as_metric(name: str, found: object, where: str = "") -> Metric:
    """Take a metric as it is, and a plain function as a metric of unknown direction."""
    if isinstance(found, Metric):
        return found
    if callable(found):
        return Metric(name, function=found)
    raise InputError(f"'{where or name}' is neither a metric nor a function metric(restored, truth) -> float")


def problem_with(name: str, *, has_truth: bool, has_subframes: bool = False) -> str | None:
    """Explain in one sentence why a metric cannot be measured, as far as that is known at once; None: no known reason.

    Nothing is downloaded for it, and nothing is imported but what an import string names.

    Raises:
        UnknownNameError, InputError: as :func:`find_metric`.
    """
    metric = find_metric(name)
    if metric.needs == "truth" and not has_truth:
        return f"metric '{name}' needs a truth, and the dataset has none"
    if metric.needs == "subframes" and not has_subframes:
        return f"metric '{name}' needs sub-frames of each exposure, and the dataset has none"
    return metric.missing() if metric.missing is not None else None


def measurable(
    names: Iterable[str],
    *,
    fallback: Fallback,
    has_truth: bool,
    has_subframes: bool = False,
    is_kept: Callable[[str], bool] = lambda name: False,
) -> list[str]:
    """Leave out the metrics that cannot be measured, after a sentence for each.

    Args:
        names: the requested names; one given twice counts once.
        fallback: whether the others may stand in.
        has_truth: whether there is a truth to compare with.
        has_subframes: whether there are sub-frames to compare sequences with.
        is_kept: function that returns whether the scores of a metric are already kept.

    Raises:
        UnknownNameError, InputError: as :func:`problem_with`.
        StrictError: if a metric cannot be measured, in strict mode.
    """
    left = []
    for name in dict.fromkeys(names):
        try:
            problem = problem_with(name, has_truth=has_truth, has_subframes=has_subframes)
        except UnknownNameError:
            if ":" in name or not is_kept(name):  # a metric of others is known by its name where its scores are kept
                raise
            problem = None
        if problem is None or is_kept(name):
            left.append(name)
        else:
            fallback.take(problem, OTHERS)
    return left


@lru_cache(maxsize=4)
def open_measure(name: str, device: str = "cpu") -> Measure:
    """Open the measure of a metric; the last ones are kept open.

    Args:
        name: the requested name.
        device: where pyiqa's networks run.

    Raises:
        UnknownNameError, InputError: as :func:`find_metric`.
        WeightsError: if a file that it needs is nowhere, or contains more than numbers.
    """
    metric = find_metric(name)
    if metric.opener is not None:
        return metric.opener(device)
    if metric.function is None:
        raise InputError(f"metric '{name}' has neither a function nor an opener: give it one")
    if metric.needs == "nothing":
        raise InputError(f"metric '{name}' is a function of a frame and its truth, and says that it needs no truth")
    return _of_function(metric, metric.function)


def _of_function(metric: Metric, function: FrameFunction) -> Measure:
    """Measure a function on every frame; one that returns something else than a number is refused."""
    identity = metric.identity or f"{metric.name}, source {_source_digest(function)}"

    def measure(restored: Frame, truth: Frame | None) -> Mapping[str, float]:
        if truth is None:
            raise InputError(f"metric '{metric.name}' needs a truth, and there is none")
        try:
            return {metric.name: float(function(restored, truth))}
        except (TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"metric '{metric.name}' must return a number for (restored, truth), and it failed: {error}"
            ) from error

    return Measure(metric.measured_with, (metric.name,), identity, lambda: measure, "truth")


def _source_digest(function: FrameFunction) -> str:
    try:
        source = inspect.getsourcefile(function)
    except TypeError:  # an object with __call__
        source = inspect.getsourcefile(type(function))
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16] if source else "unknown"
