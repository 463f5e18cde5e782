"""Check labels against a truth and enter the scores on a board, as ``label check`` does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hvdbench import __version__
from hvdbench.errors import InputError
from hvdbench.labels.annotations import Annotations, read_annotations
from hvdbench.labels.check import CheckedClip, LabelScore, curve_of, published_line, score_lines, scores_by_group
from hvdbench.labels.clips import LabelledClip, LabelSource, find_clips, label_clips
from hvdbench.labels.sharpness import Measure
from hvdbench.labels.stored import DEFAULT_LABELLER
from hvdbench.recipe import digest_of
from hvdbench.store import Dataset
from hvdbench.tables.texts import csv_of
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.locks import locked
from hvdbench.workspace.objects.location import Place
from hvdbench.workspace.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

LABELS_BOARD, LABELS_PROTOCOL = "labels", "labels-1"


@dataclass(frozen=True)
class LabelCheck:
    """The result of checking labellers against the truth of some clips.

    Attributes:
        clips: the result of each clip, by labeller.
        scores: the scores over all clips.
        truth: ``oracle``, or the name of the CSV.
        annotations: labels made by people; None where the truth is the oracle.
    """

    clips: Mapping[str, Sequence[CheckedClip]]
    scores: Sequence[LabelScore]
    truth: str
    annotations: Annotations | None


def check_labels(
    path: Place,
    labellers: Sequence[str] = (DEFAULT_LABELLER,),
    *,
    labels_csv: Path | None = None,
    measure: Measure | None = None,
    progress: Progress = silent,
) -> LabelCheck:
    """Compare labels with the oracle's classes or with labels made by hand.

    Args:
        path: the clips, in any form that :func:`find_clips` takes.
        labellers: the labellers to check; labels that are not stored are made, and are not stored then.
        labels_csv: a CSV of labels made by hand; None means the oracle.
        measure: the sharpness measure of the paper's labeller.
        progress: function called after every clip.

    Raises:
        InputError: if no clip has a truth, or the CSV lists none of the clips.
        HvdbenchError: under the conditions of :func:`label_clips` and
            :func:`hvdbench.labels.annotations.read_annotations`.
    """
    sources = find_clips(path)
    annotations = None if labels_csv is None else read_annotations(labels_csv)
    if annotations is not None:
        wanted = set(annotations.clips())
        sources = [source for source in sources if wanted.intersection(_names(source))]
        if not sources:
            raise InputError(f"{labels_csv} names none of the clips of {path} (it names {', '.join(sorted(wanted))})")
    else:
        sources = [source for source in sources if source.oracle() is not None]
        if not sources:
            raise InputError(f"{path} has no oracle: name labels made by hand with --labels")
    clips: dict[str, list[CheckedClip]] = {}
    for labeller in labellers:
        takes = measure if labeller == "paper" else None
        for found in label_clips(sources, labeller, takes, progress=progress):
            clips.setdefault(found.labels.labeller, []).append(_checked(found, annotations))
    scores = [score for own in clips.values() for score in scores_by_group(own)]
    return LabelCheck(clips, scores, "oracle" if labels_csv is None else labels_csv.name, annotations)


def _names(source: LabelSource) -> tuple[str, ...]:
    return source.name, source.name.rpartition("/")[2]


def _checked(found: LabelledClip, annotations: Annotations | None) -> CheckedClip:
    source, count = found.source, len(found.labels.is_sharp)
    oracle = source.oracle() if annotations is None else annotations.classes(_names(source), count)
    attributes = {} if source.stored is None else source.stored.attributes()
    return CheckedClip(source.name, str(attributes.get("device", "")), found.labels, np.asarray(oracle))


def check_lines(check: LabelCheck) -> list[str]:
    """Write a check as text: the table, the agreement of annotators, and the published figures beside it."""
    lines = [f"truth: {check.truth}", *score_lines(check.scores)]
    for pair in check.annotations.agreements() if check.annotations else []:
        kappa = f"{pair.kappa:.3f}" if np.isfinite(pair.kappa) else "not defined"
        lines.append(
            f"annotators {pair.first} and {pair.second}: {pair.agreed} of {pair.n} frames alike, Cohen's kappa {kappa}"
        )
    return [*lines, published_line()]


def write_curves(folder: Path, check: LabelCheck) -> Path:
    """Write ``thresholds.csv``: the scores that every other threshold would have given, for each labeller."""
    rows: list[Sequence[object]] = [("labeller", "relative_threshold", "recall", "precision", "accuracy")]
    for labeller, clips in check.clips.items():
        rows += [[labeller, *(f"{value:.6g}" for value in row)] for row in curve_of(clips)]
    path = folder / "thresholds.csv"
    atomic_write_text(path, csv_of(rows))
    return path


def label_board_rows(check: LabelCheck, dataset: Dataset, *, versions: str = "") -> "pd.DataFrame":
    """Turn a check against the oracle into rows of the board ``labels``, protocol ``labels-1``.

    ``method`` is the labeller. ``clip`` ``*`` pools the frames of all clips. ``subset`` is ``sharp_blurry``, or
    ``all``, where mild frames count as not sharp. Accuracy and precision come with Wilson's intervals. A share of no
    frames has no row.
    """
    import pandas as pd

    rows = []
    for score in check.scores:
        if score.group.startswith("device "):
            continue
        name = "*" if score.group == "all clips" else score.group
        own = [clip for clip in check.clips[score.labeller] if name in ("*", clip.name)]
        splits = {clip.name.partition("/")[0] for clip in own}
        common = {
            "board": LABELS_BOARD,
            "protocol": LABELS_PROTOCOL,
            "method": score.labeller,
            "dataset": dataset.name,
            "split": splits.pop() if len(splits) == 1 else "*",
            "clip": name.rpartition("/")[2],
            "truth": "none",
            "subset": "sharp_blurry" if score.counting == "sharp and blurry" else "all",
            "seed": pd.NA,
            "origin": dataset.origin,
            "source": f"against the {check.truth}" if check.truth == "oracle" else f"against {check.truth}",
            "dataset_digest": dataset.digest,
            "run_digest": digest_of([clip.labels.is_selected.tolist() for clip in own]),
            "versions": versions,
        }
        a = score.frames
        values = {
            "accuracy": (a.accuracy, score.accuracy_interval, a.n),
            "selection_precision": (score.selection_precision, score.selection_interval, score.selected),
            "majority_rate": (a.majority_rate, None, a.n),
            "balanced_accuracy": (a.balanced_accuracy, None, a.n),
            "precision": (a.precision, None, a.tp + a.fp),
            "recall": (a.recall, None, a.tp + a.fn),
            "f1": (a.f1, None, a.n),
            "average_precision": (score.average_precision, None, a.n),
        }
        for metric, (value, interval, n) in values.items():
            if np.isfinite(value):
                low, high = (interval.low, interval.high) if interval else (np.nan, np.nan)
                rows.append({**common, "metric": metric, "value": value, "ci_low": low, "ci_high": high, "n": n})
    return pd.DataFrame(rows)


def enter_on_board(path: Path, check: LabelCheck, dataset: Place) -> int:
    """Enter a check's rows on a board, over equal ones that it has, and return how many there are.

    A board that is absent is made.

    Raises:
        InputError: if the path is not a board's CSV, or the clips are not part of a dataset, whose digest the rows of a
            board state.
        DatasetError: if the dataset cannot be read.
    """
    from hvdbench.boards.files import read_board, write_board
    from hvdbench.boards.rows import merge_rows

    rows = label_board_rows(check, Dataset.open(dataset), versions=f"hvdbench={__version__}")
    with locked(path):
        write_board(path, merge_rows(read_board(str(path)), rows) if path.is_file() else rows)
    return len(rows)
