"""Score sequences of sharp frames that were restored of one blurry frame, whose order nobody can know from it.

pPSNR, pSSIM and pLPIPS of HyperCUT (Pham et al., CVPR 2023): every restored frame is compared with the true frame of
its own place (forward) and with that of the mirrored place (backward), and the better order counts. The paper and its
code differ in what is turned, so each metric has two variants; ``docs/blur2vid.md`` says which is which.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame
from hvdbench.metrics.fidelity import PSNR_CAP_DB, psnr, ssim
from hvdbench.metrics.measure import Measure, Meter
from hvdbench.metrics.metric import Better, Facts, Metric
from hvdbench.metrics.perceptual import lpips_measure
from hvdbench.metrics.pyiqa_files import missing_weights

Variant = Literal["sequence", "pair", "frame"]
Compare = Callable[[Frame, Frame], float]
Array = NDArray[np.float64]

PLACES = 7
"""Number of frames of a sequence whose places have columns of their own, as in HyperCUT's Table 2."""
_REVISION = "sequences 1"


@dataclass(frozen=True)
class BothOrders:
    """The scores of a sequence of N frames in both orders.

    Attributes:
        forward: (N,) of each true frame and the restored frame of the same place.
        backward: (N,) of each true frame k and the restored frame of the mirrored place, N - 1 - k.
    """

    forward: Array
    backward: Array

    @classmethod
    def of(cls, restored: NDArray[np.uint8], truth: NDArray[np.uint8], compare: Compare) -> "BothOrders":
        """Compare a restored sequence with the true one, uint8 RGB (N, H, W, 3) each, in both orders.

        Raises:
            InputError: if the sequences differ in shape or are empty.
        """
        if restored.shape != truth.shape or restored.ndim != 4 or not len(truth):
            raise InputError(
                f"a restored sequence is {restored.shape} and the true one is {truth.shape}: both must be (N, H, W, 3)"
            )
        forward = np.array([compare(one, other) for one, other in zip(restored, truth, strict=True)])
        backward = np.array([compare(one, other) for one, other in zip(restored[::-1], truth, strict=True)])
        return cls(forward, backward)

    def scores(self, variant: Variant, better: Better) -> Array:
        """Choose the better order and return the score of each true frame, (N,).

        Args:
            variant: what is turned: ``sequence``, the whole sequence, by the mean over its frames, as HyperCUT's code
                does; ``pair``, each pair of symmetric frames (k, N - 1 - k) by itself, by the mean over the two, as the
                paper describes it; ``frame``, each restored frame k by itself, which is Eq. 11 to the letter and
                accepts sequences that no order gives. The score of ``frame`` is that of the restored frame k.
            better: which scores are better.
        """
        sign = 1.0 if better == "higher" else -1.0
        forward, backward = sign * self.forward, sign * self.backward
        if variant == "sequence":
            chosen = backward if backward.mean() > forward.mean() else forward
        elif variant == "pair":
            turned = backward + backward[::-1] > forward + forward[::-1]
            chosen = np.where(turned, backward, forward)
        else:
            chosen = np.maximum(forward, backward[::-1])
        return np.asarray(sign * chosen, np.float64)


def sequence_scores(
    restored: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    compare: Compare,
    *,
    variant: Variant = "sequence",
    better: Better = "higher",
) -> Array:
    """Return the scores (N,) of a restored sequence in the better order; see :meth:`BothOrders.scores`.

    Args:
        restored: uint8 RGB (N, H, W, 3), in either order.
        truth: the true sequence, of the same shape.
        compare: measures a restored frame against a true one.
        variant: what is turned.
        better: which values of ``compare`` are better.

    Raises:
        InputError: if the sequences differ in shape, or under the conditions of ``compare``.
    """
    return BothOrders.of(restored, truth, compare).scores(variant, better)


def best_of(
    candidates: NDArray[np.uint8], truth: NDArray[np.uint8], *, variant: Variant = "sequence"
) -> NDArray[np.uint8]:
    """Choose the candidate with the largest mean pPSNR; the first of several equally good ones.

    A method that may restore several sequences of one blurry frame is scored with its best one of n (HyperCUT's P1, P3
    and P5 of Table 4). All metrics of a blurry frame are of the one candidate that is chosen here.

    Args:
        candidates: uint8 RGB (n, N, H, W, 3).
        truth: uint8 RGB (N, H, W, 3).
        variant: as of :meth:`BothOrders.scores`.

    Returns:
        The candidate, (N, H, W, 3).

    Raises:
        InputError: if shapes do not fit, or there is no candidate.
    """
    if candidates.ndim != 5 or not len(candidates):
        raise InputError(f"candidates must be (n, N, H, W, 3) with n of 1 or more, found {candidates.shape}")
    if len(candidates) == 1:
        return np.asarray(candidates[0], np.uint8)
    means = [sequence_scores(one, truth, capped_psnr, variant=variant).mean() for one in candidates]
    return np.asarray(candidates[int(np.argmax(means))], np.uint8)


