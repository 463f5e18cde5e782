"""A small dataset of two clips of different sizes, the second without truth."""

from pathlib import Path

import numpy as np

from hvdbench.frames import Frames, write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.labels.stored import write_labels
from hvdbench.store import Dataset, DatasetWriter

LARGE, SMALL = "train/large", "train/small"
SELECTED = {LARGE: (4, 10, 16), SMALL: (1, 3)}


def made_frames(shape: tuple[int, int, int], seed: int) -> Frames:
    """Return noise on a slope that drifts: (T, H, W, 3)."""
    count, height, width = shape
    random = np.random.default_rng(seed)
    slope = np.arange(count)[:, None, None] * 3 + np.arange(height)[None, :, None] + np.arange(width)
    return np.asarray(slope[..., None] + random.integers(0, 40, (count, height, width, 3)), np.uint8)


def make_dataset(folder: Path, *, labelled: bool = True) -> Dataset:
    """Write 19 frames of 200x150 with both truths, and 5 frames of 48x64 without."""
    writer = DatasetWriter(folder, name="made", origin="demo", recipe={}, provenance={})
    for number, (key, shape) in enumerate({LARGE: (19, 150, 200), SMALL: (5, 64, 48)}.items()):
        clip = writer.clip_folder(*key.split("/"))
        for seed, stream in enumerate(("blur", "sharp", "sharp_centroid") if key == LARGE else ("blur",)):
            write_clip(clip.folder / stream, made_frames(shape, 10 * number + seed))
        if labelled:
            is_sharp = np.isin(np.arange(shape[0]), SELECTED[key])
            sharpness = np.where(is_sharp, 2.0, 1.0)
            write_labels(clip, SharpLabels(sharpness, is_sharp, 1.5, (BELOW,) * shape[0], "paper"))
        writer.finish(clip, clip.digest())
    return writer.dataset()
