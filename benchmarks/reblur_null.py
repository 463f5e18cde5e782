"""Where the thresholds of the re-blur gate come from: its statistic on blur whose path is known.

Crops of photographs are blurred along an even path, or one bent into an arc, in linear light; the sharp frames and the
flow that the gate sees get errors like those of a real clip. The even paths give the statistic's distribution where
the gate should open (how often a threshold closes it by mistake), the bent ones the arc at which correcting along the
flow begins to harm, and what the statistic is there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from hvdbench.flow import Flow, warp
from hvdbench.frames import Image
from hvdbench.methods.blur.exposure_model import CLIP_GAIN, FRAME_GAIN
from hvdbench.methods.blur.path import free_path_gain
from hvdbench.methods.blur.reblur import correct
from hvdbench.metrics.fidelity import psnr
from hvdbench.synth.development.codec import CodecSettings
from hvdbench.synth.development.recompress import recompress

SIZE, MARGIN = (160, 120), 24
SHARE = 0.8
SAMPLES = 33
CLIPS, FRAMES = 4, 4
LENGTHS_PX = (3.0, 6.0, 10.0)
BENT_LENGTHS_PX = (3.0, 6.0)
ARCS_PX = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0)
_GAMMA = 2.2


@dataclass(frozen=True)
class Errors:
    """What a real clip has besides its blur.

    Attributes:
        noise: standard deviation in blurry and sharp frames, 8-bit levels.
        is_light: averaged in linear light; the re-blur averages display values.
        share_error: the exposure share is off by up to this, either way.
        flow_px: rms error of flow, of a sharp frame's as of the motion, smooth over some 10 px.
        own_px: how far a sharp frame's own exposure travels.
        crf: of H.264; 0: none.
    """

    noise: float = 1.0
    is_light: bool = False
    share_error: float = 0.0
    flow_px: float = 0.0
    own_px: float = 0.0
    crf: int = 0


_USUAL = Errors(is_light=True, share_error=0.05, flow_px=0.3, own_px=1.5)
LADDER: Mapping[str, Errors] = {
    "noise of 1 level alone": Errors(),
    "and linear light": Errors(is_light=True),
    "and share off by 0.05": Errors(is_light=True, share_error=0.05),
    "and flow off by 0.15 px": Errors(is_light=True, share_error=0.05, flow_px=0.15),
    "and flow off by 0.3 px": Errors(is_light=True, share_error=0.05, flow_px=0.3),
    "and sharp frames of 1.5 px of blur: usual": _USUAL,
    "usual, flow off by 0.6 px": replace(_USUAL, flow_px=0.6),
    "usual, noise of 5 levels": replace(_USUAL, noise=5.0),
    "usual, H.264 crf 30": replace(_USUAL, crf=30),
}
BENT: Mapping[str, Errors] = {
    "usual": _USUAL,
    "flow off by 0.6 px": replace(_USUAL, flow_px=0.6),
    "noise of 5 levels": replace(_USUAL, noise=5.0),
}


def derive(clips: int = CLIPS, frames: int = FRAMES, seed: int = 0) -> dict[str, Any]:
    """Simulate; give the statistic of even paths by kind of error, and of bent ones by arc and length."""
    even = {}
    for name, errors in LADDER.items():
        draws = _draws(errors, LENGTHS_PX, 0.0, clips, frames, seed)
        even[name] = _distribution(draws)
    bent = []
    for name, errors in BENT.items():
        for length in BENT_LENGTHS_PX:
            cells = {arc: _draws(errors, (length,), arc, clips, frames, seed) for arc in ARCS_PX}
            bent.append({"errors": name, "length_px": length} | _break_even(cells))
    return {"even": even, "bent": bent, "clips": clips, "frames": frames}


def _distribution(draws: NDArray[np.float64]) -> dict[str, float]:
    """Sum up (C, F, 2) gains and changes."""
    gain, medians = draws[..., 0].ravel(), np.median(draws[..., 0], axis=1)
    found = {f"gain_p{q}": float(np.percentile(gain, q)) for q in (5, 50)}
    found |= {"clip_least": float(medians.min()), "clip_p50": float(np.median(medians))}
    found["closed_frames"] = float((gain < FRAME_GAIN).mean())
    found["closed_clips"] = float((medians < CLIP_GAIN).mean())
    found["change_db"] = float(draws[..., 1].mean())
    return {key: round(value, 4) for key, value in found.items()}


def _break_even(cells: Mapping[float, NDArray[np.float64]]) -> dict[str, Any]:
    gains = [float(np.median(d[..., 0])) for d in cells.values()]
    changes = [float(d[..., 1].mean()) for d in cells.values()]
    opened = [float((np.median(d[..., 0], axis=1) >= CLIP_GAIN).mean()) for d in cells.values()]
    arc = crossing(list(cells), changes)
    at = None if arc is None else round(float(np.interp(arc, list(cells), gains)), 3)
    return {
        "gain": [round(v, 3) for v in gains],
        "change_db": [round(v, 2) for v in changes],
        "open_clips": [round(v, 2) for v in opened],
        "break_even_arc_px": None if arc is None else round(arc, 2),
        "break_even_gain": at,
    }


def crossing(places: Sequence[float], values: Sequence[float]) -> float | None:
    """Return where values, linear between places, first fall below 0; None: they begin there, or never do."""
    for k in range(1, len(places)):
        if values[k - 1] >= 0 > values[k]:
            return float(places[k - 1] + (places[k] - places[k - 1]) * values[k - 1] / (values[k - 1] - values[k]))
    return None


def _draws(
    errors: Errors, lengths: Sequence[float], arc_px: float, clips: int, frames: int, seed: int
) -> NDArray[np.float64]:
    """Draw (clips * lengths, frames, 2) gains and changes by correction, dB."""
    rows = []
    for length in lengths:
        for number in range(clips):
            random = np.random.default_rng([seed, number, int(10 * length)])
            picture = _crop(number, random)
            angle, off = random.uniform(0, 2 * np.pi), random.uniform(-1, 1)
            share = SHARE + off * errors.share_error
            rows.append([frame(picture, length, arc_px, angle, share, errors, random) for _ in range(frames)])
    return np.array(rows)


def frame(
    picture: Image,
    length_px: float,
    arc_px: float,
    angle: float,
    share: float,
    errors: Errors,
    random: np.random.Generator,
) -> tuple[float, float]:
    """Simulate a frame: its gain, and what correction does to the average of two warped sharp frames, dB.

    Args:
        picture: gray display values with a margin, (H + 2 m, W + 2 m) in [0, 255].
        length_px: of the path.
        arc_px: how far its middle lies off its ends, across.
        angle: of its direction.
        share: the exposure share that the gate believes; the true one is 0.8.
        errors: besides the blur.
        random: the only source of chance.
    """
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    times = np.linspace(-0.5, 0.5, SAMPLES)
    path = length_px * times[:, None] * along + 4 * arc_px * (times**2 - np.mean(times**2))[:, None] * across
    truth = _inner(picture)
    blurry = _stored(_exposed(picture, path, errors.is_light), errors, random)
    own = errors.own_px * times[::8, None] * across
    sharp = [_sharp(picture, own, errors, random) for _ in range(2)]
    motion = np.asarray(length_px / SHARE * along + _field(errors.flow_px, random, truth.shape), np.float32)
    gain = free_path_gain(sharp[0], blurry, np.ones_like(truth), motion, share)
    start = np.asarray(np.mean(sharp, axis=0), np.float32)[..., None].repeat(3, axis=-1)
    after = correct(start, blurry[..., None].repeat(3, axis=-1), motion, share)
    before_db, after_db = (psnr(_frame(p), _frame(truth[..., None].repeat(3, axis=-1))) for p in (start, after))
    return gain, after_db - before_db


def _crop(number: int, random: np.random.Generator) -> Image:
    photographs: tuple[Callable[[], Any], ...] = (data.astronaut, data.coffee, data.rocket, data.chelsea)
    gray = cv2.cvtColor(np.asarray(photographs[number % 4](), np.uint8), cv2.COLOR_RGB2GRAY)
    scale = max((SIZE[0] + 2 * MARGIN) / gray.shape[1], (SIZE[1] + 2 * MARGIN) / gray.shape[0], 0.5)
    small = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    height, width = SIZE[1] + 2 * MARGIN, SIZE[0] + 2 * MARGIN
    top = int(random.integers(small.shape[0] - height + 1))
    left = int(random.integers(small.shape[1] - width + 1))
    return np.ascontiguousarray(small[top : top + height, left : left + width])


def _inner(picture: Image) -> Image:
    return picture[MARGIN:-MARGIN, MARGIN:-MARGIN]


def _exposed(picture: Image, path: NDArray[np.float64], is_light: bool) -> Image:
    """Average a picture moved along a path (M, 2) px, and cut the margin off."""
    source = np.asarray((picture / 255) ** _GAMMA if is_light else picture, np.float32)
    total = np.zeros_like(source)
    for x, y in path:
        move = np.array([[1, 0, x], [0, 1, y]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (picture.shape[1], picture.shape[0])
        total += cv2.warpAffine(source, move, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    mean = np.maximum(_inner(total) / np.float32(len(path)), 0)
    return np.asarray(255 * mean ** (1 / _GAMMA) if is_light else mean, np.float32)


def _sharp(picture: Image, own: NDArray[np.float64], errors: Errors, random: np.random.Generator) -> Image:
    """Return a sharp frame as flow with an error lays it onto the blurry one."""
    stored = _stored(_exposed(picture, own, errors.is_light), errors, random)
    return warp(stored, _field(errors.flow_px, random, stored.shape)) if errors.flow_px else stored


def _stored(picture: Image, errors: Errors, random: np.random.Generator) -> Image:
    noisy = np.clip(picture + random.normal(0, errors.noise, picture.shape), 0, 255)
    frame_8bit = np.asarray(np.rint(noisy), np.uint8)
    if errors.crf:
        rgb = np.ascontiguousarray(frame_8bit[..., None].repeat(3, axis=-1))
        (coded,) = recompress([rgb], CodecSettings(), fps=20, crf=errors.crf)
        frame_8bit = coded[..., 1]
    return np.asarray(frame_8bit, np.float32)


def _field(rms_px: float, random: np.random.Generator, shape: tuple[int, ...]) -> Flow:
    """Draw a smooth field of flow errors, each component of rms ``rms_px`` / sqrt 2."""
    noise = random.standard_normal((*shape[:2], 2)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 10.0)
    return np.asarray(smooth * (rms_px / np.sqrt(2) / smooth.std()), np.float32)


def _frame(picture: Image) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(picture, 0, 255)), np.uint8)
