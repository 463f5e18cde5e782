"""Predict the gain on a clip from its signs, as learned from clips whose gain was measured.

The model is a ridge regression on a handful of signs and nothing finer, because it is learned from a few dozen clips.
Its interval is not the regression's own but the error of predictions for scenes that it had not seen (split by scene,
with Vovk et al.'s conformal quantile over them), so that it is valid for another scene of the kind, and not only for
another draw of the same one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hvdbench.errors import InputError
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_CLIPS
from hvdbench.workflows.deblur.clip_signs import SIGNS, ClipSigns
from hvdbench.workspace.parsing import read_json

LEVEL = 0.9
"""Level of the interval: the share of clips whose gain lies within it."""
GAINS_FILE = Path(__file__).with_name("gains.json")
Rows = NDArray[np.float64]
Value = Annotated[float, Field(ge=-1e6, le=1e6)]


class Gains(Settings):
    """Values that were learned about one method from S signs."""

    method: str
    centre: tuple[Value, ...]
    """Means of the transformed signs, (S,)."""
    spread: tuple[Value, ...]
    """Standard deviations of the transformed signs, (S,)."""
    weights: tuple[Value, ...]
    """Gain in dB per spread of each sign, (S,)."""
    mean_db: Value
    """Mean of the gains that it was learned from, in dB."""
    half_width_db: Value
    """Half of the interval's width, in dB."""
    low: tuple[Value, ...]
    high: tuple[Value, ...]
    """Smallest and largest untransformed signs that it was learned from, (S,)."""
    clips: int = Field(ge=0, le=MOST_CLIPS)
    scenes: int = Field(ge=0, le=MOST_CLIPS)
    """Numbers of clips and scenes that it was learned from."""


@dataclass(frozen=True)
class Expected:
    """An expected gain: the PSNR of the frames not selected, minus that of the input.

    Attributes:
        gain_db: expected gain, in dB.
        low_db, high_db: interval at :data:`LEVEL`, in dB.
        outside: names of the signs outside the range that was learned from, for which the interval is not valid.
        learned: values that the prediction is made from.
    """

    gain_db: float
    low_db: float
    high_db: float
    outside: tuple[str, ...]
    learned: Gains


def expected_gain(signs: ClipSigns, gains: Gains) -> Expected:
    """Return the expected gain on a clip with these signs."""
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
    """Read the learned values, by method.

    Raises:
        InputError: if the file is missing or damaged.
    """
    try:
        read: Mapping[str, Mapping[str, Any]] = read_json(path)["methods"]
        return {method: Gains.model_validate({**values, "method": method}) for method, values in read.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} contains no learned gains ({error}): 'python -m benchmarks.gains' writes it"
        ) from error


def transformed(rows: Rows) -> Rows:
    """Transform signs to scales on which a step means about the same everywhere: logarithms, except for shares."""
    found = rows.copy()
    for name in ("distance_frames", "contrast", "motion_share"):
        column = SIGNS.index(name)
        found[:, column] = np.log(np.maximum(found[:, column], 1e-4))
    return found


def predict(gains: Gains, rows: Rows) -> Rows:
    """Predict gains in dB from signs that :func:`transformed` returned, (N, S) to (N,)."""
    scaled = (rows - np.array(gains.centre)) / np.array(gains.spread)
    return np.asarray(gains.mean_db + scaled @ np.array(gains.weights), np.float64)
