"""What a restoration may use, and what it returns."""

from dataclasses import dataclass, field, replace

from hvdbench.frames import Frames
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.progress import Announce, Progress, silent


@dataclass(frozen=True)
class Budget:
    """What a piece of work may use, and whom it keeps informed.

    Attributes:
        seed: of every random draw.
        workers: threads of one restoration; the result of the CPU parts does not depend on it.
        device: where torch computes, ``cpu`` or ``cuda``.
        progress: called with (done, total, what).
        inference: how networks are run: precision, windows, tiles; as it is made by default, nothing was asked for.
        clip: which clip this is, ``<split>/<clip>``, for methods that look something up by it; None where it belongs
            to no dataset.
        engine: runs independent jobs, one a clip.
        minutes: about how long a fit may take, or after how long a training stops at a checkpoint; None: the recipe's
            steps are done.
        steps: optimiser steps of a training in place of the recipe's.
        announce: called with a line before long work starts; None: nobody listens.
        frame_names: the names of the clip's frames, without suffix, in order; empty where they have none.
        protocol: the protocol under which the frames will be scored; results of others may lack frames that it does
            not count.
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
    protocol: Protocol = DEFAULT

    def for_clip(self, clip: str) -> "Budget":
        """Return the budget of one clip's job: it can be pickled for a worker process, and reports to nobody."""
        return replace(self, clip=clip, engine=Engine(), progress=silent, announce=None)


@dataclass(frozen=True)
class Restoration:
    """A restored clip.

    Attributes:
        frames: uint8 RGB (T, H, W, 3).
        facts: JSON-able notes for the manifest: seconds, steps, exposure share, frames passed through …
    """

    frames: Frames
    facts: dict[str, object] = field(default_factory=dict)
