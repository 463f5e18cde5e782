"""Video files in: upright 8-bit RGB frames with their times, through PyAV, as a whole clip.

Reading honours what phones write into a file: rotation and mirroring, presentation times of a variable frame rate,
edit lists, pixels that are not square, 10 bit, HDR, the colour matrix and the range. :mod:`hvdbench.video.reader`
gives the same frames one at a time; :mod:`hvdbench.video.writer` writes.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Frame, Frames
from hvdbench.video.colour import SCALER
from hvdbench.video.container import FILE_ERRORS, open_video
from hvdbench.video.crop import Crop, Size, cut, cut_fault
from hvdbench.video.reader import VideoFacts, VideoReader

__all__ = ["FILE_ERRORS", "SCALER", "Crop", "Size", "Video", "cut", "cut_fault", "open_video", "read_video", "stack"]


@dataclass(frozen=True)
class Video:
    """A decoded clip.

    Attributes:
        frames: uint8 RGB (T, H, W, 3), upright, cropped and resized as asked.
        t_s: presentation times (T,), float64, the first is 0; never decreasing, equal where the file repeats a time.
        fps: average rate that the file states, else the one its times give.
        rotation_deg: the clockwise turn that was applied: 0, 90, 180 or 270; where the file mirrors the picture,
            the turn after its left and right were swapped.
        pixel_format: as stored, e.g. ``yuv420p10le``.
        has_audio: whether the file has a sound track.
        warning: what a user must know about these frames, None where nothing is amiss.
    """

    frames: Frames
    t_s: NDArray[np.float64]
    fps: Fraction
    rotation_deg: int
    pixel_format: str
    has_audio: bool
    warning: str | None = None


def read_video(
    path: Path, *, crop: Crop | None = None, size: Size | None = None, max_frames: int | None = None
) -> Video:
    """Decode the first moving-picture stream of a video file (never an attached cover picture).

    A stream that says nothing about its colour matrix is taken as BT.709 from 720 lines up and as BT.601 below, as
    players do. PQ and HLG clips are tone-mapped, which the warning says. Pixels that are not square are made so.
    A file that breaks part-way gives the frames before the break and a warning.

    Args:
        path: the video file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        max_frames: stop after so many.

    Raises:
        VideoError: no such file, an empty one, one that is no video, no frame that decodes, a picture size that
            changes part-way, Dolby Vision without a base layer, or a crop that reaches outside the picture.
    """
    pictures: list[Frame] = []
    times_s: list[float] = []
    with VideoReader(path, crop=crop, size=size) as reader:
        for shot in islice(reader, max_frames):
            pictures.append(shot.picture)
            times_s.append(shot.time_s or 0.0)
        facts, notes = reader.facts, "; ".join([*hdr_note(reader.facts), *reader.notes])
    order = np.argsort(times_s, kind="stable")
    t_s = np.asarray(times_s, np.float64)[order] - times_s[order[0]]
    return Video(
        stack([pictures[index] for index in order]),
        t_s,
        facts.fps or (Fraction((len(t_s) - 1) / t_s[-1]).limit_denominator(1001) if t_s[-1] > 0 else Fraction(25)),
        facts.upright.rotation_deg,
        facts.colour.pixel_format,
        facts.has_audio,
        f"{path.name}: {notes}" if notes else None,
    )


def hdr_note(facts: VideoFacts) -> list[str]:
    """Word that a clip is HDR and was tone-mapped; nothing for SDR."""
    transfer = facts.colour.transfer.upper()
    return [f"the clip is HDR ({transfer}) and was tone-mapped to SDR ({facts.tone_map})"] if facts.tone_map else []


def stack(pictures: list[Frame]) -> Frames:
    """Stack equal pictures to (T, H, W, 3) and empty the list on the way, so that memory holds the clip once."""
    frames = np.empty((len(pictures), *pictures[0].shape), np.uint8)
    for index in reversed(range(len(pictures))):
        frames[index] = pictures.pop()
    return frames
