"""Make scenes of photographs: flat ones, ones with depth that was made up, and ones with a moving thing.

This is the source of the datasets that networks are trained on before they see a user's clip. What it knows about
photographs stands in ``photographs.toml``; pictures of the user's own work too.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import FRAME_SUFFIXES, Image, read_frame, to_linear
from hvdbench.recipe import Settings, check
from hvdbench.sources.depth_planes import cut_planes
from hvdbench.sources.scene import Layer, SceneKind, SourceOptions, Split, Times, centred_K, enlarge
from hvdbench.workspace.names import kept_name
from hvdbench.workspace.parsing import read_toml

DEFAULT_SIZE = (320, 192)
_KINDS: tuple[SceneKind, ...] = ("planar", "parallax", "moving_object")
_WIDE = (1.5, 2.6)  # width of the photograph over the frame's: less leaves no room for a hand, more shows too little
_CRISP, _CRISP_SIGMA_PX = (0.0, 1.2), 0.8  # unsharp masking of the scene itself: area averages alone are soft
_MARGIN = 0.2  # of the frame on each side, which a hand needs to move in
_PLANES = 6
_NEAR, _FAR = 2.2, 0.6  # inverse depth over the scene's median, of what stands in front and of the background
_THING = (0.22, 0.45)  # width of a moving thing over the frame's
_PERIOD_S = (2.0, 6.0)  # of its round: about 1 to 6 px a frame at 320 px and 30 fps
_REACH = (0.1, 0.3)  # half axes of its round, of the frame's width


class Photograph(Settings):
    """What is known about one photograph."""

    file: str | None = None
    """Path below the source's folder."""
    url: str = ""
    """Where the file can be downloaded."""
    sha256: str = ""
    """Digest of the file."""
    loader: str | None = None
    """Function of ``skimage.data`` that returns the picture."""
    licence: str = "the owner's"
    """Licence of the picture."""
    source: str
    """Where the picture comes from."""


@cache
def known_photographs() -> Mapping[str, Photograph]:
    """Read the photographs that the source knows, by name."""
    path = Path(__file__).with_name("photographs.toml")
    tables = read_toml(path)
    return {name: check(f"{path.name}: [{name}]", table, Photograph) for name, table in tables.items()}


