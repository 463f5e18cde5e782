"""Opening metrics by name: ours and pyiqa's. Importing this imports neither torch nor pyiqa."""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.catalog import METRICS, resolve, unknown
from hvdbench.errors import FitError, InputError, UnknownNameError
from hvdbench.frames import Frame
from hvdbench.metrics.edge_spread import FEWEST_EDGES, edge_spread, find_edges, overshoot
from hvdbench.metrics.measure import EFFICIENCY, OWN, SHOWN, Measure, Meter
from hvdbench.metrics.perceptual import PerceptualMetric, is_full_reference, open_perceptual, perceptual_names
from hvdbench.metrics.pyiqa_files import missing_weights, weight_digests
from hvdbench.metrics.temporal import FLOW, Distance, TemporalScores, tlpips
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.manifest import file_sha256

OTHERS = "the other metrics"
"""What stands in for a metric that cannot be measured."""

_EDGES = "edge_spread 1"
_TEMPORAL = f"temporal 1, {FLOW}"


def metric_names() -> list[str]:
    """List what may be asked for beside what every board has."""
    return sorted({*SHOWN, *filter(_is_listed, METRICS), *(name for name in perceptual_names() if name not in OWN)})


def _is_listed(name: str) -> bool:
    """Tell whether a name is the catalogue's alone: ``metric(restored, truth) -> float``."""
    return name in METRICS and name not in SHOWN and name not in OWN


def needs_truth(name: str) -> bool:
    """Tell whether a metric compares with a truth; those over time take the input where there is none."""
    return name == "edge_spread" or _is_listed(name) or (name not in SHOWN and bool(is_full_reference(name)))


def problem_with(name: str, *, has_truth: bool) -> str | None:
    """Say in one sentence why a metric cannot be measured, as far as that shows at once; None: nothing is known to.

    Nothing is imported or downloaded for it.

    Raises:
        UnknownNameError: there is no such metric.
        InputError: it is on every board, or of sets of pictures.
    """
    if name in OWN:
        raise InputError(f"metric '{name}' is on every board: ask for what it does not have")
    ours = name in SHOWN or _is_listed(name)
    if not ours and name not in perceptual_names():
        if is_full_reference(name) is not None:
            raise InputError(f"metric '{name}' compares two sets of pictures, not frames: it is not offered here")
        raise UnknownNameError(unknown("metric", name, metric_names()))
    if needs_truth(name) and not has_truth:
        return f"metric '{name}' compares with a truth, and the dataset has none"
    return None if ours and name != "tlpips" else missing_weights("lpips" if name == "tlpips" else name)


def measurable(
    names: Iterable[str], *, fallback: Fallback, has_truth: bool, is_kept: Callable[[str], bool] = lambda name: False
) -> list[str]:
    """Leave out the metrics that cannot be measured, after a sentence for each.

    Args:
        names: as they were asked for; one given twice counts once.
        fallback: whether the others may stand in.
        has_truth: whether there is a truth to compare with.
        is_kept: tells whether the scores of a metric lie there already.

    Raises:
        UnknownNameError, InputError: as :func:`problem_with`.
        StrictError: one cannot be measured, in strict mode.
    """
    left = []
    for name in dict.fromkeys(names):
        problem = problem_with(name, has_truth=has_truth)
        if problem is None or is_kept(name):
            left.append(name)
        else:
            fallback.take(problem, OTHERS)
    return left


@lru_cache(maxsize=4)
def open_measure(name: str, device: str = "cpu") -> Measure:
    """Open what measures a name of :func:`hvdbench.metrics.measure.measured_with`; the last ones are kept open.

    Args:
        name: ``edge_spread``, ``temporal``, ``tlpips``, one of the catalogue's, or pyiqa's.
        device: where pyiqa's networks run.

    Raises:
        UnknownNameError, InputError, WeightsError: as :func:`hvdbench.metrics.perceptual.open_perceptual`.
    """
    if name == "edge_spread":
        return Measure(name, SHOWN[name], _EDGES, lambda: _edges, "truth")
    if name == "temporal":
        metrics = (*SHOWN["warping_error"], "tof_px", "flicker")
        return Measure(name, metrics, _TEMPORAL, _temporal, "truth or input", looks_back=True)
    if _is_listed(name):
        return _listed(name)
    if name == EFFICIENCY:
        raise InputError("efficiency is read from a run's own notes, not measured on its frames")
    metric = open_perceptual("lpips" if name == "tlpips" else name, device)
    library = f"pyiqa={version('pyiqa')}"
    identity = f"{library}, {_weights_digest(metric)}"
    if name == "tlpips":
        return Measure(
            name,
            (name,),
            f"tlpips 1, {identity}",
            lambda: _Tlpips(lambda a, b: _measured(metric, a, b)),
            "truth or input",
            True,
            library,
        )
    compares = "truth" if metric.needs_truth else "nothing"
    return Measure(name, (name,), identity, lambda: _perceptual(metric), compares, versions=library)  # type: ignore[arg-type]


def _listed(name: str) -> Measure:
    function = resolve("metric", name)
    source = inspect.getsourcefile(function)
    digest = file_sha256(Path(source))[:16] if source else "unknown"

    def measure(restored: Frame, truth: Frame | None) -> Mapping[str, float]:
        return {name: float(function(restored, truth))}

    return Measure(name, (name,), f"{name}, source {digest}", lambda: measure, "truth")


def _edges(restored: Frame, truth: Frame | None) -> Mapping[str, float] | None:
    if truth is None:
        raise InputError("edges are found on the truth, and there is none")
    edges = find_edges(truth)
    if len(edges) < FEWEST_EDGES:
        return None
    return {
        "edge_spread": float(np.median(edge_spread(restored, edges))),
        "overshoot": float(np.median(overshoot(restored, edges))),
    }


def _temporal() -> Meter:
    scores = TemporalScores()

    def add(restored: Frame, reference: Frame | None) -> Mapping[str, float] | None:
        return None if reference is None else scores.add(restored, reference)

    return add


class _Tlpips:
    """tLPIPS of each frame and the one before."""

    def __init__(self, distance: Distance) -> None:
        self._distance = distance
        self._before: tuple[Frame, Frame] | None = None

    def __call__(self, restored: Frame, reference: Frame | None) -> Mapping[str, float] | None:
        if reference is None:
            return None
        before, self._before = self._before, (restored, reference)
        return None if before is None else {"tlpips": tlpips(before, self._before, self._distance)}


def _perceptual(metric: PerceptualMetric) -> Meter:
    def measure(restored: Frame, truth: Frame | None) -> Mapping[str, float]:
        return {metric.name: _measured(metric, restored, truth)}

    return measure


def _measured(metric: PerceptualMetric, restored: Frame, truth: Frame | None) -> float:
    """Measure a frame, or a pair.

    Raises:
        FitError: the metric fails, for example on frames that are too small for it.
    """
    try:
        return metric(restored, truth)
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        height, width = restored.shape[:2]
        raise FitError(f"metric '{metric.name}' cannot measure frames of {width}x{height} px: {reason}") from error


def _weights_digest(metric: PerceptualMetric) -> str:
    """Hash the numbers that a metric was opened with: its files as far as they are known, and its tensors."""
    total = hashlib.sha256(",".join(weight_digests(metric.name)).encode())
    network: Any = getattr(metric.measure, "net", None)
    for name, tensor in sorted(network.state_dict().items()) if network is not None else ():
        total.update(f"{name}:{tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return f"weights {total.hexdigest()[:16]}"
