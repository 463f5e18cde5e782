"""Label clips whose frames come one by one, so that a long film needs not be held in memory."""

from typing import Protocol

import numpy as np

from hvdbench.catalog import resolve
from hvdbench.errors import InputError
from hvdbench.frames import Frame
from hvdbench.labels.sharpness import MEASURES, Measure, SharpLabels, measured, paper_name, select_sharp


class FrameLabeller(Protocol):
    """A labeller that takes one frame after the other."""

    def add(self, frame: Frame) -> None:
        """Take the next frame, uint8 RGB (H, W, 3), of the same size as those before it."""

    def labels(self) -> SharpLabels:
        """Label all frames so far.

        Raises:
            InputError: if there is no frame.
        """


def open_labeller(name: str) -> FrameLabeller:
    """Open a labeller for frames that come one by one.

    Memory stays small for the labellers of hvdbench. One of somebody else's sees the whole clip at once, so that all
    frames are kept for it.

    Args:
        name: a name of the catalogue, ``paper-colour``, ``paper-luma``, or an import string.

    Raises:
        UnknownNameError: if there is no such labeller.
    """
    labeller, measure = parted(name)
    if labeller == "paper":
        return _PaperLabeller(measure or "gray")
    if labeller == "extent":
        from hvdbench.labels.extent import ExtentLabeller

        return ExtentLabeller()
    if labeller == "clues":
        from hvdbench.labels.clues import ClueChooser

        return ClueChooser()
    if labeller == "temporal_sharpness":
        from hvdbench.labels.temporal_sharpness import TemporalSharpnessLabeller

        return TemporalSharpnessLabeller()
    return _WholeClipLabeller(labeller)


def parted(name: str) -> tuple[str, Measure | None]:
    """Split a stored name into labeller and measure, which is None for the usual one."""
    return next((("paper", measure) for measure in MEASURES if name == paper_name(measure) != "paper"), (name, None))


class _PaperLabeller:
    def __init__(self, measure: Measure) -> None:
        self._measure: Measure = measure
        self._values: list[float] = []

    def add(self, frame: Frame) -> None:
        self._values.append(measured(frame, self._measure))

    def labels(self) -> SharpLabels:
        return select_sharp(np.array(self._values, np.float64), labeller=paper_name(self._measure))


class _WholeClipLabeller:
    def __init__(self, name: str) -> None:
        self._label, self._frames = resolve("labeller", name), list[Frame]()

    def add(self, frame: Frame) -> None:
        self._frames.append(frame)

    def labels(self) -> SharpLabels:
        if not self._frames:
            raise InputError("labels need at least one frame, and the clip has none")
        labels: SharpLabels = self._label(np.stack(self._frames))
        return labels
