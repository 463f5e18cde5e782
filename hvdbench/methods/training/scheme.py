"""Train a scheme on the clips of a reader, for ``hvdbench train`` and for fits to one clip."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hvdbench.dataset.facts import ClipReader, SomeClips
from hvdbench.dataset.folder_reader import select_by_segments
from hvdbench.errors import DatasetError
from hvdbench.methods.restoration import Budget
from hvdbench.methods.scheme import SEGMENT_FRAMES, TrainedScheme
from hvdbench.methods.stages import stage
from hvdbench.methods.training.engine import FitResult, fit
from hvdbench.methods.training.guards import unclear_clips
from hvdbench.methods.training.processes import Processes
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.samples import TrainingWindows
from hvdbench.methods.training.validation import make_validation
from hvdbench.recipe import Settings

logger = logging.getLogger(__name__)
_LISTED = 3


def train_scheme(
    scheme: TrainedScheme[Settings],
    reader: ClipReader,
    folder: Path | None,
    budget: Budget,
    *,
    digest: str = "",
    processes: Processes | None = None,
) -> tuple[nn.Module, FitResult]:
    """Train a scheme's network over clips; see :func:`hvdbench.methods.training.engine.fit`.

    Args:
        scheme: scheme that is trained over clips.
        reader: reader of the clips.
        folder: folder of the run; None to keep nothing.
        budget: seed, device and progress; after its minutes the run stops, and the same call continues it; its
            ``announce`` is called before the run with what it will take.
        digest: digest of recipe and data.
        processes: processes of the run; None to make them here.

    Returns:
        The network, without its wrapper, in evaluation, and the outcome of the training.

    Raises:
        DatasetError: if there is no clip in the splits that are asked for.
        FitError, InputError: under the conditions of ``fit``.
    """
    engine = scheme.engine
    clips = only_splits(reader, scheme.splits) if scheme.splits else reader
    truth = scheme.truth if scheme.reads_truth else None
    if not scheme.reads_truth:
        _warn_of_unclear_clips(clips)
    with stage("labels"):
        selection = _selection(scheme, clips)
    objective = scheme.objective(budget.seed)
    device = processes.device if processes else torch.device(budget.device)
    with stage("preprocessing"):
        clips = objective.prepare(clips, selection, device=device, folder=folder, progress=budget.progress)
    windows = TrainingWindows(
        clips,
        scheme.window,
        budget.seed,
        engine.steps * engine.batch,
        truth,
        with_sharp=not scheme.reads_truth,
        with_subframes=scheme.reads_subframes,
        selection=selection,
    )
    validation = make_validation(
        clips,
        engine.validation,
        scheme.window,
        seed=budget.seed,
        truth=truth,
        with_sharp=not scheme.reads_truth,
        with_subframes=scheme.reads_subframes,
        selection=selection,
        at=objective.validate_at,
    )
    network = scheme.start(budget.seed)
    with stage("training"):
        result = fit(
            RgbNetwork(network, video=scheme.as_video(network)),
            objective,
            windows,
            engine,
            folder,
            validation=validation,
            seed=budget.seed,
            device=budget.device,
            progress=budget.progress,
            max_minutes=budget.minutes,
            digest=digest,
            say=budget.announce,
            processes=processes,
        )
    return network, result


def _selection(scheme: TrainedScheme[Settings], clips: ClipReader) -> dict[str, NDArray[np.bool_]] | None:
    """Select frames anew if the scheme's segments differ from those of the labels; else return None."""
    length = scheme.segment_frames
    return None if length == SEGMENT_FRAMES else select_by_segments(clips.clips, length)


def only_splits(reader: ClipReader, splits: Sequence[str]) -> ClipReader:
    """Return the reader without the clips of other splits.

    Raises:
        DatasetError: if no clip is left.
    """
    clips = tuple(clip for clip in reader.clips if clip.key.partition("/")[0] in splits)
    if not clips:
        there = sorted({clip.key.partition("/")[0] for clip in reader.clips})
        raise DatasetError(
            f"'{reader.name}' has no clip of the split {' or '.join(splits)} (it has {', '.join(there)}): "
            "change 'splits' in the recipe"
        )
    return SomeClips(reader, clips)


def _warn_of_unclear_clips(reader: ClipReader) -> None:
    found = unclear_clips(reader.clips)
    if found:
        listed = ", ".join(f"'{key}' ({ratio:.2f} times)" for key, ratio in sorted(found.items())[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        logger.warning(
            "%d of %d clips have no clearly sharper frame, so the sharpest of each segment serve as labels: %s%s",
            len(found),
            len(reader.clips),
            listed,
            more,
        )
