"""Measure the camera path of a clip of your own, and write it in MonST3R's layout."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from hvdbench import __version__
from hvdbench.camera.breaks import find_gaps, resample
from hvdbench.camera.estimation.estimate import RotationEstimate, estimate_rotation
from hvdbench.camera.formats.monst3r import write_monst3r
from hvdbench.camera.quality import assess
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import InputError, TrajectoryError
from hvdbench.frames import Frame
from hvdbench.video.crop import Crop, Size
from hvdbench.video.input import InputFrames, open_input
from hvdbench.workspace.atomic import atomic_folder, atomic_write_text
from hvdbench.workspace.manifest import file_sha256

REPORT_FILE = "estimate.json"
LONGEST_SIDE_PX = 640
"""Frames are shrunk to it: corners keep their place to a few hundredths of a pixel, and large motion stays in reach."""

Verdict = Literal["good", "fair", "poor"]

_GOOD, _FAIR = 0.9, 0.6  # trusted share of the pairs
_EVEN = 0.1  # of a frame's time that frames may be off an even clock
_SCHEMA = 1
_WORDS = {
    "blur": "blur left too few points",
    "few points": "too few points agreed",
    "moving things": "most points moved on their own",
    "parallax": "the camera also moved past near things, or the focal length is off",
}


@dataclass(frozen=True)
class MeasuredClip:
    """A clip's measured path at an even rate, and how it came about.

    Args:
        path: rows 1 / ``rows_hz`` apart.
        rows_hz: rows a second.
        estimate: as measured, a pose a frame.
        source: the clip's file name.
        sha256: of the video file; None for a folder of frames.
        size: width and height of the clip's frames, after the crop.
        crop: x, y, width, height of what was looked at; None: all of it.
        focal_stated: whether the focal length was given, not assumed.
        notes: sentences that the user must see.
    """

    path: Trajectory
    rows_hz: float
    estimate: RotationEstimate
    source: str
    sha256: str | None
    size: Size
    crop: Crop | None
    focal_stated: bool
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        share = self.estimate.trusted_share
        return "good" if share >= _GOOD else "fair" if share >= _FAIR else "poor"

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many pairs are not trusted, by reason, the commonest first."""
        return dict(Counter(pair.reason for pair in self.estimate.pairs if pair.reason).most_common())

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        pairs, share = self.estimate.pairs, self.estimate.trusted_share
        measured = [pair for pair in pairs if pair.points]
        points, shares, rms_px = (
            float(np.median(values)) if values else 0.0
            for values in (
                [pair.points for pair in measured],
                [pair.share for pair in measured],
                [pair.rms_px for pair in measured if np.isfinite(pair.rms_px)],
            )
        )
        focal_px = self.estimate.camera.focal_px
        focal = self.path.focal_per_width or 0.0
        assumed = "" if self.focal_stated else " (assumed: 26 mm equivalent; angles are as far off as it is)"
        lost = ", ".join(f"{reason} {count}" for reason, count in self.reasons.items())
        quality = assess(self.path)
        short = "" if quality.stretches else "; too short for synth, which needs 8 rows over 1 s without a gap"
        return [
            *quality.lines()[:-1],
            f"  measured: {sum(not pair.reason for pair in pairs)} of {len(pairs)} frame pairs trusted "
            f"({100 * share:.0f} %){'; not: ' + lost if lost else ''}",
            f"  a pair: {points:.0f} points; those for {100 * shares:.0f} % of the picture agree to {rms_px:.2f} px "
            f"rms ({np.degrees(rms_px / focal_px):.3f} deg each); focal length {focal:.3f} of the width{assumed}",
            *(f"  note: {note}" for note in self.notes),
            f"  verdict: {self._verdict_line()}{short}",
        ]

    def _verdict_line(self) -> str:
        if self.verdict == "good":
            return "good; positions are not measured (0)"
        reason = next(iter(self.reasons))
        if self.verdict == "fair":
            return f"fair: where it is not trusted, mostly {_WORDS[reason]}"
        advice = (
            ": an estimator that also measures positions, such as MonST3R, separates it from turning"
            if reason == "parallax"
            else ""
        )
        return f"poor; look at it before you use it: mostly {_WORDS[reason]}{advice}"

    def record(self) -> dict[str, Any]:
        """Return the content of ``estimate.json``."""
        estimate = self.estimate
        return {
            "schema": _SCHEMA,
            "hvdbench": __version__,
            "source": self.source,
            "sha256": self.sha256,
            "crop": self.crop,
            "frame_px": self.size,
            "measured_px": estimate.camera.size,
            "frames": len(estimate.path.t_s),
            "duration_s": _short(estimate.path.duration_s),
            "focal_per_width": _short(self.path.focal_per_width or 0.0),
            "focal_stated": self.focal_stated,
            "rows": len(self.path.t_s),
            "rows_hz": _short(self.rows_hz),
            "notes": self.notes,
            "verdict": self.verdict,
            "trusted_share": _short(estimate.trusted_share),
            "not_trusted": self.reasons,
            "pairs": [
                {key: _short(value) if isinstance(value, float) else value for key, value in asdict(pair).items()}
                for pair in estimate.pairs
            ],
        }


