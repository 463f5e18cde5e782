"""A small clip with exact blur: a textured plane seen by a view that shakes on a known path."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Frames, write_clip
from hvdbench.realism.series import path_extent
from hvdbench.store import ClipFolder, Dataset, DatasetWriter
from hvdbench.workspace.atomic import atomic_folder

FPS = 30.0
SAMPLES = 33


@dataclass(frozen=True)
class Shake:
    """Frames, truth, and the path of the frame's centre within each exposure (T, M, 2) px."""

    blurry: Frames
    sharp: Frames
    path_px: NDArray[np.float64]
    centre_px: NDArray[np.float64]

    @property
    def extent_px(self) -> NDArray[np.float64]:
        return path_extent(self.path_px)


def make_texture(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise of several scales with edges, in 20 to 235."""
    generator = np.random.default_rng(seed)
    picture = np.zeros((height, width), np.float32)
    for sigma, weight in ((1.0, 0.7), (3.0, 1.0), (8.0, 1.5)):
        layer = cv2.GaussianBlur(generator.standard_normal((height, width)).astype(np.float32), (0, 0), sigma)
        picture += weight * np.sign(layer) if sigma > 1 else weight * layer / layer.std()
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7)
    return np.asarray(20 + 215 * (picture - picture.min()) / np.ptp(picture), np.float32)


def make_shake(frames: int = 16, size: tuple[int, int] = (192, 128), swing_px: float = 40.0, seed: int = 0) -> Shake:
    """Swing on an ellipse at 2.2 and 1.3 Hz, the shutter open for 0.7 of the frame time."""
    width, height = size
    margin = int(swing_px) + 8
    picture = make_texture(height + 2 * margin, width + 2 * margin, seed)
    t_s = (np.arange(frames)[:, None] + 0.5 + 0.7 * np.linspace(-0.5, 0.5, SAMPLES)) / FPS
    path = swing_px * np.stack([np.sin(2 * np.pi * 2.2 * t_s), 0.4 * np.cos(2 * np.pi * 1.3 * t_s)], axis=-1)
    middle = path[:, SAMPLES // 2]
    generator = np.random.default_rng(seed)
    sharp = [_seen(picture, place, size, margin) for place in middle]
    blurry = [
        np.mean([_seen(picture, place, size, margin) for place in places], axis=0)
        + generator.normal(0, 1.0, (height, width))
        for places in path
    ]
    return Shake(_rgb(blurry), _rgb(sharp), path - middle[:, None], middle)


def _seen(
    picture: NDArray[np.float32], place: NDArray[np.float64], size: tuple[int, int], margin: int
) -> NDArray[np.float32]:
    move = np.array([[1, 0, margin - place[0]], [0, 1, margin - place[1]]])  # things move by +place
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, move, size, flags=flags), np.float32)


def _rgb(pictures: list[NDArray[np.float32]]) -> Frames:
    return np.stack(
        [np.repeat(np.rint(np.clip(one, 0, 255)).astype(np.uint8)[..., None], 3, axis=2) for one in pictures]
    )


def make_shaken_dataset(folder: Path, shakes: dict[str, Shake], *, oracle: bool = True) -> Dataset:
    """Write shakes as a dataset; without an oracle it looks like one of paired clips."""
    origin = "simulated" if oracle else "measured"
    writer = DatasetWriter(folder, name="shaken", origin=origin, recipe={"kind": "made"}, provenance={})
    for name, shake in shakes.items():
        target = writer.clip_folder("test", name)
        with atomic_folder(target.folder) as partial:
            write_clip(partial / "blur", shake.blurry)
            write_clip(partial / "sharp", shake.sharp)
            clip = ClipFolder(partial)
            clip.edit_tracks(lambda tracks, shake=shake: _tracks(tracks, shake, oracle))
            digest = clip.digest()
        writer.finish(target, digest)
    return writer.dataset()


def _tracks(tracks: h5py.File, shake: Shake, oracle: bool) -> None:
    count, width = len(shake.blurry), shake.blurry.shape[2]
    tracks.create_dataset("t_s", data=(np.arange(count) + 0.5) / FPS)
    if not oracle:
        return
    tracks.attrs.update({"fps": str(FPS), "source": "made", "hand": "made"})
    reach = np.linalg.norm(shake.path_px[:, :, None] - shake.path_px[:, None], axis=-1).max(axis=(1, 2))
    tracks["exposure/residual_px"] = shake.path_px
    tracks["oracle/displacement_median_px"] = reach
    tracks["oracle/displacement_max_px"] = reach
    tracks["oracle/class"] = np.where(reach <= 0.03 * width, 0, np.where(reach <= 0.06 * width, 1, 2)).astype(np.int8)
    t_s = np.arange(0, count / FPS, 1 / 500)
    tracks["path/t_s"] = t_s
    swing = np.sin(2 * np.pi * 4.0 * t_s)[:, None] * np.array([1.0, 1.0, 0.0])
    tracks["path/hand_deg"] = swing
    tracks["path/residual_deg"] = 0.5 * swing
