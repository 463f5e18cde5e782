"""Two small clips with every track that strata are made of, and what may stand for a method's frames."""

from pathlib import Path

import cv2
import h5py
import numpy as np

from hvdbench.frames import Frames, write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.labels.stored import write_labels
from hvdbench.store import ClipFolder, Dataset, DatasetWriter

NAME = "scored"
HEIGHT, WIDTH = 64, 96
SELECTED = {"test/one": (1,), "test/two": (0, 4)}
EXTENTS_PX = {"test/one": (3.0, 0.5, 3.5, 9.0), "test/two": (0.2, 1.5, 6.0, 6.5, 0.4)}
CLASSES = {"test/one": (1, 0, 1, 2), "test/two": (0, 1, 2, 2, 0)}
DEVICES = {"test/one": "phone-a", "test/two": "phone-b"}
MASKED = "test/two"
"""The clip with a moving object: the upper left quarter."""


def sharp_frames(count: int, seed: int) -> Frames:
    """Return a picture with straight edges that drifts by a pixel a frame, (T, H, W, 3)."""
    random = np.random.default_rng(seed)
    ground = np.full((HEIGHT, WIDTH + count, 3), 60 + seed, np.uint8)
    ground[20:44, 24:56] = 190
    ground[:, 70:] = 150
    ground = np.clip(ground + random.integers(-2, 3, ground.shape), 0, 255).astype(np.uint8)
    return np.stack([ground[:, index : index + WIDTH] for index in range(count)])


def softened(frames: Frames, sigma_px: float) -> Frames:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma_px) for frame in frames])


def make_scored(folder: Path, *, truth: bool = True) -> Dataset:
    """Write clips of 4 and 5 frames of 96x64 px, labelled; the truth at mid-exposure alone."""
    writer = DatasetWriter(folder, name=NAME, origin="simulated", recipe={"truth": truth}, provenance={})
    for number, (key, selected) in enumerate(SELECTED.items()):
        clip = writer.clip_folder(*key.split("/"))
        sharp = sharp_frames(len(EXTENTS_PX[key]), number)
        write_clip(clip.folder / "blur", softened(sharp, 2.0))
        if truth:
            write_clip(clip.folder / "sharp", sharp)
        clip.edit_tracks(lambda tracks, key=key: write_tracks(tracks, key))
        is_sharp = np.isin(np.arange(len(sharp)), selected)
        write_labels(clip, SharpLabels(is_sharp + 1.0, is_sharp, 1.5, (BELOW,) * len(sharp), "paper"))
        writer.finish(clip, clip.digest())
    return writer.dataset()


def write_tracks(tracks: h5py.File, key: str) -> None:
    tracks["oracle/displacement_max_px"] = np.array(EXTENTS_PX[key], np.float64)
    tracks["oracle/class"] = np.array(CLASSES[key], np.int8)
    tracks.attrs["device"] = DEVICES[key]
    if key == MASKED:
        mask = np.zeros((len(CLASSES[key]), HEIGHT, WIDTH), np.uint8)
        mask[:, : HEIGHT // 2, : WIDTH // 2] = 1
        mask[2] = 0
        tracks["oracle/object_mask"] = mask


def write_results(folder: Path, dataset: Dataset, sigma_px: float = 1.0) -> Path:
    """Write frames as another program would: the truth a little soft, ``<split>/<clip>/<n>.png``."""
    for clip in dataset.clips():
        truth = clip.truth("mid")
        assert truth is not None
        write_clip(folder / clip.split / clip.name, softened(truth, sigma_px), [f"{n}.png" for n in range(len(truth))])
    return folder


def clip_of(dataset: Dataset, key: str) -> ClipFolder:
    return ClipFolder(dataset.folder / key)
