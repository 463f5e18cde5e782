"""Measure the blur kernel against common scripts: ``python -m benchmarks.blur [--image FILE] [--json FILE]``.

Peers and candidate alternate in one process on one core; times are process CPU time, median of the repeats (and least),
after one warm-up. See README.md beside this file.
"""

import argparse
import gc
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks import naive
from benchmarks.naive import Array
from hvdbench.frames import Frame, read_frame, write_frame
from hvdbench.response import open_response
from hvdbench.synth.exposure.tiles import Kernel, average_along, grid_of

SIZE = (1280, 720)
FOCAL_PX = 0.751 * SIZE[0]
TILE = (32, 16)
EXTENT_PX = 12.0
COUNTS = (8, 16, 32, 64)
CLIP_FRAMES, CLIPS = 4, 6  # of the row "workers"
SPINS = 5_000_000
ROWS = ("static", "single", "accuracy", "memory", "dynamic", "pair", "workers")
RESPONSE = open_response("gamma2.2")


@dataclass(frozen=True)
class Figure:
    """One line of the table; ``sense`` is ``>=`` or ``<=``, None where there is no goal."""

    what: str
    value: float
    goal: float | None = None
    sense: Literal[">=", "<="] = "<="

    @property
    def verdict(self) -> str:
        """Return whether the goal is met."""
        if self.goal is None:
            return ""
        return "met" if (self.value >= self.goal if self.sense == ">=" else self.value <= self.goal) else "MISSED"


def hand_path(count: int, extent_px: float = EXTENT_PX) -> Array:
    """Map the frame to the picture along a curved path: (count, 3, 3), with ``extent_px`` of travel at the centre.

    Yaw and pitch bend like a hand's; roll covers the same angle as the travel.
    """

    def curve(t: Array) -> Array:
        return np.stack([0.6 * np.sin(2.2 * t) + 0.25 * np.cos(5.0 * t), t], axis=1)

    dense = curve(np.linspace(-0.5, 0.5, 257))
    length = np.linalg.norm(dense[:, None] - dense[None], axis=2).max()
    t = (np.arange(count) + 0.5) / count - 0.5
    angle = extent_px / FOCAL_PX
    turns = np.column_stack([curve(t) / length * angle, t * angle])
    K = np.array([[FOCAL_PX, 0, (SIZE[0] - 1) / 2], [0, FOCAL_PX, (SIZE[1] - 1) / 2], [0, 0, 1]])
    return np.asarray(K @ Rotation.from_rotvec(turns).as_matrix() @ np.linalg.inv(K))


def places_of(maps: Array) -> Array:
    """Return where each node of the grid looks: (N, GY, GX, 2) px."""
    nodes = grid_of(SIZE, TILE)[1]
    x, y = nodes[0, :, 0], nodes[:, 0, 1]
    rows = [maps[:, row, :, None, None] for row in range(3)]
    u, v, scale = (row[:, 0] * x + (row[:, 1] * y[:, None] + row[:, 2]) for row in rows)
    places = np.empty((*u.shape, 2))
    np.divide(u, scale, out=places[..., 0])
    np.divide(v, scale, out=places[..., 1])
    return places


def blur(frame: Frame, maps: Array, kernel: Kernel = "linear") -> Frame:
    """Blur by hvdbench's kernel: decode, places of the grid's nodes, average, encode."""
    weights = np.full(len(maps), 1.0 / len(maps))
    light = average_along(RESPONSE.to_light(frame), places_of(maps), weights, SIZE, tile=TILE, kernel=kernel)
    return RESPONSE.to_display(light)


def blur_dynamic(frames: list[Frame], maps: Array) -> Frame:
    """Blur distinct source frames: one look-up table, one warp and one sum for each."""
    total = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    for frame, H in zip(frames, maps, strict=True):
        cv2.accumulate(naive.warp(RESPONSE.to_light(frame), H), total)
    total *= np.float32(1.0 / len(frames))
    return RESPONSE.to_display(total)


def open_picture(path: Path | None, seed: int = 0) -> Frame:
    """Return a 1280x720 frame with mild grain: of a picture or a video's first frame, or of made leaves and noise."""
    rng = np.random.default_rng(seed)
    picture = made_leaves(rng) if path is None else first_frame(path)
    scale = max(SIZE[0] / picture.shape[1], SIZE[1] / picture.shape[0])
    if scale != 1.0:
        rule = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=rule), np.uint8)
    top, left = (picture.shape[0] - SIZE[1]) // 2, (picture.shape[1] - SIZE[0]) // 2
    picture = picture[max(top, 0) :, max(left, 0) :][: SIZE[1], : SIZE[0]]
    grainy = picture + rng.normal(0.0, 1.5, picture.shape)
    return np.asarray(np.clip(np.rint(grainy), 0, 255), np.uint8)


