"""From frames to the numbers of a board: tables of frames, one row a clip, one row over the clips.

The protocol is ``docs/protocol.md``; whatever changes a number here changes :data:`PROTOCOL`. Frames are read one at a
time: memory does not grow with a clip's length.
"""

from hvdbench.evaluation.frame_files import FrameFiles, FrameSequence
from hvdbench.evaluation.frame_scores import FRAME_COLUMNS, PROTOCOL, score_frames
from hvdbench.evaluation.of_run import AskedMetric, RunScores, asked_metric, run_strata
from hvdbench.evaluation.run_clip import TRUTHS, RunClip, frames_sha256
from hvdbench.evaluation.run_scores import score_clip, score_run
from hvdbench.evaluation.summary import SUBSETS, SUMMARY_COLUMNS, clip_rows, summarise

__all__ = [
    "FRAME_COLUMNS",
    "PROTOCOL",
    "SUBSETS",
    "SUMMARY_COLUMNS",
    "TRUTHS",
    "AskedMetric",
    "FrameFiles",
    "FrameSequence",
    "RunClip",
    "RunScores",
    "asked_metric",
    "clip_rows",
    "frames_sha256",
    "run_strata",
    "score_clip",
    "score_frames",
    "score_run",
    "summarise",
]
