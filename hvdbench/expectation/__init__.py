"""Before a clip is restored: what speaks for a gain, how much is to be expected, and how long it is going to take."""

from hvdbench.expectation.gains import Expected, Gains, expected_gain, fit_gains, read_gains
from hvdbench.expectation.signs import SIGNS, ClipSigns, signs_of

__all__ = ["SIGNS", "ClipSigns", "Expected", "Gains", "expected_gain", "fit_gains", "read_gains", "signs_of"]
