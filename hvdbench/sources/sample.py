"""Make scenes of the photographs inside scikit-image's wheel, so that nothing is downloaded."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.catalog import unknown
from hvdbench.errors import UnknownNameError
from hvdbench.frames import Image, to_linear
from hvdbench.sources.depth_planes import cut_planes, fill_disparity
from hvdbench.sources.scene import Layer, Matrix3, SceneKind, SourceOptions, Times, enlarge, shrink_linear

DEFAULT_SIZE = (320, 192)
PLANES = 8
# Middlebury 2014 "Motorcycle" at a quarter of its size (scikit-image's docstring of ``stereo_motorcycle``).
MOTORCYCLE_FOCAL_PX, MOTORCYCLE_BASELINE_M, MOTORCYCLE_OFFSET_PX = 994.978, 0.193001, 31.086
MOTORCYCLE_SCALE = 0.5  # distances halved (1.1-2.5 m), so that a hand's sway shows parallax
CUP_WIDTH = 0.30  # of the frame
CUP_REACH = (0.27, 0.135)  # half axes of its round, of the frame's width
CUP_PERIOD_S = 3.3  # 2.6 to 5.2 px per frame at 320 px and 30 fps
GROUND_TINT = (1.0, 0.84, 0.66)
GROUND_CONTRAST = 0.95

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Material:
    kind: SceneKind
    pixels: tuple[int, int]  # width and height of the photograph
    wide: float  # texture width over frame width
    centre: tuple[float, float]  # where the camera looks, as shares of the photograph
    licence: str
    provenance: str
    split: Literal["train", "test"] = "test"


_PHOTOGRAPHS: Mapping[str, _Material] = {
    "coffee": _Material(
        "planar", (600, 400), 1.70, (0.50, 0.50), "CC0-1.0", "'coffee' by Rachel Michetti, as packed in scikit-image"
    ),
    "astronaut": _Material(
        "planar", (512, 512), 1.50, (0.50, 0.30), "public domain", "'astronaut' by NASA, as packed in scikit-image"
    ),
    "motorcycle": _Material(
        "parallax",
        (741, 500),
        1.65,
        (0.52, 0.56),
        "Middlebury 2014 stereo data set, for research; cite Scharstein et al., GCPR 2014",
        "'stereo_motorcycle' (left) with its true disparities, as packed in scikit-image, distances halved",
    ),
    "cup": _Material(
        "moving_object",
        (512, 512),
        2.00,
        (0.50, 0.50),
        "CC0-1.0",
        "cut-out of 'coffee' (Rachel Michetti) moving over a tinted 'gravel' (CC0Textures), as packed in scikit-image",
    ),
    "chelsea": _Material(
        "planar",
        (451, 300),
        1.40,
        (0.50, 0.50),
        "CC0-1.0",
        "'chelsea' by Stefan van der Walt, as packed in scikit-image",
        split="train",
    ),
    "rocket": _Material(
        "planar",
        (640, 427),
        1.90,
        (0.50, 0.45),
        "public domain",
        "'rocket' by SpaceX, as packed in scikit-image",
        split="train",
    ),
}


class SampleSource:
    """Six scenes from scikit-image's photographs.

    Four are ``test``: two flat, one with depth, one with a moving object. Two flat ones are ``train``, so that a
    network can be trained with truth if there is no other data.

    Raises:
        UnknownNameError: if a requested scene is not among them.
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        for name in options.names:
            if name not in _PHOTOGRAPHS:
                raise UnknownNameError(unknown("sample scene", name, _PHOTOGRAPHS))

    def scenes(self) -> list["SampleScene"]:
        """List the requested scenes, all of them by default; a warning says how much their photographs are enlarged."""
        size = self._options.size or DEFAULT_SIZE
        scenes = [
            SampleScene(name, size, self._options.focal_per_width) for name in self._options.names or _PHOTOGRAPHS
        ]
        if size[0] > DEFAULT_SIZE[0] or size[1] > DEFAULT_SIZE[1]:
            _warn_if_enlarged(scenes)
        return scenes


