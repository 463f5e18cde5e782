"""What every method that works on one clip alone takes and gives."""

from dataclasses import dataclass, field
from typing import Any, ClassVar
from typing import Protocol as Interface

from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.recipe import Settings
from hvdbench.workspace.progress import Progress, silent


@dataclass(frozen=True)
class Budget:
    """What a restoration may use.

    Attributes:
        seed: of every random draw.
        workers: threads; the result of the CPU parts does not depend on it.
        device: where torch computes, ``cpu`` or ``cuda``.
        progress: called with (done, total, what).
        inference: how networks are run: precision, windows, tiles.
        clip: which clip this is, ``<split>/<clip>``, for methods that look something up by it; None where it is of no
            dataset.
        frame_names: of the clip's frames, without suffix, in order; empty where they have none.
        protocol: under which the frames will be scored: results of others may lack frames that it does not count.
    """

    seed: int = 0
    workers: int = 1
    device: str = "cpu"
    progress: Progress = silent
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    clip: str | None = None
    frame_names: tuple[str, ...] = ()
    protocol: Protocol = DEFAULT


@dataclass(frozen=True)
class Restoration:
    """A restored clip.

    Attributes:
        frames: uint8 RGB (T, H, W, 3).
        facts: JSON-able notes for the manifest: seconds, steps, exposure share, frames passed through …
    """

    frames: Frames
    facts: dict[str, Any] = field(default_factory=dict)


class ClipScheme(Interface):
    """A way to restore a clip from the clip alone."""

    Settings: ClassVar[type[Settings]]

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore uint8 RGB (T, H, W, 3); no truth is at hand here, nor its path."""
        ...
