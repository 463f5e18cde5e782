"""Everything that pyiqa measures, by its names (MUSIQ, MANIQA, NIQE, LPIPS, DISTS …), and never a download.

pyiqa fetches weights as a metric is made, and tries again for half a minute where there is no network. Here a metric
without its weights says so at once, and the others run: names are read from pyiqa's own table without importing it
(which takes seconds), weights are looked for in hvdbench's folder, pyiqa's and torch's caches, and while a metric is
made the network is closed: no name is resolved, no connection made. Files are read as plain tensors; what asks for
code to be run is refused.

Importing this imports neither torch nor pyiqa.
"""

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError, WeightsError
from hvdbench.frames import Frame
from hvdbench.metrics.fidelity import check_pair
from hvdbench.metrics.pyiqa_files import closed, missing_weights

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
            InputError: no truth where one is needed, no uint8 RGB, or two sizes.
        """
        if self.needs_truth and truth is None:
            raise InputError(f"metric '{self.name}' compares with a truth, and there is none")
        pair = [restored, truth] if self.needs_truth and truth is not None else [restored]
        check_pair(pair[0], pair[-1])
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return float(self.measure(*(_tensor(frame, self.device) for frame in pair)))


def perceptual_names() -> list[str]:
    """List pyiqa's metrics of one picture or one pair, without importing pyiqa.

    Raises:
        InputError: pyiqa is not installed.
    """
    return sorted(name for name in _table() if not _is_of_sets(name))


def is_full_reference(name: str) -> bool | None:
    """Tell whether a metric of pyiqa compares with a truth, without importing pyiqa; None: pyiqa has no such metric.

    Raises:
        InputError: pyiqa is not installed.
    """
    settings = _table().get(name)
    return None if settings is None else settings["metric_mode"] == "FR"


def open_perceptual(name: str, device: str = "cpu") -> PerceptualMetric:
    """Make a metric of pyiqa; nothing is downloaded.

    Args:
        name: pyiqa's, e.g. ``musiq``.
        device: ``cpu`` or ``cuda``.

    Raises:
        UnknownNameError: pyiqa has no such metric.
        InputError: it compares sets of pictures, or pyiqa is not installed or too old for it.
        WeightsError: a file that it needs is nowhere, or holds more than numbers.
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


def score_perceptual(
    names: Sequence[str], restored: Iterable[Frame], truth: Iterable[Frame] | None = None, device: str = "cpu"
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Measure frames by several metrics, one frame in memory at a time.

    Args:
        names: pyiqa's.
        restored: uint8 RGB frames.
        truth: as many; None: metrics that need a truth are among the problems.
        device: ``cpu`` or ``cuda``.

    Returns:
        A row a frame with ``frame`` and a column for each metric that could be made, and what kept the others from it.

    Raises:
        InputError: more frames of one than of the other, or two sizes.
    """
    metrics, problems = [], {}
    for name in names:
        try:
            metric = open_perceptual(name, device)
            if metric.needs_truth and truth is None:
                raise InputError(f"metric '{name}' compares with a truth, and there is none")
            metrics.append(metric)
        except (InputError, UnknownNameError, WeightsError) as error:
            problems[name] = str(error)
    rows = []
    pairs = ((frame, None) for frame in restored) if truth is None else _strictly(restored, truth)
    if metrics:
        for index, (frame, true) in enumerate(pairs):
            rows.append({"frame": index} | {metric.name: metric(frame, true) for metric in metrics})
    columns = ["frame", *(metric.name for metric in metrics)]
    return pd.DataFrame(rows, columns=columns).astype({"frame": np.int64}), problems


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    """Read pyiqa's table of metrics from its file alone."""
    package = importlib.util.find_spec("pyiqa")
    if package is None or package.origin is None:
        raise InputError("pyiqa is not installed: 'pip install pyiqa' brings its metrics")
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


def _strictly(restored: Iterable[Frame], truth: Iterable[Frame]) -> Iterator[tuple[Frame, Frame | None]]:
    try:
        yield from zip(restored, truth, strict=True)
    except ValueError as error:
        raise InputError("there are not as many restored frames as true ones: a run has one for each") from error


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
            f"metric '{name}' cannot be made from what is here ({_first_line(error)}): a file of its is missing or "
            f"damaged, and hvdbench downloads nothing; pyiqa's own cache is looked at too"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
