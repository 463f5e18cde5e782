"""Read the sequences that a run restored of each blurry frame, and the sub-frames that they are compared with.

A run keeps them beside its frames as a dataset keeps its sub-frames: ``sharp_series/<frame>_<n>.png``. Where a method
restored several sequences of one frame, the others lie in ``sharp_series.2``, ``sharp_series.3`` and so on.
"""

import hashlib
from collections.abc import Sequence
from itertools import count, takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import FitError, InputError
from hvdbench.frames import list_series, read_frames, write_frame
from hvdbench.store import SERIES_FOLDER

Series = Sequence[Sequence[Path]]
"""N lists of T files, the n-th of which shows the n-th instant of every frame."""


def series_folder(candidate: int) -> str:
    """Return the name of the folder of a run's sequences; candidates are counted from 1."""
    return SERIES_FOLDER if candidate == 1 else f"{SERIES_FOLDER}.{candidate}"


def write_series(folder: Path, candidates: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> None:
    """Write the sequences of a clip beside its frames.

    Args:
        folder: of the run's clip.
        candidates: uint8 RGB (T, N, H, W, 3) each.
        names: of the T frames, without suffix.

    Raises:
        InputError: if candidates differ in shape, or are not of as many frames as there are names.
    """
    for number, sequences in enumerate(candidates, start=1):
        if sequences.ndim != 5 or len(sequences) != len(names) or sequences.shape != candidates[0].shape:
            raise InputError(
                f"sequences must be (T, N, H, W, 3) with T of {len(names)}, all of one shape, found {sequences.shape}"
            )
        place = folder / series_folder(number)
        place.mkdir()
        for name, sequence in zip(names, sequences, strict=True):
            for instant, frame in enumerate(sequence, start=1):
                write_frame(place / f"{name}_{instant}.png", frame)


def list_candidates(folder: Path) -> list[list[list[Path]]]:
    """List the sequences of a run's clip, a :data:`Series` for each candidate; none where it has none.

    Raises:
        InputError: if the files of a candidate are not those of whole sequences.
    """
    places = (folder / series_folder(number) for number in count(1))
    return [list_series(place) for place in takewhile(Path.is_dir, places)]


def series_sha256(folder: Path) -> str | None:
    """Hash the names and bytes of all sequences of a run's clip, as SHA-256 in hex; None where it has none."""
    candidates = list_candidates(folder)
    if not candidates:
        return None
    total = hashlib.sha256()
    for path in (path for series in candidates for files in series for path in files):
        total.update(f"{path.parent.name}/{path.name}".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


class Sequences:
    """The candidates of each blurry frame beside its true sub-frames.

    Args:
        run: the folder of the run's clip.
        clip: the folder of the dataset's clip.
        names: of the clip's frames, without suffix.

    Raises:
        FitError: if the run has no sequences, or the clip no sub-frames.
        InputError: if they are of other frames or of another number of instants.
    """

    def __init__(self, run: Path, clip: Path, names: Sequence[str]) -> None:
        self._truth = list_series(clip / SERIES_FOLDER)
        self._candidates = list_candidates(run)
        if not self._truth:
            raise FitError(f"{clip} has no sub-frames, which sequences are compared with")
        if not self._candidates:
            raise FitError(f"{run} has no sequences of sub-frames ({SERIES_FOLDER}), but single frames")
        for series in (self._truth, *self._candidates):
            found = [path.stem.rpartition("_")[0] for path in series[0]]
            if len(series) != len(self._truth) or found != list(names):
                raise InputError(
                    f"{series[0][0].parent} has {len(series)} instants of {len(found)} frames, and {clip} has "
                    f"{len(self._truth)} of {len(names)}: a sequence must have the instants of its truth, in files "
                    "called <frame>_<number>"
                )

    def candidates(self, index: int) -> NDArray[np.uint8]:
        """Read the candidates of a frame, uint8 RGB (n, N, H, W, 3)."""
        return np.stack([_sequence(series, index) for series in self._candidates])

    def truth(self, index: int) -> NDArray[np.uint8]:
        """Read the true sub-frames of a frame, uint8 RGB (N, H, W, 3)."""
        return _sequence(self._truth, index)


def _sequence(series: Series, index: int) -> NDArray[np.uint8]:
    files = [paths[index] for paths in series]
    return read_frames(files, files[0].parent)
