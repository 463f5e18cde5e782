"""Score the pairs of a clip in order: frame by frame, or by sequences where a protocol turns these as a whole."""

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Image
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.frame_pair import FrameScore, measure_frame


class ClipPairs:
    """The scores of a clip's frames, with no more pairs in memory than a sequence has.

    Args:
        protocol: how to score.
        sequences: whether the frames are whole sequences; if not, each is scored where it stands.
    """

    def __init__(self, protocol: Protocol, *, sequences: bool) -> None:
        self._protocol = protocol
        self._length = protocol.sequence if sequences else 1
        self._waiting: list[tuple[Frame | Image, Frame]] = []
        self._scores: list[FrameScore] = []

    def add(self, restored: Frame | Image, truth: Frame) -> None:
        """Add the next pair.

        Raises:
            InputError: as of :func:`hvdbench.metrics.protocols.frame_pair.measure_frame`.
        """
        self._waiting.append((restored, truth))
        if len(self._waiting) < self._length:
            return
        forward = [measure_frame(self._protocol, *pair) for pair in self._waiting]
        if self._length > 1:
            turned = zip(reversed(self._waiting), self._waiting, strict=True)
            backward = [measure_frame(self._protocol, last[0], first[1]) for last, first in turned]
            forward = max(backward, forward, key=_mean_psnr)
        self._scores += forward
        self._waiting = []

    def scores(self) -> list[FrameScore]:
        """Return the score of each frame of the truth, in order.

        Raises:
            InputError: if the last sequence is not whole.
        """
        if self._waiting:
            count = len(self._scores) + len(self._waiting)
            raise InputError(
                f"protocol {self._protocol.name} scores sequences of {self._length} frames, and {count} frames are no "
                f"multiple of {self._length}: give the frames of whole sequences, in order"
            )
        return self._scores


def _mean_psnr(scores: list[FrameScore]) -> float:
    return float(np.mean([score.psnr for score in scores]))