class PhotoSource:
    """Make ``views`` scenes of each photograph: by turns flat, with depth, and with a moving thing.

    ``clips`` names photographs of the list; without it every picture file below the root is used, or, without a root,
    those inside scikit-image's wheel. ``test_names`` are further photographs of the list; they lend and borrow nothing
    from the others. Place, enlargement, depth and movement are drawn from the scene's name alone.

    Raises:
        InputError: if a listed photograph is missing below the root, the file is another one, or a photograph is of
            both splits.
        UnknownNameError: if the list has no photograph of that name.
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        known, root = known_photographs(), options.root
        for name in (*options.names, *options.test_names):
            if name not in known:
                raise UnknownNameError(unknown("photograph", name, known))
        both = sorted(set(options.names or ()) & set(options.test_names))
        if both or (options.test_names and not options.names):
            twice = f"'{both[0]}' is in both" if both else "clips names none, so that all are to be trained on"
            raise InputError(f"photographs must be of one split, clips or test_clips, and {twice}: name each once")
        self._test_pool = tuple(_Pick(name, known[name], root) for name in options.test_names)
        _check_files(self._test_pool, root)
        if options.names:
            self._pool = tuple(_Pick(name, known[name], root) for name in options.names)
            _check_files(self._pool, root)
        elif root is not None:
            self._pool = _own_pictures(root)
        else:
            self._pool = tuple(_Pick(name, entry, None) for name, entry in known.items() if entry.loader)

    def scenes(self) -> list["PhotoScene"]:
        """List the scenes, all views of a photograph after one another."""
        size = self._options.size or DEFAULT_SIZE
        pools: list[tuple[Split, tuple[_Pick, ...]]] = [(self._options.split, self._pool), ("test", self._test_pool)]
        return [
            PhotoScene(f"{pick.name}_{view}", split, size, self._options.focal_per_width, place, view, pool)
            for split, pool in pools
            for place, pick in enumerate(pool)
            for view in range(self._options.views)
        ]


@dataclass(frozen=True)
class _Pick:
    """A photograph that was chosen, and the folder below which it lies."""

    name: str
    photograph: Photograph
    root: Path | None

    def load(self) -> NDArray[np.uint8]:
        """Read the picture, (H, W, 3) RGB."""
        if self.photograph.loader is not None:
            from skimage import data

            picture = np.asarray(getattr(data, self.photograph.loader)(), np.uint8)
            return np.repeat(picture[..., None], 3, axis=-1) if picture.ndim == 2 else picture[..., :3]
        assert self.root is not None
        return read_frame(self.root / str(self.photograph.file))


def _check_files(pool: Sequence[_Pick], root: Path | None) -> None:
    """Check that the files are there and are the listed ones."""
    for pick in pool:
        entry = pick.photograph
        if entry.file is None:
            continue
        if root is None or not (root / entry.file).is_file():
            where = "no folder was named" if root is None else f"{root / entry.file} does not exist"
            raise InputError(
                f"photograph '{pick.name}' is needed, and {where}: download {entry.url} as {entry.file} "
                "into a folder, and name the folder with --root or HVDBENCH_PHOTOS_ROOT"
            )
        found = hashlib.sha256((root / entry.file).read_bytes()).hexdigest()
        if found != entry.sha256:
            raise InputError(
                f"{root / entry.file} is not photograph '{pick.name}': its sha256 begins with {found[:12]}, that of "
                f"{entry.url} with {entry.sha256[:12]}"
            )


def _own_pictures(root: Path) -> tuple[_Pick, ...]:
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix.lower() in FRAME_SUFFIXES)
    base = root.parent if root.is_file() else root
    if not files:
        raise InputError(
            f"{root} contains no pictures ({', '.join(sorted(FRAME_SUFFIXES))}): name a folder with --root"
        )
    picks = []
    for file in files:
        place = file.relative_to(base)
        own = Photograph(file=str(place), source=f"picture '{place}'")
        picks.append(_Pick(kept_name("_".join(place.with_suffix("").parts)), own, base))
    return tuple(picks)


@dataclass(frozen=True)
class PhotoScene:
    """One view of a photograph.

    Args:
        name: ``<photograph>_<view>``.
        split: the recipe's.
        size: width and height of output frames.
        focal_per_width: focal length over width of output frames.
        place: the photograph's number in the pool.
        view: the number of the view.
        pool: all photographs, of which others lend things and foregrounds.
    """

    name: str
    split: Split
    size: tuple[int, int]
    focal_per_width: float
    place: int
    view: int
    pool: tuple[_Pick, ...] = field(repr=False)

    duration_s = None

    @property
    def kind(self) -> SceneKind:
        return _KINDS[(self.place + self.view) % len(_KINDS)]

    @property
    def focal_px(self) -> float:
        return self.focal_per_width * self.size[0]

    @property
    def licence(self) -> str:
        return "; ".join(dict.fromkeys(pick.photograph.licence for pick in self._used))

    @property
    def provenance(self) -> str:
        return "; in front of it a part of ".join(pick.photograph.source for pick in self._used)

    def key_times(self, start_s: float, end_s: float) -> Times | None:
        """Return one time, the middle, for a scene that rests; None for the moving thing."""
        return None if self.kind == "moving_object" else np.array([0.5 * (start_s + end_s)])

    def own_flow(self, t_s: float) -> NDArray[np.float32] | None:
        """Return None, since all motion is in the layers."""
        return None

    def layers(self, t_s: float) -> tuple[Layer, ...]:
        """Return the layers at a time, back to front; built when first asked."""
        built: tuple[tuple[Layer, ...], _Round] | None = self.__dict__.get("_built")
        if built is None:
            built = self._build()
            object.__setattr__(self, "_built", built)
        layers, turn = built
        if self.kind != "moving_object":
            return layers
        thing = layers[-1]
        return (*layers[:-1], replace(thing, offset_px=turn.at(t_s, float(thing.K[0, 0]) / self.focal_per_width)))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_built"}

    @property
    def _used(self) -> tuple[_Pick, ...]:
        """The photograph, and the one that lends what stands or moves in front of it."""
        own = self.pool[self.place]
        if self.kind == "planar":
            return (own,)
        return (own, self.pool[(self.place + 1 + self.view) % len(self.pool)])

    def _build(self) -> tuple[tuple[Layer, ...], "_Round"]:
        random = np.random.default_rng(
            np.frombuffer(hashlib.sha256(f"photos/{self.name}".encode()).digest(), np.dtype("<u4"))
        )
        ground = self._ground(self._used[0].load(), random)
        width, height = ground.shape[1], ground.shape[0]
        K = centred_K(self.focal_px, width, height)
        K[:2, 2] += [self._aside(width, self.size[0], random), self._aside(height, self.size[1], random)]
        turn = _Round.draw(random)
        if self.kind == "planar":
            return (_fine(ground, Layer(ground, K)),), turn
        other = self._ground(self._used[1].load(), random)
        if self.kind == "parallax":
            depth = _made_up_depth((height, width), random)
            front = depth > 0.5 * (_NEAR + _FAR)
            lent = cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA)
            light = np.where(front[..., None], lent, ground).astype(np.float32)
            planes = cut_planes(light, depth, _PLANES)
            return tuple(
                _fine(texture, Layer(texture, K, relative_inverse_depth=inverse)) for texture, inverse in planes
            ), turn
        thing = _cut_thing(other, round(random.uniform(*_THING) * self.size[0]), random)
        thing_K = centred_K(self.focal_px, thing.shape[1], thing.shape[0])
        return (
            _fine(ground, Layer(ground, K)),
            _fine(thing, Layer(thing, thing_K, is_object=True)),
        ), turn

    @staticmethod
    def _aside(texture_px: int, frame_px: int, random: np.random.Generator) -> float:
        """Draw how far from the middle of the texture the camera looks, px, so that room is left for a hand."""
        room = max(0.0, 0.5 * (texture_px - (1 + 2 * _MARGIN) * frame_px))
        return float(random.uniform(-room, room))

    def _ground(self, picture: NDArray[np.uint8], random: np.random.Generator) -> Image:
        """Cut the part that the camera looks at, in linear light at the frame's scale, wider than the frame."""
        wide = random.uniform(*_WIDE)
        height, width = picture.shape[:2]
        scale = max(wide * self.size[0] / width, (wide - 0.2) * self.size[1] / height)
        size = round(scale * width), round(scale * height)
        light = to_linear(picture)
        light = np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))
        soft = cv2.GaussianBlur(light, (0, 0), _CRISP_SIGMA_PX)
        return np.asarray(np.clip(light + random.uniform(*_CRISP) * (light - soft), 0, 1), np.float32)


