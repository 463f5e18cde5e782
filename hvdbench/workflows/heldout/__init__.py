"""A reference-based score for clips without truth: sharp frames that a method never saw judge what it restored.

``docs/held-out.md`` has the definition, what it was compared with, and its weak points.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.store import Dataset
from hvdbench.video.input import read_input
from hvdbench.workflows.heldout.clip import open_clip
from hvdbench.workflows.heldout.restoring import Restore
from hvdbench.workspace.progress import Progress, silent


@dataclass(frozen=True)
class HeldOutResult:
    """Held-out scores of some methods.

    Attributes:
        pairs: a row for each method, clip, withheld and compared frame: a DataFrame with
            :data:`hvdbench.workflows.heldout.scoring.PAIR_COLUMNS`.
        summary: a row for each method and clip, and over clips under ``*``: a DataFrame with
            :data:`hvdbench.workflows.heldout.scoring.SUMMARY_COLUMNS`.
        refused: why clips of a dataset have no score, a sentence each.
    """

    pairs: Any
    summary: Any
    refused: tuple[str, ...] = ()


def held_out(
    source: Path, methods: Mapping[str, Restore], *, workers: int = 1, progress: Progress = silent
) -> HeldOutResult:
    """Score methods on a clip, or on each clip of a dataset, without any truth.

    Args:
        source: a video file, a folder of frames, or a dataset's folder.
        methods: by name; :func:`hvdbench.workflows.heldout.restoring.restorer` makes one of anything that ``--method``
            takes.
        workers: threads; the result does not depend on it.
        progress: called with (done, total, what).

    Returns:
        The scores; clips of a dataset with too few sharp frames are left out and named.

    Raises:
        InputError: no clip can be scored, or the source is none.
    """
    import pandas as pd

    from hvdbench.workflows.heldout.scoring import score_methods, summarise

    tables, refused = [], []
    is_dataset = (source / "dataset.json").is_file()
    for name, frames in _clips(source, is_dataset):
        try:
            clip = open_clip(frames(), name, workers)
        except InputError as error:
            if not is_dataset:
                raise
            refused.append(str(error))
            continue
        tables.append(score_methods(clip, methods, progress))
    if not tables:
        raise InputError(f"{source}: none of {len(refused)} clips can be scored; the first: {refused[0]}")
    pairs = pd.concat(tables, ignore_index=True)
    return HeldOutResult(pairs, summarise(pairs), tuple(refused))


def _clips(source: Path, is_dataset: bool) -> Iterator[tuple[str, Callable[[], Frames]]]:
    """List the clips of a source, each with a function that reads it."""
    if is_dataset:
        for clip in Dataset.open(source).clips():
            yield f"{clip.split}/{clip.name}", clip.blurry
    else:
        yield source.stem, lambda: read_input(source).frames
