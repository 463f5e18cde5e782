"""Measure PSNR and SSIM against other packages: ``python -m benchmarks.metrics [--pair RESTORED TRUTH] [--json FILE]``.

Frames of 1280x720, one thread. In each repeat the candidate and its peers are timed one after the other in one process,
each after an untimed call of its own, by process CPU time; a ratio is the median over the repeats of that repeat's
ratio, so that a neighbour's load falls on both. ``pyiqa``'s SSIM takes many seconds a call and is timed in few repeats.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.blur import Figure
from benchmarks.label import SIZE, made_frame
from hvdbench.frames import Frame, read_frame
from hvdbench.metrics.fidelity import psnr, ssim
from hvdbench.metrics.protocols.frame_pair import luma, volume_ssim
from hvdbench.metrics.ssim import mean_ssim
from hvdbench.metrics.ssim_window import gaussian_taps

Functions = dict[str, Callable[[], Any]]


def paired(functions: Functions, repeats: int) -> dict[str, list[float]]:
    """Time functions in turn, each after an untimed call; give every CPU time, ms."""
    spent: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            function()
            start = time.process_time()
            function()
            spent[name].append(1e3 * (time.process_time() - start))
    return spent


def ratio(spent: dict[str, list[float]], peer: str, ours: str = "ours") -> float:
    """Return the median over the repeats of the peer's time over ours."""
    return statistics.median(a / b for a, b in zip(spent[peer], spent[ours], strict=True))