def first_frame(path: Path) -> Frame:
    """Read a picture, or the first frame of anything else that OpenCV opens."""
    if path.suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp", ".webp"}:
        return read_frame(path)
    found, bgr = cv2.VideoCapture(str(path)).read()
    if not found:
        raise SystemExit(f"{path}: no picture or video that can be read")
    return np.ascontiguousarray(bgr[..., ::-1])


def made_leaves(rng: np.random.Generator) -> Frame:
    """Draw overlapping discs of all sizes (the "dead leaves" of image statistics)."""
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for radius in np.sort(4.0 / rng.uniform(0.02, 1.0, 3000))[::-1]:
        centre = (int(rng.integers(SIZE[0])), int(rng.integers(SIZE[1])))
        colour = [int(level) for level in rng.integers(5, 230, 3)]
        cv2.circle(picture, centre, max(int(radius), 2), colour, -1, cv2.LINE_AA)
    return picture


def time_together(work: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Run all in turn, ``repeats`` times after one warm-up: CPU milliseconds of each."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, run in work.items():
            start = time.process_time()
            run()
            if turn:
                times[name].append(1000.0 * (time.process_time() - start))
    return times


class Report:
    """What was measured: lines for the table, and every single time for the file."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.times_ms: dict[str, list[float]] = {}

    def add(self, *figures: Figure) -> None:
        """Print and keep lines."""
        for figure in figures:
            goal = "" if figure.goal is None else f"{figure.sense} {figure.goal:g}"
            print(f"{figure.what:<68}{figure.value:>12.4g}   {goal:<10}{figure.verdict}", flush=True)
        self.figures += figures

    def time(self, row: str, work: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
        """Time all of a row; print median and least; return medians."""
        medians = {}
        for name, times in time_together(work, repeats).items():
            self.times_ms[f"{row}: {name}"] = times
            medians[name] = statistics.median(times)
            print(f"{row + ': ' + name:<68}{medians[name]:>9.1f} ms   least {min(times):.1f}", flush=True)
        return medians


def measure_static(report: Report, frame: Frame, repeats: int) -> None:
    """Time N sub-frames of one source frame."""
    light = naive.decode(frame)
    medians: dict[int, dict[str, float]] = {}
    for count in COUNTS:
        maps = hand_path(count)
        work: dict[str, Callable[[], object]] = {
            "naive32": lambda maps=maps: naive.naive32(frame, maps),
            "careful32": lambda maps=maps: naive.careful32(frame, maps),
            "one float32 warp": lambda maps=maps: naive.warp(light, maps[0]),
            "hvdbench": lambda maps=maps: blur(frame, maps),
            "hvdbench, cubic": lambda maps=maps: blur(frame, maps, "cubic"),
        }
        now = medians[count] = report.time(f"static, N={count}", work, repeats)
        ours = now["hvdbench"]
        goals = {8: (5.0, None), 32: (15.0, 8.0), 64: (30.0, 14.0)}.get(count, (None, None))
        report.add(
            Figure(f"static, N={count}: naive32 / hvdbench", now["naive32"] / ours, goals[0], ">="),
            Figure(f"static, N={count}: careful32 / hvdbench", now["careful32"] / ours, goals[1], ">="),
            Figure(f"static, N={count}: hvdbench / one float32 warp", ours / now["one float32 warp"], 4.0),
            Figure(f"static, N={count}: hvdbench, cubic / linear", now["hvdbench, cubic"] / ours),
        )
    report.add(Figure("static: time(N=64) / time(N=16)", medians[64]["hvdbench"] / medians[16]["hvdbench"], 1.3))


def measure_single(report: Report, frame: Frame, repeats: int) -> None:
    """Time one sub-frame of a turned view, as a frame's truths are: no file, no decoding."""
    light, maps = naive.decode(frame), hand_path(8)[:1]
    rules: dict[Kernel, int] = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
    for kernel, rule in rules.items():
        work: dict[str, Callable[[], object]] = {
            "one float32 warp": lambda rule=rule: naive.warp(light, maps[0], rule),
            "hvdbench": lambda kernel=kernel: average_along(
                light, places_of(maps), np.ones(1), SIZE, tile=TILE, kernel=kernel
            ),
        }
        now = report.time(f"single, {kernel}", work, repeats)
        report.add(Figure(f"single, {kernel}: hvdbench / one float32 warp", now["hvdbench"] / now["one float32 warp"]))


def measure_accuracy(report: Report, frame: Frame) -> None:
    """Compare 8-bit results with float64 references, in levels."""
    for kernel, count in (("linear", 8), ("linear", 32), ("linear", 64), ("cubic", 32)):
        maps = hand_path(count)
        truth = naive.exact(frame, maps, cubic=kernel == "cubic")
        goals = (0.27, 1.0, 1e-4) if kernel == "linear" else (None, None, None)
        results = {"hvdbench": blur(frame, maps, "cubic" if kernel == "cubic" else "linear")}
        if count == 32:
            rule = cv2.INTER_CUBIC if kernel == "cubic" else cv2.INTER_LINEAR
            results["careful32"] = naive.careful32(frame, maps, rule)
        for name, result in results.items():
            error = np.abs(result - truth)
            wanted = goals if name == "hvdbench" else (None, None, None)
            what = f"accuracy, {kernel}, N={count}: {name}"
            apart = np.abs(result - np.rint(truth)) > 1
            report.add(
                Figure(f"{what}, mean error, levels", float(error.mean()), wanted[0]),
                Figure(f"{what}, 99.9 % of samples within", float(np.percentile(error, 99.9)), wanted[1]),
                Figure(f"{what}, largest", float(error.max())),
                Figure(f"{what}, share over one level off", float(apart.mean()), wanted[2]),
            )


def measure_memory(report: Report, image: Path | None) -> None:
    """Measure peaks of resident memory in processes of their own."""
    for name, count, goal in (("hvdbench", 64, 100.0), ("hvdbench", 257, 100.0), ("naive32", 64, None)):
        command = [sys.executable, "-m", "benchmarks.blur", "--peak-of", name, str(count)]
        if image is not None:
            command += ["--image", str(image)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        report.add(Figure(f"memory above base, N={count}: {name}, MB", float(done.stdout), goal))


def peak_of(name: str, count: int, frame: Frame) -> float:
    """Blur once in this process: by how many MB its largest resident size grows over its size before.

    Before, the same code runs on a sliver, so that it is loaded and compiled. Linux alone: the largest size is VmHWM,
    set back by ``/proc/self/clear_refs`` (``ru_maxrss`` would carry over the parent's).
    """
    sliver = np.ascontiguousarray(frame[:32, :64])
    naive.naive32(sliver, hand_path(2))
    nodes = grid_of((64, 32), TILE)[1]
    average_along(RESPONSE.to_light(sliver), np.stack([nodes] * 2), np.full(2, 0.5), (64, 32), tile=TILE)
    RESPONSE.to_display(np.zeros((1, 1), np.float32))
    maps = hand_path(count)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = resident_mb("VmRSS")
    {"hvdbench": blur, "naive32": naive.naive32}[name](frame, maps)
    return resident_mb("VmHWM") - before


def resident_mb(which: str) -> float:
    """Read this process's resident size now (VmRSS) or its largest (VmHWM), MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024e-6 * float(line.split()[1]) for line in lines if line.startswith(which))


def measure_dynamic(report: Report, frame: Frame, repeats: int) -> None:
    """Time N distinct source frames, already read."""
    frames = [np.ascontiguousarray(np.roll(frame, shift, axis=1)) for shift in range(32)]
    maps = hand_path(32)
    work: dict[str, Callable[[], object]] = {
        "naive script": lambda: naive.naive_dynamic(frames, maps),
        "hvdbench": lambda: blur_dynamic(frames, maps),
    }
    now = report.time("dynamic, N=32", work, repeats)
    report.add(Figure("dynamic, N=32: naive script / hvdbench", now["naive script"] / now["hvdbench"], 1.5, ">="))


def make_pair(source: Path, folder: Path) -> None:
    """Read a frame, blur it over 32 sub-frames, write the pair: hvdbench."""
    frame = read_frame(source)
    write_frame(folder / "blur.png", blur(frame, hand_path(32)))
    write_frame(folder / "sharp.png", frame)


def naive_pair(source: Path, folder: Path) -> None:
    """Do the same with OpenCV's reader and writer and the naive blur."""
    frame = np.ascontiguousarray(cv2.imread(str(source))[..., ::-1])
    blurry = naive.naive32(frame, hand_path(32))
    cv2.imwrite(str(folder / "blur.png"), blurry[..., ::-1])
    cv2.imwrite(str(folder / "sharp.png"), frame[..., ::-1])


def bare_pair(source: Path, folder: Path, blurry: Frame) -> None:
    """Read and write the same files by OpenCV, and nothing else."""
    frame = cv2.imread(str(source))
    cv2.imwrite(str(folder / "blur.png"), blurry)
    cv2.imwrite(str(folder / "sharp.png"), frame)


def measure_pair(report: Report, frame: Frame, repeats: int) -> None:
    """Time a whole pair, files and all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.png"
        cv2.imwrite(str(source), frame[..., ::-1])
        blurry = np.ascontiguousarray(blur(frame, hand_path(32))[..., ::-1])
        work: dict[str, Callable[[], object]] = {
            "naive script": lambda: naive_pair(source, folder),
            "bare read and two writes": lambda: bare_pair(source, folder, blurry),
            "hvdbench": lambda: make_pair(source, folder),
        }
        now = report.time("pair, N=32", work, repeats)
    ours = now["hvdbench"]
    report.add(
        Figure("pair, N=32: naive script / hvdbench", now["naive script"] / ours, 4.0, ">="),
        Figure("pair, N=32: hvdbench / bare read and two writes", ours / now["bare read and two writes"], 1.6),
    )


def make_clip(source: Path) -> None:
    """Make a few pairs: one job of the row "workers"."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        for _ in range(CLIP_FRAMES):
            make_pair(source, Path(name))


def spin(count: int) -> int:
    """Keep one core busy with nothing but arithmetic."""
    return sum(index * index for index in range(count))


def measure_workers(report: Report, frame: Frame) -> None:
    """Time worker processes by the clock: the one figure that needs an idle machine.

    Beside it stands what the machine itself gives to two processes that share nothing, which is the bound.
    """
    bare = {}
    for workers in (1, 2):
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            list(pool.map(spin, [SPINS] * workers))
            start = time.perf_counter()
            list(pool.map(spin, [SPINS] * 4))
            bare[workers] = time.perf_counter() - start
    report.add(Figure("workers: two processes of arithmetic alone / one (wall)", bare[1] / bare[2]))
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source.png"
        write_frame(source, frame)
        walls = {}
        for workers in (1, 2):
            with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
                list(pool.map(make_clip, [source] * 2 * workers))
                start = time.perf_counter()
                list(pool.map(make_clip, [source] * CLIPS))
                walls[workers] = time.perf_counter() - start
    load = os.getloadavg()[0]
    what = f"workers: clips/s of two processes / of one (load {load:.1f}, {os.cpu_count()} cores; wall)"
    report.add(Figure(what, walls[1] / walls[2], 1.7, ">="))


def main() -> None:
    """Read options, measure the rows asked for, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blur", description="Measure the blur kernel.")
    parser.add_argument("--image", type=Path, help="a picture or video to blur; left out: a made one")
    parser.add_argument("--json", type=Path, help="where to write every figure and time")
    parser.add_argument("--repeats", type=int, default=9, help="of each timing (7 or more for figures to quote)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, help="what to measure; left out: all")
    parser.add_argument("--peak-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    frame = open_picture(options.image)
    if options.peak_of:
        print(peak_of(options.peak_of[0], int(options.peak_of[1]), frame))
        return
    report = Report()
    measures: dict[str, Callable[[], None]] = {
        "static": lambda: measure_static(report, frame, options.repeats),
        "single": lambda: measure_single(report, frame, options.repeats),
        "accuracy": lambda: measure_accuracy(report, frame),
        "memory": lambda: measure_memory(report, options.image),
        "dynamic": lambda: measure_dynamic(report, frame, options.repeats),
        "pair": lambda: measure_pair(report, frame, options.repeats),
        "workers": lambda: measure_workers(report, frame),
    }
    for row in options.rows:
        measures[row]()
    if options.json:
        figures = [asdict(figure) | {"verdict": figure.verdict} for figure in report.figures]
        versions = {"python": sys.version.split()[0], "numpy": np.__version__, "opencv": cv2.__version__}
        text = json.dumps({"versions": versions, "figures": figures, "times_ms": report.times_ms}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