@dataclass(frozen=True)
class SampleScene:
    """One scene from a photograph; the texture is wider than the frame, so that shake shows no border."""

    name: str
    size: tuple[int, int]
    focal_per_width: float

    duration_s = None

    @property
    def split(self) -> Literal["train", "test"]:
        return _PHOTOGRAPHS[self.name].split

    @property
    def kind(self) -> SceneKind:
        return _PHOTOGRAPHS[self.name].kind

    @property
    def focal_px(self) -> float:
        return self.focal_per_width * self.size[0]

    @property
    def licence(self) -> str:
        return _PHOTOGRAPHS[self.name].licence

    @property
    def provenance(self) -> str:
        return _PHOTOGRAPHS[self.name].provenance

    def key_times(self, start_s: float, end_s: float) -> Times | None:
        """Return one time, the middle, for a scene that rests; None for the moving thing."""
        return None if self.kind == "moving_object" else np.array([0.5 * (start_s + end_s)])

    def own_flow(self, t_s: float) -> NDArray[np.float32] | None:
        """Return None, since all motion is in the layers."""
        return None

    def layers(self, t_s: float) -> tuple[Layer, ...]:
        """Return the layers at a time, back to front; built when first asked."""
        layers = self._built()
        if self.kind != "moving_object":
            return layers
        ground, thing = layers
        return (ground, replace(thing, offset_px=self._round(t_s, thing.K[0, 0] / self.focal_px)))

    def _round(self, t_s: float, scale: float) -> tuple[float, float]:
        """Move on an ellipse about the frame's centre, texture px (``scale`` of them to a frame px)."""
        angle = 2.0 * np.pi * t_s / CUP_PERIOD_S
        width = scale * self.size[0]
        return float(CUP_REACH[0] * width * np.cos(angle)), float(CUP_REACH[1] * width * np.sin(angle))

    def _built(self) -> tuple[Layer, ...]:
        built = self.__dict__.get("_layers")
        if built is None:
            built = _BUILDERS[self.name](self)
            object.__setattr__(self, "_layers", built)
        layers: tuple[Layer, ...] = built
        return layers

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_layers"}

    @property
    def spread_px(self) -> float:
        """The width of the photograph across the view, px of the frame."""
        photograph = _PHOTOGRAPHS[self.name]
        width, height = photograph.pixels
        return max(photograph.wide * self.size[0], (photograph.wide - 0.2) * self.size[1] / (height / width))

    @property
    def enlargement(self) -> float:
        """The number of px of the frame that one pixel of the photograph covers, side by side."""
        return self.spread_px / _PHOTOGRAPHS[self.name].pixels[0]

    def texture_size(self) -> tuple[tuple[int, int], Matrix3]:
        """Return width and height of the texture, never more than the photograph's, and its 3x3 intrinsics."""
        photograph = _PHOTOGRAPHS[self.name]
        width, height = photograph.pixels
        texture_width = min(width, round(self.spread_px))
        texture_height = round(texture_width * (height / width))
        focal = self.focal_px * texture_width / self.spread_px
        x, y = photograph.centre
        K = np.array([[focal, 0.0, x * (texture_width - 1)], [0.0, focal, y * (texture_height - 1)], [0.0, 0.0, 1.0]])
        return (texture_width, texture_height), K


def _warn_if_enlarged(scenes: Sequence[SampleScene]) -> None:
    """Warn of scenes whose photograph has fewer pixels than the frame shows of it: even their sharp frames are soft."""
    enlarged = [f"{scene.name} {scene.enlargement:.1f} times" for scene in scenes if scene.enlargement > 1.0]
    if enlarged:
        width, height = scenes[0].size
        _LOG.warning(
            "frames of %dx%d enlarge the embedded photographs (%s), so that even sharp frames look soft: set a smaller "
            "size, or name a source with more pixels",
            *(width, height, ", ".join(enlarged)),
        )


def _load(name: str) -> Any:
    from skimage import data

    loader: Callable[[], Any] = getattr(data, name)
    return loader()


def _photograph(name: str) -> NDArray[np.uint8]:
    return np.asarray(_load(name), np.uint8)


def _flat(scene: SampleScene) -> tuple[Layer, ...]:
    picture = _photograph(scene.name)
    size, K = scene.texture_size()
    return (_fine(shrink_linear(picture, size), K),)


def _motorcycle(scene: SampleScene) -> tuple[Layer, ...]:
    picture, _, disparity = _load("stereo_motorcycle")
    size, K = scene.texture_size()
    depth_m = MOTORCYCLE_FOCAL_PX * MOTORCYCLE_BASELINE_M / (fill_disparity(disparity) + MOTORCYCLE_OFFSET_PX)
    planes = cut_planes(to_linear(picture), (1.0 / (MOTORCYCLE_SCALE * depth_m)).astype(np.float32), PLANES)
    shrunk = [(_shrink(texture, size), inverse_depth) for texture, inverse_depth in planes]
    return tuple(replace(_fine(texture, K), inverse_depth_1_m=inverse_depth) for texture, inverse_depth in shrunk)


def _cup(scene: SampleScene) -> tuple[Layer, ...]:
    stones = to_linear(_photograph("gravel"))
    size, K = scene.texture_size()
    calmer = stones.mean() + GROUND_CONTRAST * (stones - stones.mean())
    tinted = np.clip(calmer[..., None] * np.array(GROUND_TINT, np.float32), 0.0, 1.0)
    ground = _shrink(tinted.astype(np.float32), size)
    cutout = _cut_out_cup(to_linear(_photograph("coffee")))
    width = round(CUP_WIDTH * scene.size[0] * K[0, 0] / scene.focal_px)
    height = round(width * cutout.shape[0] / cutout.shape[1])
    cup = _shrink(cutout, (width, height))
    cup_K = K.copy()
    cup_K[:2, 2] = 0.5 * (width - 1), 0.5 * (height - 1)
    return (_fine(ground, K), replace(_fine(cup, cup_K), is_object=True))


def _shrink(texture: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.float32)


def _fine(texture: Image, K: Matrix3) -> Layer:
    larger, larger_K = enlarge(texture, K)
    return Layer(larger, larger_K, sampling="linear")


def _cut_out_cup(light: Image) -> Image:
    """Cut the cup on its saucer out of 'coffee': (H, W, 4) with a soft edge and a clear border."""
    mask = np.zeros(light.shape[:2], np.uint8)
    for centre, axes, angle in (((278, 232), (198, 150), 8), ((291, 118), (115, 96), 4), ((280, 170), (106, 90), 0)):
        cv2.ellipse(mask, centre, axes, angle, 0, 360, 255, -1, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)).astype(np.float32) / 255.0, (0, 0), 2.5)
    alpha[alpha < 1e-3] = 0.0
    rgba = np.dstack([light * alpha[..., None], alpha])[:, 60:500]
    return np.pad(rgba, ((20, 20), (0, 0), (0, 0))).astype(np.float32)


_BUILDERS: Mapping[str, Callable[[SampleScene], tuple[Layer, ...]]] = {
    "coffee": _flat,
    "astronaut": _flat,
    "motorcycle": _motorcycle,
    "cup": _cup,
    "chelsea": _flat,
    "rocket": _flat,
}
