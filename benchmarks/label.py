"""Measure the sharpness measures: ``python -m benchmarks.label [--image FILE] [--film FILE] [--json FILE]``.

A frame of 1280x720, one thread, without Numba. Peers and candidate alternate in one process; times are process CPU
time, median of the repeats. Each timed call follows an untimed one of the same function, so that none pays for the
cache that another emptied: a frame to be measured has just been decoded.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.blur import Figure
from hvdbench.frames import Frame, read_frame, to_gray
from hvdbench.labels.extent import label_extent
from hvdbench.labels.film import luma_sharpness
from hvdbench.labels.sharpness import label_paper, measured
from hvdbench.metrics.sharpness import colour_sharpness, gray_sharpness, sharpness

SIZE = (1280, 720)
FILM_FRAMES = 60


def made_frame(seed: int = 0) -> Frame:
    """Make discs of all sizes with grain, (720, 1280, 3)."""
    random = np.random.default_rng(seed)
    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    for _ in range(900):
        centre = random.integers(0, SIZE[0]), random.integers(0, SIZE[1])
        radius = int(4 + 90 * random.random() ** 4)
        cv2.circle(picture, (int(centre[0]), int(centre[1])), radius, random.integers(0, 256, 3).tolist(), -1)
    return np.asarray(np.clip(picture + random.normal(0, 1.5, picture.shape), 0, 255), np.uint8)


def timed(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Time functions in turn, each after an untimed call; give the median CPU time of each, ms."""
    spent: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            function()
            start = time.process_time()
            function()
            spent[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(times) for name, times in spent.items()}


def measures(frame: Frame, repeats: int) -> list[Figure]:
    """Compare gray and colour with the float64 line on the colour frame."""
    cost = timed(
        {
            "paper": lambda: cv2.Laplacian(frame, cv2.CV_64F, ksize=1).var(),
            "gray": lambda: gray_sharpness(frame),
            "colour": lambda: colour_sharpness(frame),
            "luma": lambda: measured(frame, "luma"),
        },
        repeats,
    )
    exact = float(cv2.Laplacian(frame, cv2.CV_64F, ksize=1).var())
    gray = float(cv2.Laplacian(to_gray(frame), cv2.CV_64F, ksize=1).var())
    return [
        Figure("cv2.Laplacian(colour, CV_64F).var(), ms", cost["paper"]),
        Figure("gray, ms", cost["gray"]),
        Figure("gray over the line", cost["paper"] / cost["gray"], 15.0, ">="),
        Figure("colour, ms", cost["colour"]),
        Figure("colour over the line", cost["paper"] / cost["colour"], 4.0, ">="),
        Figure("luma of an RGB frame, ms", cost["luma"]),
        Figure("gray, relative error", abs(gray_sharpness(frame) / gray - 1.0), 1e-12, "<="),
        Figure("colour, relative error", abs(colour_sharpness(frame) / exact - 1.0), 1e-12, "<="),
    ]


def made_film(path: Path, frame: Frame) -> None:
    """Write a film of a picture that sways under changing blur, H.264 at 8 Mb/s."""
    random = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *SIZE, "yuv420p", 8_000_000
        for index in range(FILM_FRAMES):
            shift = np.rint(20 * np.sin(2 * np.pi * index / 17) * np.array([1.0, 0.4])).astype(int)
            moved = np.roll(frame, tuple(shift), (0, 1))
            length = 1 + int(14 * abs(np.cos(2 * np.pi * index / 17)) * random.uniform(0.8, 1.0))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(cv2.blur(moved, (length, 1)), format="rgb24")))
        container.mux(stream.encode())


def decode(path: Path) -> int:
    """Decode all frames and look at none."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(container.streams.video[0]))


def film_figures(path: Path, repeats: int) -> list[Figure]:
    """Compare decoding with the luma plane's sharpness with decoding alone, and its ranks with those of gray."""
    cost = timed({"decode": lambda: decode(path), "luma": lambda: luma_sharpness(path)}, repeats)
    with av.open(str(path)) as container:
        gray = [
            sharpness(to_gray(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)))
            for frame in container.decode(container.streams.video[0])
        ]
    ranks = [np.argsort(np.argsort(values)) for values in (gray, luma_sharpness(path))]
    count = len(gray)
    return [
        Figure("decode, ms a frame", cost["decode"] / count),
        Figure("decode and luma, ms a frame", cost["luma"] / count),
        Figure("decode and luma over decode", cost["luma"] / cost["decode"], 1.15, "<="),
        Figure("Spearman of luma with gray", float(np.corrcoef(ranks)[0, 1]), 0.99, ">="),
    ]


def labellers(frame: Frame, count: int = 12) -> list[Figure]:
    """Time whole labellers on a swaying clip of 720p frames."""
    sway = [np.roll(frame, (round(6 * np.sin(i)), round(15 * np.cos(i))), (0, 1)) for i in range(count)]
    clip = np.stack(sway)
    cost = timed({"paper": lambda: label_paper(clip), "extent": lambda: label_extent(clip)}, 1)
    return [
        Figure("labeller paper, ms a frame", cost["paper"] / count),
        Figure("labeller extent, ms a frame", cost["extent"] / count, 100.0, "<="),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the sharpness measures and labellers.")
    parser.add_argument("--image", type=Path, help="a sharp frame; left out: made")
    parser.add_argument("--film", type=Path, help="a 720p film; left out: made")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    frame = made_frame()
    if options.image:
        frame = np.asarray(cv2.resize(read_frame(options.image), SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    figures = measures(frame, options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        film = options.film or Path(folder) / "film.mp4"
        if not options.film:
            made_film(film, frame)
        figures += film_figures(film, max(3, options.repeats // 3))
    figures += labellers(frame)
    for figure in figures:
        goal = f"{figure.sense} {figure.goal:g}" if figure.goal is not None else ""
        print(f"{figure.what:<44} {figure.value:>12.4g}  {goal:<10} {figure.verdict}")
    if options.json:
        rows = [{**vars(figure), "verdict": figure.verdict} for figure in figures]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