@dataclass(frozen=True)
class _Round:
    """An ellipse on which a thing moves."""

    reach: tuple[float, float]
    period_s: float
    start: float

    @classmethod
    def draw(cls, random: np.random.Generator) -> "_Round":
        wide, high = random.uniform(*_REACH), 0.6 * random.uniform(*_REACH)
        period, start = random.uniform(*_PERIOD_S), random.uniform(0, 2 * np.pi)
        return cls((float(wide), float(high)), float(period) * (-1.0 if random.random() < 0.5 else 1.0), float(start))

    def at(self, t_s: float, width_px: float) -> tuple[float, float]:
        """Return the place at a time, (x, y) in px of a texture on which the frame is ``width_px`` wide."""
        angle = self.start + 2.0 * np.pi * t_s / self.period_s
        return float(self.reach[0] * width_px * np.cos(angle)), float(self.reach[1] * width_px * np.sin(angle))


def _made_up_depth(size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """Return inverse depth over the scene's median, (H, W): a slope, with one or two smooth things in front."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    tilt_x, tilt_y = random.uniform(-0.3, 0.3), random.uniform(0.0, 0.7)
    depth = 1.0 + tilt_x * (x / width - 0.5) + tilt_y * (y / height - 0.5)
    depth = np.clip(depth, _FAR, 1.3).astype(np.float32)
    for _ in range(int(random.integers(1, 3))):
        middle = random.uniform(0.3, 0.7) * width, random.uniform(0.35, 0.65) * height
        inside = _blob((height, width), middle, random.uniform(0.12, 0.22) * width, random)
        depth[inside > 0.5] = random.uniform(1.7, _NEAR)
    return np.asarray(depth, np.float32)


def _blob(
    size: tuple[int, int], middle: tuple[float, float], radius: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Draw a smooth, irregular thing: 1 inside, 0 outside, its radius wavering by up to a third; (H, W)."""
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    wave = np.ones_like(angles)
    for harmonic in range(1, 6):
        wave += random.uniform(-0.3, 0.3) / harmonic * np.cos(harmonic * angles + random.uniform(0, 2 * np.pi))
    squeeze = random.uniform(0.6, 1.0)
    points = np.stack([np.cos(angles), squeeze * np.sin(angles)], axis=1) * (radius * wave)[:, None] + middle
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.round(16 * points).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return np.asarray(mask.astype(np.float32) / 255.0, np.float32)


def _cut_thing(light: Image, width: int, random: np.random.Generator) -> Image:
    """Cut an irregular piece about ``width`` px wide out of a picture: (h, w, 4), colour multiplied by coverage."""
    side = min(round(1.4 * width), light.shape[0] - 1, light.shape[1] - 1)
    top = int(random.integers(0, light.shape[0] - side))
    left = int(random.integers(0, light.shape[1] - side))
    alpha = _blob((side, side), (0.5 * side, 0.5 * side), min(0.5 * width, 0.33 * side), random)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.7), np.float32)
    alpha[alpha < 1e-3] = 0.0
    piece = light[top : top + side, left : left + side]
    return np.dstack([piece * alpha[..., None], alpha]).astype(np.float32)


def _fine(texture: Image, layer: Layer) -> Layer:
    larger, K = enlarge(texture, layer.K)
    return replace(layer, texture=larger, K=K, sampling="linear")
