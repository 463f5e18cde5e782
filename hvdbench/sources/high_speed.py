"""A scene made of high-speed frames: a flat picture that changes with time."""

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.flow import flow_dis
from hvdbench.frames import Image, list_frames, read_frame, to_gray
from hvdbench.sources.scene import Layer, Mode, SourceOptions, centred_K, shrink_linear

MARGIN_SHARE = 0.05  # of the frame's width on each side: 64 px at 1280
CACHED_FRAMES = 12
FLOW_WIDTH_PX = 320


@dataclass(frozen=True)
class VideoScene:
    """Frames of one clip, read when asked and kept a few at a time.

    Args:
        name, split, licence, provenance: as of a :class:`~hvdbench.sources.scene.Scene`.
        files: the frames in order.
        fps: their rate.
        size: width and height of output frames, smaller than the source's by the margin.
        focal_per_width: focal length over width of output frames.
        mode: ``dynamic`` blends the two frames beside an instant; ``static`` gives the nearest one, and an exposure
            holds it.
    """

    name: str
    split: str
    files: tuple[Path, ...] = field(repr=False)
    fps: float
    size: tuple[int, int]
    texture_size: tuple[int, int]
    focal_per_width: float
    mode: Mode
    licence: str
    provenance: str

    kind = "video"

    @property
    def focal_px(self) -> float:
        return self.focal_per_width * self.size[0]

    @property
    def duration_s(self) -> float:
        return len(self.files) / self.fps

    @property
    def is_held(self) -> bool:
        return self.mode == "static"

    def layers(self, t_s: float) -> tuple[Layer, ...]:
        """Give the frame at a time; frame i stands for (i + 1/2) / fps."""
        place = float(np.clip(t_s * self.fps - 0.5, 0.0, len(self.files) - 1.0))
        if self.mode == "static":
            texture = self._frame(round(place))
        else:
            before = int(np.floor(place))
            share = np.float32(place - before)
            texture = self._frame(before)
            if share > 0:
                texture = (1 - share) * texture + share * self._frame(before + 1)
        K = centred_K(self.focal_px, *self.texture_size)
        return (Layer(texture, K),)

    def own_flow(self, t_s: float) -> NDArray[np.float32] | None:
        """Measure the motion in the frames themselves by DIS flow, (h, w, 2) output px per s; None where held."""
        if self.is_held or len(self.files) < 2:
            return None
        first = int(np.clip(t_s * self.fps - 1.0, 0, len(self.files) - 2))
        width = min(FLOW_WIDTH_PX, self.texture_size[0])
        height = round(width * self.texture_size[1] / self.texture_size[0])
        grays = [
            np.asarray(
                cv2.resize(to_gray(read_frame(self.files[i])), (width, height), interpolation=cv2.INTER_AREA), np.uint8
            )
            for i in (first, first + 1)
        ]
        flow = flow_dis(grays[0], grays[1]) * np.float32(self.fps * self.texture_size[0] / width)
        left = round(width * 0.5 * (1.0 - self.size[0] / self.texture_size[0]))
        top = round(height * 0.5 * (1.0 - self.size[1] / self.texture_size[1]))
        return np.ascontiguousarray(flow[top : height - top, left : width - left])

    def _frame(self, index: int) -> Image:
        cache: OrderedDict[int, Image] = self.__dict__.setdefault("_cache", OrderedDict())
        if index in cache:
            cache.move_to_end(index)
            return cache[index]
        cache[index] = shrink_linear(read_frame(self.files[index]), self.texture_size)
        if len(cache) > CACHED_FRAMES:
            cache.popitem(last=False)
        return cache[index]

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_cache"}


def open_video_scene(
    folder: Path,
    files: list[Path],
    options: SourceOptions,
    *,
    name: str,
    split: str,
    fps: float,
    licence: str,
    source: str,
) -> VideoScene:
    """Describe a clip's frames as a scene; only its first frame is read.

    Raises:
        InputError: the first frame cannot be read, or frames are smaller than the output with its margin.
    """
    height, width = read_frame(files[0]).shape[:2]
    if options.size is None:
        margin = round(MARGIN_SHARE * width)
        size = ((width - 2 * margin) // 8 * 8, (height - 2 * margin) // 8 * 8)
        scale = 1.0
    else:
        size = options.size
        border = 2.0 * MARGIN_SHARE * size[0]
        scale = max((size[0] + border) / width, (size[1] + border) / height)
    if scale > 1.0 or min(size) < 16:
        raise InputError(
            f"{folder}: frames are {width}x{height}, too small for {size[0]}x{size[1]} with a margin of "
            f"{MARGIN_SHARE:.0%} a side: set a smaller size"
        )
    texture_size = (round(width * scale), round(height * scale))
    return VideoScene(
        name=name,
        split=split,
        files=tuple(files),
        fps=fps,
        size=size,
        texture_size=texture_size,
        focal_per_width=options.focal_per_width,
        mode=options.mode,
        licence=licence,
        provenance=source,
    )


def clip_folders(root: Path) -> list[tuple[Path, list[Path]]]:
    """List the folders directly below ``root`` that hold two frames or more, with their frames."""
    found = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        files = list_frames(folder)
        if len(files) >= 2:
            found.append((folder, files))
    return found