def capped_psnr(restored: Frame, truth: Frame) -> float:
    """Return the PSNR of a frame, dB, at most 80 (equal frames)."""
    return min(psnr(restored, truth), PSNR_CAP_DB)


def sequence_meter(compare: Compare, name: str, variant: Variant, better: Better, *, places: int = PLACES) -> Meter:
    """Return a meter of the sequences of one clip's blurry frames.

    It takes the candidates (n, N, H, W, 3) of a blurry frame and the true sequence (N, H, W, 3), and returns
    ``<name>_mean`` and, of sequences of seven, ``<name>-1`` to ``<name>-7``.
    """

    def measure(candidates: Frame, truth: Frame | None) -> Mapping[str, float]:
        assert truth is not None
        found = sequence_scores(
            best_of(candidates, truth, variant=variant), truth, compare, variant=variant, better=better
        )
        values = {f"{name}_mean": float(found.mean())}
        if len(found) == places == PLACES:
            values |= {f"{name}-{place}": float(value) for place, value in enumerate(found, start=1)}
        return values

    return measure


def _metric(
    name: str, title: str, unit: str, better: Better, decimals: int, opener: Callable[[str], Measure], *, placed: bool
) -> Metric:
    beside = tuple(
        Facts(f"{name}-{place}", f"{title} {place}", unit, better, decimals=decimals)
        for place in range(1, PLACES + 1)
        if placed
    )
    return Metric(
        f"{name}_mean",
        f"mean {title}",
        unit,
        better,
        decimals=decimals,
        asked_as=name,
        opener=opener,
        needs="subframes",
        beside=beside,
        missing=partial(missing_weights, "lpips") if name.startswith("plpips") else None,
    )


def _names(name: str, *, placed: bool) -> tuple[str, ...]:
    return (f"{name}_mean", *(f"{name}-{place}" for place in range(1, PLACES + 1) if placed))


def _open_psnr(name: str, variant: Variant, device: str) -> Measure:
    start = partial(sequence_meter, capped_psnr, name, variant, "higher")
    return Measure(name, _names(name, placed=True), f"{name} 1, {_REVISION}, {variant}", start, "subframes")


def _open_ssim(name: str, variant: Variant, device: str) -> Measure:
    start = partial(sequence_meter, ssim, name, variant, "higher", places=0)
    return Measure(name, _names(name, placed=False), f"{name} 1, {_REVISION}, {variant}", start, "subframes")


def _open_lpips(name: str, variant: Variant, device: str) -> Measure:
    distance, identity, library = lpips_measure(device)
    start = partial(sequence_meter, distance, name, variant, "lower", places=0)
    about = f"{name} 1, {_REVISION}, {variant}, {identity}"
    return Measure(name, _names(name, placed=False), about, start, "subframes", versions=library)


PPSNR = _metric("ppsnr", "pPSNR", "dB", "higher", 2, partial(_open_psnr, "ppsnr", "sequence"), placed=True)
PPSNR_PAIR = _metric(
    "ppsnr_pair", "pPSNR by pairs", "dB", "higher", 2, partial(_open_psnr, "ppsnr_pair", "pair"), placed=True
)
PSSIM = _metric("pssim", "pSSIM", "", "higher", 3, partial(_open_ssim, "pssim", "sequence"), placed=False)
PSSIM_PAIR = _metric(
    "pssim_pair", "pSSIM by pairs", "", "higher", 3, partial(_open_ssim, "pssim_pair", "pair"), placed=False
)
PLPIPS = _metric("plpips", "pLPIPS", "", "lower", 3, partial(_open_lpips, "plpips", "sequence"), placed=False)
PLPIPS_PAIR = _metric(
    "plpips_pair", "pLPIPS by pairs", "", "lower", 3, partial(_open_lpips, "plpips_pair", "pair"), placed=False
)
