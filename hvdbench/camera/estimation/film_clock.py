"""A film beside the log of its camera: their clocks, found from the film itself, and what is kept of that."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hvdbench.camera.estimation.clock import ClockFit, OtherAxesError, fit_clock
from hvdbench.camera.estimation.clock_plot import draw_clock
from hvdbench.camera.estimation.lags import letters_of, turns_of_axes
from hvdbench.camera.estimation.measure import MeasuredClip, measure_clip
from hvdbench.camera.formats.gyro import DEVICE_TO_OPENCV
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_bytes, atomic_write_text

REPORT_FILE, PICTURE_FILE = "clock.json", "clock.png"
MOST_FRAMES = 1800
"""A minute at 30 a second shows a drift to a few millionths; frames of 640 px then fill 1.2 GB."""


@dataclass(frozen=True)
class FilmClock:
    """A film on a log's clock.

    Args:
        film: its file's name.
        fit: offset and drift.
        notes: sentences that the user must see.
    """

    film: str
    fit: ClockFit
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        return [*self.fit.lines(self.film), *(f"  note: {note}" for note in self.notes)]

    def write(self, folder: Path) -> None:
        """Write ``clock.json`` and ``clock.png``."""
        report = json.dumps(self.fit.record(self.film, self.notes), indent=1, ensure_ascii=False)
        atomic_write_text(folder / REPORT_FILE, report + "\n")
        atomic_write_bytes(folder / PICTURE_FILE, draw_clock(self.fit, self.film))


def find_clock(
    read: Callable[..., Trajectory], film: Path, *, fps: float | None = None, orientation: str = "", force: bool = False
) -> FilmClock:
    """Find a film on the clock of the log of its camera.

    The first 1800 frames are measured. In what axes the log was read, and in what unit, the film shows as well.

    Args:
        read: returns the log's path, called with ``orientation=…``.
        film: a video file, or a folder of frames.
        fps: frames a second at which the film was taken; None: its own times.
        orientation: the axes of the log, as :func:`hvdbench.camera.formats.gyro.read_gyro` takes them.
        force: take the best lag though it is not sure.

    Raises:
        InputError: the film cannot be read.
        TrajectoryError: it cannot be measured, log and film do not belong together or do not show one lag alone, or
            the log's axes or unit are others.
    """
    log = read(orientation=orientation)
    measured = measure_clip(film, fps=fps, most_frames=MOST_FRAMES)
    try:
        fit = fit_clock(measured.estimate.path, measured.estimate.pairs, log)
    except OtherAxesError as error:
        raise TrajectoryError(_other_axes(read, measured, log, error)) from error
    notes = list(measured.notes)
    if not fit.sure:
        why = (
            f"their turning agrees to {fit.agreement:.2f}, at another lag to {fit.next_agreement:.2f}: they are of "
            "different recordings, the video was taken at another rate, or it is too short, too still or shaken too "
            "evenly"
        )
        if not force:
            raise TrajectoryError(f"{film} shows no sure place on the clock of {log.name}: {why} (--force goes on)")
        notes.append(f"not sure: {why}")
    return FilmClock(film.name, fit, tuple(notes))


def _other_axes(read: Callable[..., Trajectory], measured: MeasuredClip, log: Trajectory, error: OtherAxesError) -> str:
    """Describe the axes in which the log fits the video, as letters of ``--orientation`` where its format has them."""
    found = f"{measured.source} turns as {log.name} does in other axes than it was read in ({error})"
    try:
        sensor = read(orientation="XYZ")
    except TrajectoryError:
        return f"{found}: its axes are not the picture's"
    letters = "XYZ"
    try:
        fit_clock(measured.estimate.path, measured.estimate.pairs, sensor)
    except OtherAxesError as other:
        device = np.diag(DEVICE_TO_OPENCV)
        letters = letters_of(device @ turns_of_axes()[other.letters] @ device)
    return f"{found}: say --orientation {letters}"
