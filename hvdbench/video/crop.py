"""Crop and resize upright pictures."""

import re
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame

Level = TypeVar("Level", np.uint8, np.uint16)
Crop = tuple[int, int, int, int]
Size = tuple[int, int]


def cut_fault(picture: Frame, crop: Crop | None, size: Size | None) -> str | None:
    """Return why an (H, W, 3) picture cannot be cropped and resized so, None where it can."""
    return size_fault((picture.shape[1], picture.shape[0]), crop, size)


def size_fault(picture_size: Size, crop: Crop | None, size: Size | None) -> str | None:
    """Return why a picture of a width and height cannot be cropped and resized so, None where it can."""
    width_px, height_px = picture_size
    if crop is not None:
        x, y, width, height = crop
        if min(x, y) < 0 or min(width, height) < 1 or x + width > width_px or y + height > height_px:
            asked = f"{x}:{y}:{width}:{height}"
            return f"the crop {asked} (x:y:w:h) does not lie inside the picture, which is {width_px}x{height_px}"
    if size is not None and min(size) < 1:
        return f"the size is {size[0]}x{size[1]}: both must be at least 1"
    return None


def cut(picture: NDArray[Level], crop: Crop | None, size: Size | None) -> NDArray[Level]:
    """Crop (x, y, width, height), then resize (width, height) by area averaging; always a new contiguous array."""
    if crop is not None:
        x, y, width, height = crop
        picture = picture[y : y + height, x : x + width]
    if size is not None and size != (picture.shape[1], picture.shape[0]):
        resized = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
        return np.asarray(resized, picture.dtype)
    return picture.copy()


def parse_crop(text: str) -> Crop:
    """Read ``x:y:w:h`` or ``x,y,w,h`` (pixels; the corner from 0, the size from 1).

    Raises:
        InputError: if the text is anything else.
    """
    found = re.fullmatch(r"(\d+)([:,])(\d+)\2([1-9]\d*)\2([1-9]\d*)", text.strip(), re.ASCII)
    if not found:
        raise InputError(f"crop '{text}' is not x:y:w:h in whole pixels, e.g. 100:0:640:480")
    x, y, width, height = (int(found[part]) for part in (1, 3, 4, 5))
    return x, y, width, height


def parse_size(text: str) -> Size:
    """Read ``WxH`` (pixels, both from 1).

    Raises:
        InputError: if the text is anything else.
    """
    found = re.fullmatch(r"([1-9]\d*)[xX]([1-9]\d*)", text.strip(), re.ASCII)
    if not found:
        raise InputError(f"size '{text}' is not WxH in whole pixels, e.g. 640x360")
    return int(found[1]), int(found[2])