def ssim_of_scikit_image(a: Any, b: Any) -> float:
    """Return SSIM as ``hvdbench-1`` defines it, by scikit-image in float64."""
    value: float = structural_similarity(
        a,
        b,
        channel_axis=2 if a.ndim == 3 else None,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    return value


def ssim_by_full_windows(a: Frame, b: Frame) -> float:
    """Return the same by 11x11 windows that are not separated, in float64, as restoration toolboxes do."""
    window = np.outer(gaussian_taps(), gaussian_taps())

    def blurred(plane: Any) -> Any:
        return cv2.filter2D(plane, -1, window)[5:-5, 5:-5]

    similar = []
    for x, y in zip(np.moveaxis(a.astype(np.float64), -1, 0), np.moveaxis(b.astype(np.float64), -1, 0), strict=True):
        x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        mean_x, mean_y = blurred(x), blurred(y)
        var_x, var_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
        above = (2 * mean_x * mean_y + 2.55**2) * (2 * (blurred(x * y) - mean_x * mean_y) + 7.65**2)
        similar.append((above / ((mean_x**2 + mean_y**2 + 2.55**2) * (var_x + var_y + 7.65**2))).mean())
    return float(np.mean(similar))


def four_blurs(frame: Frame) -> None:
    """Filter four float32 planes as wide as the three colours: the floor of any SSIM by OpenCV."""
    taps, plane = gaussian_taps(), frame.astype(np.float32)
    for _ in range(4):
        cv2.sepFilter2D(plane, cv2.CV_32F, taps, taps)


def differences(a: Frame, b: Frame) -> dict[str, float]:
    """Return the largest difference from scikit-image's SSIM on random, flat and the measured pairs."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (2, 180, 320, 3)).astype(np.uint8)
    patches = [np.kron(random.integers(0, 256, (6, 8, 3)), np.ones((30, 40, 1))).astype(np.uint8) for _ in range(12)]
    pairs = {
        "random": [tuple(noise)],
        "flat": list(zip(patches[::2], patches[1::2], strict=True)),
        "measured": [(a, b)],
    }
    return {
        kind: max(abs(ssim(x, y) - ssim_of_scikit_image(x, y)) for x, y in members) for kind, members in pairs.items()
    }


def psnr_figures(a: Frame, b: Frame, repeats: int) -> list[Figure]:
    """Compare PSNR with scikit-image and with the bare norm."""
    spent = paired(
        {
            "ours": lambda: psnr(a, b),
            "norm": lambda: cv2.norm(a, b, cv2.NORM_L2SQR),
            "scikit-image": lambda: peak_signal_noise_ratio(b, a, data_range=255),
        },
        4 * repeats,
    )
    exact = peak_signal_noise_ratio(b, a, data_range=255)
    return [
        Figure("PSNR, ms", statistics.median(spent["ours"])),
        Figure("PSNR: scikit-image over ours", ratio(spent, "scikit-image"), 60.0, ">="),
        Figure("PSNR: ours over one cv2.norm", 1 / ratio(spent, "norm"), 2.0, "<="),
        Figure("PSNR, difference, dB", abs(psnr(a, b) - exact), 1e-9, "<="),
    ]


def ssim_figures(a: Frame, b: Frame, repeats: int) -> list[Figure]:
    """Compare SSIM with scikit-image, with full windows and with four filters."""
    spent = paired(
        {
            "ours": lambda: ssim(a, b),
            "scikit-image": lambda: ssim_of_scikit_image(a, b),
            "full windows": lambda: ssim_by_full_windows(a, b),
            "four blurs": lambda: four_blurs(a),
        },
        repeats,
    )
    x, y = luma(a), luma(b)
    gray = paired({"ours": lambda: mean_ssim(x, y), "scikit-image": lambda: ssim_of_scikit_image(x, y)}, repeats)
    volume = paired({"ours": lambda: volume_ssim(a, b)}, max(2, repeats // 3))
    return [
        Figure("SSIM RGB, ms", statistics.median(spent["ours"])),
        Figure("SSIM RGB: scikit-image over ours", ratio(spent, "scikit-image"), 12.0, ">="),
        Figure("SSIM RGB: full windows over ours", ratio(spent, "full windows"), 10.0, ">="),
        Figure("SSIM RGB: ours over four sepFilter2D", 1 / ratio(spent, "four blurs"), 1.2, "<="),
        Figure("SSIM Y, ms", statistics.median(gray["ours"])),
        Figure("SSIM Y: scikit-image over ours", ratio(gray, "scikit-image"), 10.0, ">="),
        Figure("SSIM volume (gopro-matlab), ms", statistics.median(volume["ours"])),
        *(
            Figure(f"SSIM RGB, difference, {kind} pairs", value, 1e-6, "<=")
            for kind, value in differences(a, b).items()
        ),
    ]


def pyiqa_figures(a: Frame, b: Frame, repeats: int) -> list[Figure]:
    """Compare with pyiqa's ``ssimc`` and ``psnr``."""
    from hvdbench.metrics.perceptual import open_perceptual

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import torch

        torch.set_num_threads(1)
        theirs = {name: open_perceptual(name) for name in ("ssimc", "psnr")}
    spent: dict[str, list[float]] = {"ours": [], "ssimc": []}
    for _ in range(repeats):  # without an untimed call: one takes as long as all else here
        ssim(a, b)
        for name, function in (("ours", lambda: ssim(a, b)), ("ssimc", lambda: theirs["ssimc"](a, b))):
            start = time.process_time()
            function()
            spent[name].append(1e3 * (time.process_time() - start))
    return [
        Figure("SSIM RGB: pyiqa's ssimc, ms", statistics.median(spent["ssimc"])),
        Figure("SSIM RGB: pyiqa's ssimc over ours", ratio(spent, "ssimc"), 400.0, ">="),
        Figure("PSNR, difference from pyiqa's psnr, dB", abs(psnr(a, b) - theirs["psnr"](a, b)), 1e-4, "<="),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time PSNR and SSIM.")
    parser.add_argument("--pair", type=Path, nargs=2, help="a restored and a true frame; left out: made")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--pyiqa", type=int, default=1, help="repeats of pyiqa's SSIM; 0: none")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    truth = made_frame()
    restored: Frame = np.asarray(cv2.GaussianBlur(truth, (0, 0), 1.0), np.uint8)
    if options.pair:
        restored, truth = (
            np.asarray(cv2.resize(read_frame(path), SIZE, interpolation=cv2.INTER_AREA), np.uint8)
            for path in options.pair
        )
    print(f"load average before: {os.getloadavg()[0]:.1f}")
    figures = psnr_figures(restored, truth, options.repeats) + ssim_figures(restored, truth, options.repeats)
    if options.pyiqa:
        figures += pyiqa_figures(restored, truth, options.pyiqa)
    print(f"load average after: {os.getloadavg()[0]:.1f}")
    for figure in figures:
        goal = f"{figure.sense} {figure.goal:g}" if figure.goal is not None else ""
        print(f"{figure.what:<44} {figure.value:>12.4g}  {goal:<10} {figure.verdict}")
    if options.json:
        rows = [{**vars(figure), "verdict": figure.verdict} for figure in figures]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
