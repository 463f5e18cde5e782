"""Define what runs over the frames of a clip: one or several metrics that are measured together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from hvdbench.frames import Frame

Meter = Callable[[Frame, Frame | None], Mapping[str, float] | None]
"""Takes a clip's next restored frame and what it is compared with; returns numbers by metric, None where none yet."""
Compared = Literal["nothing", "truth", "truth or input", "subframes"]


@dataclass(frozen=True)
class Measure:
    """Metrics that are measured together, ready to run over clips.

    Attributes:
        name: of the file that keeps their scores.
        metrics: what it measures, by their names on boards.
        identity: everything that changes a number: revision, versions of libraries, digests of weights.
        start: makes a meter for one clip and one reference.
        compares_with: what a meter's second frame is: none, the truth, or the truth and without one the input; with
            ``subframes`` a meter takes the n candidate sequences of a blurry frame, (n, N, H, W, 3), and the true
            sequence, (N, H, W, 3).
        looks_back: whether a number is of a frame and the one before.
        versions: for a board, of libraries that its other numbers do not depend on: ``pyiqa=0.1.16``.
    """

    name: str
    metrics: tuple[str, ...]
    identity: str
    start: Callable[[], Meter]
    compares_with: Compared
    looks_back: bool = False
    versions: str = ""
