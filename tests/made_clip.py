"""Small clips with sharp frames in them, and two methods that take no time."""

import cv2
import numpy as np
from numpy.typing import NDArray

FIT = """
title = "A fit of four steps"
scheme = "selfhvd_clip"
[settings]
reblur_candidate = true
correction_steps = 1
[settings.fit]
channels = 4
blocks = 1
patch_px = 16
batch = 2
stage1_steps = 2
stage2_steps = 2
reblur = 1.0
"""
CONTROL = 'title = "The control"\nscheme = "warp_average"\n'


def shaken(count: int = 8, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """A texture that moves 3 px a frame; every fourth frame is sharp, the others are blurred along the motion."""
    noise = np.random.default_rng(1).integers(0, 256, (height // 4, width, 3)).astype(np.uint8)
    texture = cv2.resize(noise, (4 * width, height), interpolation=cv2.INTER_CUBIC)
    frames = [texture[:, 3 * index : 3 * index + width] for index in range(count)]
    return np.stack([frame if i % 4 == 0 else cv2.blur(frame, (5, 1)) for i, frame in enumerate(frames)])


def held_still(count: int = 24, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Return a texture that swings to and fro; every fourth frame, where it turns back, is sharp."""
    frames = shaken(8, width, height)
    texture = np.concatenate([frames[0], frames[4][:, -12:]], axis=1)  # 12 px on, the next sharp frame shows more
    moved = [texture[:, 3 * step : 3 * step + width] for step in (0, 1, 2, 1)]
    return np.stack([moved[i % 4] if i % 4 == 0 else cv2.blur(moved[i % 4], (13, 1)) for i in range(count)])
