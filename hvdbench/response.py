"""Convert between linear light and the 8-bit levels of a camera's response.

This module lies below :mod:`hvdbench.frames`, so that a level means the same light in all of hvdbench. The compiled
loop is loaded when light is first encoded.
"""

import csv
import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.catalog import unknown
from hvdbench.errors import InputError, RecipeError
from hvdbench.workspace.compiled import compiled

Array = NDArray[np.float64]
FloatT = TypeVar("FloatT", np.float32, np.float64)

_LEVELS = 255
_ONE = 0x3F800000  # the bits of 1 as a float32
_FLOAT_MANTISSA = 23
_FEWEST_BITS, _MOST_BITS = 8, 14  # mantissa bits that index levels; 8 suffice for a gamma of 2.2, sRGB and a line
_LEAST_GAMMA, _GREATEST_GAMMA = 0.1, 10.0
_NAMES = ("gamma2.2", "srgb", "linear")
_GAMMA = re.compile(r"gamma(\d+\.?\d*|\.\d+)")


class Curve(Protocol):
    """A strictly rising map of [0, 1] onto [0, 1], or a part of it, and its inverse; float64 arrays of any shape."""

    def light(self, values: Array) -> Array:
        """Convert encoded values in [0, 1] to linear light."""

    def values(self, light: Array) -> Array:
        """Convert linear light in [0, 1] to encoded values."""


@dataclass(frozen=True)
class _Gamma:
    exponent: float

    def light(self, values: Array) -> Array:
        return np.asarray(values if self.exponent == 1.0 else np.power(values, self.exponent))

    def values(self, light: Array) -> Array:
        return np.asarray(light if self.exponent == 1.0 else np.power(light, 1.0 / self.exponent))


@dataclass(frozen=True)
class _Srgb:
    """The curve of IEC 61966-2-1:1999, with the standard's own rounded thresholds 0.0031308 and 0.04045."""

    def light(self, values: Array) -> Array:
        return np.where(values <= 0.04045, values / 12.92, np.power((values + 0.055) / 1.055, 2.4))

    def values(self, light: Array) -> Array:
        return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1.0 / 2.4) - 0.055)


@dataclass(frozen=True, eq=False)
class _Measured:
    """A measured curve: straight lines between the measured points."""

    point_values: Array
    point_light: Array

    def light(self, values: Array) -> Array:
        return np.asarray(np.interp(values, self.point_values, self.point_light))

    def values(self, light: Array) -> Array:
        return np.asarray(np.interp(light, self.point_light, self.point_values))


