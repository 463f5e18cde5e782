"""Test whether a frame's blur follows its flow: let the path of the exposure go free and see how much that gains.

Flow between frames shows where a point went, but inside an exposure the hand and the stabiliser may have taken another
path there. Where they did, re-blurring along the flow is wrong, and a correction by it does harm.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow
from hvdbench.frames import Image
from hvdbench.methods.blur.averaging import average_along_path

_SAMPLES = 11
_START = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
_GAIN, _ALL = np.arange(1), np.arange(5)
_STEP = np.array([0.1, 0.3, 0.3, 0.6, 0.6])
_FARTHEST_PX = np.array([20.0, 20.0, 40.0, 40.0])
_EVEN_GAIN, _FREE_GAIN = (0.7, 1.4), (0.0, 3.0)
_PRIOR = np.array([0.5, 3.0, 3.0, 6.0, 6.0])


def fit_free_path(
    sharp: Image, blurry: Image, mask: Image, motion: Flow, tau: float, iterations: int = 2
) -> tuple[NDArray[np.float64], float]:
    """Fit the free path of a frame and compare it with the best even path.

    The free path of a pixel is ``g tau s u + a s + c (s² - mean s²)``, s in [-0.5, 0.5], with one gain g, one line a
    and one bend c (px) for the whole frame. The even path has the gain alone, within 0.7 to 1.4, so that a slightly
    wrong exposure share does not count against it. Both are fitted by damped Gauss-Newton steps.

    Args:
        sharp: gray sharp picture warped onto the frame, float32 (H, W).
        blurry: the blurry frame in gray, float32 (H, W).
        mask: weight of each pixel, 1 where the warp can be trusted, (H, W).
        motion: (H, W, 2) px per frame interval.
        tau: exposure share of the frame interval.
        iterations: Gauss-Newton steps of each fit.

    Returns:
        The path ``(g, a_x, a_y, c_x, c_y)``, and the masked squared error of the free path over that of the even one,
        in (0, 1]. Near 1 the flow explains the blur; far below 1 the camera took another path inside the exposure.
    """
    fit = _PathFit(sharp, blurry, mask, motion, tau)
    even, even_error = fit.improve(_START, _GAIN, iterations, _EVEN_GAIN)
    free, free_error = fit.improve(even, _ALL, iterations, _FREE_GAIN)
    return free, free_error / even_error if even_error > 0 else 1.0


def free_path_gain(sharp: Image, blurry: Image, mask: Image, motion: Flow, tau: float, iterations: int = 2) -> float:
    """Return the error of the best free path over that of the best even one; see :func:`fit_free_path`."""
    return fit_free_path(sharp, blurry, mask, motion, tau, iterations)[1]


@dataclass(frozen=True)
class _PathFit:
    """A fit of a path ``(g, a_x, a_y, c_x, c_y)`` to one frame."""

    sharp: Image
    blurry: Image
    mask: Image
    motion: Flow
    tau: float

    def improve(
        self, theta: NDArray[np.float64], which: NDArray[np.intp], iterations: int, gain: tuple[float, float]
    ) -> tuple[NDArray[np.float64], float]:
        """Improve the entries ``which`` of a path by damped steps, the gain within bounds; return path and error."""
        root, total = np.sqrt(self.mask).ravel(), float(self.mask.sum()) + 1e-6
        picture = self._blurred(theta)
        error, damping = self._error(picture), 1e-3
        for _ in range(iterations):
            columns = [(self._blurred(theta + step) - picture).ravel() * root for step in np.diag(_STEP)[which]]
            jacobian = np.stack(columns, axis=1) / _STEP[which]
            normal = jacobian.T @ jacobian / total
            gradient = jacobian.T @ ((self.blurry - picture).ravel() * root) / total
            for _ in range(4):
                ridge = np.diag(1.0 / _PRIOR[which] ** 2 + damping * np.diag(normal))
                trial = theta.copy()
                trial[which] += np.linalg.solve(normal + ridge, gradient)
                trial = np.clip(trial, [gain[0], *-_FARTHEST_PX], [gain[1], *_FARTHEST_PX])
                trial_picture = self._blurred(trial)
                trial_error = self._error(trial_picture)
                if trial_error < error:
                    theta, picture, error, damping = trial, trial_picture, trial_error, 0.3 * damping
                    break
                damping *= 10
        return theta, error

    def _blurred(self, theta: NDArray[np.float64]) -> Image:
        shares, shifts = _places(theta, self.tau, _SAMPLES)
        return average_along_path(self.sharp, self.motion, shares, shifts)

    def _error(self, picture: Image) -> float:
        return float((self.mask * (picture - self.blurry) ** 2).sum() / (self.mask.sum() + 1e-6))


def path_offsets(path: NDArray[np.float64], motion: Flow, tau: float, samples: int = 11) -> Iterator[Flow]:
    """Yield where each point is at ``samples`` even times of the exposure, (H, W, 2) px from its mean place.

    Args:
        path: path of the exposure, ``(g, a_x, a_y, c_x, c_y)``.
        motion: (H, W, 2) px per frame interval.
        tau: exposure share of the frame interval.
        samples: number of times; odd, so that mid-exposure is one of them.
    """
    for share, shift in zip(*_places(path, tau, samples), strict=True):
        yield np.asarray(share * motion + shift, np.float32)


def _places(path: NDArray[np.float64], tau: float, samples: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of the motion (N,) and the further shift (N, 2) px at even times of the exposure."""
    gain, line, bend = path[0], path[1:3], path[3:5]
    times = np.linspace(-0.5, 0.5, samples)
    curve = times**2 - np.mean(times**2)
    return gain * tau * times, times[:, None] * line + curve[:, None] * bend
