"""Turn luma and two colour differences into R'G'B' by the matrices of ITU-T H.273 that libswscale does not know.

YCgCo and its reversible forms, the identity, matrices that follow from the primaries, constant luminance and ICtCp.
"""

import numpy as np
from numpy.typing import NDArray

from hvdbench.video.colour.primaries import luma_weights
from hvdbench.video.colour.stated import UNSTATED, Colour
from hvdbench.video.colour.transfers import light_of, signal_of

_Real = NDArray[np.float64]
_Codes = NDArray[np.generic]
_REVERSIBLE_BITS = {"ycgco-re": 2, "ycgco-ro": 1}  # by which the differences are deeper than R, G and B

# ITU-R BT.2100, table 7: I'CtCp of L'M'S', with PQ's curve and with HLG's; and L, M, S of R, G, B of BT.2020.
_ICTCP = np.array([[2048, 2048, 0], [6610, -13613, 7003], [17933, -17390, -543]]) / 4096
_ICTCP_HLG = np.array([[2048, 2048, 0], [3625, -7465, 3840], [9500, -9212, -288]]) / 4096
_LMS = np.array([[1688, 2146, 262], [683, 2951, 462], [99, 309, 3688]]) / 4096


def to_signal(luma: _Codes, first: _Codes, second: _Codes, colour: Colour) -> _Real:
    """Convert codes by the matrix that a colour is read by.

    Args:
        luma, first, second: (H, W) codes in the order of their planes: Y, Cb, Cr; Y, Cg, Co; G, B, R; I, Ct, Cp.
        colour: its matrix, range, bit depth, primaries and transfer.

    Returns:
        R', G', B' (H, W, 3), clipped to [0, 1].
    """
    if colour.matrix_read in {"rgb", "ycgco", *_REVERSIBLE_BITS}:
        rgb = _from_codes(luma.astype(np.int32), first.astype(np.int32), second.astype(np.int32), colour)
    else:
        rgb = _by_matrix(_scaled(luma, colour), _difference(first, colour), _difference(second, colour), colour)
    return np.asarray(np.clip(rgb, 0, 1), np.float64)


def _from_codes(y: NDArray[np.int32], one: NDArray[np.int32], two: NDArray[np.int32], colour: Colour) -> _Real:
    """Undo the matrices that work on codes of R, G and B: H.273's equations for 0, 8, 16 and 17."""
    read = colour.matrix_read
    if read == "rgb":
        return np.stack([_scaled(plane, colour) for plane in (two, y, one)], axis=-1)
    half = 1 << (colour.bit_depth - 1)
    green_difference, orange_difference = one - half, two - half
    if read == "ycgco":
        rest = y - green_difference
        codes = rest + orange_difference, y + green_difference, rest - orange_difference
        return np.stack([_scaled(plane, colour) for plane in codes], axis=-1)
    rest = y - (green_difference >> 1)
    blue = rest - (orange_difference >> 1)
    codes = blue + orange_difference, rest + green_difference, blue
    depth = colour.bit_depth - _REVERSIBLE_BITS[read]
    return np.stack([_scaled(plane, colour, depth) for plane in codes], axis=-1)


def _scaled(codes: _Codes, colour: Colour, bit_depth: int | None = None) -> _Real:
    """Bring codes to black at 0 and white at 1."""
    depth = bit_depth or colour.bit_depth
    if colour.full_range:
        return codes.astype(np.float64) / ((1 << depth) - 1)
    return (codes.astype(np.float64) / 2.0 ** (depth - 8) - 16) / 219


def _difference(codes: _Codes, colour: Colour) -> _Real:
    """Bring codes of a colour difference to -0.5 … 0.5."""
    centred = codes.astype(np.float64) - (1 << (colour.bit_depth - 1))
    return centred / ((1 << colour.bit_depth) - 1 if colour.full_range else 224 * 2.0 ** (colour.bit_depth - 8))


def _by_matrix(y: _Real, one: _Real, two: _Real, colour: Colour) -> _Real:
    read, curve = colour.matrix_read, colour.transfer
    if read == "ictcp":
        lms = np.stack([y, one, two], axis=-1) @ np.linalg.inv(_ICTCP_HLG if curve == "hlg" else _ICTCP).T
        light = light_of(np.clip(lms, 0, 1), curve) @ np.linalg.inv(_LMS).T
        return signal_of(np.clip(light, 0, 1), curve)
    kr, kb = _weights(colour)
    if read == "derived":
        red, blue = y + 2 * (1 - kr) * two, y + 2 * (1 - kb) * one
        return np.stack([red, (y - kr * red - kb * blue) / (1 - kr - kb), blue], axis=-1)
    red, blue = y + two * _step(two, kr, curve), y + one * _step(one, kb, curve)
    light_y, light_red, light_blue = (light_of(np.clip(plane, 0, 1), curve) for plane in (y, red, blue))
    light_green = (light_y - kr * light_red - kb * light_blue) / (1 - kr - kb)
    return np.stack([red, signal_of(np.clip(light_green, 0, 1), curve), blue], axis=-1)


def _step(difference: _Real, weight: float, curve: str) -> _Real:
    """Return what a difference of constant luminance is multiplied by: 2 N where it is negative, else 2 P (H.273)."""
    signal = signal_of(np.array([1 - weight, weight]), curve)
    below, above = float(signal[0]), 1 - float(signal[1])
    return np.where(difference <= 0, 2 * below, 2 * above)


def _weights(colour: Colour) -> tuple[float, float]:
    """Return Kr and Kb."""
    if colour.matrix_read == "bt2020-cl":
        return 0.2627, 0.0593
    return luma_weights("bt709" if colour.primaries == UNSTATED else colour.primaries)
