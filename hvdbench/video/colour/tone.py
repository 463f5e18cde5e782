"""Turn signals into 8-bit SDR, HDR by one named tone map, and into 16-bit linear light.

``bt2390-203``: HLG (ITU-R BT.2100: inverse OETF, OOTF of gamma 1.2 at 1000 nit) or PQ to display light; the EETF of
ITU-R BT.2390 from 1000 nit to the 203 nit that ITU-R BT.2408 gives diffuse white, on the largest of R, G and B, so that
hues stay; the film's primaries to those of BT.709 (ITU-R BT.2087 for BT.2020), clipped; the inverse of BT.1886's gamma
of 2.4. ``srgb-curve``: linear light is given sRGB's curve (IEC 61966-2-1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frame16, to_8_bits
from hvdbench.video.colour.pixels import WHITE16
from hvdbench.video.colour.primaries import is_white_d65, luma_weights, to_bt709
from hvdbench.video.colour.stated import Colour
from hvdbench.video.colour.transfers import (
    bt709_scene_light,
    hlg_scene_light,
    nit_to_pq,
    pq_to_nit,
    srgb_signal,
)
from hvdbench.workspace.compiled import compiled

TONE_MAP, LINEAR_MAP = "bt2390-203", "srgb-curve"
HDR_PEAK_NIT, SDR_PEAK_NIT = 1000.0, 203.0
HLG_SYSTEM_GAMMA, DISPLAY_GAMMA = 1.2, 2.4
_CODES = 1 << 16
# Luminance of R, G and B of BT.2020, then BT.709's R, G and B of them, with the digits of ITU-R BT.2100 and BT.2087.
_FROM_BT2020 = np.array(
    [
        [0.2627, 0.6780, 0.0593],
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ],
    np.float32,
)
_Real = NDArray[np.float64]


def eetf_nit(nit: _Real) -> _Real:
    """Bring display light from 0 … 1000 nit to 0 … 203 nit: straight, then a Hermite spline in PQ (BT.2390, 5.4.1)."""
    peak, target = nit_to_pq(np.array([HDR_PEAK_NIT, SDR_PEAK_NIT]))
    ceiling = target / peak
    knee = 1.5 * ceiling - 0.5
    e1 = np.clip(nit_to_pq(nit) / peak, 0, 1)
    t = (e1 - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * ceiling
    return pq_to_nit(np.where(e1 < knee, e1, spline) * peak)


@dataclass(frozen=True)
class ToneMap:
    """Tables for one transfer: the first by 16-bit code, the others by the square root of their argument.

    Attributes:
        light: of a 16-bit code: HLG's scene light, or PQ's display light over 1000 nit.
        ootf: what light is multiplied by, by its luminance.
        gain: what display light is multiplied by, by the largest of R, G and B.
        code: 8-bit code of SDR light in [0, 1].
        mix: (4, 3): the luminance of R, G and B, then R, G and B of BT.709 by those of the film's primaries.
    """

    light: NDArray[np.float32]
    ootf: NDArray[np.float32]
    gain: NDArray[np.float32]
    code: NDArray[np.uint8]
    mix: NDArray[np.float32]

    def apply(self, picture: Frame16) -> Frame:
        """Map a 16-bit HDR picture (H, W, 3), white at 65535, to 8-bit SDR of BT.709."""
        mapped = np.empty(picture.shape, np.uint8)
        _compiled_map()(np.ascontiguousarray(picture), self.light, self.ootf, self.gain, self.code, self.mix, mapped)
        return mapped


@cache
def tone_map(transfer: str, primaries: str = "bt2020") -> ToneMap:
    """Make the tables for ``hlg`` or ``pq``, from primaries with the white of BT.709; others count as BT.2020's.

    Raises:
        InputError: if the transfer is another one.
    """
    root, signal = np.linspace(0, 1, _CODES), _signal()
    if transfer == "hlg":
        light, ootf = hlg_scene_light(signal), (root**2) ** (HLG_SYSTEM_GAMMA - 1)
    elif transfer == "pq":
        light, ootf = np.minimum(pq_to_nit(signal) / HDR_PEAK_NIT, 1), np.ones(_CODES)
    else:
        raise InputError(f"no tone map for the transfer '{transfer}' (known: hlg, pq)")
    level = np.maximum(root, root[1]) ** 2
    gain = eetf_nit(level * HDR_PEAK_NIT) / SDR_PEAK_NIT / level
    code = np.floor(255 * (root**2) ** (1 / DISPLAY_GAMMA) + 0.5)
    if primaries == "bt2020" or not is_white_d65(primaries):
        mix = _FROM_BT2020
    else:
        red, blue = luma_weights(primaries)
        mix = np.vstack([[red, 1 - red - blue, blue], to_bt709(primaries)]).astype(np.float32)
    single = np.float32
    return ToneMap(light.astype(single), ootf.astype(single), gain.astype(single), code.astype(np.uint8), mix)


def _signal() -> _Real:
    return np.arange(_CODES) / WHITE16


def _map_pixels(
    picture: Frame16,
    light: NDArray[np.float32],
    ootf: NDArray[np.float32],
    gain: NDArray[np.float32],
    code: NDArray[np.uint8],
    mix: NDArray[np.float32],
    mapped: Frame,
) -> None:
    top = np.float32(65535)
    half = np.float32(0.5)
    one = np.float32(1)
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            red, green, blue = light[picture[y, x, 0]], light[picture[y, x, 1]], light[picture[y, x, 2]]
            luminance = mix[0, 0] * red + mix[0, 1] * green + mix[0, 2] * blue
            factor = ootf[int(np.sqrt(min(luminance, one)) * top + half)]
            factor *= gain[int(np.sqrt(min(max(red, green, blue) * factor, one)) * top + half)]
            red, green, blue = red * factor, green * factor, blue * factor
            out_red = mix[1, 0] * red + mix[1, 1] * green + mix[1, 2] * blue
            out_green = mix[2, 0] * red + mix[2, 1] * green + mix[2, 2] * blue
            out_blue = mix[3, 0] * red + mix[3, 1] * green + mix[3, 2] * blue
            mapped[y, x, 0] = code[int(np.sqrt(min(max(out_red, np.float32(0)), one)) * top + half)]
            mapped[y, x, 1] = code[int(np.sqrt(min(max(out_green, np.float32(0)), one)) * top + half)]
            mapped[y, x, 2] = code[int(np.sqrt(min(max(out_blue, np.float32(0)), one)) * top + half)]


@cache
def _compiled_map() -> Callable[..., None]:
    return compiled(_map_pixels)


def map_of(colour: Colour) -> str:
    """Return the name of what makes a colour's signal SDR: the tone map, the curve for linear light, or nothing."""
    if colour.is_hdr:
        return TONE_MAP
    return LINEAR_MAP if colour.is_linear else ""


