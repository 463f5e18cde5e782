"""A stabiliser's controller of one's own, for tests that name one by an import string."""

import numpy as np


def lazy_controller(gyro_rad_s: np.ndarray, rate_hz: float) -> np.ndarray:
    """Leave the lens at rest."""
    return np.zeros_like(gyro_rad_s)
