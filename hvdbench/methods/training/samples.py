"""Cut clips into windows for training, which are drawn from a seed and a number, read by workers, and moved as floats.

Window k is the same for any number of workers and processes, and after a resume.
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

from hvdbench.dataset.facts import Box, ClipFacts, ClipReader, is_of_subframes, read_subframes
from hvdbench.errors import FitError
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_FRAMES, MOST_PX
from hvdbench.store import TRUTH_FOLDERS, Truth
from hvdbench.workspace.engine import usable_cores

logger = logging.getLogger(__name__)

LEAST_SIDE_PX = 8
ALIGNED_STREAMS = ("warped", "warp_masks")
"""Streams of a reader whose labels are aligned already; see :mod:`hvdbench.methods.selfhvd.aligned_clips`."""
_PREFETCH = 2  # batches per worker
_QUARTER_TURNS = 4


class WindowSettings(Settings):
    """Settings of the training windows."""

    crop_px: int = Field(256, ge=LEAST_SIDE_PX, le=MOST_PX)
    """Side of the random crops, in px; smaller for all clips if one clip is smaller."""
    clip_frames: int = Field(10, ge=1, le=MOST_FRAMES)
    """Number of consecutive frames in a window; fewer for all clips if one clip is shorter."""
    flips_and_turns: bool = True
    """Whether half of the windows are mirrored, and all turned by 0 to 3 quarters; blurry, sharp and truth alike."""


@dataclass(frozen=True)
class Draw:
    """The place of a window.

    Attributes:
        clip: clip that the window is cut from.
        start: number of its first frame.
        box: part of every frame.
        mirrored: whether left and right are swapped, before the turns.
        turns: number of quarter turns, counter-clockwise.
    """

    clip: ClipFacts
    start: int
    box: Box
    mirrored: bool
    turns: int


class TrainingWindows(Dataset[dict[str, Any]]):
    """Random windows of clips; every clip is as likely as any other.

    Item ``k`` is drawn from ``np.random.default_rng([seed, k])`` alone and contains (T frames, h x w px):

    - ``blurry``: (T, 3, h, w) float32 RGB in [0, 1];
    - ``is_selected``: (T,) bool;
    - ``sharp``: (T, 3, h, w), the clip's frame ``J(i)`` for each frame i, cut, mirrored and turned alike, not aligned;
      ``J(i)`` is the selected frame nearest in time over the whole clip, the earlier of two equally near ones;
    - ``nearest``: (T,) int64, ``J(i) - i``;
    - ``truth``: (T, 3, h, w), if it is asked for;
    - ``subframes``: (T, N, 3, h, w), the sharp sub-frames of each exposure in the order of time, if they are asked for;
    - ``warped`` (T, 3, h, w), ``warp_masks`` (T, 2, h, w), and any other stream that a reader made, if all clips have
      it;
    - ``index``: k, the seed of further draws that belong to this window.

    Args:
        reader: reader of the clips.
        settings: settings of the windows.
        seed: random seed of all draws, 0 or more.
        length: number of windows, from ``k = 0``.
        truth: ``mid`` or ``centroid`` to include that truth; None to include none.
        with_sharp: whether ``sharp`` and ``nearest`` are included.
        with_subframes: whether ``subframes`` are included.
        selection: (T,) frames to take as selected, by a clip's key, in place of the labels.
        as_uint8: whether pictures stay uint8 in [0, 255]; :func:`to_float` converts them later.

    Raises:
        FitError: if a clip is too small or short, lacks the truth or the sub-frames, has another number of sub-frames
            than the others, or has no selected frame.
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
        with_subframes: bool = False,
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
        stored = {"blur", *TRUTH_FOLDERS.values()}
        first = self._clips[0].streams if self._clips else ()
        made = [name for name in first if name not in stored and not is_of_subframes(name)]
        self._made = [name for name in made if all(name in clip.streams for clip in self._clips)]
        self._with_sharp = with_sharp
        self._with_subframes = with_subframes
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
        if self._with_subframes:
            series = read_subframes(self._reader, draw.clip, frames.tolist(), draw.box)  # (T, N, h, w, 3)
            pictures = self._picture(series.reshape(-1, *series.shape[2:]), draw)
            item["subframes"] = pictures.reshape(*series.shape[:2], *pictures.shape[1:])
        for name in self._made:
            item[name] = self._picture(self._reader.read(key, name, frames.tolist(), draw.box), draw)
        return item

    def draw(self, index: int) -> Draw:
        """Draw the place of window ``index``."""
        random = np.random.default_rng([self.seed, index])
        clip = self._clips[random.integers(len(self._clips))]
        last = clip.frame_count - self.frame_count
        starts = np.arange(last + 1) if clip.starts is None else clip.starts[clip.starts <= last]
        start = int(starts[random.integers(len(starts))])
        top = int(random.integers(clip.height - self.side_px + 1))
        left = int(random.integers(clip.width - self.side_px + 1))
        mirrored, turns = bool(random.integers(2)), int(random.integers(_QUARTER_TURNS))
        if not self.settings.flips_and_turns:
            mirrored, turns = False, 0
        return Draw(clip, start, Box(top, left, self.side_px, self.side_px), mirrored, turns)

    def in_uint8(self) -> "TrainingWindows":
        """Return the same windows with their pictures as uint8."""
        twin = copy.copy(self)
        twin.as_uint8 = True
        return twin

    def _picture(self, frames: NDArray[np.uint8], draw: Draw) -> Tensor:
        turned = np.rot90(frames[:, :, ::-1] if draw.mirrored else frames, draw.turns, axes=(1, 2))
        tensor = torch.from_numpy(np.ascontiguousarray(turned.transpose(0, 3, 1, 2)))  # (T, C, h, w)
        return tensor if self.as_uint8 else tensor.float().div_(255)

    def _fit_all(self) -> tuple[int, int]:
        """Choose numbers of frames and px that every clip has."""
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
            if self._with_subframes and clip.subframes != (self._clips[0].subframes or -1):
                raise FitError(
                    f"clip '{clip.key}' has {clip.subframes} sub-frames of each exposure, and each clip must have as "
                    f"many as the first ({self._clips[0].subframes}), at least 1: leave the clip out"
                )
            selected = self._selected[clip.key]
            if selected.shape != (clip.frame_count,):
                raise FitError(
                    f"clip '{clip.key}' has {clip.frame_count} frames, but its selection has {selected.shape}"
                )
            if self._with_sharp and not selected.any():
                raise FitError(f"clip '{clip.key}' has no selected frame to learn from: leave it out or label it again")


