"""From frames to the numbers of a board: one table of frames, one row a clip, one row over the clips.

The protocol is ``docs/protocol.md``; whatever changes a number here changes :data:`PROTOCOL`.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.atomic import atomic_write_text
from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, list_frames, read_frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.metrics.fidelity import REGISTRATION_MINIMUM_PX, psnr, psnr_registered, ssim
from hvdbench.metrics.sharpness import laplacian_variance, shift_px
from hvdbench.protocols.known import PSNR_CAP_DB
from hvdbench.statistics import clip_interval
from hvdbench.store import ClipFolder, Truth

PROTOCOL = "hvdbench-1"
TRUTHS: tuple[Truth, ...] = ("mid", "centroid")
SUBSETS = ("all", "not_selected", "selected")
FRAME_COLUMNS = (
    "frame",
    "selected",
    *(f"{metric}_{truth}" for metric in ("psnr", "ssim", "psnr_registered", "psnr_gain") for truth in TRUTHS),
    "sharpness",
    "sharpness_input",
    "sharpness_ratio",
    "shift_px",
)
SUMMARY_COLUMNS = ("method", "split", "clip", "truth", "subset", "metric", "value", "ci_low", "ci_high", "n")

_FIDELITY = ("psnr", "ssim", "psnr_registered")
_CACHE = "frame_scores.csv"


def score_frames(
    restored: Frames, blurry: Frames, truths: Mapping[Truth, Frames | None], selected: NDArray[np.bool_]
) -> pd.DataFrame:
    """Score every frame of one clip.

    Args:
        restored: uint8 RGB (T, H, W, 3), a method's output.
        blurry: its input, of the same shape.
        truths: ``mid`` and ``centroid``; one that is absent or None gives NaN.
        selected: (T,) True where the frame was selected as sharp.

    Returns:
        T rows with :data:`FRAME_COLUMNS`. PSNRs are capped at 80 dB and ``psnr_gain`` is to the input; ``_registered``
        is NaN for frames under 27 px a side, ``sharpness_ratio`` where the input is flat.

    Raises:
        InputError: shapes that do not fit, frames under 11 px a side, or an unknown truth.
    """
    given = {name: frames for name, frames in truths.items() if frames is not None}
    unknown = set(given) - set(TRUTHS)
    if unknown:
        raise InputError(f"no truth named '{min(unknown)}' (known: {', '.join(TRUTHS)})")
    for name, frames in {"input": blurry, **{f"{name} truth": frames for name, frames in given.items()}}.items():
        if frames.shape != restored.shape:
            raise InputError(f"the restored frames are {_shape(restored)}, those of the {name} {_shape(frames)}")
    if selected.shape != (len(restored),) or selected.dtype != np.bool_:
        raise InputError(f"{len(restored)} frames were restored, the selection is {selected.dtype} {selected.shape}")
    rows = []
    for index, (frame, before) in enumerate(zip(restored, blurry, strict=True)):
        row: dict[str, float | int | bool] = {"frame": index, "selected": bool(selected[index])}
        for name, frames in given.items():
            row |= _fidelity(frame, before, frames[index], name)
        row |= _without_truth(frame, before)
        rows.append(row)
    return _frame_table(pd.DataFrame(rows, columns=list(FRAME_COLUMNS)))


def _frame_table(scores: pd.DataFrame) -> pd.DataFrame:
    types = dict.fromkeys(FRAME_COLUMNS, "float64") | {"frame": "int64", "selected": "bool"}
    return scores[list(FRAME_COLUMNS)].astype(types)


def _fidelity(frame: Frame, before: Frame, truth: Frame, name: Truth) -> dict[str, float]:
    score = _capped(psnr(frame, truth))
    registrable = min(frame.shape[:2]) >= REGISTRATION_MINIMUM_PX
    return {
        f"psnr_{name}": score,
        f"ssim_{name}": ssim(frame, truth),
        f"psnr_registered_{name}": _capped(psnr_registered(frame, truth)) if registrable else math.nan,
        f"psnr_gain_{name}": score - _capped(psnr(before, truth)),
    }


def _without_truth(frame: Frame, before: Frame) -> dict[str, float]:
    after, ahead = laplacian_variance(frame), laplacian_variance(before)
    return {
        "sharpness": after,
        "sharpness_input": ahead,
        "sharpness_ratio": after / ahead if ahead > 0 else math.nan,
        "shift_px": shift_px(frame, before),
    }


def _capped(value: float) -> float:
    return min(value, PSNR_CAP_DB)


def _shape(frames: Frames) -> str:
    return "x".join(map(str, frames.shape))


def clip_rows(frame_scores: pd.DataFrame) -> pd.DataFrame:
    """Average the frames of each clip.

    Args:
        frame_scores: :data:`FRAME_COLUMNS` with ``method``, ``split`` and ``clip`` beside them.

    Returns:
        :data:`SUMMARY_COLUMNS`: a row for each method, split, clip, subset, truth and metric that has a value. ``n``
        counts frames; the interval is NaN, since the frames of a clip are not independent. ``shift_px`` is a median,
        ``sharpness_ratio`` the mean sharpness over the input's, ``worse_share`` (0 to 1) the frames whose PSNR is
        below the input's, all else a mean.

    Raises:
        InputError: a column is missing.
    """
    _require(frame_scores, ("method", "split", "clip", *FRAME_COLUMNS))
    rows = []
    for (method, split, clip), frames in frame_scores.groupby(["method", "split", "clip"], sort=True):
        for subset in SUBSETS:
            chosen = frames[_mask(frames, subset)]
            for truth, metric, values in _clip_values(chosen):
                row = {"method": method, "split": split, "clip": clip, "truth": truth, "subset": subset}
                rows.append(row | {"metric": metric, "value": values[0], "n": values[1]})
    return _summary(rows)


def summarise(frame_scores: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of :func:`clip_rows` and, under clip ``*``, the mean of the clips' values.

    The ``*`` rows are per method and split; ``n`` counts clips and the interval is 95 % over clips, Student's under 20,
    BCa from there on (NaN for one clip). Every clip weighs the same, however long it is.

    Raises:
        InputError: a column is missing.
    """
    clips = clip_rows(frame_scores)
    rows = []
    for key, values in clips.groupby(["method", "split", "truth", "subset", "metric"], sort=True)["value"]:
        over = clip_interval(values.to_numpy(np.float64))
        row = dict(zip(("method", "split", "truth", "subset", "metric"), key, strict=True))
        rows.append(row | {"clip": "*", "value": over.mean, "ci_low": over.low, "ci_high": over.high, "n": over.n})
    return pd.concat([_summary(rows), clips], ignore_index=True) if rows else clips