@dataclass(frozen=True)
class Response:
    """How a camera turns linear light into 8-bit levels; equal and hashable by its name, picklable.

    Full scale is light 1 at level 255. :func:`open_response` makes one.

    Attributes:
        name: ``gamma2.2``, ``srgb``, ``linear``, or a file's name with a digest of its curve.
        curve: the map between values and light.
    """

    name: str
    curve: Curve = field(repr=False, compare=False)
    _light: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    _index: "_Index" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        light = self.curve.light(np.arange(_LEVELS + 1) / _LEVELS).astype(np.float32)
        object.__setattr__(self, "_light", light)
        object.__setattr__(self, "_index", _index_of(_boundaries_of(self.curve), self.name))

    def __reduce__(self) -> tuple[type["Response"], tuple[str, Curve]]:
        return Response, (self.name, self.curve)  # making the tables anew is quicker than sending them

    def to_light(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Convert 8-bit levels to linear light: uint8 of any shape to float32 in [0, 1]."""
        flat = np.ascontiguousarray(frame, np.uint8).reshape(1, -1)
        if flat.size == 0:
            return np.zeros(frame.shape, np.float32)
        return np.asarray(cv2.LUT(flat, self._light), np.float32).reshape(frame.shape)

    def to_display(self, light: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """Convert linear light to 8-bit levels: float32 of any shape, clipped to [0, 1].

        The level is exactly ``floor(255 v + 1/2)`` for every float32, where v is the curve's value in float64.
        """
        flat = np.ascontiguousarray(light, np.float32).reshape(-1)
        levels = np.empty(flat.shape, np.uint8)
        shift = np.uint32(self._index.shift)
        _compiled_quantise()(flat.view(np.int32), self._index.keys, shift, np.int32(0), np.int32(_ONE), levels)
        return levels.reshape(light.shape)

    def decode(self, values: NDArray[FloatT]) -> NDArray[FloatT]:
        """Convert values of any shape (clipped to [0, 1]) to linear light, in their own precision."""
        return np.asarray(self.curve.light(np.clip(values, 0.0, 1.0)), values.dtype)

    def encode(self, light: NDArray[FloatT]) -> NDArray[FloatT]:
        """Convert linear light of any shape (clipped to [0, 1]) to values in [0, 1], in its own precision."""
        return np.asarray(self.curve.values(np.clip(light, 0.0, 1.0)), light.dtype)


@dataclass(frozen=True)
class _Index:
    """A table from buckets of float32 bits to levels.

    Each bucket holds the level at its lowest light, and how far into the bucket the next level begins.

    Args:
        keys: the table, (B,) uint32: the level times 2^16, plus 2^16 less the dropped bits at the next level's
            boundary.
        shift: the number of bits of a float32 that are dropped.
    """

    keys: NDArray[np.uint32]
    shift: int


def open_response(spec: str) -> Response:
    """Open a camera response by its name, or read one from a file.

    Args:
        spec: ``gamma2.2`` (any number from 0.1 to 10), ``srgb`` (IEC 61966-2-1), ``linear``, or the path of a ``.csv``
            with a measured response. Its first line names the columns ``value`` (0 to 255, or 0 to 1) and ``light``
            (linear, any scale), both strictly rising. Its rows are joined by straight lines, and the last row is full
            scale.

    Raises:
        RecipeError: if there is no such name, or a gamma is out of range.
        InputError: if the file cannot be read, lacks a column, is too short, or contains values that are not numbers or
            do not rise.
    """
    if spec.lower().endswith(".csv"):
        return _read_response(Path(spec))
    return _named_response(spec)


@functools.cache
def _named_response(name: str) -> Response:
    if name == "linear":
        return Response(name, _Gamma(1.0))
    if name == "srgb":
        return Response(name, _Srgb())
    found = _GAMMA.fullmatch(name)
    if found is None:
        raise RecipeError(f"{unknown('camera response', name, _NAMES)}, or the path of a .csv")
    return gamma_response(float(found[1]))


@functools.cache
def gamma_response(gamma: float) -> Response:
    """Return the response ``value = light ** (1 / gamma)``.

    Raises:
        RecipeError: if the gamma is not from 0.1 to 10.
    """
    if not _LEAST_GAMMA <= gamma <= _GREATEST_GAMMA:
        raise RecipeError(
            f"a gamma of {gamma:g} is not that of a camera: name one from {_LEAST_GAMMA:g} to {_GREATEST_GAMMA:g}"
        )
    return Response(f"gamma{float(gamma):g}", _Gamma(float(gamma)))


def _read_response(path: Path) -> Response:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a camera response: {error}") from error
    head = [name.strip().lower() for name in rows[0]] if rows else []
    if "value" not in head or "light" not in head:
        found = ",".join(head)[:50]
        raise InputError(f"{path}: its first line is '{found}', expected value,light, the columns of a camera response")
    if len(rows) < 3:
        raise InputError(f"{path}: a camera response of {len(rows) - 1} rows is too short: give 2 or more")
    columns = (head.index("value"), head.index("light"))
    try:
        table = np.array([[float(row[column]) for column in columns] for row in rows[1:]])
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: a row of the camera response is not two numbers ({error})") from error
    values, light = _checked(path, table)
    curve = _Measured(values, light)
    return Response(f"{path.name}#{_digest(values, light)}", curve)


def _checked(path: Path, table: Array) -> tuple[Array, Array]:
    if not np.isfinite(table).all():
        raise InputError(f"{path}: a number of the camera response is not finite")
    for column, name in enumerate(("value", "light")):
        falls = np.flatnonzero(np.diff(table[:, column]) <= 0)
        if len(falls):
            first, second = table[falls[0] : falls[0] + 2, column]
            raise InputError(
                f"{path}: {name} must rise from row to row, found {second:g} after {first:g} (data row {falls[0] + 2})"
            )
    low, high = table[0, 0], table[-1, 0]
    if low != 0 or high not in (1.0, float(_LEVELS)):
        raise InputError(f"{path}: value must run from 0 to 255 or from 0 to 1, found {low:g} to {high:g}")
    if table[0, 1] < 0:
        raise InputError(f"{path}: light must not be negative, found {table[0, 1]:g}")
    return table[:, 0] / high, table[:, 1] / table[-1, 1]


def _digest(values: Array, light: Array) -> str:
    return hashlib.sha256(np.stack([values, light]).astype("<f8").tobytes()).hexdigest()[:16]


def _boundaries_of(curve: Curve) -> NDArray[np.float32]:
    """Find the least float32 light that reaches each level from 1 on: (255,)."""
    levels = np.arange(1, _LEVELS + 1)
    # Non-negative floats are ordered as their bits are, so the search can halve the range of bits.
    low, high = np.zeros(_LEVELS, np.int32), np.full(_LEVELS, _ONE, np.int32)
    while (high > low).any():
        middle = low + (high - low) // 2
        light = middle.view(np.float32).astype(np.float64)
        reached = np.floor(_LEVELS * curve.values(light) + 0.5) >= levels
        high = np.where(reached, middle, high)
        low = np.where(reached, low, np.minimum(middle + 1, high))
    return np.asarray(high.view(np.float32))


def _index_of(boundaries: NDArray[np.float32], name: str) -> _Index:
    """Index the boundaries by leading bits, with the fewest bits that leave at most one boundary per bucket.

    Raises:
        InputError: if two levels lie closer than the finest index can separate.
    """
    bits = boundaries.view(np.int32)
    for mantissa_bits in range(_FEWEST_BITS, _MOST_BITS + 1):
        shift = _FLOAT_MANTISSA - mantissa_bits
        inside = bits[bits & ((1 << shift) - 1) != 0]
        if len(np.unique(inside >> shift)) == len(inside):
            break
    else:
        raise InputError(
            f"{name}: two levels of the camera response lie within 1/{1 << _MOST_BITS} of their light: make the "
            "response rise more between them"
        )
    lowest = np.arange((_ONE >> shift) + 1, dtype=np.int32) << shift
    keys = np.searchsorted(bits, lowest, side="right").astype(np.uint32) << np.uint32(16)
    # Adding the dropped bits carries into the level exactly where they reach the boundary.
    keys[inside >> shift] += (0x10000 - (inside & ((1 << shift) - 1))).astype(np.uint32)
    return _Index(keys, shift)


def _quantise(bits: Any, keys: Any, shift: Any, darkest: Any, brightest: Any, levels: Any) -> None:
    """Look levels up; all scalars are NumPy's, since 64-bit ones would double the time."""
    left_out = (np.uint32(1) << shift) - np.uint32(1)
    for place in range(len(bits)):
        light = np.uint32(min(max(bits[place], darkest), brightest))
        levels[place] = np.uint8((keys[light >> shift] + (light & left_out)) >> np.uint32(16))


@functools.cache
def _compiled_quantise() -> Callable[..., None]:
    return compiled(_quantise)
