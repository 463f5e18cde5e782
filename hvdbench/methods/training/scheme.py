"""From a scheme and a reader of clips to a training: what ``hvdbench train`` and fits to one clip share."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hvdbench.dataset.facts import Box, ClipFacts, ClipReader
from hvdbench.dataset.folder_reader import select_by_segments
from hvdbench.errors import DatasetError
from hvdbench.frames import Frames
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.training.engine import FitResult, fit
from hvdbench.methods.training.guards import unclear_clips
from hvdbench.methods.training.objective import Objective
from hvdbench.methods.training.processes import Processes
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.run import Say
from hvdbench.methods.training.samples import TrainingWindows
from hvdbench.methods.training.validation import make_validation
from hvdbench.recipe import Settings

logger = logging.getLogger(__name__)
_LISTED = 3
SEGMENT_FRAMES = 20
"""Segments of the labels that lie beside a clip: the paper's."""


class TrainedScheme(Protocol):
    """A scheme whose network is trained over clips.

    Its settings have ``window`` and ``engine``; where they have ``splits``, only clips of these are trained on, and
    where it reads the truth, ``truth`` says which.
    """

    Settings: ClassVar[type[Settings]]
    reads_truth: ClassVar[bool]
    settings: Any

    def build(self, seed: int = 0) -> nn.Module:
        """Build the network, for weights to be loaded into."""
        ...

    def start(self, seed: int = 0) -> nn.Module:
        """Build the network with the weights that a training starts from."""
        ...

    def objective(self, seed: int = 0) -> Objective:
        """Make what the training strives for; its ``validate_at``, where it has one, asks for validations.

        Its ``prepare``, where it has one, gives the reader that the training reads from.
        """
        ...

    def restore(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip with trained weights."""
        ...


def train_scheme(
    scheme: TrainedScheme,
    reader: ClipReader,
    folder: Path | None,
    budget: Budget,
    *,
    digest: str = "",
    max_minutes: float | None = None,
    say: Say | None = None,
    processes: Processes | None = None,
) -> tuple[nn.Module, FitResult]:
    """Train a scheme's network over clips; see :func:`hvdbench.methods.training.engine.fit`.

    Args:
        scheme: of the catalogue.
        reader: of the clips.
        folder: of the run; None keeps nothing.
        budget: seed, device and progress.
        digest: names recipe and data.
        max_minutes: time after which the run stops, to go on with the same call.
        say: told what the run is going to take.
        processes: of the run, where the caller has them.

    Returns:
        The network, without its door, in evaluation, and what came of the training.

    Raises:
        DatasetError: no clip in the splits that are asked for.
        FitError, InputError: as ``fit``.
    """
    settings = scheme.settings
    window, engine = settings.window, settings.engine
    splits = getattr(settings, "splits", ())
    clips = only_splits(reader, splits) if splits else reader
    truth = settings.truth if scheme.reads_truth else None
    if not scheme.reads_truth:
        _warn_of_unclear_clips(clips)
    selection = _selection(settings, clips)
    objective = scheme.objective(budget.seed)
    if hasattr(objective, "prepare"):
        device = processes.device if processes else torch.device(budget.device)
        clips = objective.prepare(clips, selection, device=device, folder=folder, progress=budget.progress)
    windows = TrainingWindows(
        clips,
        window,
        budget.seed,
        engine.steps * engine.batch,
        truth,
        with_sharp=not scheme.reads_truth,
        selection=selection,
    )
    validation = make_validation(
        clips,
        engine.validation,
        window,
        seed=budget.seed,
        truth=truth,
        with_sharp=not scheme.reads_truth,
        selection=selection,
        at=getattr(objective, "validate_at", ()),
    )
    network = scheme.start(budget.seed)
    result = fit(
        RgbNetwork(network),
        objective,
        windows,
        engine,
        folder,
        validation=validation,
        seed=budget.seed,
        device=budget.device,
        progress=budget.progress,
        max_minutes=max_minutes,
        digest=digest,
        say=say,
        processes=processes,
    )
    return network, result


def _selection(settings: Any, clips: ClipReader) -> dict[str, NDArray[np.bool_]] | None:
    """Select frames anew where a recipe's segments are not the labels'; None leaves the labels."""
    length = getattr(settings, "segment_frames", SEGMENT_FRAMES)
    return None if length == SEGMENT_FRAMES else select_by_segments(clips.clips, length)


def only_splits(reader: ClipReader, splits: Sequence[str]) -> ClipReader:
    """Leave the clips of other splits out.

    Raises:
        DatasetError: nothing is left.
    """
    clips = tuple(clip for clip in reader.clips if clip.key.partition("/")[0] in splits)
    if not clips:
        there = sorted({clip.key.partition("/")[0] for clip in reader.clips})
        raise DatasetError(
            f"'{reader.name}' has no clip of split {' or '.join(splits)} (it has {', '.join(there)}): "
            "change 'splits' in the recipe"
        )
    return _SomeClips(reader, clips)


def _warn_of_unclear_clips(reader: ClipReader) -> None:
    found = unclear_clips(reader.clips)
    if found:
        listed = ", ".join(f"'{key}' ({ratio:.2f} times)" for key, ratio in sorted(found.items())[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        logger.warning(
            "%d of %d clips have no clearly sharper frame, so the sharpest of each segment stand in as labels: %s%s",
            len(found),
            len(reader.clips),
            listed,
            more,
        )


class _SomeClips:
    """A reader with some of its clips."""

    def __init__(self, reader: ClipReader, clips: tuple[ClipFacts, ...]) -> None:
        self._reader = reader
        self.clips = clips
        self.name, self.origin, self.digest = reader.name, reader.origin, reader.digest

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        return self._reader.read(key, stream, frames, box)

    def close(self) -> None:
        self._reader.close()
