"""A clip that a turning camera takes of a photograph far away, for tests that measure how the camera turned."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from skimage import data

from hvdbench.frames import Frames

Array = NDArray[np.float64]

WIDTH, HEIGHT = 320, 192
FOCAL_PX = 0.751 * WIDTH


def far_photograph() -> NDArray[np.uint8]:
    picture = data.coffee()
    return cv2.resize(picture, (1216, round(1216 * picture.shape[0] / picture.shape[1])), interpolation=cv2.INTER_CUBIC)


def render(photograph: NDArray[np.uint8], vectors: Array, *, noise: float = 3.0, thing: bool = False) -> Frames:
    """Show a photograph far away to a camera that turns: vectors (T, S, 3), S of them averaged to a frame."""
    height, width = photograph.shape[:2]
    focal = FOCAL_PX * width / (1.9 * WIDTH)
    K_photograph = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
    K = np.array([[FOCAL_PX, 0, (WIDTH - 1) / 2], [0, FOCAL_PX, (HEIGHT - 1) / 2], [0, 0, 1.0]])
    generator = np.random.default_rng(1)
    cat = cv2.resize(data.chelsea(), (128, 96))
    frames = []
    for number, exposure in enumerate(vectors):
        views = [
            cv2.warpPerspective(
                photograph,
                K_photograph @ Rotation.from_rotvec(vector).as_matrix() @ np.linalg.inv(K),
                (WIDTH, HEIGHT),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT,
            ).astype(np.float64)
            for vector in exposure
        ]
        frame = np.mean(views, axis=0)
        if thing:  # a fifth of the frame, on a way of its own
            x, y = int(60 + 60 * np.sin(0.2 * number)), 40 + int(20 * np.cos(0.15 * number))
            frame[y : y + 96, x : x + 128] = cat
        frames.append(np.clip(np.rint(frame + generator.normal(0, noise, frame.shape)), 0, 255).astype(np.uint8))
    return np.stack(frames)