def to_sdr(picture: Frame16, colour: Colour) -> Frame:
    """Turn a 16-bit signal (H, W, 3), white at 65535, into 8-bit SDR, as :func:`map_of` names it; SDR is rounded."""
    if colour.is_hdr:
        return tone_map(colour.transfer, colour.primaries).apply(picture)
    return np.asarray(_srgb_codes()[picture], np.uint8) if colour.is_linear else to_8_bits(picture)


@cache
def _srgb_codes() -> NDArray[np.uint8]:
    return np.floor(255 * srgb_signal(_signal()) + 0.5).astype(np.uint8)


def to_linear16(picture: Frame16, transfer: str) -> Frame16:
    """Undo the transfer of a 16-bit picture, in the file's primaries; :func:`linear_meaning` says what 65535 is."""
    return np.asarray(_linear_codes(transfer)[picture], np.uint16)


def linear_meaning(transfer: str) -> str:
    """Describe what the 16-bit linear values of a transfer are."""
    if transfer == "pq":
        return "display light by PQ, 65535 = 1000 nit, brighter is clipped"
    if transfer == "hlg":
        return "scene light by the inverse OETF of HLG, 65535 = signal 100 %"
    if transfer == "linear":
        return "linear light as stored, 65535 = signal 100 %"
    return "scene light by the inverse OETF of BT.709, 65535 = signal 100 %"


@cache
def _linear_codes(transfer: str) -> NDArray[np.uint16]:
    signal = _signal()
    if transfer in {"hlg", "pq"}:
        light: _Real = tone_map(transfer).light.astype(np.float64)
    else:
        light = signal if transfer == "linear" else bt709_scene_light(signal)
    return np.floor(65535 * light + 0.5).astype(np.uint16)
