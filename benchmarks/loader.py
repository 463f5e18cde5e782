"""Measure the stores of clips against each other: ``python -m benchmarks.loader [--frames PATH] [--json FILE]``.

A read is one training sample: 30 consecutive frames x 256x256 px of one of several clips of 60 frames of 1280x720,
blurry and sharp, clip, start and place at random. See README.md beside this file.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from benchmarks.blur import Figure, Report, made_leaves
from hvdbench.dataset.facts import Box, ClipReader
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.packing import pack_dataset
from hvdbench.frames import Frame, Frames, read_clip, write_frame
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings, loader
from hvdbench.store import Dataset, DatasetWriter
from hvdbench.video.reader import read_video

SIZE = (1280, 720)
CLIP_FRAMES, READ_FRAMES, CROP_PX = 60, 30, 256
STREAMS = ("blur", "sharp")
BLUR_FRAMES = 5  # of a film, averaged where it has no blurry twin
BATCH, BATCH_FRAMES, BATCHES = 4, 10, 12  # of the row "workers"


def material(path: Path | None) -> tuple[Frames, Frames]:
    """Return blurry and sharp frames of 1280x720, fewer than a clip's 60 or as many.

    Of a folder with ``blur`` and ``sharp``; of a film, its blurry twin the mean of five frames; else of drifting discs.
    """
    if path is not None and (path / "blur").is_dir():
        blurry, sharp = read_clip(path / "blur"), read_clip(path / "sharp")
        if blurry.shape != sharp.shape or blurry.shape[1:3] != SIZE[::-1]:
            raise SystemExit(f"{path}: as many blurry as sharp frames of 1280x720 are needed, found {blurry.shape}")
        return blurry[:CLIP_FRAMES], sharp[:CLIP_FRAMES]
    count = CLIP_FRAMES + BLUR_FRAMES - 1
    sharp = drifting(count) if path is None else read_video(path).frames[:count]
    if sharp.shape[1:3] != SIZE[::-1] or len(sharp) < BLUR_FRAMES:
        raise SystemExit(f"{path}: a film of 1280x720 is needed, found {sharp.shape}")
    total = np.cumsum(np.concatenate([np.zeros_like(sharp[:1]), sharp]), axis=0, dtype=np.uint16)
    blurry = ((total[BLUR_FRAMES:] - total[:-BLUR_FRAMES] + BLUR_FRAMES // 2) // BLUR_FRAMES).astype(np.uint8)
    half = BLUR_FRAMES // 2
    return blurry, sharp[half : half + len(blurry)]


def drifting(count: int) -> Frames:
    """Draw discs that drift 3 px a frame, with grain of 1.5 levels."""
    rng = np.random.default_rng(0)
    scene = made_leaves(rng)
    grainy = (np.roll(scene, 3 * i, axis=1) + rng.normal(0.0, 1.5, scene.shape) for i in range(count))
    return np.stack([np.clip(np.rint(frame), 0, 255).astype(np.uint8) for frame in grainy])


def write_dataset(folder: Path, frames: dict[str, Frames], clips: int) -> Dataset:
    """Write clips of 60 frames, each mirrored in its own way; too few frames begin again at the first."""
    writer = DatasetWriter(folder, name="loader", origin="measured", recipe={}, provenance={})
    for number in range(clips):
        clip = writer.clip_folder("train", f"{number:02d}")
        for stream, pictures in frames.items():
            (clip.folder / stream).mkdir(parents=True)
            for index in range(CLIP_FRAMES):
                write_frame(
                    clip.folder / stream / f"{index:08d}.png", mirrored(pictures[index % len(pictures)], number)
                )
        writer.finish(clip, clip.digest())
    return writer.dataset()


def mirrored(frame: Frame, number: int) -> Frame:
    """Mirror a frame in one of four ways."""
    return np.ascontiguousarray(frame[:: -1 if number & 2 else 1, :: -1 if number & 1 else 1])


def draws(clips: list[str], seed: int) -> Iterator[tuple[str, list[int], Box]]:
    """Draw samples without end: clip, frames, place."""
    random = np.random.default_rng(seed)
    while True:
        start = int(random.integers(CLIP_FRAMES - READ_FRAMES + 1))
        top, left = int(random.integers(SIZE[1] - CROP_PX + 1)), int(random.integers(SIZE[0] - CROP_PX + 1))
        key = clips[int(random.integers(len(clips)))]
        yield key, list(range(start, start + READ_FRAMES)), Box(top, left, CROP_PX, CROP_PX)


def script(folder: Path, key: str, frames: list[int], box: Box) -> list[Frames]:
    """Read a sample the way that training scripts do: ``cv2.imread``, cut, then BGR to RGB."""
    found = []
    for stream in STREAMS:
        pictures = (cv2.imread(str(folder / key / stream / f"{index:08d}.png")) for index in frames)
        cuts = (p[box.top : box.top + box.height, box.left : box.left + box.width] for p in pictures if p is not None)
        found.append(np.stack([cv2.cvtColor(cut, cv2.COLOR_BGR2RGB) for cut in cuts]).astype(np.uint8))
    return found


def read_pair(reader: ClipReader, key: str, frames: list[int], box: Box) -> list[Frames]:
    """Read a sample by hvdbench."""
    return [reader.read(key, stream, frames, box) for stream in STREAMS]


def copier(bytes_each: int) -> Callable[[], object]:
    """Return the bound: copies of a sample's bytes, from memory that is in no cache into a new array."""
    store = np.zeros(max(64 * bytes_each, 1 << 28), np.uint8)
    places = iter(np.random.default_rng(0).integers(0, len(store) - bytes_each, 100_000))
    return lambda: [store[(place := int(next(places))) : place + bytes_each].copy() for _ in STREAMS]


