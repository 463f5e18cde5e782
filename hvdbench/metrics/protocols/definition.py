"""Define a protocol."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Protocol:
    """One exact way to score restored frames against a truth.

    Attributes:
        name: under which a number is quoted.
        revision: of our reading of it; it rises when a number changes.
        origin: who scores in this way, and where that was read.
        differs: how it differs from ``hvdbench-1``, in a few words.
        ours: what the origin leaves open and we decided; empty: nothing.
        colour: ``rgb``; ``y``: BT.601 luma of studio range, 16 to 235, not rounded; or ``gray``: the same of full
            range, 0 to 255.
        rounding: how frames of floats become 8 bit, or ``none``: they do not, and are not clipped either; frames that
            are 8 bit already stay as they are.
        registration: what is done to the restored frame first: ``none``; ``translation``, one global shift;
            ``homography``, after the brightness was matched, scored where the frame still covers the truth; or
            ``pixels``, one shift by whole pixels after the brightness was matched, black where nothing is left.
        border_px: cut all round, after the registration.
        skip_first, skip_last: frames of each clip that do not count.
        ssim: ``window``, 11x11 inside each colour plane; ``volume``, 11x11x11 over the colours too, with the border
            repeated, as MATLAB's ``ssim`` takes a colour picture; ``masked``, the first where the registered frame
            covers the truth; ``uniform``, scikit-image's 7x7 without weights, sample variances.
        sequence: frames that were restored of one blurry picture, which are scored forward or backward as a whole,
            whichever is closer to the truth; 1: each frame has its own picture.
        averaging: ``clips``, the mean of the clips' means; ``frames``, of all frames.
        cap_db: the most that a frame's PSNR may count, None: equal frames are infinite.
        also_registered: whether a board has ``psnr_registered`` beside the protocol's own PSNR.
    """

    name: str
    revision: int
    origin: str
    differs: str
    ours: str = ""
    colour: Literal["rgb", "y", "gray"] = "rgb"
    rounding: Literal["round", "truncate", "none"] = "round"
    registration: Literal["none", "translation", "homography", "pixels"] = "none"
    border_px: int = 0
    skip_first: int = 0
    skip_last: int = 0
    ssim: Literal["window", "volume", "masked", "uniform"] = "window"
    sequence: int = 1
    averaging: Literal["clips", "frames"] = "clips"
    cap_db: float | None = None
    also_registered: bool = False

    @property
    def identity(self) -> str:
        """The name and the revision, e.g. ``basicsr-y r1``."""
        return f"{self.name} r{self.revision}"

    def counts(self, index: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
        """Return which frames of a clip count.

        Args:
            index: of frames, from 0.
            count: frames of the clip.
        """
        return np.asarray((index >= self.skip_first) & (index < count - self.skip_last), np.bool_)
