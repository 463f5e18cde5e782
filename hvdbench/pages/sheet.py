"""A contact sheet of one clip: frames across, blurry input, methods and truth down."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame
from hvdbench.pages.charts import number
from hvdbench.pages.exposures import ExposureScale, exposure_scale
from hvdbench.pages.view import BLURRY, CLASS_NAMES, TRUTH_NAMES, ClipView, detail_centre
from hvdbench.workspace.atomic import atomic_write_bytes

Box = tuple[float, float, float, float]  # left, bottom, width, height as shares of the figure
CLASS_COLOURS = {"sharp": "#35c48f", "mild": "#f2b632", "blurry": "#ff6a33", None: "#b9bdc3"}
_WORDS: dict[str, Any] = {"fontsize": 8.6, "color": "#1d1f21", "linespacing": 1.35}
_RESIDUAL, _HAND, _GROUND = "#5cc3ff", "#b9bdc3", "#0c0d0f"
_CELL_PX, _GAP_PX, _SIDE_PX, _TOP_PX, _FOOT_PX, _DPI = 340, 8, 148, 44, 40, 100


def contact_sheet(
    path: Path,
    clip: ClipView,
    frame_indices: Sequence[int],
    *,
    keys: Sequence[str] | None = None,
    zoom: float = 1.8,
) -> None:
    """Write a PNG with a column a frame and a row a picture, the exposure's path in the corner of the blurry row.

    Args:
        path: the PNG; written whole or not at all.
        clip: what to show.
        frame_indices: its columns.
        keys: its rows, by default the blurry input, every method and the truth.
        zoom: 1 shows whole frames, 2 the quarter that blur changed most in the blurriest of these frames.

    Raises:
        InputError: no frame asked for, or one that the clip does not have.
    """
    rows = list(keys) if keys is not None else clip.keys
    total = len(clip.t_s)
    outside = [index for index in frame_indices if not 0 <= index < total]
    missing = [key for key in rows if key not in clip.frames]
    if not frame_indices or outside or missing or not rows:
        what = f"frames {outside}" if outside else f"pictures {missing}" if missing else "no frame or no picture"
        has = f"it has frames 0 to {total - 1} and {clip.keys}"
        raise InputError(f"contact sheet of clip '{clip.name}': {what} asked for, {has}")
    from matplotlib.figure import Figure

    height, width = clip.frames[BLURRY].shape[1:3]
    cell_w, cell_h = _CELL_PX, round(_CELL_PX * height / width)
    page_w = _SIDE_PX + len(frame_indices) * (cell_w + _GAP_PX) + _GAP_PX
    page_h = _TOP_PX + len(rows) * (cell_h + _GAP_PX) + _FOOT_PX
    figure = Figure(figsize=(page_w / _DPI, page_h / _DPI), dpi=_DPI, facecolor="white")
    residual, hand, shown = clip.exposure_residual_px, clip.exposure_hand_px, list(frame_indices)
    scale = None if residual is None else exposure_scale(residual[shown], None if hand is None else hand[shown])
    window = _window(clip, min(shown, key=lambda index: float(clip.sharpness[index])), zoom)
    for column, index in enumerate(frame_indices):
        left = _SIDE_PX + column * (cell_w + _GAP_PX)
        _heading(figure, clip, index, (left + 1) / page_w, 1 - (_TOP_PX - 12) / page_h)
        for row, key in enumerate(rows):
            top = _TOP_PX + row * (cell_h + _GAP_PX)
            box = (left / page_w, 1 - (top + cell_h) / page_h, cell_w / page_w, cell_h / page_h)
            _cell(figure, _scaled(clip.frames[key][index][window], cell_w, cell_h), box, _score(clip, key, index))
            if key == BLURRY and scale is not None:
                side = round(0.42 * cell_h)
                corner = (left + cell_w - side - 6) / page_w, 1 - (top + cell_h - 6) / page_h
                _inset(figure, clip, index, scale, (*corner, side / page_w, side / page_h))
    for row, key in enumerate(rows):
        middle = _TOP_PX + row * (cell_h + _GAP_PX) + cell_h / 2
        label = clip.label(key).replace(" (", "\n(")
        figure.text((_SIDE_PX - 12) / page_w, 1 - middle / page_h, label, ha="right", va="center", **_WORDS)
    _foot(figure, clip, scale, _SIDE_PX / page_w, 12 / page_h)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    atomic_write_bytes(path, buffer.getvalue())


def _window(clip: ClipView, index: int, zoom: float) -> tuple[slice, slice]:
    height, width = clip.frames[BLURRY].shape[1:3]
    crop_h, crop_w = max(1, round(height / zoom)), max(1, round(width / zoom))
    x, y = detail_centre(clip, index, crop_h)
    left = min(max(x - crop_w // 2, 0), width - crop_w)
    top = min(max(y - crop_h // 2, 0), height - crop_h)
    return slice(top, top + crop_h), slice(left, left + crop_w)


def _scaled(frame: Frame, width: int, height: int) -> Frame:
    method = cv2.INTER_AREA if frame.shape[1] > width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (width, height), interpolation=method), np.uint8)


def _score(clip: ClipView, key: str, index: int) -> str:
    value = float(clip.psnr[key][index]) if key in clip.psnr else float("nan")
    return f"{value:.2f} dB" if np.isfinite(value) else ""


def _oracle(clip: ClipView, index: int) -> str | None:
    return None if clip.oracle_class is None else CLASS_NAMES[int(clip.oracle_class[index])]


def _heading(figure: Any, clip: ClipView, index: int, x: float, y: float) -> None:
    oracle = _oracle(clip, index)
    words = [f"frame {index}", *([oracle] if oracle else []), "selected" if clip.is_selected[index] else "not selected"]
    if clip.displacement_px is not None:
        words.insert(2 if oracle else 1, f"{float(clip.displacement_px[index]):.1f} px")
    figure.text(x, y, " · ".join(words), ha="left", va="center", fontsize=9, color="#1d1f21")


def _cell(figure: Any, frame: Frame, box: Box, score: str) -> None:
    axes = figure.add_axes(box)
    axes.imshow(frame, interpolation="none", aspect="auto")
    axes.set_axis_off()
    if score:
        axes.text(
            0.018, 0.035, score, transform=axes.transAxes, fontsize=8.4, color="white", va="bottom", ha="left",
            bbox={"boxstyle": "round,pad=0.32", "facecolor": _GROUND, "edgecolor": "none", "alpha": 0.74},
        )  # fmt: skip


def _inset(figure: Any, clip: ClipView, index: int, scale: ExposureScale, box: Box) -> None:
    axes = figure.add_axes(box)
    half = scale.half_range_px
    axes.set_xlim(-half, half)
    axes.set_ylim(half, -half)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.patch.set(facecolor=_GROUND, alpha=0.8)
    for spine in axes.spines.values():
        spine.set(color=CLASS_COLOURS[_oracle(clip, index)], linewidth=2)
    if clip.exposure_hand_px is not None:
        axes.plot(*clip.exposure_hand_px[index].T, color=_HAND, linewidth=0.8)
    if clip.exposure_residual_px is not None:
        axes.plot(*clip.exposure_residual_px[index].T, color=_RESIDUAL, linewidth=2.2, solid_capstyle="round")
    axes.plot(0, 0, "o", color="white", markersize=2.4)
    start, level = -0.86 * half, 0.84 * half
    axes.plot([start, start + scale.bar_px], [level, level], color="white", linewidth=1.2, solid_capstyle="butt")
    bar = number(scale.bar_px, 1.0 if scale.bar_px >= 1 else 0.1)
    axes.text(start, level - 0.07 * half, f"{bar} px", color="white", fontsize=6.4, va="bottom", ha="left")


def _foot(figure: Any, clip: ClipView, scale: ExposureScale | None, x: float, y: float) -> None:
    parts = [f"{clip.name} ({clip.source})" if clip.source else clip.name]
    if clip.psnr:
        parts.append(f"PSNR of whole frames, {TRUTH_NAMES.get(clip.truth or '', 'unnamed')} truth")
    if scale is not None:
        parts.append("Corner: path of the image centre in the exposure; blue as stabilised, gray by the hand alone")
    figure.text(x, y, ".  ".join(parts) + ".", ha="left", va="bottom", fontsize=8, color="#5d6166")
