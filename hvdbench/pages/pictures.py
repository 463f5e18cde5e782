"""Encode frames as data URIs, within the size that a page may have."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hvdbench.frames import Frame

MAX_WIDTH_PX = 960
"""Wider frames are shown reduced; the page says so."""

BUDGET_BYTES = 5_400_000
"""Of all pictures of a page, as base64: with tables and charts the page stays below 6 MB."""

_QUALITIES = (92, 86, 78, 68, 55)
_SAMPLE = 24


@dataclass(frozen=True)
class Album:
    """Pictures as data URIs, with the quality that kept them within the budget."""

    uris: Mapping[str, str]
    quality: int


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Return the size at which a page embeds frames of ``width`` x ``height``."""
    if width <= MAX_WIDTH_PX:
        return width, height
    return MAX_WIDTH_PX, max(1, round(height * MAX_WIDTH_PX / width))


def make_album(pictures: Mapping[str, Frame], budget_bytes: int = BUDGET_BYTES) -> Album:
    """Encode pictures as WebP at the best quality (92 down to 55) whose sum fits the budget.

    The lowest quality is kept even where it does not fit. Quality is one for all, so that no method looks worse for it.
    """
    return loaded_album(list(pictures), pictures.__getitem__, budget_bytes)


def loaded_album(names: Sequence[str], load: Callable[[str], Frame], budget_bytes: int = BUDGET_BYTES) -> Album:
    """Encode pictures as :func:`make_album` does, one in memory at a time.

    Args:
        names: of the pictures.
        load: function that returns the picture of a name; called again where a lower quality is tried.
        budget_bytes: of all, as base64.
    """
    for quality in _QUALITIES[_first_to_try(names, load, budget_bytes) :]:
        encoded = {name: _encode(_bgr(load(name)), quality) for name in names}
        if sum(map(len, encoded.values())) * 4 / 3 <= budget_bytes:
            break
    uris = {name: "data:image/webp;base64," + base64.b64encode(data).decode() for name, data in encoded.items()}
    return Album(uris, quality)


def _first_to_try(names: Sequence[str], load: Callable[[str], Frame], budget_bytes: int) -> int:
    """Find the first quality that may fit: a sample of many pictures rules others out in a fraction of the time."""
    if len(names) <= _SAMPLE:
        return 0
    sample = [_bgr(load(name)) for name in names[:: len(names) // _SAMPLE]]
    most = 1.1 * budget_bytes * len(sample) / len(names)
    fitting = (
        place
        for place, quality in enumerate(_QUALITIES)
        if sum(len(_encode(picture, quality)) for picture in sample) * 4 / 3 < most
    )
    return next(fitting, len(_QUALITIES) - 1)


def _bgr(frame: Frame) -> Frame:
    return np.ascontiguousarray(_reduced(frame)[..., ::-1])


def _reduced(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    size = shown_size(width, height)
    if size == (width, height):
        return frame
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encode(bgr: Frame, quality: int) -> bytes:
    _, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data.tobytes()
