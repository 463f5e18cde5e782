"""Split the gain by strata of frames and of pixels, which are subsets of a board."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from hvdbench.errors import DatasetError
from hvdbench.metrics.fidelity import masked_psnr
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.metrics.strata import by_distance, by_extent
from hvdbench.scoring.run_clip import TRUTHS, RunClip
from hvdbench.scoring.stored_scores import keep
from hvdbench.scoring.summary import SUBSETS, subset_mask, summary_table, with_means
from hvdbench.store.tracks import open_tracks

STRATA = "strata"
ORACLE_CLASSES = ("sharp", "mild", "blurry")
PIXELS = ("static", "moving")
METRICS = ("psnr", "psnr_gain")
KEYS = ("method", "split", "clip")

_IDENTITY = "pixel strata 1"
_MASK = "oracle/object_mask"
_UNKNOWN_DEVICE = "unknown-device"


def strata_table(place: RunClip, protocol: Protocol = DEFAULT) -> pd.DataFrame:
    """List the strata that each frame of a clip is in, and score its static and its moving pixels.

    Args:
        place: the run's clip together with the dataset's.
        protocol: the protocol of the frames; pixels are scored under ``hvdbench-1`` alone, since other protocols define
            no score of some pixels.

    Returns:
        One row per frame: ``frame``; ``extent_px``, the oracle's largest displacement, and ``oracle_class``, both NaN
        where the clip has none; ``device``, empty where the clip states none. A clip with a moving object also has
        ``<metric>_<static|moving>_<truth>``, NaN where a frame has no such pixel.

    Raises:
        DatasetError: if a track has another number of frames.
    """
    count = len(place.files)
    table = pd.DataFrame({"frame": np.arange(count)})
    for column, field in {"extent_px": "oracle/displacement_max_px", "oracle_class": "oracle/class"}.items():
        values = place.clip.track(field)
        if values is not None and len(values) != count:
            raise DatasetError(f"{place.clip.tracks_path}: {field} has {len(values)} values for {count} frames")
        table[column] = np.full(count, math.nan) if values is None else np.asarray(values, np.float64)
    device = str(place.clip.attributes().get("device", ""))
    table["device"] = "" if device == _UNKNOWN_DEVICE else device
    if protocol.name != DEFAULT.name or not (place.truths and _has_mask(place)):
        return table
    columns = [f"{metric}_{part}_{truth}" for truth in place.truths for part in PIXELS for metric in METRICS]
    kept = keep(place, STRATA, columns, lambda first: _pixel_rows(place, first), identity=_IDENTITY, versions="")
    return table.merge(kept.table, on="frame")


def _has_mask(place: RunClip) -> bool:
    if not place.clip.tracks_path.is_file():
        return False
    with open_tracks(place.clip.tracks_path) as tracks:
        return _MASK in tracks


def _pixel_rows(place: RunClip, first: int) -> Iterator[Mapping[str, float]]:
    with open_tracks(place.clip.tracks_path) as tracks:
        masks = tracks[_MASK]
        if masks.shape != place.blurry.shape[:3]:
            raise DatasetError(
                f"{place.clip.tracks_path}: {_MASK} is {masks.shape}, and the clip is {place.blurry.shape[:3]}: make "
                "the dataset again"
            )
        for index in range(first, len(place.files)):
            restored, blurry = place.restored[index], place.blurry[index]
            moving = np.asarray(masks[index]) > 0
            row = {}
            for truth, frames in place.truths.items():
                true = frames[index]
                for part, where in zip(PIXELS, (~moving, moving), strict=True):
                    known = bool(where.any())
                    score = masked_psnr(restored, true, where) if known else math.nan
                    row[f"psnr_{part}_{truth}"] = score
                    before = masked_psnr(blurry, true, where) if known else math.nan
                    row[f"psnr_gain_{part}_{truth}"] = score - before
            yield row


def summarise_strata(frame_scores: pd.DataFrame, strata: pd.DataFrame, protocol: Protocol = DEFAULT) -> pd.DataFrame:
    """Return a board's rows of PSNR and its gain in each stratum, for each clip and over the clips (``*``).

    Args:
        frame_scores: the scores of a run, in the form that :func:`hvdbench.scoring.summary.summarise` takes.
        strata: the :func:`strata_table` of each clip, with ``method``, ``split`` and ``clip``.
        protocol: the protocol under which the frames were scored.

    Returns:
        Rows as :func:`hvdbench.scoring.summary.summarise` returns them, with the stratum as subset. ``psnr_gain`` also
        has rows for all, for selected and for not selected frames.
    """
    frames = frame_scores.merge(strata, on=[*KEYS, "frame"], how="left").sort_values([*KEYS, "frame"])
    parts: list[pd.DataFrame] = []
    for truth in TRUTHS:
        for metric in METRICS:
            column = f"{metric}_{truth}"
            if not frames[column].notna().any():
                continue
            named = {"truth": truth, "metric": metric}
            parts += [part.assign(**named) for part in _of_frames(frames, column)]
            if metric == "psnr_gain":
                parts += [
                    _means(frames[subset_mask(frames, subset)], column, subset).assign(**named) for subset in SUBSETS
                ]
            for name in PIXELS:
                masked = f"{metric}_{name}_{truth}"
                if masked in frames:
                    parts.append(_means(frames, masked, f"{name} pixels").assign(**named))
    rows: list[dict[str, object]] = [
        {str(key): value for key, value in row.items()} for part in parts for row in part.to_dict("records")
    ]
    return with_means(summary_table(rows), protocol.averaging)


def _of_frames(frames: pd.DataFrame, column: str) -> Iterator[pd.DataFrame]:
    """Average a column over the strata of frames, clip by clip."""
    yield _named(by_distance(frames, column), "distance {}")
    yield _named(by_extent(frames, column), "extent {} px")
    for number, name in enumerate(ORACLE_CLASSES):
        yield _means(frames[frames["oracle_class"] == number], column, f"oracle {name}")
    for device in sorted(set(frames["device"].fillna("")) - {""}):
        yield _means(frames[frames["device"] == device], column, f"device {device}")


def _named(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Turn strata of clips into subsets of a board."""
    clips = table[table["clip"] != "*"]
    return clips.assign(subset=[name.format(stratum) for stratum in clips["stratum"]]).drop(columns="stratum")


def _means(frames: pd.DataFrame, column: str, subset: str) -> pd.DataFrame:
    """Average a column over the frames of each clip that have a value."""
    known = frames[frames[column].notna()]
    found = known.groupby(list(KEYS), sort=True)[column].agg(value="mean", n="count").reset_index()
    return found.assign(subset=subset)
