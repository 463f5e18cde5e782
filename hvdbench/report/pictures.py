"""Frames as data URIs, within the size that a page may have."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hvdbench.frames import Frame

MAX_WIDTH_PX = 960
"""Wider frames are shown reduced; the page says so."""

BUDGET_BYTES = 5_400_000
"""Of all pictures of a page, as base64: with tables and charts the page stays below 6 MB."""

_QUALITIES = (92, 86, 78, 68, 55)


@dataclass(frozen=True)
class Album:
    """Pictures as data URIs, with the quality that kept them within the budget."""

    uris: Mapping[str, str]
    quality: int


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Give the size at which a page embeds frames of ``width`` x ``height``."""
    if width <= MAX_WIDTH_PX:
        return width, height
    return MAX_WIDTH_PX, max(1, round(height * MAX_WIDTH_PX / width))


def make_album(pictures: Mapping[str, Frame], budget_bytes: int = BUDGET_BYTES) -> Album:
    """Encode pictures as WebP at the best quality (92 down to 55) whose sum fits the budget.

    The lowest quality is kept even where it does not fit. Quality is one for all, so that no method looks worse for it.
    """
    bgr = {name: np.ascontiguousarray(_reduced(frame)[..., ::-1]) for name, frame in pictures.items()}
    qualities: Sequence[int] = _QUALITIES
    if len(bgr) > 24:  # a sample of the pictures tells which qualities cannot fit, at a fraction of the time
        sample = list(bgr)[:: len(bgr) // 12]
        share = len(sample) / len(bgr)
        qualities = [
            quality
            for quality in _QUALITIES
            if sum(len(_encode(bgr[name], quality)) for name in sample) * 4 / 3 < 1.25 * share * budget_bytes
        ] or _QUALITIES[-1:]
    for quality in qualities:
        encoded = {name: _encode(picture, quality) for name, picture in bgr.items()}
        if sum(map(len, encoded.values())) * 4 / 3 <= budget_bytes:
            break
    uris = {name: "data:image/webp;base64," + base64.b64encode(data).decode() for name, data in encoded.items()}
    return Album(uris, quality)


def _reduced(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    size = shown_size(width, height)
    if size == (width, height):
        return frame
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encode(bgr: Frame, quality: int) -> bytes:
    _, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data.tobytes()
