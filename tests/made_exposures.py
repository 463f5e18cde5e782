"""A dataset of exposures with their sharp sub-frames: a photograph that moves along a straight line in each of them."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from hvdbench.frames import write_clip, write_frame
from hvdbench.store import SERIES_FOLDER, Dataset, DatasetWriter

COUNT = 7


def exposure(picture: NDArray[np.uint8], start: NDArray[np.float64], step: NDArray[np.float64], side: int):
    """Return the sub-frames (7, side, side, 3) of a window of the picture that moves by ``step`` px in each."""
    places = [start + (k - COUNT // 2) * step for k in range(COUNT)]
    patches = [cv2.getRectSubPix(picture, (side, side), tuple(float(one) for one in place)) for place in places]
    return np.stack(patches)


def make_exposures(
    folder: Path, *, clips: int = 3, frames: int = 4, side: int = 64, longest_px: float = 2.0, seed: int = 0
) -> Dataset:
    """Write clips of the split ``train`` and one of ``test``, whose blurry frames are the means of their sub-frames."""
    writer = DatasetWriter(folder, name=folder.name, origin="demo", recipe={}, provenance={})
    pictures = [data.astronaut(), data.coffee(), data.chelsea(), data.cat()]
    random = np.random.default_rng(seed)
    margin = side / 2 + 4 * longest_px
    for number in range(clips + 1):
        split = "train" if number < clips else "test"
        clip = writer.clip_folder(split, f"clip{number}")
        picture, blurry = pictures[number % len(pictures)], []
        (clip.folder / SERIES_FOLDER).mkdir(parents=True)
        for frame in range(frames):
            room = np.array(picture.shape[1::-1]) - 2 * margin
            start, angle = margin + random.random(2) * room, random.uniform(0, 2 * np.pi)
            step = random.uniform(0.3, 1) * longest_px * np.array([np.cos(angle), np.sin(angle)])
            series = exposure(picture, start, step, side)
            for k, one in enumerate(series):
                write_frame(clip.folder / SERIES_FOLDER / f"{frame:08d}_{k + 1}.png", one)
            blurry.append(np.rint(series.mean(axis=0)).astype(np.uint8))
        write_clip(clip.folder / "blur", np.stack(blurry))
        writer.finish(clip, clip.digest())
    return writer.dataset()
