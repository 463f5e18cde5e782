"""Combine turns measured between many pairs of frames into one path of orientations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

_ROUNDS = 8
_HUBER = 3.0  # spreads beyond which a turn's pull grows no more
_ENOUGH_RAD = 1e-9
_GUESS_RAD = np.radians(3.0)  # spread of a turn that was not measured


@dataclass(frozen=True)
class Edge:
    """A measured turn between frames ``first`` < ``second``: ``R_w1^-1 R_w2``, and its weight (3,), 1/rad²."""

    first: int
    second: int
    turn: Rotation
    weight: Array


def solve_rotations(t_s: Array, edges: Sequence[Edge]) -> Rotation:
    """Find the orientations that agree best with the measured turns.

    Gauss-Newton on rotation vectors in each frame's own axes, about x, y and z apart (turns between neighbours are
    small); a turn over three spreads off loses weight (Huber). Steps between neighbours that no turn measures are
    guessed from the turning rates before and after, with a spread of 3 degrees.

    Args:
        t_s: (T,) rising times of the frames.
        edges: turns, at least one of them between neighbours.

    Returns:
        T orientations, camera-to-world, the first the identity.
    """
    steps = {edge.first: edge for edge in edges if edge.second == edge.first + 1}
    guesses = _guess(t_s, steps)
    every = [*edges, *guesses]
    turns = [(steps.get(i) or guesses[[g.first for g in guesses].index(i)]).turn for i in range(len(t_s) - 1)]
    rotation = _compose(turns)
    first = np.array([edge.first for edge in every])
    second = np.array([edge.second for edge in every])
    measured = Rotation.concatenate([edge.turn for edge in every])
    weights = np.stack([edge.weight for edge in every])
    for _ in range(_ROUNDS):
        error = (measured.inv() * rotation[first].inv() * rotation[second]).as_rotvec()
        spreads = np.abs(error) * np.sqrt(weights)
        step = _step(first, second, error, weights * np.minimum(1.0, _HUBER / np.maximum(spreads, 1e-12)), len(t_s))
        rotation = rotation * Rotation.from_rotvec(step)
        if np.abs(step).max() < _ENOUGH_RAD:
            break
    return rotation[0].inv() * rotation


def _guess(t_s: Array, steps: dict[int, Edge]) -> list[Edge]:
    """Guess the steps that are not measured from those that are, by their rates."""
    spacing, middle = np.diff(t_s), 0.5 * (t_s[1:] + t_s[:-1])
    known = np.array(sorted(steps))
    rates = np.stack([steps[int(i)].turn.as_rotvec() / spacing[i] for i in known])
    missing = [i for i in range(len(spacing)) if i not in steps]
    weight = np.full(3, _GUESS_RAD**-2)
    guessed = []
    for i in missing:
        rate = np.array([np.interp(middle[i], middle[known], column) for column in rates.T])
        guessed.append(Edge(i, i + 1, Rotation.from_rotvec(rate * spacing[i]), weight))
    return guessed


def _compose(turns: Sequence[Rotation]) -> Rotation:
    chain = [Rotation.identity()]
    for turn in turns:
        chain.append(chain[-1] * turn)
    return Rotation.concatenate(chain)


def _step(first: NDArray[np.int64], second: NDArray[np.int64], error: Array, weights: Array, count: int) -> Array:
    """Solve for corrections (T, 3) with the first at 0: sum of w (error + d_second - d_first)^2 least."""
    reach = int((second - first).max())
    step = np.zeros((count, 3))
    for axis in range(3):
        w, r = weights[:, axis], error[:, axis]
        bands = np.zeros((reach + 1, count))  # lower form: bands[k, i] stands for row i + k, column i
        np.add.at(bands[0], first, w)
        np.add.at(bands[0], second, w)
        np.add.at(bands, (second - first, first), -w)
        bands[0, 0] += w.max() * 1e6
        right = np.zeros(count)
        np.add.at(right, first, w * r)
        np.add.at(right, second, -w * r)
        step[:, axis] = solveh_banded(bands, right, lower=True)
    return np.asarray(step - step[0])
