"""Score a run's clip under a protocol from its files, once, and keep the scores beside them."""

import hashlib
from pathlib import Path

import pandas as pd

from hvdbench.errors import InputError
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.scoring.frame_scores import frame_columns, frame_table, score_frames
from hvdbench.scoring.run_clip import RunClip
from hvdbench.workspace.atomic import atomic_write_text


def scores_file(protocol: Protocol) -> str:
    """Return the name of the file that keeps a clip's scores under a protocol.

    The name for ``hvdbench-1`` holds no protocol, since that file is older than the other protocols.
    """
    return "frame_scores.csv" if protocol.name == DEFAULT.name else f"frame_scores.protocol-{protocol.name}.csv"


def score_clip(place: RunClip, labels: SharpLabels, protocol: Protocol = DEFAULT, *, keep: bool = True) -> pd.DataFrame:
    """Score one clip of a run from its files, a frame at a time.

    The scores are kept beside the frames (:func:`scores_file`). They are read from there the next time, as long as run,
    clip, selection and protocol are the same to the byte.

    Args:
        place: the run's clip together with the dataset's.
        labels: the labels that say which frames were selected as sharp.
        protocol: the protocol under which they are scored.
        keep: whether scores that were computed are written beside the frames.

    Returns:
        A table as :func:`hvdbench.scoring.frame_scores.score_frames` returns it.

    Raises:
        InputError: if frames are missing, too many or of another size, the labels are of another clip, or the run has
            no result for a frame that the protocol counts.
    """
    kept = read_scores(place, labels, protocol)
    if kept is not None:
        return kept
    scores = score_frames(place.restored, place.blurry, place.truths, labels.is_selected, protocol)
    if not keep:
        return scores
    named = scores if protocol.name == DEFAULT.name else scores.assign(protocol=protocol.identity)
    text = named.assign(key=_key(place, labels, protocol)).to_csv(index=False, lineterminator="\n")
    atomic_write_text(place.folder / scores_file(protocol), text)
    return scores


def read_scores(place: RunClip, labels: SharpLabels, protocol: Protocol = DEFAULT) -> pd.DataFrame | None:
    """Read a clip's kept scores; return None where they are absent, damaged, or belong to other frames.

    Raises:
        InputError: under the conditions of :func:`score_clip`.
    """
    count = len(place.files)
    if len(labels.is_sharp) != count:
        raise InputError(
            f"{place.clip.folder} has {count} frames, and there are {len(labels.is_sharp)} labels of "
            f"'{labels.labeller}': run 'hvdbench label'"
        )
    place.check_results(protocol)
    path = place.folder / scores_file(protocol)
    return _read(path, _key(place, labels, protocol), count, protocol) if path.is_file() else None


def _key(place: RunClip, labels: SharpLabels, protocol: Protocol) -> str:
    named = protocol.name if protocol.name == DEFAULT.name else protocol.identity
    total = hashlib.sha256(f"{named}\n{','.join(frame_columns(protocol))}\n{place.clip_digest}\n".encode())
    for digest in place.frame_digests:
        total.update(digest)
    total.update(labels.is_selected.tobytes())
    return total.hexdigest()[:16]


def _read(path: Path, key: str, count: int, protocol: Protocol) -> pd.DataFrame | None:
    """Read ``count`` frames' scores that belong to ``key``; return None where they are others or damaged."""
    columns = frame_columns(protocol)
    about = ("key",) if protocol.name == DEFAULT.name else ("protocol", "key")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if tuple(table.columns) != (*columns, *about) or len(table) != count or set(table["key"]) != {key}:
            return None
        cells = {name: [float(cell or "nan") for cell in table[name]] for name in columns if name != "selected"}
        selected = [{"True": True, "False": False}[cell] for cell in table["selected"]]
        return frame_table(pd.DataFrame(cells | {"selected": selected}), protocol)
    except (ValueError, KeyError, OSError):  # pandas' parser errors are ValueErrors
        return None
