"""A clip whose view stands still for some frames and runs for others: half of it is sharp, without any doubt."""

from dataclasses import dataclass

import cv2
import numpy as np
from made_shake import make_texture
from numpy.typing import NDArray

from hvdbench.frames import Frames

SIZE = (128, 96)
_SPEED_PX = (0.0, 0.0, 0.0, 0.0, 7.0, -7.0, 7.0, 0.0, 0.0, 0.0, 0.0, -7.0, 7.0, -7.0)
_MARGIN_PX = 16


@dataclass(frozen=True)
class StopAndGo:
    """Frames and truth at mid-exposure, (T, 96, 128, 3); in each 7 frames 4 are sharp, then 3 are blurred over 5 px."""

    blurry: Frames
    sharp: Frames


def make_stop_and_go(frames: int = 28, seed: int = 0) -> StopAndGo:
    """Move a textured plane sideways, the shutter open for 0.7 of the frame time; the input has noise of one level."""
    picture = make_texture(SIZE[1] + 2 * _MARGIN_PX, SIZE[0] + 2 * _MARGIN_PX, seed)
    speed = np.resize(np.array(_SPEED_PX), frames)
    middle = np.cumsum(speed) - speed / 2
    generator = np.random.default_rng(seed)
    blurry = []
    for place, pace in zip(middle, speed, strict=True):
        path = place + 0.7 * pace * np.linspace(-0.5, 0.5, 17)
        blurry.append(np.mean([_seen(picture, x) for x in path], axis=0) + generator.normal(0, 1.0, SIZE[::-1]))
    return StopAndGo(_rgb(blurry), _rgb([_seen(picture, x) for x in middle]))


def _seen(picture: NDArray[np.float32], x_px: float) -> NDArray[np.float32]:
    move = np.array([[1, 0, _MARGIN_PX - x_px], [0, 1, _MARGIN_PX]])
    return np.asarray(cv2.warpAffine(picture, move, SIZE, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP), np.float32)


def _rgb(pictures: list[NDArray[np.float32]]) -> Frames:
    return np.stack([np.repeat(np.rint(one.clip(0, 255)).astype(np.uint8)[..., None], 3, axis=2) for one in pictures])
