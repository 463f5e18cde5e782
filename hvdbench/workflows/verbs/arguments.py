"""Check the plain values of a caller, and turn them into what workflows take."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.methods.inference.options import choose_device
from hvdbench.methods.restoration import Budget
from hvdbench.store import Dataset
from hvdbench.video.crop import Crop, Size
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.objects import Location, Place, is_url, without_secrets
from hvdbench.workspace.paths import at_home

GREATEST_SEED = 2**63 - 1

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


def path_of(value: PathLike, what: str) -> Path:
    """Return a path that a caller named, with ``~`` as the home folder.

    Args:
        value: a text or a path.
        what: the argument's name, for error messages.

    Raises:
        InputError: if it is neither.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise InputError(f"{what} is {described(value)}: name a path, as text or as a pathlib.Path")
    if is_url(value):
        raise InputError(
            f"{what} is '{without_secrets(str(value))}', and it must be a path on this machine: only datasets are read "
            "from an address"
        )
    return at_home(os.fspath(value))


def place_named(value: PathLike, what: str) -> Place:
    """Return the address that a text is, or else :func:`path_of` the value.

    Raises:
        InputError: if it is neither.
    """
    return Location.of(str(value)) if is_url(value) else path_of(value, what)


def optional_path(value: PathLike | None, what: str) -> Path | None:
    """Return :func:`path_of` a value, None of None."""
    return None if value is None else path_of(value, what)


def dataset_of(value: Dataset | PathLike) -> Dataset:
    """Return a dataset that is open already, or open the one that lies in a folder or at an address.

    Raises:
        DatasetError: if the folder contains no dataset.
        InputError: if it is neither a dataset nor a path.
    """
    return value if isinstance(value, Dataset) else Dataset.open(place_named(value, "the dataset"))


def checked_frames(frames: NDArray[np.uint8], what: str) -> Frames:
    """Return an array of frames.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        what: the argument's name, for error messages.

    Raises:
        InputError: if it is of another type or shape, or empty.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise InputError(
            f"{what} is an array of {frames.dtype} of shape {frames.shape}: frames are uint8 RGB of shape (T, H, W, 3)"
        )
    return np.asarray(frames, np.uint8)


def crop_of(values: Sequence[int] | None) -> Crop | None:
    """Return a crop (x, y, width, height) in px.

    Raises:
        InputError: if it is not four whole numbers.
    """
    if values is None:
        return None
    x, y, width, height = _whole_numbers(values, 4, "the crop", "(x, y, width, height)")
    return x, y, width, height


def size_of(values: Sequence[int] | None) -> Size | None:
    """Return a size (width, height) in px.

    Raises:
        InputError: if it is not two whole numbers.
    """
    if values is None:
        return None
    width, height = _whole_numbers(values, 2, "the size", "(width, height)")
    return width, height


def budget_of(
    *,
    seed: int = 0,
    device: str = "cpu",
    workers: int = 1,
    minutes: float | None = None,
    steps: int | None = None,
) -> Budget:
    """Return the resources of a piece of work; what it announces before long work goes to the log.

    Args:
        seed: of every random draw, from 0 to 2^63 - 1, the most that NumPy, torch and a board take.
        device: ``cpu``, ``cuda``, ``cuda:1`` …, or ``auto``.
        workers: the number of processes, each with one clip at a time.
        minutes: about how many minutes it may take; None means the recipe's value.
        steps: the number of steps of a training; None means the recipe's value.

    Raises:
        InputError: if a number is out of range, or the device cannot be used.
    """
    if minutes is not None and (not isinstance(minutes, int | float) or not minutes > 0):
        raise InputError(f"minutes is {described(minutes)}: name a number above 0")
    if whole_number(seed, "the seed", 0) > GREATEST_SEED:
        raise InputError(f"the seed is {described(seed)}: name a whole number up to {GREATEST_SEED}")
    return Budget(
        seed=seed,
        device=choose_device(device),
        engine=Engine(whole_number(workers, "workers", 1)),
        minutes=minutes,
        steps=None if steps is None else whole_number(steps, "steps", 1),
        announce=logger.warning,  # shown without any set-up of logging, as a notice of a long run should be
    )


def whole_number(value: int, what: str, least: int) -> int:
    """Return a whole number that a caller named.

    Args:
        value: the number; NumPy's integers are whole numbers too.
        what: the argument's name, for error messages.
        least: the smallest number that is allowed.

    Raises:
        InputError: if it is not a whole number, or too small.
    """
    if not _is_whole(value) or value < least:
        raise InputError(f"{what} is {described(value)}: name a whole number from {least}")
    return int(value)


def described(value: object) -> str:
    """Describe a value, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"of the type {type(value).__name__}"


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _whole_numbers(values: Sequence[int], count: int, what: str, order: str) -> list[int]:
    is_list = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str)
    if not is_list or len(values) != count or not all(_is_whole(value) for value in values):
        raise InputError(f"{what} is {described(values)}: name {count} whole numbers of pixels, {order}")
    return [int(value) for value in values]