def measure_stores(report: Report, folder: Path, repeats: int) -> None:
    """Pack the dataset both ways, check that all give the same pixels, and time them in turn."""
    dataset = Dataset.open(folder)
    packs = {
        "zstd": pack_dataset(dataset, folder.with_name("zstd.h5")).path,
        "raw": pack_dataset(dataset, folder.with_name("raw.h5"), kind="raw").path,
    }
    readers = {"folder": open_reader(folder)} | {name: open_reader(path) for name, path in packs.items()}
    keys = [clip.key for clip in readers["folder"].clips]
    sample = next(draws(keys, 1))
    expected = script(folder, *sample)
    for name, reader in readers.items():
        if not np.array_equal(expected, read_pair(reader, *sample)):
            raise SystemExit(f"{name} gives other pixels than the PNG files")
    work: dict[str, Callable[[], object]] = {"PNG, script": _each(lambda *s: script(folder, *s), keys)}
    for name, reader in readers.items():
        work[name] = _each(lambda *s, reader=reader: read_pair(reader, *s), keys)
    work["copy"] = copier(READ_FRAMES * CROP_PX * CROP_PX * 3)
    medians = report.time("read", work, repeats)
    png = sum(path.stat().st_size for stream in STREAMS for path in folder.glob(f"*/*/{stream}/*.png"))
    for name, least, most in (("zstd", 12.0, 1.15), ("raw", 100.0, None)):
        report.add(
            Figure(
                f"{name}: clips/s over PNG files by cv2.imread", medians["PNG, script"] / medians[name], least, ">="
            ),
            Figure(f"{name}: bytes over PNG files", packs[name].stat().st_size / png, most),
        )
    report.add(
        Figure("raw: time over two copies", medians["raw"] / medians["copy"], 10.0),
        Figure("PNG files: MB a frame", png / 1e6 / (len(keys) * len(STREAMS) * CLIP_FRAMES)),
        *(Figure(f"{name}: clips/s", 1000.0 / medians[name]) for name in medians if name != "copy"),
    )


def _each(read: Callable[[str, list[int], Box], object], keys: list[str]) -> Callable[[], object]:
    """Return what reads the next sample; all stores meet the same ones."""
    samples = draws(keys, 0)
    return lambda: read(*next(samples))


def measure_workers(report: Report, folder: Path, workers: int) -> None:
    """Load batches as a training does, by the clock: windows of 10 frames with sharp frames and truth."""
    settings = WindowSettings(crop_px=CROP_PX, clip_frames=BATCH_FRAMES)
    for path in (folder, folder.with_name("zstd.h5"), folder.with_name("raw.h5")):
        windows = TrainingWindows(open_reader(path), settings, 0, BATCH * BATCHES, "mid")
        times = [time.perf_counter()]
        times += [time.perf_counter() for _ in loader(windows, BATCH, workers)]
        rate = BATCH * (len(times) - 2) / (times[-1] - times[1])  # the first batch waits for the workers to start
        report.add(Figure(f"windows/s by the clock, {workers} workers, {path.name}", rate))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, help="a folder with blur/ and sharp/, or a film, of 1280x720")
    parser.add_argument("--clips", type=int, default=3, help="how many clips to write (0.5 GB each, raw and packed)")
    parser.add_argument("--repeats", type=int, default=15, help="reads of each store, after one to warm up")
    parser.add_argument("--workers", type=int, default=0, help="also load batches with so many worker processes")
    parser.add_argument("--folder", type=Path, help="where to write the clips (left out: a temporary folder)")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    report = Report()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
        folder = Path(place) / "loader"
        write_dataset(folder, dict(zip(STREAMS, material(arguments.frames), strict=True)), arguments.clips)
        measure_stores(report, folder, arguments.repeats)
        if arguments.workers:
            measure_workers(report, folder, arguments.workers)
    if arguments.json:
        figures = [asdict(figure) | {"verdict": figure.verdict} for figure in report.figures]
        arguments.json.write_text(json.dumps({"figures": figures, "times_ms": report.times_ms}, indent=1) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
