"""The resources that a restoration may use, and its result."""

from dataclasses import dataclass, field, replace

from hvdbench.frames import Frames
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.progress import Announce, Progress, silent


@dataclass(frozen=True)
class Budget:
    """The resources that a piece of work may use, and the functions that it reports to.

    Attributes:
        seed: seed of every random draw.
        workers: number of threads of one restoration; the result of the CPU parts does not depend on it.
        device: device that torch computes on, ``cpu`` or ``cuda``.
        progress: function called with (done, total, what).
        inference: how networks are run: precision, windows, tiles; the default value means that nothing was asked for.
        clip: key of the clip, ``<split>/<clip>``, for methods that look something up by it; None outside a dataset.
        engine: engine that runs independent jobs, one for each clip.
        minutes: time that ``deblur`` may take, from which it chooses the steps of a fit, or time after which a training
            stops at a checkpoint; None for the recipe's steps.
        steps: optimiser steps of a training, or of a fit to each clip, in place of the recipe's.
        announce: function called with a line before long work starts; None for no announcement.
        frame_names: names of the clip's frames, without suffix and in order; empty if they have none.
        keep: first and last frame, half open, of those that will be kept; the others are context and may be left as
            they are; None for all frames.
        protocol: protocol that the frames will be scored under; results of others may lack frames that it does not
            count.
    """

    seed: int = 0
    workers: int = 1
    device: str = "cpu"
    progress: Progress = silent
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    clip: str | None = None
    engine: Engine = field(default_factory=Engine)
    minutes: float | None = None
    steps: int | None = None
    announce: Announce | None = None
    frame_names: tuple[str, ...] = ()
    keep: tuple[int, int] | None = None
    protocol: Protocol = DEFAULT

    def keeps(self, index: int) -> bool:
        """Return whether the restored frame of this number will be kept."""
        return self.keep is None or self.keep[0] <= index < self.keep[1]

    def for_clip(self, clip: str) -> "Budget":
        """Return the budget of one clip's job, which can be pickled for a worker process and reports nothing."""
        return replace(self, clip=clip, engine=Engine(), progress=silent, announce=None)


@dataclass(frozen=True)
class Restoration:
    """A restored clip.

    Attributes:
        frames: the restored frames, RGB (T, H, W, 3): uint8, or uint16 where the blurry ones were.
        facts: notes for the manifest, as JSON values: seconds, steps, exposure share, frames passed through …
        series: sequences of N sharp frames of each blurry frame, uint8 RGB (T, N, H, W, 3), where the method restores
            them; several where it restores several candidates. ``frames`` are then the middle frames of the first.
    """

    frames: Frames
    facts: dict[str, object] = field(default_factory=dict)
    series: tuple[Frames, ...] = ()
