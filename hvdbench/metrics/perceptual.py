"""Measure the metrics of pyiqa by its names (MUSIQ, MANIQA, NIQE, LPIPS, DISTS …), and never download anything.

pyiqa fetches weights as a metric is made, and tries again for half a minute where there is no network. Here a metric
without its weights is reported at once, and the others run: names are read from pyiqa's own table without importing it
(which takes seconds), weights are looked for in hvdbench's folder, pyiqa's and torch's caches, and while a metric is
made the network is closed: no name is resolved, no connection made. Files are read as plain tensors; a file that would
run code is refused.

Importing this imports neither torch nor pyiqa.
"""

import contextlib
import hashlib
import importlib.util
import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.catalog import unknown
from hvdbench.errors import FitError, InputError, UnknownNameError, WeightsError
from hvdbench.frames import Frame
from hvdbench.metrics.fidelity import check_pair
from hvdbench.metrics.measure import Measure, Meter
from hvdbench.metrics.metric import Better, Metric
from hvdbench.metrics.pyiqa_files import closed, missing_weights, weight_digests

TITLES: Mapping[str, str] = {"musiq": "MUSIQ", "maniqa": "MANIQA", "lpips": "LPIPS", "dists": "DISTS", "niqe": "NIQE"}
"""As papers write them, in the order of a board's columns; others go by pyiqa's own name."""

_OF_SETS = ("fid", "inception_score")  # of two sets of pictures, not of one picture


@dataclass(frozen=True)
class PerceptualMetric:
    """A metric of pyiqa, ready to measure.

    Attributes:
        name: pyiqa's.
        needs_truth: False for a metric of one picture.
        lower_is_better: as pyiqa states it.
        device: where it runs.
        measure: of tensors (1, 3, H, W) in [0, 1].
    """

    name: str
    needs_truth: bool
    lower_is_better: bool
    device: str
    measure: Callable[..., Any]

    def __call__(self, restored: Frame, truth: Frame | None = None) -> float:
        """Measure one uint8 RGB frame (H, W, 3), against a truth of its size where the metric needs one.

        Raises:
            InputError: if a truth is needed and missing, a frame is not uint8 RGB, or sizes differ.
        """
        if self.needs_truth and truth is None:
            raise InputError(f"metric '{self.name}' needs a truth, and there is none")
        pair = [restored, truth] if self.needs_truth and truth is not None else [restored]
        check_pair(pair[0], pair[-1])
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return float(self.measure(*(_tensor(frame, self.device) for frame in pair)))


def perceptual_names() -> list[str]:
    """List pyiqa's metrics of one picture or one pair, without importing pyiqa.

    Raises:
        InputError: if pyiqa is not installed.
    """
    return sorted(name for name in _table() if not _is_of_sets(name))


def perceptual_metric(name: str) -> Metric | None:
    """Look up a metric of pyiqa, with the direction that pyiqa states, without importing pyiqa or torch.

    Args:
        name: pyiqa's.

    Returns:
        None where pyiqa has no such metric of one picture or one pair.

    Raises:
        InputError: if pyiqa is not installed.
    """
    settings = _table().get(name)
    if settings is None or _is_of_sets(name):
        return None
    better: Better = "lower" if settings.get("lower_better", False) else "higher"
    return Metric(
        name,
        TITLES.get(name, ""),
        better=better,
        opener=partial(_open, name),
        needs="truth" if settings["metric_mode"] == "FR" else "nothing",
        missing=partial(missing_weights, name),
    )


def is_of_sets(name: str) -> bool:
    """Return whether pyiqa knows the name as a metric of two sets of pictures, which is not offered here.

    Raises:
        InputError: if pyiqa is not installed.
    """
    return name in _table() and _is_of_sets(name)


def _open(name: str, device: str) -> Measure:
    metric = open_perceptual(name, device)
    library = f"pyiqa={version('pyiqa')}"
    needs = "truth" if metric.needs_truth else "nothing"
    identity = f"{library}, {_weights_digest(metric)}"
    return Measure(name, (name,), identity, lambda: _meter(metric), needs, versions=library)  # type: ignore[arg-type]


