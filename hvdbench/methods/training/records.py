"""Record a run: ``log.jsonl``, TensorBoard, and pictures.

A line of the log is one JSON object with ``kind`` (``step``, ``validation``, ``warning``) and ``step``. All but
``seconds`` is the same however often the run was stopped, since lines after the checkpoint are cut off when it goes on.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import write_frame
from hvdbench.workspace.atomic import atomic_write_bytes
from hvdbench.workspace.parsing import parse_json

logger = logging.getLogger(__name__)
TIMES = ("seconds",)
"""Keys of log lines that depend on the machine."""


class Records:
    """A writer of a run's log; without a folder it writes nothing.

    Args:
        folder: folder of the run.
        step: number of steps done; what was logged later is cut off.
        tensorboard: whether TensorBoard's files are written too, if it is installed.
    """

    def __init__(self, folder: Path | None, step: int = 0, *, tensorboard: bool = True) -> None:
        self.folder = folder
        self._board: Any = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        cut_log(folder / "log.jsonl", step)
        if tensorboard:
            self._board = _tensorboard(folder / "tensorboard", step)

    def write(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Write a line to the log, and its numbers to TensorBoard."""
        if self.folder is None:
            return
        line = {"kind": kind, "step": step, **{key: _plain(value) for key, value in values.items()}}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._board is not None:
            for key, value in line.items():
                if isinstance(value, int | float) and key not in {"step", *TIMES}:
                    self._board.add_scalar(f"{kind}/{key}", value, step)

    def picture(self, name: str, step: int, picture: NDArray[np.uint8]) -> None:
        """Write a picture (H, W, 3) uint8 RGB to ``<name>/<step>.png`` and to TensorBoard."""
        if self.folder is None:
            return
        target = self.folder / name / f"{step:08d}.png"
        target.parent.mkdir(exist_ok=True)
        write_frame(target, picture)
        if self._board is not None:
            self._board.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is still buffered."""
        if self._board is not None:
            self._board.close()
            self._board = None


class Means:
    """Means of numbers since they were last taken; a stop does not change them, since sums and counts are kept."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, found: Mapping[str, float]) -> None:
        """Add one step's numbers."""
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """Return the means and start collecting anew."""
        means = {name: value / self._counts[name] for name, value in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed run needs, as JSON values."""
        return {"sums": self._sums, "counts": self._counts}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore the state that :meth:`state` returned."""
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a log's lines, without one that a killed run left unfinished or that is damaged."""
    lines = []
    for text in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            line = parse_json(text)
        except ValueError:
            continue
        if isinstance(line, dict) and "kind" in line and isinstance(line.get("step"), int):
            lines.append(line)
    return lines


def cut_log(path: Path, step: int) -> None:
    """Cut off what was logged after ``step`` steps, and an unfinished line."""
    if path.is_file():
        kept = [line for line in read_log(path) if line["step"] <= step and step > 0]
        atomic_write_bytes(path, "".join(json.dumps(line) + "\n" for line in kept).encode())


def _plain(value: Any) -> Any:
    """Turn a number that JSON does not have (NaN, infinity) into None."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings of TensorBoard's own imports."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"tensorboard|google|torch\.utils")
        yield


def _tensorboard(folder: Path, step: int) -> Any:
    """Open TensorBoard's files from ``step`` on; return None if it is not installed."""
    try:
        with _quiet():
            from torch.utils.tensorboard import SummaryWriter

            return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
    except ImportError:
        logger.info("tensorboard is not installed, so the log is in log.jsonl alone")
        return None
