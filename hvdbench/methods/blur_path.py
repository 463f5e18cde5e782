"""Does a frame's blur follow its flow? Asked by letting the path of the exposure go free and seeing what that gains.

Between frames flow sees where a point went; inside an exposure hand and stabiliser may have bent that way. Where they
did, re-blurring along the flow is wrong, and correcting with it does harm.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, warp
from hvdbench.frames import Image

_SAMPLES = np.linspace(-0.5, 0.5, 11)
_BEND = _SAMPLES**2 - np.mean(_SAMPLES**2)
_START = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
_STEP = np.array([0.1, 0.3, 0.3, 0.6, 0.6])
_LOWEST = np.array([0.0, -20.0, -20.0, -40.0, -40.0])
_HIGHEST = np.array([3.0, 20.0, 20.0, 40.0, 40.0])
_PRIOR = np.array([0.5, 3.0, 3.0, 6.0, 6.0])


def free_path_gain(sharp: Image, blurry: Image, mask: Image, motion: Flow, tau: float, iterations: int = 2) -> float:
    """Give the masked squared error of the best free path over that of the even path along the flow, in (0, 1].

    The free path of a pixel is ``g tau s u + a s + c (s² - mean s²)``, s in [-0.5, 0.5], with one gain g, one line a
    and one bend c (px) for the whole frame, fitted by damped Gauss-Newton steps from the even path (1, 0, 0). Near 1
    the flow tells the blur; far below it the camera moved otherwise inside the exposure.

    Args:
        sharp: gray picture warped onto the frame, float32 (H, W).
        blurry: the frame, gray.
        mask: where the warp can be trusted.
        motion: (H, W, 2) px per frame interval.
        tau: exposure share.
        iterations: Gauss-Newton steps.
    """
    theta = _START.copy()
    total = float(mask.sum()) + 1e-6
    root = np.sqrt(mask).ravel()
    picture = _blurred(sharp, theta, motion, tau)
    error = first = _error(picture, blurry, mask, total)
    damping = 1e-3
    for _ in range(iterations):
        columns = [_blurred(sharp, theta + step, motion, tau) - picture for step in np.diag(_STEP)]
        jacobian = np.stack([column.ravel() * root / step for column, step in zip(columns, _STEP, strict=True)], axis=1)
        normal = jacobian.T @ jacobian / total
        gradient = jacobian.T @ ((blurry - picture).ravel() * root) / total
        for _ in range(4):
            ridge = np.diag(1.0 / _PRIOR**2 + damping * np.diag(normal))
            trial = np.clip(theta + np.linalg.solve(normal + ridge, gradient), _LOWEST, _HIGHEST)
            trial_picture = _blurred(sharp, trial, motion, tau)
            trial_error = _error(trial_picture, blurry, mask, total)
            if trial_error < error:
                theta, picture, error, damping = trial, trial_picture, trial_error, 0.3 * damping
                break
            damping *= 10
    return error / first if first > 0 else 1.0


def _path(theta: NDArray[np.float64], motion: Flow, tau: float) -> Iterator[Flow]:
    gain, line, bend = theta[0], theta[1:3], theta[3:5]
    for share, curve in zip(_SAMPLES, _BEND, strict=True):
        yield np.asarray(gain * tau * share * motion + (line * share + bend * curve), np.float32)


def _blurred(sharp: Image, theta: NDArray[np.float64], motion: Flow, tau: float) -> Image:
    total = np.zeros_like(sharp)
    for where in _path(theta, motion, tau):
        total += warp(sharp, where, "linear")
    return total / np.float32(len(_SAMPLES))


def _error(picture: Image, blurry: Image, mask: Image, total: float) -> float:
    return float((mask * (picture - blurry) ** 2).sum()) / total
