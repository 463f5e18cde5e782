"""Map HDR to SDR by one named tone map, and signals to 16-bit linear light.

``bt2390-203``: HLG (ITU-R BT.2100: inverse OETF, OOTF of gamma 1.2 at 1000 nit) or PQ to display light; the EETF of
ITU-R BT.2390 from 1000 nit to the 203 nit that ITU-R BT.2408 gives diffuse white, on the largest of R, G and B, so that
hues stay; BT.2020 to BT.709 primaries (ITU-R BT.2087), clipped; the inverse of BT.1886's gamma of 2.4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frame16
from hvdbench.video.colour import WHITE16
from hvdbench.workspace.compiled import compiled

TONE_MAP = "bt2390-203"
HDR_PEAK_NIT, SDR_PEAK_NIT = 1000.0, 203.0
HLG_SYSTEM_GAMMA, DISPLAY_GAMMA = 1.2, 2.4
_CODES = 1 << 16
_HLG_A = 0.17883277
_HLG_B, _HLG_C = 1 - 4 * _HLG_A, 0.5 - _HLG_A * float(np.log(4 * _HLG_A))
_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_PQ_PEAK_NIT = 10000.0
_Real = NDArray[np.float64]


def hlg_scene_light(signal: _Real) -> _Real:
    """Undo HLG's OETF: signal in [0, 1] to scene light in [0, 1] (ITU-R BT.2100, table 5)."""
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12)


def pq_to_nit(signal: _Real) -> _Real:
    """Return the display light, nit, of a PQ signal in [0, 1] (ITU-R BT.2100, table 4)."""
    root = signal ** (1 / _PQ_M2)
    light: _Real = (np.maximum(root - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * root)) ** (1 / _PQ_M1)
    return _PQ_PEAK_NIT * light


def nit_to_pq(nit: _Real) -> _Real:
    """Return the PQ signal in [0, 1] of display light, nit."""
    root = (nit / _PQ_PEAK_NIT) ** _PQ_M1
    signal: _Real = ((_PQ_C1 + _PQ_C2 * root) / (1 + _PQ_C3 * root)) ** _PQ_M2
    return signal


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
    """

    light: NDArray[np.float32]
    ootf: NDArray[np.float32]
    gain: NDArray[np.float32]
    code: NDArray[np.uint8]

    def apply(self, picture: Frame16) -> Frame:
        """Map a 16-bit HDR picture (H, W, 3), BT.2020, white at 65535, to 8-bit SDR of BT.709."""
        mapped = np.empty(picture.shape, np.uint8)
        _compiled_map()(np.ascontiguousarray(picture), self.light, self.ootf, self.gain, self.code, mapped)
        return mapped


@cache
def tone_map(transfer: str) -> ToneMap:
    """Make the tables for ``hlg`` or ``pq``.

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
    return ToneMap(light.astype(np.float32), ootf.astype(np.float32), gain.astype(np.float32), code.astype(np.uint8))


def _signal() -> _Real:
    return np.arange(_CODES) / WHITE16


def _map_pixels(
    picture: Frame16,
    light: NDArray[np.float32],
    ootf: NDArray[np.float32],
    gain: NDArray[np.float32],
    code: NDArray[np.uint8],
    mapped: Frame,
) -> None:
    top = np.float32(65535)
    half = np.float32(0.5)
    one = np.float32(1)
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            red, green, blue = light[picture[y, x, 0]], light[picture[y, x, 1]], light[picture[y, x, 2]]
            luminance = np.float32(0.2627) * red + np.float32(0.6780) * green + np.float32(0.0593) * blue
            factor = ootf[int(np.sqrt(min(luminance, one)) * top + half)]
            factor *= gain[int(np.sqrt(min(max(red, green, blue) * factor, one)) * top + half)]
            red, green, blue = red * factor, green * factor, blue * factor
            out_red = np.float32(1.6605) * red - np.float32(0.5876) * green - np.float32(0.0728) * blue
            out_green = np.float32(-0.1246) * red + np.float32(1.1329) * green - np.float32(0.0083) * blue
            out_blue = np.float32(-0.0182) * red - np.float32(0.1006) * green + np.float32(1.1187) * blue
            mapped[y, x, 0] = code[int(np.sqrt(min(max(out_red, np.float32(0)), one)) * top + half)]
            mapped[y, x, 1] = code[int(np.sqrt(min(max(out_green, np.float32(0)), one)) * top + half)]
            mapped[y, x, 2] = code[int(np.sqrt(min(max(out_blue, np.float32(0)), one)) * top + half)]


@cache
def _compiled_map() -> Callable[..., None]:
    return compiled(_map_pixels)


def to_linear16(picture: Frame16, transfer: str) -> Frame16:
    """Undo the transfer of a 16-bit picture, in the file's primaries; :func:`linear_meaning` says what 65535 is."""
    return np.asarray(_linear_codes(transfer)[picture], np.uint16)


def linear_meaning(transfer: str) -> str:
    """Describe what the 16-bit linear values of a transfer are."""
    if transfer == "pq":
        return "display light by PQ, 65535 = 1000 nit, brighter is clipped"
    if transfer == "hlg":
        return "scene light by the inverse OETF of HLG, 65535 = signal 100 %"
    return "scene light by the inverse OETF of BT.709, 65535 = signal 100 %"


@cache
def _linear_codes(transfer: str) -> NDArray[np.uint16]:
    signal = _signal()
    if transfer in {"hlg", "pq"}:
        light: _Real = tone_map(transfer).light.astype(np.float64)
    else:
        light = np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45))
    return np.floor(65535 * light + 0.5).astype(np.uint16)
