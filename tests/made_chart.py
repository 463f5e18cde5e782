"""Colour charts as films, and what each patch must be read as: the equations of ITU-T H.273 and BT.2100 in float64.

Nothing here is taken from the package: the tests compare two derivations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Real = NDArray[np.float64]
PATCH_PX, COLUMNS, ROWS = 16, 6, 5
LIMITED, FULL = 1, 2
SDR, LINEAR, PQ, HLG = 1, 8, 16, 18
WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}
WEIGHTS |= {
    2: (0.299, 0.114),
    11: (0.299, 0.114),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
    12: (0.2126, 0.0722),
    13: (0.2126, 0.0722),
}
"""Kr and Kb of each matrix; of those that follow from the primaries BT.709's, of what is unstated BT.601's."""


@dataclass(frozen=True)
class Chart:
    """How a chart is stored: code points of H.273, and a pixel format."""

    matrix: int = 1
    color_range: int = LIMITED
    depth: int = 8
    transfer: int = SDR
    primaries: int = 1
    layout: str = "444"  # of chroma; "gray", or "rgb" for a format of R, G and B
    codec: str = "ffv1"
    suffix: str = ".mkv"

    def __str__(self) -> str:
        stated = f"matrix{self.matrix}-range{self.color_range}-{self.depth}bit-transfer{self.transfer}"
        return f"{self.codec}-{stated}-primaries{self.primaries}-{self.layout}"

    @property
    def pixel_format(self) -> str:
        deep = "" if self.depth == 8 else f"{self.depth}le"
        if self.layout == "gray":
            return f"gray{deep}"
        if self.layout == "rgb":
            return f"gbrp{deep}" if deep else "rgb24"
        return f"yuv{self.layout}p{deep}"


def colours() -> Real:
    """Return R'G'B' in [0, 1] of the patches, (30, 3): corners, grays and colours between."""
    corners = [(r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    grays = [(level, level, level) for level in (0.1, 0.25, 0.5, 0.75, 0.9)]
    between = np.random.default_rng(7).uniform(0.05, 0.95, (ROWS * COLUMNS - len(corners) - len(grays), 3))
    return np.vstack([corners, grays, between]).astype(np.float64)


def codes_of(rgb: Real, chart: Chart) -> NDArray[np.int64]:
    """Return what is stored of R'G'B' (N, 3): (N, 3) codes of the planes in their order, or (N, 1) of grays."""
    highest = 2**chart.depth - 1

    def level(signal: Real) -> Real:
        if chart.color_range == FULL or chart.layout == "rgb":
            return np.rint(highest * signal)
        return np.rint(2 ** (chart.depth - 8) * (219 * signal + 16))

    def difference(signal: Real) -> Real:
        span = highest if chart.color_range == FULL else 224 * 2 ** (chart.depth - 8)
        return np.rint(span * signal) + 2 ** (chart.depth - 1)

    red, green, blue = rgb.T
    if chart.layout == "gray":
        planes = [level(green)]
    elif chart.layout == "rgb" or chart.matrix == 0:
        planes = [level(green), level(blue), level(red)]
    elif chart.matrix in {8, 16, 17}:
        planes = _ycgco(rgb, chart, level)
    elif chart.matrix == 14:
        planes_of = _ictcp(chart.transfer) @ _curve(_LMS @ _light(rgb.T, chart.transfer), chart.transfer)
        planes = [level(planes_of[0]), difference(planes_of[1]), difference(planes_of[2])]
    else:
        y, cb, cr = _ycbcr(rgb, chart)
        planes = [level(y), difference(cb), difference(cr)]
    return np.clip(np.stack(planes, -1), 0, highest).astype(np.int64)


def signal_of(codes: NDArray[np.int64], chart: Chart) -> Real:
    """Return R'G'B' in [0, 1] of stored codes: what an exact reader finds."""
    depth = chart.depth - {16: 2, 17: 1}.get(chart.matrix if chart.layout not in {"rgb", "gray"} else 0, 0)
    is_full = chart.color_range == FULL or chart.layout == "rgb"

    def level(code: NDArray[np.int64]) -> Real:
        return code / (2**depth - 1) if is_full else (code / 2 ** (depth - 8) - 16) / 219

    def difference(code: NDArray[np.int64]) -> Real:
        span = 2**chart.depth - 1 if is_full else 224 * 2 ** (chart.depth - 8)
        return (code - 2 ** (chart.depth - 1)) / span

    if chart.layout == "gray":
        return np.clip(np.repeat(level(codes), 3, axis=1), 0, 1)
    one, two, three = codes.T
    half = 2 ** (chart.depth - 1)
    if chart.layout == "rgb" or chart.matrix == 0:
        rgb = np.stack([level(three), level(one), level(two)], -1)
    elif chart.matrix == 8:
        rest = one - (two - half)
        rgb = np.stack([level(rest + three - half), level(one + two - half), level(rest - (three - half))], -1)
    elif chart.matrix in {16, 17}:
        rest = one - ((two - half) >> 1)
        blue = rest - ((three - half) >> 1)
        rgb = np.stack([level(blue + three - half), level(rest + two - half), level(blue)], -1)
    elif chart.matrix == 14:
        stored = np.stack([level(one), difference(two), difference(three)])
        lms = _light(np.clip(np.linalg.solve(_ictcp(chart.transfer), stored), 0, 1), chart.transfer)
        rgb = _curve(np.clip(np.linalg.solve(_LMS, lms), 0, 1), chart.transfer).T
    else:
        rgb = _from_ycbcr(level(one), difference(two), difference(three), chart)
    return np.clip(rgb, 0, 1)


def shown(signal: Real, chart: Chart) -> Real:
    """Return the 8-bit levels, unrounded, that R'G'B' must be shown as: as it is, by sRGB's curve, or tone-mapped."""
    if chart.transfer == LINEAR:
        return 255 * np.where(signal <= 0.0031308, 12.92 * signal, 1.055 * signal ** (1 / 2.4) - 0.055)
    if chart.transfer not in {PQ, HLG}:
        return 255 * signal
    to_xyz = _to_xyz(chart.primaries)
    light = _light(signal, chart.transfer)
    if chart.transfer == HLG:  # BT.2100, table 5: the OOTF at 1000 nit
        display = 1000 * light * np.maximum(light @ to_xyz[1], 1e-12)[:, None] ** 0.2
    else:
        display = np.minimum(10000 * light, 1000)
    largest = np.maximum(display.max(-1, keepdims=True), 1e-9)
    linear = display * _eetf(largest) / largest / 203
    linear = np.clip(linear @ np.linalg.solve(_to_xyz(1), to_xyz).T, 0, 1)
    return 255 * linear ** (1 / 2.4)


def write_chart(path: Path, chart: Chart, count: int = 2) -> Path:
    """Write a film of a chart, without loss but for prores_ks."""
    codes = codes_of(colours(), chart)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(chart.codec, rate=Fraction(25), options=_OPTIONS.get(chart.codec, {}))
        stream.width, stream.height, stream.pix_fmt = COLUMNS * PATCH_PX, ROWS * PATCH_PX, chart.pixel_format
        tag(stream.codec_context, chart)
        for index in range(count):
            frame = frame_of(codes, chart)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frame_of(codes: NDArray[np.int64], chart: Chart) -> VideoFrame:
    """Paint the patches."""
    if chart.pixel_format == "rgb24":
        painted = codes[:, [2, 0, 1]].reshape(ROWS, COLUMNS, 3).repeat(PATCH_PX, 0).repeat(PATCH_PX, 1)
        frame = VideoFrame.from_ndarray(painted.astype(np.uint8), format="rgb24")
        tag(frame, chart)
        return frame
    frame = VideoFrame(COLUMNS * PATCH_PX, ROWS * PATCH_PX, chart.pixel_format)
    kind = np.uint8 if chart.depth == 8 else np.uint16
    for plane, values in zip(frame.planes, codes.T, strict=True):
        across, down = plane.width // COLUMNS, plane.height // ROWS
        rows = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        rows[:, : plane.width] = values.reshape(ROWS, COLUMNS).repeat(down, 0).repeat(across, 1)
        plane.update(rows.tobytes())
    tag(frame, chart)
    return frame


def tag(target, chart: Chart) -> None:
    """Write what is stated on a frame or an encoder."""
    target.colorspace, target.color_range = chart.matrix, chart.color_range
    target.color_trc, target.color_primaries = chart.transfer, chart.primaries


def patches(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the middle of each patch as (30, 3)."""
    middle = PATCH_PX // 2
    found: NDArray[np.uint8] = picture[middle::PATCH_PX, middle::PATCH_PX].reshape(-1, 3)
    return found


_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"qp": "0", "preset": "ultrafast", "threads": "1"},
    "libx264rgb": {"qp": "0", "preset": "ultrafast", "threads": "1"},
    "libx265": {"x265-params": "lossless=1:log-level=error:pools=1", "preset": "ultrafast"},
    "libvpx-vp9": {"lossless": "1", "cpu-used": "8"},
    "prores_ks": {"qscale": "1", "profile": "4444"},
}
_LMS = np.array([[1688, 2146, 262], [683, 2951, 462], [99, 309, 3688]]) / 4096


def _ictcp(transfer: int) -> Real:
    rows = [[2048, 2048, 0], [6610, -13613, 7003], [17933, -17390, -543]]
    if transfer == HLG:
        rows = [[2048, 2048, 0], [3625, -7465, 3840], [9500, -9212, -288]]
    return np.array(rows) / 4096


def _ycgco(rgb: Real, chart: Chart, level) -> list[Real]:
    half = 2 ** (chart.depth - 1)
    if chart.matrix == 8:
        red, green, blue = level(rgb.T)
        return [
            np.rint(0.5 * green + 0.25 * (red + blue)),
            np.rint(0.5 * green - 0.25 * (red + blue)) + half,
            np.rint(0.5 * (red - blue)) + half,
        ]
    depth = chart.depth - (2 if chart.matrix == 16 else 1)
    scale = 2**depth - 1
    codes = np.rint(scale * rgb) if chart.color_range == FULL else np.rint(2.0 ** (depth - 8) * (219 * rgb + 16))
    red, green, blue = codes.astype(np.int64).T
    orange = red - blue
    rest = blue + (orange >> 1)
    green_difference = green - rest
    return [rest + (green_difference >> 1), green_difference + half, orange + half]


def _ycbcr(rgb: Real, chart: Chart) -> tuple[Real, Real, Real]:
    kr, kb = WEIGHTS[chart.matrix]
    red, green, blue = rgb.T
    if chart.matrix not in {10, 13}:
        y = kr * red + (1 - kr - kb) * green + kb * blue
        return y, (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    light = _light(rgb, chart.transfer)
    y = _curve(light @ [kr, 1 - kr - kb, kb], chart.transfer)
    steps = [_constant_steps(weight, chart.transfer) for weight in (kb, kr)]
    return y, *(
        (part - y) / np.where(part <= y, below, above) for part, (below, above) in zip((blue, red), steps, strict=True)
    )


def _from_ycbcr(y: Real, cb: Real, cr: Real, chart: Chart) -> Real:
    kr, kb = WEIGHTS[chart.matrix]
    if chart.matrix not in {10, 13}:
        red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
        return np.stack([red, (y - kr * red - kb * blue) / (1 - kr - kb), blue], -1)
    blue, red = (
        y + part * np.where(part <= 0, *_constant_steps(weight, chart.transfer))
        for part, weight in ((cb, kb), (cr, kr))
    )
    lights = [_light(np.clip(part, 0, 1), chart.transfer) for part in (y, red, blue)]
    green = (lights[0] - kr * lights[1] - kb * lights[2]) / (1 - kr - kb)
    return np.stack([red, _curve(np.clip(green, 0, 1), chart.transfer), blue], -1)


def _constant_steps(weight: float, transfer: int) -> tuple[float, float]:
    """H.273: 2 N where the difference is negative, 2 P where it is positive."""
    return 2 * float(_curve(np.array(1 - weight), transfer)), 2 * (1 - float(_curve(np.array(weight), transfer)))


def _light(signal: Real, transfer: int) -> Real:
    """BT.709's, HLG's scene light, PQ's display light over 10000 nit."""
    if transfer == PQ:
        root = signal ** (1 / 78.84375)
        return (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45))


def _curve(light: Real, transfer: int) -> Real:
    if transfer == PQ:
        power = light**0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(light <= 1 / 12, np.sqrt(3 * light), a * np.log(np.maximum(12 * light - b, 1e-9)) + c)
    return np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)


def _eetf(nit: Real) -> Real:
    """BT.2390, 5.4.1, from 1000 to 203 nit, black at 0."""
    peak = float(_curve(np.array(0.1), PQ))
    largest = float(_curve(np.array(0.0203), PQ)) / peak
    knee = 1.5 * largest - 0.5
    e1 = np.minimum(_curve(nit / 10000, PQ) / peak, 1)
    t = (e1 - knee) / (1 - knee)
    p = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * largest
    return 10000 * _light(np.where(e1 < knee, e1, p) * peak, PQ)


def _to_xyz(primaries: int) -> Real:
    known: dict[int, Sequence[tuple[float, float]]] = {
        1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
        9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
        12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    }
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in known[primaries]]).T
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    return columns * np.linalg.solve(columns, white)
