"""Define what a source provides: scenes made of flat layers, each a picture at a depth."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Image, to_linear

SceneKind = Literal["planar", "parallax", "moving_object", "video"]
Mode = Literal["static", "dynamic"]
Split = Literal["train", "test"]
Matrix3 = NDArray[np.float64]
Times = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """A flat picture, parallel to the reference view's sensor.

    Args:
        texture: (H, W, 3) linear light, opaque, or (H, W, 4) with coverage last and colour multiplied by it; float32.
        K: 3x3 intrinsics of the texture: the pixel of the reference view's optical axis, and the focal length in
            texture pixels.
        inverse_depth_1_m: 1 / distance of the plane; 0: at infinity; None: unknown, the dataset draws one.
        relative_inverse_depth: where depth is known without a unit: 1 at the scene's median depth, to be multiplied by
            1 / the depth that the dataset draws; None: ``inverse_depth_1_m`` holds.
        offset_px: (x, y) by which the layer has moved within its plane, texture pixels.
        is_object: whether it is the moving object that the oracle's mask marks.
        sampling: ``cubic``, or ``linear`` for textures of about twice the frame's resolution (:func:`enlarge`), where
            it is as good and five times as fast.
    """

    texture: Image
    K: Matrix3
    inverse_depth_1_m: float | None = None
    offset_px: tuple[float, float] = (0.0, 0.0)
    is_object: bool = False
    sampling: Literal["cubic", "linear"] = "cubic"
    relative_inverse_depth: float | None = None

    @cached_property
    def bounds_px(self) -> tuple[int, int, int, int]:
        """The window (left, top, right, bottom) outside which nothing is, 2 px wider for sampling; all if opaque."""
        height, width = self.texture.shape[:2]
        if self.texture.shape[2] == 3:
            return 0, 0, width - 1, height - 1
        covered = self.texture[..., 3] > 0
        columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
        if not len(rows):
            return 0, 0, 0, 0
        return int(columns[0]) - 2, int(rows[0]) - 2, int(columns[-1]) + 2, int(rows[-1]) + 2


class Scene(Protocol):
    """A sharp world, seen from a reference view; picklable, so it loads its pictures when first asked."""

    @property
    def name(self) -> str:
        """The clip's name."""

    @property
    def split(self) -> str:
        """``train`` or ``test``."""

    @property
    def kind(self) -> SceneKind: ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of output frames, px."""

    @property
    def focal_px(self) -> float:
        """Focal length of output frames."""

    @property
    def duration_s(self) -> float | None:
        """The duration of the scene; None: as long as requested."""

    @property
    def licence(self) -> str: ...

    @property
    def provenance(self) -> str:
        """Where the pictures come from, in a sentence."""

    def layers(self, t_s: float) -> tuple[Layer, ...]:
        """Return the layers at a time, back to front; the first is opaque and wider than the frame."""

    def key_times(self, start_s: float, end_s: float) -> Times | None:
        """Return (K,) rising times that cover [start, end], between two of which :meth:`layers` blend linearly.

        One time: the world is held from start to end, as it is then. None: it must be asked at every sub-frame.
        """

    def own_flow(self, t_s: float) -> NDArray[np.float32] | None:
        """Return motion in the pictures themselves, (h, w, 2) output px per s, any resolution; None: layers have it."""


@runtime_checkable
class FilmedScene(Scene, Protocol):
    """A scene of frames taken at even times; frame i shows the time (i + 1/2) / fps."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    @property
    def frame_count(self) -> int:
        """The number of frames."""

    def picture(self, place: float) -> Image:
        """Return frame ``place``, or what lies between two frames: (H, W, 3) linear light, unwarped.

        It may be larger than :attr:`size`, which is cut from its middle.
        """


@dataclass(frozen=True)
class SourceOptions:
    """What a dataset requests from a source.

    Args:
        root: the source's folder; unused by ``sample``.
        size: width and height of output frames; None: the source's own less a margin.
        focal_per_width: focal length over width of output frames.
        fps: frame rate of a source made of frames, in place of what its videos or names state; None: theirs.
        mode: ``dynamic``: time passes within an exposure; ``static``: each exposure shows one source frame.
        names: the requested scenes, in this order; empty: all.
        interpolate: whether frames between fast-moving ones are interpolated along optical flow.
        response: the camera response of a source's 8-bit frames, as :func:`hvdbench.response.open_response` takes it.
        margin_share: the margin that video sources keep on each side of the frame for motion, as a share of its width.
        views: the number of scenes made of each photograph.
        split: the split of scenes whose source has none, which are those of photographs.
        test_names: further photographs, whose scenes are of the split ``test`` and share nothing with the others.
        whole_frames: whether video sources keep no margin at all, for a camera that stands still.
    """

    root: Path | None = None
    size: tuple[int, int] | None = None
    focal_per_width: float = 0.751
    fps: float | None = None
    mode: Mode = "dynamic"
    names: tuple[str, ...] = ()
    interpolate: bool = True
    response: str = "gamma2.2"
    margin_share: float = 0.05
    views: int = 1
    split: Split = "test"
    test_names: tuple[str, ...] = ()
    whole_frames: bool = False


def centred_K(focal_px: float, width: float, height: float) -> Matrix3:
    """Return intrinsics with the principal point in the middle of a picture (pixel centres at integers)."""
    return np.array([[focal_px, 0.0, 0.5 * (width - 1)], [0.0, focal_px, 0.5 * (height - 1)], [0.0, 0.0, 1.0]])


def shrink_linear(picture: NDArray[np.uint8], size: tuple[int, int]) -> Image:
    """Convert a uint8 RGB picture to linear light (gamma 2.2) and down to (width, height) by area averages."""
    light = to_linear(picture)
    if (picture.shape[1], picture.shape[0]) == size:
        return light
    return np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)


def enlarge(texture: Image, K: Matrix3) -> tuple[Image, Matrix3]:
    """Double a texture by Lanczos interpolation, so that it may be sampled linearly; an opaque one gets full coverage.

    Args:
        texture: (H, W, 3) or (H, W, 4).
        K: its intrinsics.

    Returns:
        (2H, 2W, 4) (OpenCV samples four channels faster than three) and the intrinsics that go with it.
    """
    if texture.shape[2] == 3:
        texture = np.dstack([texture, np.ones(texture.shape[:2], np.float32)])
    size = (2 * texture.shape[1], 2 * texture.shape[0])
    larger = np.clip(cv2.resize(texture, size, interpolation=cv2.INTER_LANCZOS4), 0.0, 1.0).astype(np.float32)
    larger[larger[..., 3] < 2e-3] = 0.0
    doubled = np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5], [0.0, 0.0, 1.0]]) @ K
    return larger, doubled
