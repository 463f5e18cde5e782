"""Distinguish methods from what they are compared with: the blurry input, and controls that learn nothing."""

from collections.abc import Mapping
from typing import Literal

Role = Literal["method", "control", "input"]

INPUT = "blurry"
"""The row of the input, which does nothing to it."""

CONTROLS: Mapping[str, str] = {"warp_average": "control, no learning"}
"""Methods that every other method has to beat, and what is said of each behind its name."""


def role_of(method: str) -> Role:
    """Return what a row is: a method, a control, or the input.

    Controls and the input are references: they keep their place in the ranks, and are never called the best.
    """
    return "input" if method == INPUT else "control" if method in CONTROLS else "method"
