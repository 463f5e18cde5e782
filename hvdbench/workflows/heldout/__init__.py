"""Score clips without truth against their own sharp frames, which the method never saw when it restored them.

``docs/held-out.md`` defines the score, compares it with others, and lists its weak points.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.store import Dataset, open_remote
from hvdbench.video.input import read_input
from hvdbench.workflows.heldout.clip import open_clip
from hvdbench.workflows.heldout.restoring import Restore
from hvdbench.workspace.objects.location import Location, Place
from hvdbench.workspace.progress import Progress, silent


@dataclass(frozen=True)
class HeldOutResult:
    """The held-out scores of one or more methods.

    Attributes:
        pairs: a DataFrame with a row for each method, clip, withheld and compared frame, and the columns
            :data:`hvdbench.workflows.heldout.scoring.PAIR_COLUMNS`.
        summary: a DataFrame with a row for each method and clip, and over clips under ``*``, and the columns
            :data:`hvdbench.workflows.heldout.scoring.SUMMARY_COLUMNS`.
        refused: one sentence for each clip of a dataset that has no score, which says why.
    """

    pairs: Any
    summary: Any
    refused: tuple[str, ...] = ()


def held_out(
    source: Place, methods: Mapping[str, Restore], *, workers: int = 1, progress: Progress = silent
) -> HeldOutResult:
    """Score methods on a clip, or on each clip of a dataset, without any truth.

    Args:
        source: a video file, a folder of frames, or a dataset's folder; or the address of one.
        methods: the methods by name; :func:`hvdbench.workflows.heldout.restoring.restorer` makes one of anything that
            ``--method`` takes.
        workers: number of threads; the result does not depend on it.
        progress: function called with (done, total, what).

    Returns:
        The scores; clips of a dataset with too few sharp frames are left out and listed as refused.

    Raises:
        InputError: if no clip can be scored, or the source is neither a clip nor a dataset.
    """
    import pandas as pd

    from hvdbench.workflows.heldout.scoring import score_methods, summarise

    tables, refused = [], []
    found = _opened(source)
    is_dataset = isinstance(found, Dataset)
    for name, frames in _clips(found):
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


def _opened(source: Place) -> Dataset | Path:
    if isinstance(source, Location):
        return open_remote(source)
    return Dataset.open(source) if (source / "dataset.json").is_file() else source


def _clips(source: Dataset | Path) -> Iterator[tuple[str, Callable[[], Frames]]]:
    """List the clips of a source by name, each with the function that reads it."""
    if isinstance(source, Dataset):
        for clip in source.clips():
            yield f"{clip.split}/{clip.name}", clip.blurry
    else:
        yield source.stem, lambda: read_input(source).frames
