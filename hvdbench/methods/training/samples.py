"""Windows of clips for training: drawn from a seed and a number alone, read by workers, floats on the device.

Window k is the same whatever the number of workers or processes, and after a resume.
"""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from hvdbench.dataset.facts import Box, ClipFacts, ClipReader
from hvdbench.errors import FitError
from hvdbench.recipe import Settings
from hvdbench.store import TRUTH_FOLDERS, Truth
from hvdbench.workspace.engine import usable_cores

logger = logging.getLogger(__name__)

LEAST_SIDE_PX = 8
ALIGNED_STREAMS = ("warped", "warp_masks")
"""Streams of a reader that has aligned the labels before; see :mod:`hvdbench.methods.selfhvd.aligned_clips`."""
_PREFETCH = 2  # batches a worker
_QUARTER_TURNS = 4


class WindowSettings(Settings):
    """What a training window is."""

    crop_px: int = Field(256, ge=LEAST_SIDE_PX)
    """Side of the random crops; smaller for all where a clip is smaller."""
    clip_frames: int = Field(10, ge=1)
    """Consecutive frames in a window; fewer for all where a clip is shorter."""
    flips_and_turns: bool = True
    """Mirror half of the windows, and turn them by 0 to 3 quarters; blurry, sharp and truth alike."""


@dataclass(frozen=True)
class Draw:
    """Where a window lies.

    Attributes:
        clip: whose it is.
        start: its first frame.
        box: of every frame.
        mirrored: left and right are swapped, before the turns.
        turns: quarter turns, counter-clockwise.
    """

    clip: ClipFacts
    start: int
    box: Box
    mirrored: bool
    turns: int


