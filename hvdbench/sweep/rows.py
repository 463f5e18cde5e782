"""Define the rows of a sweep's tables, and write them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from hvdbench.tables.texts import csv_of
from hvdbench.workspace.atomic import atomic_write_text


@dataclass(frozen=True)
class SharpRow:
    """One stabiliser under one hand.

    Args:
        hand, stabiliser: their names.
        frames: measured.
        blur_p10_px, blur_p50_px, blur_p90_px: extent of the blur at the frame's centre, ``sqrt(12 λmax)`` of the
            path's covariance, with the floor.
        motion_p10_px, motion_p50_px, motion_p90_px: from mid-exposure to the next frame's.
        sharp_share: of frames.
        sharp_run, blurry_run: mean lengths in frames; NaN where there is none.
        motion_acf1: correlation of the motion with the next frame's.
        blur_per_motion: slope of extent on motion through the origin.
        skew_p50_px, skew_p90_px: motion from the middle of the first row's exposure to that of the last row's; 0 for a
            shutter that does not roll.
    """

    hand: str
    stabiliser: str
    frames: int
    blur_p10_px: float
    blur_p50_px: float
    blur_p90_px: float
    motion_p10_px: float
    motion_p50_px: float
    motion_p90_px: float
    sharp_share: float
    sharp_run: float
    blurry_run: float
    motion_acf1: float
    blur_per_motion: float
    skew_p50_px: float
    skew_p90_px: float


@dataclass(frozen=True)
class SuppressionRow:
    """What a stabiliser leaves of a sinusoid, rms over rms in dB; the closed form is NaN where none is known."""

    stabiliser: str
    amplitude_deg: float
    frequency_hz: float
    residual_db: float
    closed_form_db: float


@dataclass(frozen=True)
class RestoredRow:
    """The result of a method under a stabiliser: mean PSNRs in dB over the frames of a scene.

    Args:
        stabiliser: its name.
        scene: its name; ``*``: the mean over the scenes.
        truth: ``mid`` or ``centroid``.
        frames: restored.
        sharp_share: of frames, by the oracle.
        input_db, restored_db: of all frames.
        blurry_input_db, blurry_restored_db: of frames that the oracle does not call sharp; NaN where there is none.
    """

    stabiliser: str
    scene: str
    truth: str
    frames: int
    sharp_share: float
    input_db: float
    restored_db: float
    blurry_input_db: float
    blurry_restored_db: float


def write_csv(path: Path, rows: Sequence[SharpRow] | Sequence[SuppressionRow] | Sequence[RestoredRow]) -> None:
    """Write rows of one kind with their names on the first line; numbers have four decimals, NaN is left empty."""
    names = [field.name for field in fields(rows[0])]
    lines = [[_cell(getattr(row, name)) for name in names] for row in rows]
    atomic_write_text(path, csv_of([names, *lines]))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)
