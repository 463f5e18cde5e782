"""Read the maps that MonST3R writes beside a path: depth, what moves, and how sure it is.

Checked in Junyi42/monst3r at 574cc77: ``frame_%04d.npy`` is depth in the path's unit; ``dynamic_mask_<i>.png`` is 255
where something moves, and ``enlarged_dynamic_mask_<i>.png`` the same, dilated; ``conf_<i>.npy`` is the *logarithm* of
the confidence, minus infinity where a point lies in front of a surface that another view is surer of, and
``init_conf_<i>.npy`` the logarithm before that check. The numbers have no leading zeros but depth's.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import TrajectoryError
from hvdbench.workspace.parsing import load_array
from hvdbench.workspace.picture_files import fault_of_size

SAMPLED_MAPS = 8
LEAST_LOG_CONFIDENCE = float(np.log(1.1))
"""MonST3R's ``demo.py`` shows points whose confidence is over 1.1."""

_DEPTH = re.compile(r"frame_(\d+)\.npy")
_MASKS = (re.compile(r"enlarged_dynamic_mask_(\d+)\.png"), re.compile(r"dynamic_mask_(\d+)\.png"))
_CONFIDENCES = (re.compile(r"conf_(\d+)\.npy"), re.compile(r"init_conf_(\d+)\.npy"))


def read_scene_depth(folder: Path, rows: int) -> float | None:
    """Measure the median depth of what stands still and is sure, over about eight frames spread over the path.

    Pixels count where the depth is over 0 and finite, where no mask says that something moves (the enlarged mask comes
    before the plain one), and where the confidence is over 1.1 (``conf_<i>``, else ``init_conf_<i>``). A kind of map
    that does not exist rules nothing out.

    Args:
        folder: MonST3R's output, or a set's path that has only the sampled maps.
        rows: of ``pred_traj.txt``.

    Returns:
        None without depth maps, or where no pixel counts.

    Raises:
        TrajectoryError: if maps are not as many as the rows, cannot be read, or differ in size.
    """
    depth_files = _numbered(folder, _DEPTH)
    if not depth_files:
        return None
    _check_count(folder, "depth maps frame_<i>.npy", depth_files, rows)
    masks = _first_kind(folder, _MASKS, rows)
    confidences = _first_kind(folder, _CONFIDENCES, rows)
    kept: list[NDArray[Any]] = []
    for number in sampled_numbers(rows):
        depth = _load(depth_files[number])
        usable = np.isfinite(depth) & (depth > 0)
        if masks:
            usable &= ~_moving(masks[number], depth.shape)
        if confidences:
            confidence = _load(confidences[number])
            _check_size(confidences[number], confidence.shape, depth.shape)
            usable &= confidence > LEAST_LOG_CONFIDENCE
        kept.append(depth[usable])
    values = np.concatenate(kept)
    return float(np.median(values)) if values.size else None


def sampled_numbers(rows: int) -> range:
    """Number the frames whose maps are looked at: about eight, evenly spread."""
    return range(0, rows, max(1, rows // SAMPLED_MAPS))


def sampled_maps(folder: Path) -> list[Path]:
    """List the map files that :func:`read_scene_depth` looks at, for a copy of the path."""
    kinds = [_numbered(folder, pattern) for pattern in (_DEPTH, *_MASKS, *_CONFIDENCES)]
    return [files[number] for files in kinds for number in sampled_numbers(len(files)) if number in files]


def _numbered(folder: Path, pattern: re.Pattern[str]) -> Mapping[int, Path]:
    """List the files of one kind by the number in their names, in its order."""
    found = [(match, file) for file in folder.iterdir() if (match := pattern.fullmatch(file.name))]
    return dict(sorted((int(match[1]), file) for match, file in found))


def _first_kind(folder: Path, patterns: tuple[re.Pattern[str], ...], rows: int) -> Mapping[int, Path]:
    for pattern in patterns:
        files = _numbered(folder, pattern)
        if files:
            _check_count(folder, pattern.pattern.replace(r"(\d+)", "<i>").replace("\\", ""), files, rows)
            return files
    return {}


def _check_count(folder: Path, what: str, files: Mapping[int, Path], rows: int) -> None:
    """Refuse maps that are neither one a row nor the sample that an import keeps."""
    if list(files) not in (list(range(rows)), list(sampled_numbers(rows))):
        raise TrajectoryError(
            f"{folder} contains {len(files)} {what} ({min(files)} to {max(files)}) for the {rows} rows of its path, "
            f"whose frames are 0 to {rows - 1}, so they are of two runs: keep those of one"
        )


def _load(file: Path) -> NDArray[Any]:
    try:
        values = load_array(file)
    except (OSError, ValueError) as error:
        raise TrajectoryError(f"{file} cannot be read as a map: {error}") from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "fiu":
        raise TrajectoryError(f"{file} is not a map of numbers of shape (height, width)")
    return values


def _moving(file: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    content = file.read_bytes()
    fault = fault_of_size(content)
    if fault is not None:
        raise TrajectoryError(f"{file} {fault}")
    data = np.frombuffer(content, np.uint8)
    mask = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if mask is None:
        raise TrajectoryError(f"{file} is not a picture that can be decoded ({data.size} bytes): write it again")
    _check_size(file, mask.shape, shape)
    return np.asarray(mask > 127)


def _check_size(file: Path, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if found != expected:
        sizes = [f"{shape[1]}x{shape[0]}" for shape in (found, expected)]
        raise TrajectoryError(
            f"{file} is {sizes[0]}, and the depth map of its frame is {sizes[1]}, so they are of two runs: keep those "
            "of one"
        )
