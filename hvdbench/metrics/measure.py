"""Metrics that a board takes only where they are asked for: their names, and what one looks like that can be run.

Importing this imports neither torch nor pyiqa, and names are looked up without either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from hvdbench.frames import Frame

Meter = Callable[[Frame, Frame | None], Mapping[str, float] | None]
"""Takes a clip's next restored frame and what it is compared with; gives numbers by metric, None where none yet."""

EFFICIENCY = "efficiency"
COSTS = ("frames_per_s", "params", "macs", "peak_bytes")
SHOWN: Mapping[str, tuple[str, ...]] = {
    "edge_spread": ("edge_spread", "overshoot"),
    "warping_error": ("warping_error", "warping_error_reference"),
    "tof_px": ("tof_px",),
    "flicker": ("flicker",),
    "tlpips": ("tlpips",),
    EFFICIENCY: COSTS,
}
"""Ours by the names they are asked for, and what each enters on a board; other names are the catalogue's or pyiqa's."""
MEASURED_WITH: Mapping[str, str] = dict.fromkeys(("warping_error", "tof_px", "flicker"), "temporal")
"""What is measured in one go with others, and kept in one file with them."""
OF_CLIPS = frozenset({*COSTS, *SHOWN["warping_error"], "tof_px", "flicker", "tlpips"})
"""Of pairs of frames or of a whole run: they belong to no subset of frames."""
OWN = frozenset(
    [
        *("psnr", "ssim", "psnr_registered", "psnr_gain", "worse_share"),
        *("sharpness", "sharpness_ratio", "shift", "shift_px"),
    ]
)
"""What a board has without being asked, by names that the catalogue and pyiqa partly have too."""


@dataclass(frozen=True)
class Measure:
    """Metrics that are measured in one go, ready to run over clips.

    Attributes:
        name: of the file that keeps their scores.
        metrics: what it measures, by their names on boards.
        identity: whatever moves a number: revision, versions of libraries, digests of weights.
        start: makes a meter for one clip and one reference.
        compares_with: what a meter's second frame is: none, the truth, or the truth and without one the input.
        looks_back: whether a number is of a frame and the one before.
        versions: for a board, of libraries that its other numbers do not hang on: ``pyiqa=0.1.16``.
    """

    name: str
    metrics: tuple[str, ...]
    identity: str
    start: Callable[[], Meter]
    compares_with: Literal["nothing", "truth", "truth or input"]
    looks_back: bool = False
    versions: str = ""


def measured_with(name: str) -> str:
    """Name the measure that a metric which was asked for is part of."""
    return MEASURED_WITH.get(name, name)


def shown_by(name: str) -> tuple[str, ...]:
    """List the metrics that a name enters on a board."""
    return SHOWN.get(name, (name,))


def asked_as(metric: str) -> str:
    """Give the name under which a board's metric is asked for."""
    return next((name for name, shown in SHOWN.items() if metric in shown), metric)