def lpips_measure(device: str) -> tuple[Callable[[Frame, Frame], float], str, str]:
    """Open LPIPS as a distance of two frames.

    Returns:
        The distance, what moves its numbers, and the library with its version.

    Raises:
        InputError, WeightsError: as :func:`open_perceptual`.
    """
    metric = open_perceptual("lpips", device)
    library = f"pyiqa={version('pyiqa')}"
    return partial(_measured, metric), f"{library}, {_weights_digest(metric)}", library


def _meter(metric: PerceptualMetric) -> Meter:
    def measure(restored: Frame, truth: Frame | None) -> Mapping[str, float]:
        return {metric.name: _measured(metric, restored, truth)}

    return measure


def _measured(metric: PerceptualMetric, restored: Frame, truth: Frame | None) -> float:
    """Measure a frame, or a pair.

    Raises:
        FitError: if the metric fails, for example on frames that are too small for it.
    """
    try:
        return metric(restored, truth)
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        height, width = restored.shape[:2]
        raise FitError(
            f"metric '{metric.name}' cannot measure frames of {width}x{height} px: {_first_line(error)}"
        ) from error


def _weights_digest(metric: PerceptualMetric) -> str:
    """Hash the numbers that a metric was opened with: its files as far as they are known, and its tensors."""
    total = hashlib.sha256(",".join(weight_digests(metric.name)).encode())
    network: Any = getattr(metric.measure, "net", None)
    for name, tensor in sorted(network.state_dict().items()) if network is not None else ():
        total.update(f"{name}:{tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return f"weights {total.hexdigest()[:16]}"


def open_perceptual(name: str, device: str = "cpu") -> PerceptualMetric:
    """Make a metric of pyiqa; nothing is downloaded.

    Args:
        name: pyiqa's, e.g. ``musiq``.
        device: ``cpu`` or ``cuda``.

    Raises:
        UnknownNameError: if pyiqa has no such metric.
        InputError: if the metric compares sets of pictures, or pyiqa is not installed or too old for it.
        WeightsError: if a file that it needs is nowhere, or contains more than numbers.
    """
    table = _table()
    if name not in table:
        raise UnknownNameError(unknown("metric", name, sorted(table)))
    if _is_of_sets(name):
        raise InputError(f"metric '{name}' compares two sets of pictures, not frames: it is not offered here")
    missing = missing_weights(name)
    if missing:
        raise WeightsError(missing)
    network = _make(name, device)
    settings = table[name]
    return PerceptualMetric(
        name=name,
        needs_truth=settings["metric_mode"] == "FR",
        lower_is_better=bool(settings.get("lower_better", False)),
        device=device,
        measure=network,
    )


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    """Read pyiqa's table of metrics from its file alone."""
    package = importlib.util.find_spec("pyiqa")
    if package is None or package.origin is None:
        raise InputError("pyiqa is not installed: install it with 'pip install pyiqa'")
    path = Path(package.origin).with_name("default_model_configs.py")
    spec = importlib.util.spec_from_file_location("hvdbench_pyiqa_table", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(
            f"this pyiqa has no {path.name} beside {package.origin}: hvdbench knows pyiqa 0.1.14 to 0.1.16"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table: Mapping[str, Mapping[str, Any]] = module.DEFAULT_CONFIGS
    return table


def _is_of_sets(name: str) -> bool:
    return any(word in name for word in _OF_SETS)


def _tensor(frame: Frame, device: str) -> Any:
    import torch

    levels = torch.from_numpy(np.ascontiguousarray(frame)).to(device)
    return levels.permute(2, 0, 1)[None].float() / 255.0


def _make(name: str, device: str) -> Callable[..., Any]:
    import torch

    try:
        with closed(name):
            from pyiqa.models.inference_model import InferenceModel

            made: Callable[..., Any] = InferenceModel(name, device=torch.device(device))
            return made
    except WeightsError:
        raise
    except ImportError as error:
        raise InputError(f"metric '{name}' of pyiqa cannot be made: {_first_line(error)}") from error
    except Exception as error:
        raise WeightsError(
            f"metric '{name}' cannot be made from the files that are here ({_first_line(error)}): one of them is "
            "missing or damaged, and hvdbench downloads nothing; it also looks in pyiqa's own cache"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