def _mask(frames: pd.DataFrame, subset: str) -> NDArray[np.bool_]:
    selected = frames["selected"].to_numpy(np.bool_)
    return {"all": np.ones_like(selected), "not_selected": ~selected, "selected": selected}[subset]


def _clip_values(frames: pd.DataFrame) -> Iterator[tuple[str, str, tuple[float, int]]]:
    """Yield (truth, metric, (value, frames that count)) of one clip's subset; what has no value is left out."""
    for truth in TRUTHS:
        for metric in _FIDELITY:
            known = frames[f"{metric}_{truth}"].dropna()
            if len(known):
                yield truth, metric, (float(known.mean()), len(known))
        gain = frames[f"psnr_gain_{truth}"].dropna()
        if len(gain):
            yield truth, "worse_share", (float((gain < 0).mean()), len(gain))
    if len(frames):
        after, before = float(frames["sharpness"].mean()), float(frames["sharpness_input"].mean())
        yield "none", "sharpness", (after, len(frames))
        if before > 0:
            yield "none", "sharpness_ratio", (after / before, len(frames))
    shift = frames["shift_px"].dropna()
    if len(shift):
        yield "none", "shift_px", (float(shift.median()), len(shift))


def _summary(rows: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return table.astype({"value": np.float64, "ci_low": np.float64, "ci_high": np.float64, "n": np.int64})


def _require(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"the frame scores lack the column{'s' * (len(missing) > 1)} {', '.join(missing)}")


def score_run(run_clip: Path, clip: ClipFolder, labels: SharpLabels) -> pd.DataFrame:
    """Score one clip of a run from its files.

    The scores are kept beside the frames as ``frame_scores.csv`` and read from there the next time, as long as run,
    clip, selection and protocol are the same to the byte.

    Args:
        run_clip: ``runs/<method>/<dataset>/<split>/<clip>``, one picture a frame under the input's file names.
        clip: the clip that was restored.
        labels: which frames were selected as sharp.

    Returns:
        As :func:`score_frames`.

    Raises:
        InputError: frames are missing or too many, of another size, or the labels are of another clip.
    """
    files = list_frames(run_clip)
    _check_names(files, run_clip, clip)
    if len(labels.is_sharp) != len(files):
        raise InputError(
            f"{clip.folder} has {len(files)} frames, the labels of '{labels.labeller}' {len(labels.is_sharp)}"
        )
    key = _key(files, clip, labels)
    cached = _read_cache(run_clip / _CACHE, key, len(files))
    if cached is not None:
        return cached
    restored, blurry = read_frames(files, run_clip), clip.blurry()
    if restored.shape != blurry.shape:
        raise InputError(f"{run_clip} holds frames of {_shape(restored[0])}, {clip.folder} of {_shape(blurry[0])}")
    scores = score_frames(restored, blurry, {truth: clip.truth(truth) for truth in TRUTHS}, labels.is_selected)
    atomic_write_text(run_clip / _CACHE, scores.assign(key=key).to_csv(index=False, lineterminator="\n"))
    return scores


def _check_names(files: list[Path], run_clip: Path, clip: ClipFolder) -> None:
    found, expected = [path.name for path in files], [path.name for path in list_frames(clip.folder / "blur")]
    if found == expected:
        return
    absent, surplus = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    faults = [
        f"{len(names)} {word}, first {names[0]}"
        for names, word in ((absent, "missing"), (surplus, "too many"))
        if names
    ]
    raise InputError(
        f"{run_clip} holds {len(found)} frames, {clip.folder / 'blur'} has {len(expected)} ({'; '.join(faults)}): "
        f"a run has one frame for each of the clip's, under the same name"
    )


def _key(files: list[Path], clip: ClipFolder, labels: SharpLabels) -> str:
    total = hashlib.sha256(f"{PROTOCOL}\n{','.join(FRAME_COLUMNS)}\n{clip.digest()}\n".encode())
    for path in files:
        total.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
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
        return _frame_table(pd.DataFrame(cells | {"selected": selected}))
    except (ValueError, KeyError, OSError):  # pandas' parser errors are ValueErrors
        return None
