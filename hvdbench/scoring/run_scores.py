"""The scores of a run's clip that every board has, computed from its files once and kept beside them."""

import hashlib
from pathlib import Path

import pandas as pd

from hvdbench.errors import InputError
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.scoring.frame_scores import FRAME_COLUMNS, PROTOCOL, frame_table, score_frames
from hvdbench.scoring.run_clip import RunClip
from hvdbench.store import ClipFolder
from hvdbench.workspace.atomic import atomic_write_text

_CACHE = "frame_scores.csv"


def score_run(run_clip: Path, clip: ClipFolder, labels: SharpLabels) -> pd.DataFrame:
    """Score one clip of a run from its files: see :func:`score_clip`.

    Args:
        run_clip: ``runs/<method>/<dataset>/<split>/<clip>``, one picture a frame under the input's file names.
        clip: the clip that was restored.
        labels: which frames were selected as sharp.
    """
    return score_clip(RunClip(run_clip, clip), labels)


def score_clip(place: RunClip, labels: SharpLabels) -> pd.DataFrame:
    """Score one clip of a run from its files, a frame at a time.

    The scores are kept beside the frames as ``frame_scores.csv`` and read from there the next time, as long as run,
    clip, selection and protocol are the same to the byte.

    Args:
        place: run and clip.
        labels: which frames were selected as sharp.

    Returns:
        As :func:`hvdbench.scoring.frame_scores.score_frames`.

    Raises:
        InputError: frames are missing or too many, of another size, or the labels are of another clip.
    """
    count = len(place.files)
    if len(labels.is_sharp) != count:
        raise InputError(
            f"{place.clip.folder} has {count} frames, the labels of '{labels.labeller}' {len(labels.is_sharp)}"
        )
    key = _key(place, labels)
    cached = _read_cache(place.folder / _CACHE, key, count)
    if cached is not None:
        return cached
    scores = score_frames(place.restored, place.blurry, place.truths, labels.is_selected)
    atomic_write_text(place.folder / _CACHE, scores.assign(key=key).to_csv(index=False, lineterminator="\n"))
    return scores


def _key(place: RunClip, labels: SharpLabels) -> str:
    total = hashlib.sha256(f"{PROTOCOL}\n{','.join(FRAME_COLUMNS)}\n{place.clip_digest}\n".encode())
    for digest in place.frame_digests:
        total.update(digest)
    total.update(labels.is_selected.tobytes())
    return total.hexdigest()[:16]


def _read_cache(path: Path, key: str, count: int) -> pd.DataFrame | None:
    """Read the scores of ``count`` frames that belong to ``key``; None where they are absent, others or damaged."""
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if tuple(table.columns) != (*FRAME_COLUMNS, "key") or len(table) != count or set(table["key"]) != {key}:
            return None
        cells = {name: [float(cell or "nan") for cell in table[name]] for name in FRAME_COLUMNS if name != "selected"}
        selected = [{"True": True, "False": False}[cell] for cell in table["selected"]]
        return frame_table(pd.DataFrame(cells | {"selected": selected}))
    except (ValueError, KeyError, OSError):  # pandas' parser errors are ValueErrors
        return None