def nearest_selected(is_selected: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the selected frame nearest to each frame, ``J(i)`` of section 3.1, the earlier of two equally near ones.

    Args:
        is_selected: (T,) bool; at least one frame is selected.
    """
    selected = np.flatnonzero(is_selected)
    distance = np.abs(np.arange(len(is_selected))[:, None] - selected[None])  # (T, S)
    return np.asarray(selected[distance.argmin(axis=1)], np.int64)


def to_float(batch: Mapping[str, Any], device: torch.device | str = "cpu") -> dict[str, Any]:
    """Move a batch to a device and turn uint8 pictures into float32 in [0, 1] there; ``index`` is not moved."""
    moved: dict[str, Any] = {}
    for name, value in batch.items():
        moved[name] = value if name == "index" else value.to(device, non_blocking=True)
        if moved[name].dtype == torch.uint8:
            moved[name] = moved[name].float().div_(255)
    return moved


class WindowLoader:
    """A loader of batches of windows in order, which workers read ahead; see :func:`loader`."""

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

    Pictures travel as uint8 from the workers through pinned memory to the device, which takes a quarter of the bytes.

    Args:
        windows: windows to load.
        batch: number of windows in a batch of this process.
        workers: number of reading processes, at most one per core; 0 to read in this process.
        start: number of the first window; batches done x ``batch`` x ``processes`` continues a stopped run.
        device: device that the batches are moved to.
        rank: number of this process; each batch of all processes is cut into ``processes`` equal parts.
        processes: number of processes that train together.

    Returns:
        An iterable of batches; windows at the end that do not fill a batch for every process are left out.
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
        generator=torch.Generator().manual_seed(
            0
        ),  # nothing draws from it; without it the loader would draw from the global generator
    )
    return WindowLoader(batches, device)


class _Batches(Sampler[list[int]]):
    """The numbers of the windows, one list for each batch."""

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
    """Keep a worker to one thread, because the workers together fill the cores."""
    cv2.setNumThreads(0)
