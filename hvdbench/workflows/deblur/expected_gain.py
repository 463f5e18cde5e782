"""The gain to be expected from a clip's signs, learned from clips whose gain was measured.

A ridge regression on a handful of signs, and nothing finer: a few dozen clips carry it. Its interval is not the
regression's own but what predictions for scenes that it had not seen were off by (split by scene, Vovk et al.'s
conformal quantile over these), so that it holds for another scene of the kind, not for another draw of the same one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.recipe import Settings
from hvdbench.workflows.deblur.clip_signs import SIGNS, ClipSigns

LEVEL = 0.9
"""Of the interval."""
GAINS_FILE = Path(__file__).with_name("gains.json")
Rows = NDArray[np.float64]


class Gains(Settings):
    """What was learned of one method; S signs."""

    method: str
    centre: tuple[float, ...]
    """(S,) of the signs, transformed."""
    spread: tuple[float, ...]
    """(S,) of the signs, transformed."""
    weights: tuple[float, ...]
    """(S,) dB for one spread of a sign."""
    mean_db: float
    """Of the gains learned from."""
    half_width_db: float
    """Of the interval, either way."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    """(S,) the signs, as they are, between which it was learned."""
    clips: int
    scenes: int
    """How many it was learned from."""


@dataclass(frozen=True)
class Expected:
    """A gain to be expected, PSNR of the frames not selected over the input's.

    Attributes:
        gain_db: the expectation.
        low_db, high_db: the interval at :data:`LEVEL`.
        outside: signs that lie outside of what was learned from; the interval does not answer for them.
        learned: what it was learned from.
    """

    gain_db: float
    low_db: float
    high_db: float
    outside: tuple[str, ...]
    learned: Gains


def expected_gain(signs: ClipSigns, gains: Gains) -> Expected:
    """Return the gain to be expected of a clip."""
    row = transformed(np.array([signs.values]))
    predicted = float(predict(gains, row)[0])
    outside = tuple(
        name
        for name, value, low, high in zip(SIGNS, signs.values, gains.low, gains.high, strict=True)
        if not low <= value <= high
    )
    half = gains.half_width_db
    return Expected(predicted, predicted - half, predicted + half, outside, gains)


def read_gains(path: Path = GAINS_FILE) -> dict[str, Gains]:
    """Read what was learned, by method.

    Raises:
        InputError: the file is not there or damaged.
    """
    try:
        read: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["methods"]
        return {method: Gains.model_validate({**values, "method": method}) for method, values in read.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} contains no learned gains ({error}): 'python -m benchmarks.gains' writes it"
        ) from error


def transformed(rows: Rows) -> Rows:
    """Put signs on scales on which a step means about the same everywhere: logarithms, but for shares."""
    found = rows.copy()
    for name in ("distance_frames", "contrast", "motion_share"):
        column = SIGNS.index(name)
        found[:, column] = np.log(np.maximum(found[:, column], 1e-4))
    return found


def predict(gains: Gains, rows: Rows) -> Rows:
    """Return the gain in dB that signs promise, as :func:`transformed` returns them, (N, S) to (N,)."""
    scaled = (rows - np.array(gains.centre)) / np.array(gains.spread)
    return np.asarray(gains.mean_db + scaled @ np.array(gains.weights), np.float64)
