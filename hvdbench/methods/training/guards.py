"""Guard a run: end it before it spoils its weights, and warn of what its validations show."""

import math
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from types import FrameType
from typing import Any

import numpy as np

from hvdbench.dataset.facts import ClipFacts
from hvdbench.errors import FitError
from hvdbench.methods.training.objective import MASK_COVERAGE
from hvdbench.methods.training.settings import EngineSettings

_MEMORY = 100
_ENOUGH = 10
_NO_CHANGE_LEVELS = 0.1
_NO_CONTRAST = 0.05
_IN_A_ROW = 3
_CLEARLY_SHARPER = 1.2
_LEAST_SHARPNESS = 1e-9
_LEAST_COVERAGE = 0.1


class LossGuard:
    """A guard that finds an exploded loss: not finite, or far above its running median for several steps in a row."""

    def __init__(self, settings: EngineSettings) -> None:
        self.factor, self.steps = settings.explosion_factor, settings.explosion_steps
        self._seen: deque[float] = deque(maxlen=_MEMORY)
        self._large = 0

    def fault(self, loss: float) -> str | None:
        """Record a step's loss and describe what is wrong; return None while all is well."""
        if not math.isfinite(loss):
            return "is not finite"
        usual = median(self._seen) if len(self._seen) >= _ENOUGH else math.inf
        self._large = self._large + 1 if loss > self.factor * usual else 0
        if not self._large:
            self._seen.append(loss)
        if self._large < self.steps:
            return None
        return f"has been over {self.factor:g} times its running median of {usual:.3g} for {self._large} steps"

    @property
    def is_calm(self) -> bool:
        """Whether the latest loss was not too large, so that a checkpoint may be written."""
        return self._large == 0

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed run needs, as JSON values."""
        return {"seen": list(self._seen), "large": self._large}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore the state that :meth:`state` returned."""
        self._seen = deque(state["seen"], maxlen=_MEMORY)
        self._large = int(state["large"])


@dataclass
class ValidationGuard:
    """A guard that warns of what a validation shows.

    Attributes:
        drift_limit_px: largest shift of output to input without a warning.
        was_aligned: whether the output has ever been within the limit; before that, an untrained network's output has
            no position that could be measured.
        same: number of validations in a row whose output was the input.
        flat: number of validations in a row whose output had no contrast.
    """

    drift_limit_px: float
    was_aligned: bool = False
    same: int = 0
    flat: int = 0

    def warnings(self, measured: Mapping[str, float], *, is_late: bool = True) -> list[str]:
        """Record a validation's numbers and return a sentence for each thing that is wrong.

        Args:
            measured: numbers from :func:`hvdbench.methods.training.validation.measure`, and ``mask_coverage`` of the
                latest steps if the objective has it.
            is_late: whether the run is in its second half, where an output that was never aligned is warned of too.
        """
        found = []
        shift = measured.get("shift_px", float("nan"))
        self.was_aligned = self.was_aligned or shift <= self.drift_limit_px
        if shift > self.drift_limit_px and (self.was_aligned or is_late):
            how = "has drifted" if self.was_aligned else "is still"
            found.append(
                f"the output {how} {shift:.2f} px away from its input (the limit is {self.drift_limit_px:g} px)"
            )
        self.same = self.same + 1 if measured.get("change_levels", math.inf) < _NO_CHANGE_LEVELS else 0
        self.flat = self.flat + 1 if measured.get("contrast_ratio", 1.0) < _NO_CONTRAST else 0
        if self.same >= _IN_A_ROW:
            found.append(
                f"the output has equalled its input, within 0.1 levels, for {self.same} validations: nothing is learned"
            )
        if self.flat:
            found.append("the output is nearly flat: the network has collapsed")
        coverage = measured.get(MASK_COVERAGE, 1.0)
        if coverage < _LEAST_COVERAGE:
            found.append(
                f"labels cover {coverage:.1%} of the pixels, so little is learned: "
                "start from weights that restore already, or align to the input"
            )
        return found

    def state(self) -> dict[str, int]:
        """Return the state that a resumed run needs, as JSON values."""
        return {"was_aligned": int(self.was_aligned), "same": self.same, "flat": self.flat}

    def load_state(self, state: Mapping[str, int]) -> None:
        """Restore the state that :meth:`state` returned."""
        self.was_aligned = bool(state["was_aligned"])
        self.same, self.flat = int(state["same"]), int(state["flat"])


def check_coverage(coverage: float, least: float, step: int) -> None:
    """Stop a run whose labels cover too little to learn from.

    Args:
        coverage: mean of the mask over the latest steps, 0 to 1.
        least: mean below which the run stops.
        step: number of steps done, for the message.

    Raises:
        FitError: if the coverage is below the least one.
    """
    if coverage < least:
        raise FitError(
            f"at step {step} the labels cover {coverage:.1%} of the pixels, and less than {least:.0%} is nothing to "
            "learn from: start from weights that restore already, align to the input, or leave out clips whose "
            "frames do not match their sharp frames"
        )


def unclear_clips(clips: Sequence[ClipFacts]) -> dict[str, float]:
    """Find clips without clearly sharper frames, where only the segment fallback gave labels.

    Returns:
        For each such clip's key, the median sharpness of its selected frames over that of the others, which is below
        1.2; clips whose frames are all selected are left out.
    """
    found = {}
    for clip in clips:
        others = clip.sharpness[~clip.is_selected]
        if len(others) and clip.is_selected.any():
            usual = max(float(np.median(others)), _LEAST_SHARPNESS)
            ratio = float(np.median(clip.sharpness[clip.is_selected])) / usual
            if ratio < _CLEARLY_SHARPER:
                found[clip.key] = ratio
    return found


@dataclass
class StopWish:
    """A flag for whether the run was asked to stop."""

    is_asked: bool = False


_STOPPING = ("SIGTERM", "SIGHUP", "SIGINT")  # Windows has no SIGHUP


@contextmanager
def heeding_signals() -> Iterator[StopWish]:
    """Turn the first SIGTERM, SIGHUP or Ctrl-C into a wish, so that the current step ends in a checkpoint.

    A second one acts, and one that is ignored, as SIGHUP under ``nohup``, stays ignored. Outside the main thread
    signals cannot be caught, so they act at once.
    """
    wish = StopWish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    numbers = [getattr(signal, name) for name in _STOPPING if hasattr(signal, name)]
    old = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) is not signal.SIG_IGN}

    def ask(number: int, frame: FrameType | None) -> None:
        wish.is_asked = True
        signal.signal(number, old[signal.Signals(number)] or signal.SIG_DFL)

    for number in old:
        signal.signal(number, ask)
    try:
        yield wish
    finally:
        for number, handler in old.items():
            signal.signal(number, handler or signal.SIG_DFL)
