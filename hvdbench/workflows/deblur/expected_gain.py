"""The gain to be expected from a clip's signs, learned from clips whose gain was measured.

A ridge regression on a handful of signs, and nothing finer: a few dozen clips carry it. Its interval is not the
regression's own but what predictions for scenes that it had not seen were off by (split by scene, Vovk et al.'s
conformal quantile over these), so that it holds for another scene of the kind, not for another draw of the same one.
"""

import json
import math
from collections.abc import Mapping, Sequence
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

_RIDGE = 1.0
_FEWEST_CLIPS = 8
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
    row = _transformed(np.array([signs.values]))
    predicted = float(_predict(gains, row)[0])
    outside = tuple(
        name
        for name, value, low, high in zip(SIGNS, signs.values, gains.low, gains.high, strict=True)
        if not low <= value <= high
    )
    half = gains.half_width_db
    return Expected(predicted, predicted - half, predicted + half, outside, gains)


def fit_gains(method: str, signs: Sequence[ClipSigns], gain_db: Sequence[float], scenes: Sequence[str]) -> Gains:
    """Learn a method's gains.

    Args:
        method: its name.
        signs: of each clip.
        gain_db: of each clip, measured.
        scenes: of each clip; clips of one scene are never on both sides of a split.

    Raises:
        InputError: under eight clips, or under three scenes.
    """
    names = sorted(set(scenes))
    if len(signs) < _FEWEST_CLIPS or len(names) < 3:
        raise InputError(
            f"gains of '{method}': {len(signs)} clips of {len(names)} scenes; at least {_FEWEST_CLIPS} clips of 3 "
            "scenes are needed"
        )
    rows, measured = np.array([one.values for one in signs]), np.asarray(gain_db, np.float64)
    transformed, of = _transformed(rows), np.asarray(scenes)
    missed = [_missed(method, transformed, measured, of == name) for name in names]
    left_out = np.concatenate(missed)
    half = float(np.quantile(left_out, min(1.0, LEVEL * (1 + 1 / len(left_out))), method="higher"))
    found = _fitted(method, transformed, measured)
    ends = {"low": tuple(map(float, rows.min(axis=0))), "high": tuple(map(float, rows.max(axis=0)))}
    return found.model_copy(update={"half_width_db": half, "scenes": len(names), **ends})


def read_gains(path: Path = GAINS_FILE) -> dict[str, Gains]:
    """Read what was learned, by method.

    Raises:
        InputError: the file is not there or damaged.
    """
    try:
        read: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["methods"]
        return {method: Gains.model_validate({**values, "method": method}) for method, values in read.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no learned gains ({error}): 'python -m benchmarks.gains' writes it") from error


def _transformed(rows: Rows) -> Rows:
    """Put signs on scales on which a step means about the same everywhere: logarithms, but for shares."""
    found = rows.copy()
    for name in ("distance_frames", "contrast", "motion_share"):
        column = SIGNS.index(name)
        found[:, column] = np.log(np.maximum(found[:, column], 1e-4))
    return found


def _fitted(method: str, rows: Rows, measured: Rows) -> Gains:
    centre, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    scaled = (rows - centre) / spread
    mean = float(measured.mean())
    weights = np.linalg.solve(scaled.T @ scaled + _RIDGE * np.eye(rows.shape[1]), scaled.T @ (measured - mean))
    return Gains(
        method=method,
        centre=tuple(map(float, centre)),
        spread=tuple(map(float, spread)),
        weights=tuple(map(float, weights)),
        mean_db=mean,
        half_width_db=math.inf,
        low=(),
        high=(),
        clips=len(rows),
        scenes=0,
    )


def _missed(method: str, rows: Rows, measured: Rows, out: NDArray[np.bool_]) -> Rows:
    """Return by how much the gains learned from the other scenes miss those of a scene, dB."""
    others = _fitted(method, rows[~out], measured[~out])
    return np.asarray(np.abs(_predict(others, rows[out]) - measured[out]), np.float64)


def _predict(gains: Gains, transformed: Rows) -> Rows:
    scaled = (transformed - np.array(gains.centre)) / np.array(gains.spread)
    return np.asarray(gains.mean_db + scaled @ np.array(gains.weights), np.float64)