class TrainingWindows(Dataset[dict[str, Any]]):
    """Random windows of clips; every clip is as likely as any other.

    Item ``k`` is drawn from ``np.random.default_rng([seed, k])`` alone and holds (T frames, h x w px):

    - ``blurry``: (T, 3, h, w) float32 RGB in [0, 1];
    - ``is_selected``: (T,) bool;
    - ``sharp``: (T, 3, h, w) the clip's frame ``J(i)`` for each frame i, cut, mirrored and turned alike, not aligned;
      ``J(i)`` is the selected frame nearest in time over the whole clip, the earlier of two equally near;
    - ``nearest``: (T,) int64, ``J(i) - i``;
    - ``truth``: (T, 3, h, w), where asked for;
    - ``warped`` (T, 3, h, w), ``warp_masks`` (T, 2, h, w), where all clips have these streams;
    - ``index``: k, the seed of further draws that belong to this window.

    Args:
        reader: of the clips.
        settings: of the windows.
        seed: of all draws, from 0.
        length: how many windows there are, from ``k = 0``.
        truth: ``mid`` or ``centroid`` to have that truth.
        with_sharp: have ``sharp`` and ``nearest``.
        selection: a clip's key → (T,) frames to take as selected, in place of the labels.
        as_uint8: leave pictures as uint8 of [0, 255]; :func:`to_float` turns them later.

    Raises:
        FitError: a clip is too small or short, lacks the truth, or has no selected frame.
    """

    def __init__(
        self,
        reader: ClipReader,
        settings: WindowSettings,
        seed: int,
        length: int,
        truth: Truth | None = None,
        with_sharp: bool = True,
        *,
        selection: Mapping[str, NDArray[np.bool_]] | None = None,
        as_uint8: bool = False,
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.as_uint8 = as_uint8
        self._reader = reader
        self._length = length
        self._clips = reader.clips
        self._truth = TRUTH_FOLDERS[truth] if truth else None
        self._aligned = [name for name in ALIGNED_STREAMS if all(name in clip.streams for clip in self._clips)]
        self._with_sharp = with_sharp
        chosen = selection or {}
        self._selected = {clip.key: np.asarray(chosen.get(clip.key, clip.is_selected)) for clip in self._clips}
        self._check_clips()
        self.frame_count, self.side_px = self._fit_all()
        self._nearest = (
            {key: nearest_selected(selected) for key, selected in self._selected.items()} if with_sharp else {}
        )

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < self._length:
            raise IndexError(index)
        draw = self.draw(index)
        key = draw.clip.key
        frames = np.arange(draw.start, draw.start + self.frame_count)
        item: dict[str, Any] = {"index": index, "is_selected": torch.from_numpy(self._selected[key][frames].copy())}
        wanted = frames
        if self._with_sharp:
            nearest = self._nearest[key][frames]
            item["nearest"] = torch.from_numpy(nearest - frames)
            wanted = np.concatenate([frames, nearest])
        read = self._picture(self._reader.read(key, "blur", wanted.tolist(), draw.box), draw)
        item["blurry"] = read[: len(frames)]
        if self._with_sharp:
            item["sharp"] = read[len(frames) :]
        if self._truth:
            item["truth"] = self._picture(self._reader.read(key, self._truth, frames.tolist(), draw.box), draw)
        for name in self._aligned if self._with_sharp else ():
            item[name] = self._picture(self._reader.read(key, name, frames.tolist(), draw.box), draw)
        return item

    def draw(self, index: int) -> Draw:
        """Draw where window ``index`` lies."""
        random = np.random.default_rng([self.seed, index])
        clip = self._clips[random.integers(len(self._clips))]
        start = int(random.integers(clip.frame_count - self.frame_count + 1))
        top = int(random.integers(clip.height - self.side_px + 1))
        left = int(random.integers(clip.width - self.side_px + 1))
        mirrored, turns = bool(random.integers(2)), int(random.integers(_QUARTER_TURNS))
        if not self.settings.flips_and_turns:
            mirrored, turns = False, 0
        return Draw(clip, start, Box(top, left, self.side_px, self.side_px), mirrored, turns)

    def in_uint8(self) -> "TrainingWindows":
        """Return the same windows with pictures as uint8."""
        twin = copy.copy(self)
        twin.as_uint8 = True
        return twin

    def _picture(self, frames: NDArray[np.uint8], draw: Draw) -> Tensor:
        turned = np.rot90(frames[:, :, ::-1] if draw.mirrored else frames, draw.turns, axes=(1, 2))
        tensor = torch.from_numpy(np.ascontiguousarray(turned.transpose(0, 3, 1, 2)))  # (T, C, h, w)
        return tensor if self.as_uint8 else tensor.float().div_(255)

    def _fit_all(self) -> tuple[int, int]:
        """Choose the frames and the side that every clip has."""
        shortest = min(self._clips, key=lambda clip: clip.frame_count)
        smallest = min(self._clips, key=lambda clip: min(clip.height, clip.width))
        frames = min(self.settings.clip_frames, shortest.frame_count)
        side = min(self.settings.crop_px, smallest.height, smallest.width)
        if frames < min(2, self.settings.clip_frames):
            raise FitError(
                f"clip '{shortest.key}' has {frames} frame, but a training window needs 2: leave the clip out"
            )
        if side < LEAST_SIDE_PX:
            size = f"{smallest.width}x{smallest.height}"
            raise FitError(
                f"clip '{smallest.key}' is {size}, but a crop needs {LEAST_SIDE_PX} px a side: leave the clip out"
            )
        if frames < self.settings.clip_frames:
            asked = self.settings.clip_frames
            logger.warning("windows have %d frames, not %d, since clip '%s' has no more", frames, asked, shortest.key)
        if side < self.settings.crop_px:
            logger.warning(
                "crops are %d px, not %d, since clip '%s' is no larger", side, self.settings.crop_px, smallest.key
            )
        return frames, side

    def _check_clips(self) -> None:
        if not self._clips:
            raise FitError(f"'{self._reader.name}' has no clip to train on")
        for clip in self._clips:
            if self._truth and self._truth not in clip.streams:
                known = ", ".join(clip.streams)
                raise FitError(
                    f"clip '{clip.key}' has no truth '{self._truth}' (it has {known}) to learn from: leave the clip out"
                )
            selected = self._selected[clip.key]
            if selected.shape != (clip.frame_count,):
                raise FitError(
                    f"clip '{clip.key}' has {clip.frame_count} frames, but its selection has {selected.shape}"
                )
            if self._with_sharp and not selected.any():
                raise FitError(f"clip '{clip.key}' has no selected frame to learn from: leave it out or label it again")


def nearest_selected(is_selected: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the selected frame nearest to each frame, ``J(i)`` of section 3.1; the earlier of two equally near.

    Args:
        is_selected: (T,), at least one.
    """
    selected = np.flatnonzero(is_selected)
    distance = np.abs(np.arange(len(is_selected))[:, None] - selected[None])  # (T, S)
    return np.asarray(selected[distance.argmin(axis=1)], np.int64)


def to_float(batch: Mapping[str, Any], device: torch.device | str = "cpu") -> dict[str, Any]:
    """Move a batch to a device and turn uint8 pictures into float32 of [0, 1] there; ``index`` stays where it is."""
    moved: dict[str, Any] = {}
    for name, value in batch.items():
        moved[name] = value if name == "index" else value.to(device, non_blocking=True)
        if moved[name].dtype == torch.uint8:
            moved[name] = moved[name].float().div_(255)
    return moved


class WindowLoader:
    """Batches of windows in order, read ahead by workers; see :func:`loader`."""

    def __init__(self, batches: DataLoader[dict[str, Any]], device: torch.device) -> None:
        self._batches = batches
        self._device = device

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._batches:
            yield to_float(batch, self._device)


def loader(
    windows: TrainingWindows,
    batch: int,
    workers: int = 0,
    start: int = 0,
    device: torch.device | str = "cpu",
    *,
    rank: int = 0,
    processes: int = 1,
) -> WindowLoader:
    """Load windows ``start``, ``start + 1`` … in batches, as float32 on ``device``.

    Pictures travel as uint8: a quarter of the bytes from workers, through pinned memory and to the device.

    Args:
        windows: what to load.
        batch: windows a batch, of this process.
        workers: processes that read, at most one a core; 0 reads in this one.
        start: the first window: batches done x ``batch`` x ``processes`` goes on where a run stopped.
        device: where the batches are wanted.
        rank: which of ``processes`` this is; each batch of all is cut into ``processes`` equal parts.
        processes: that train together.

    Returns:
        An iterable of batches; windows at the end that do not fill a batch of every process are left out.
    """
    device, workers = torch.device(device), min(workers, usable_cores())
    batches: DataLoader[dict[str, Any]] = DataLoader(
        windows.in_uint8(),
        batch_sampler=_Batches(len(windows), batch, start, rank, processes),
        num_workers=workers,
        pin_memory=device.type == "cuda",
        prefetch_factor=_PREFETCH if workers else None,
        persistent_workers=workers > 0,
        worker_init_fn=_start_worker if workers else None,
        generator=torch.Generator().manual_seed(0),  # the workers' seeds, which nothing draws from
    )
    return WindowLoader(batches, device)


class _Batches(Sampler[list[int]]):
    """Numbers of windows, a list a batch."""

    def __init__(self, length: int, batch: int, start: int, rank: int, processes: int) -> None:
        whole = batch * processes
        count = max(0, length - start) // whole
        self._firsts: Sequence[int] = range(start + rank * batch, start + rank * batch + count * whole, whole)
        self._batch = batch

    def __len__(self) -> int:
        return len(self._firsts)

    def __iter__(self) -> Iterator[list[int]]:
        return (list(range(first, first + self._batch)) for first in self._firsts)


def _start_worker(_: int) -> None:
    """Keep a worker to one thread: the workers fill the cores."""
    cv2.setNumThreads(0)
