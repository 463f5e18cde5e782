"""Read one clip in memory in the same way as a dataset, for a training over that clip alone."""

import hashlib
from collections.abc import Sequence

import numpy as np

from hvdbench.dataset.facts import Box, CheckedReader, ClipFacts
from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels


class FramesReader(CheckedReader):
    """A clip whose frames lie in memory, with its labels and without a truth.

    Args:
        frames: (T, H, W, 3) uint8 RGB.
        labels: of these frames.
        key: the clip's key, ``<split>/<clip>``.

    Raises:
        InputError: if the labels have another number of frames.
    """

    def __init__(self, frames: Frames, labels: SharpLabels, key: str = "test/clip") -> None:
        count, height, width, _ = frames.shape
        if len(labels.is_selected) != count:
            raise InputError(f"the clip has {count} frames, and its labels are for {len(labels.is_selected)} frames")
        self._frames = frames
        facts = ClipFacts(key, count, height, width, ("blur",), labels.is_selected, labels.sharpness)
        super().__init__([facts], name=key.rpartition("/")[2], origin="measured", digest=frames_digest(frames))

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of the clip; see :meth:`hvdbench.dataset.facts.ClipReader.read`."""
        wanted, box = self._check(key, stream, frames, box)
        rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        return np.asarray(self._frames[wanted, rows, columns])

    def close(self) -> None:
        """Do nothing, since no file is open."""


def frames_digest(frames: Frames) -> str:
    """Return the digest of frames, 16 hex digits."""
    total = hashlib.sha256(repr(frames.shape).encode())
    total.update(np.ascontiguousarray(frames).data)
    return total.hexdigest()[:16]