def measure_clip(
    source: Path,
    *,
    fps: float | None = None,
    rows_hz: float | None = None,
    focal_per_width: float | None = None,
    crop: Crop | None = None,
    seed: int = 0,
    most_frames: int | None = None,
) -> MeasuredClip:
    """Measure the camera's rotation over a video file or a folder of frames.

    Args:
        source: the file or folder.
        fps: frames a second at which the clip was taken; needed for a folder, used in place of a video's own times
            (slow motion states wrong ones).
        rows_hz: rows a second to interpolate to; None: one row a frame, or where frames come at uneven times, the rate
            of their median spacing.
        focal_per_width: focal length over the width of the (cropped) picture; None: 0.751 of its longer side.
        crop: x, y, width, height in pixels of the upright picture. Its middle is taken as the lens's axis.
        seed: of all random draws.
        most_frames: the number of frames to look at, from the first on; None for all of them.

    Raises:
        InputError: if the clip cannot be read, or a number makes no sense.
        TrajectoryError: if a folder comes without ``fps``, or nothing can be measured.
    """
    for value, what in (
        (fps, "frames a second"),
        (rows_hz, "rows a second"),
        (focal_per_width, "a focal length over the width"),
    ):
        if value is not None and not value > 0:
            raise InputError(f"{value} cannot be {what}: give a number over 0")
    if source.is_dir() and fps is None:
        raise TrajectoryError(f"{source} is a folder of frames, which have no times: say how many a second (--fps)")
    size, small = _sizes(source, crop)
    with open_input(source, crop=crop, size=small) as clip:
        timed = _TimedFrames(clip, fps, most_frames)
        estimate = estimate_rotation(timed, timed.t_s, focal_per_width=focal_per_width, seed=seed, name=source.name)
    path, rate_hz, resampled = _even(estimate.path, rows_hz)
    notes = [*clip.notes, *timed.notes(), *resampled]
    if small is not None:
        notes.append(f"measured at {small[0]}x{small[1]} px")
    digest = None if source.is_dir() else file_sha256(source)
    return MeasuredClip(
        path, rate_hz, estimate, source.name, digest, size, crop, focal_per_width is not None, tuple(notes)
    )


def write_measured(folder: Path, measured: MeasuredClip, *, overwrite: bool = False) -> None:
    """Write ``pred_traj.txt``, ``pred_intrinsics.txt`` (MonST3R's layout) and ``estimate.json``.

    Raises:
        InputError: if the folder already contains an earlier estimate and ``overwrite`` is off, or contains other
            things, which are never replaced.
    """
    check_free(folder, overwrite=overwrite)
    with atomic_folder(folder) as temporary:
        write_monst3r(temporary, measured.path, fps=measured.rows_hz, width_px=measured.estimate.camera.size[0],
                      height_px=measured.estimate.camera.size[1])  # fmt: skip
        atomic_write_text(temporary / REPORT_FILE, json.dumps(measured.record(), indent=1, ensure_ascii=False) + "\n")


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a place that an estimate must not be written to, as :func:`write_measured` does."""
    if folder.is_file():
        raise InputError(f"{folder} is a file: name a folder for the path")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / REPORT_FILE).is_file():
        raise InputError(f"{folder} contains other things: name a new or empty folder")
    if not overwrite:
        raise InputError(f"{folder} contains an estimate already: name another folder, or --overwrite")


def _sizes(source: Path, crop: Crop | None) -> tuple[Size, Size | None]:
    """Return the size of the frames after the crop, and the one to shrink them to, None where they are small enough."""
    with open_input(source, crop=crop) as opened:
        width, height = opened.size
    scale = LONGEST_SIDE_PX / max(width, height)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    return (width, height), small if scale < 1.0 else None


class _TimedFrames:
    """The frames of an input whose times rise, one after the other, and their times.

    Attributes:
        t_s: the times of the frames that were handed on so far, s.
    """

    def __init__(self, clip: InputFrames, fps: float | None, most_frames: int | None) -> None:
        self._clip, self._fps, self._most = clip, fps, most_frames
        self._seen, self._lost = 0, 0
        self.t_s: list[float] = []

    def __iter__(self) -> Iterator[Frame]:
        last_s = float("-inf")
        for frame in islice(self._clip.frames, self._most):
            own_s = None if self._fps is not None else frame.time_s
            time_s = self._seen / (self._fps or 1.0) if own_s is None else own_s
            self._seen += 1
            if time_s > last_s:
                self.t_s.append(time_s)
                yield cast(Frame, frame.picture)
            else:
                self._lost += 1
            last_s = time_s

    def notes(self) -> list[str]:
        """Write what was assumed of the times, and what was left out."""
        notes = []
        if self._fps is not None and self._clip.facts is not None:
            stated = float(self._clip.fps or 0)
            notes.append(f"taken as {self._fps:g} frames a second; the file states {stated:.4g}")
        if self._lost:
            notes.append(f"{self._lost} frame(s) with the time of the one before were left out")
        if self._most is not None and self._seen == self._most:
            notes.append(f"only its first {self._most} frames were looked at")
        return notes


def _even(path: Trajectory, rows_hz: float | None) -> tuple[Trajectory, float, list[str]]:
    """Resample a path to an even clock: its own where the frames keep one, else that of their median spacing."""
    count = len(path.t_s)
    mean_hz = (count - 1) / path.duration_s
    median_hz = 1.0 / float(np.median(np.diff(path.t_s)))
    even = np.abs(path.t_s - path.t_s[0] - np.arange(count) / mean_hz).max() * mean_hz < _EVEN
    if even and (rows_hz is None or abs(mean_hz / rows_hz - 1.0) < 1e-4):
        rate_hz = mean_hz if rows_hz is None else rows_hz
        return replace(path, t_s=np.arange(count) / rate_hz), rate_hz, []
    rate_hz = median_hz if rows_hz is None else rows_hz
    had = f"{mean_hz:.4g} frames a second" if even else "frames at uneven times"
    notes = [f"interpolated (rotation spline) from {had} to {rate_hz:.4g} rows a second: rows have no time"]
    gaps = find_gaps(path)
    notes += [f"no frame for {gap.seconds:.3g} s after frame {gap.after_row}: left as a gap" for gap in gaps]
    return resample(path, rate_hz), rate_hz, notes


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
