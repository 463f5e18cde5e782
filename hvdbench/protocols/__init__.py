"""The ways in which papers and repositories score deblurred frames, each under a name.

A number without its protocol is none: on one pair of frames they differ by tenths of a dB and hundredths of SSIM, on
the Y channel by more than a dB. ``docs/protocol.md`` says what each does and where that comes from.
"""

from hvdbench.protocols.definition import Protocol
from hvdbench.protocols.known import DEFAULT, PROTOCOLS, find_protocol
from hvdbench.protocols.measuring import FrameScore, measure_frame
from hvdbench.protocols.scoring import Means, mean_scores, score

__all__ = [
    "DEFAULT",
    "PROTOCOLS",
    "FrameScore",
    "Means",
    "Protocol",
    "find_protocol",
    "mean_scores",
    "measure_frame",
    "score",
]
