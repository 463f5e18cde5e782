"""Write and read result files: the scores of one lab, in a form that another can check and merge into its own boards.

A result file is JSON: the board's rows of one run, the scores per frame that they follow from (those of metrics and
strata that were asked for among them), and the digests of dataset, run and frames. Whoever merges it computes the rows
again, so that a row cannot be changed alone; the file's own digest finds damage, not fraud: whoever doubts the frame
scores asks for the frames, whose hashes the file contains.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from hvdbench.boards.facts import metric_facts
from hvdbench.boards.files import read_board
from hvdbench.boards.rows import Stamp, check_names, run_rows, sorted_rows, typed_rows
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.labels.stored import DEFAULT_LABELLER, labels_of
from hvdbench.metrics.metric import Facts, facts_as_data, facts_from_data
from hvdbench.metrics.opening import known_facts, usual_names
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import find_protocol
from hvdbench.recipe import digest_of
from hvdbench.scoring.frame_scores import frame_columns
from hvdbench.scoring.run_clip import RunClip, frames_sha256
from hvdbench.scoring.run_scores import score_clip
from hvdbench.scoring.run_tables import AskedMetric, RunScores, asked_metric, run_strata
from hvdbench.scoring.summary import SUBSETS
from hvdbench.store import Dataset
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.names import checked_keys, checked_name
from hvdbench.workspace.objects.location import Place
from hvdbench.workspace.parsing import read_json

SCHEMA = "hvdbench-results-1"

_STAMP = ("board", "dataset", "origin", "seed", "source", "dataset_digest", "run_digest", "versions", "protocol")


@dataclass(frozen=True)
class Submission:
    """One run's results.

    Attributes:
        board: the name of the board.
        method: its name there.
        rows: :data:`hvdbench.boards.rows.COLUMNS`.
        frames_sha256: the clip's key ``<split>/<clip>`` → the hash over names and bytes of its frames.
        clip_sha256: the clip's key → the digest of its blurry frames, truths and tracks.
        path: the file that it was read from.
        facts: of metrics that are neither ours nor pyiqa's.
    """

    board: str
    method: str
    rows: pd.DataFrame
    frames_sha256: dict[str, str]
    clip_sha256: dict[str, str]
    path: Path
    facts: tuple[Facts, ...] = ()

    @property
    def dataset(self) -> str:
        return str(self.rows["dataset"].iloc[0])

    @property
    def dataset_digest(self) -> str:
        return str(self.rows["dataset_digest"].iloc[0])


def submit(run: Path, data: Place, board: Path, out: Path, *, labeller: str = DEFAULT_LABELLER) -> Submission:
    """Write a scored run's result file, after hashing its frames and the dataset again.

    Args:
        run: ``runs/<method>/<dataset>``, frames and ``run.json`` of every clip.
        data: the dataset that it was scored on.
        board: the CSV that contains the run's rows.
        out: the file to write.
        labeller: the labeller whose labels decide which frames were selected.

    Raises:
        InputError: if there is no run, its rows are not on the board, or frames, dataset or labels are not those that
            were scored.
        DatasetError: if the dataset cannot be read.
    """
    dataset = Dataset.open(data)
    faults = dataset.verify()
    if faults:
        raise InputError(f"{faults[0]}: rows that are scored on it would not be results on '{dataset.name}'")
    manifests = _manifests(run)
    digest = digest_of({key: str(found.get("run_digest")) for key, found in manifests.items()})
    standing = read_board(str(board))
    rows = sorted_rows(standing[standing["run_digest"] == digest])
    if rows.empty:
        raise InputError(f"{board} has no rows of the run in {run} (digest {digest}): score it first ('hvdbench eval')")
    if set(rows["dataset_digest"]) != {dataset.digest}:
        raise InputError(
            f"{board} has the run in {run} on a dataset of digest {rows['dataset_digest'].iloc[0]}, and {data} has "
            f"digest {dataset.digest}: name the dataset that it was scored on"
        )
    stamp = _stamp_of(rows)
    scores = _scores_of_run(run, dataset, labeller, rows, find_protocol(stamp.protocol))
    if not run_rows(scores, stamp).equals(rows):
        raise InputError(
            f"the frames in {run} do not give the rows on {board}, so frames, labels or rows were changed since: score "
            "the run again"
        )
    keys = [f"{clip.split}/{clip.name}" for clip in dataset.clips()]
    body = {
        "schema": SCHEMA,
        "stamp": vars(stamp),
        "method": str(rows["method"].iloc[0]),
        "frames_sha256": {key: frames_sha256(run / key) for key in keys},
        "clip_sha256": dict(dataset.manifest["clips"]),
        "run_digests": {key: manifests[key]["run_digest"] for key in keys},
        "frame_scores": _csv(scores.frames),
        "rows": _csv(rows),
    }
    if scores.asked:
        body["asked"] = {metric.name: _asked_as_data(metric) for metric in scores.asked}
    if scores.strata is not None:
        body["strata"] = _csv(scores.strata)
    atomic_write_text(out, json.dumps(body | {"digest": _digest(body)}, indent=1, sort_keys=True) + "\n")
    return read_submission(out)


def _manifests(run: Path) -> dict[str, dict[str, Any]]:
    """Read ``run.json`` of each clip, by ``<split>/<clip>``."""
    found = {}
    for path in sorted(run.glob("*/*/run.json")):
        try:
            found[f"{path.parent.parent.name}/{path.parent.name}"] = dict(read_json(path))
        except (ValueError, TypeError) as error:
            raise InputError(f"{path} is damaged: restore the clip again") from error
    if not found:
        raise InputError(
            f"{run} does not contain a run: name a folder runs/<method>/<dataset>, in which each clip has a run.json"
        )
    return found


def _asked_as_data(metric: AskedMetric) -> dict[str, object]:
    data: dict[str, object] = {"versions": metric.versions, "scores": _csv(metric.table)}
    if metric.facts:
        data["facts"] = [facts_as_data(one) for one in metric.facts]
    return data


def _scores_of_run(run: Path, dataset: Dataset, labeller: str, rows: pd.DataFrame, protocol: Protocol) -> RunScores:
    """Score a run's frames, or read the scores kept that belong to exactly these frames, labels and clips."""
    method, places, tables = str(rows["method"].iloc[0]), [], []
    for clip in dataset.clips():
        place = RunClip(run / clip.split / clip.name, clip)
        if not place.folder.is_dir():
            raise InputError(
                f"{run} lacks the clip {clip.split}/{clip.name} of '{dataset.name}': a result must have all clips"
            )
        place.check_frames()
        table = score_clip(place, labels_of(clip, labeller), protocol)
        places.append(place)
        tables.append(table.assign(method=method, split=clip.split, clip=clip.name))
    told = [metric_facts(metric) or Facts(metric) for metric in sorted(set(rows["metric"]) - usual_names())]
    others = [facts for facts in told if known_facts(facts.name) is None]
    names = sorted({facts.asked for facts in told})
    asked = tuple(asked_metric(name, places, method, others) for name in names)
    strata = run_strata(places, method, protocol) if set(rows["subset"]) - set(SUBSETS) else None
    return RunScores(pd.concat(tables, ignore_index=True), asked, strata, protocol)


def read_submission(path: Path) -> Submission:
    """Read a result file and compute its rows again from its frame scores.

    Raises:
        InputError: if the file is not a result file or was changed, rows do not follow from the frame scores, or a name
            could be a path.
    """
    try:
        body = read_json(path)
        digest = body.pop("digest")
        known = body["schema"] == SCHEMA
        rows = _rows_of(body["rows"])
        stamp = Stamp(**body["stamp"])
        scores = _scores_in(body, path, find_protocol(stamp.protocol))
        frames, clips = dict(body["frames_sha256"]), dict(body["clip_sha256"])
        method, runs = str(body["method"]), dict(body["run_digests"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, UnknownNameError) as error:
        raise InputError(f"{path} is not a result file ('hvdbench leaderboard submit' writes one): {error}") from error
    if not known:
        raise InputError(f"{path} has schema {body['schema']}, and this version reads {SCHEMA}")
    if digest != _digest(body):
        raise InputError(f"{path} was changed after it was written: its digest is not that of its content")
    for field, name in (("stamp.board", stamp.board), ("stamp.dataset", stamp.dataset), ("method", method)):
        checked_name(name, field, where=path)
    checked_keys([*frames, *clips], "the clip", where=path)
    try:
        check_names(rows)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if not run_rows(scores, stamp).equals(rows):
        raise InputError(f"{path}: the rows do not follow from the frame scores, so one of them was changed")
    same = {f"{split}/{clip}" for split, clip in zip(scores.frames["split"], scores.frames["clip"], strict=True)}
    whole = same == set(frames) == set(clips)
    if digest_of(clips) != stamp.dataset_digest or digest_of(runs) != stamp.run_digest or not whole:
        raise InputError(f"{path}: the digests of its clips do not give those of dataset and run, so one was changed")
    return Submission(stamp.board, method, rows, frames, clips, path, scores.was_asked.facts)


def _rows_of(text: str) -> pd.DataFrame:
    """Read rows from the CSV inside a file."""
    return sorted_rows(typed_rows(_cells(text)))


def _scores_in(body: dict[str, Any], path: Path, protocol: Protocol) -> RunScores:
    """Read all frame scores of a result file, to the last bit."""
    asked = tuple(
        AskedMetric(
            str(name),
            _table_of(found["scores"]),
            str(found["versions"]),
            tuple(facts_from_data(one, str(path)) for one in found.get("facts", [])),
        )
        for name, found in dict(body.get("asked", {})).items()
    )
    strata = _table_of(body["strata"]) if "strata" in body else None
    frames = _table_of(body["frame_scores"])
    frames = frames[[*frame_columns(protocol), "method", "split", "clip"]]
    return RunScores(frames, asked, strata, protocol)


def _table_of(text: str) -> pd.DataFrame:
    """Read scores of frames from the CSV inside a file: words, whole numbers, truth values, and numbers."""
    cells = _cells(text)
    found: dict[str, Any] = {}
    for name in map(str, cells):
        if name in ("method", "split", "clip", "device"):
            found[name] = list(cells[name])
        elif name == "selected":
            found[name] = [{"True": True, "False": False}[cell] for cell in cells[name]]
        else:
            found[name] = [int(cell) if name == "frame" else _number(cell) for cell in cells[name]]
    return pd.DataFrame(found)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


def _cells(text: str) -> pd.DataFrame:
    return pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan


def _stamp_of(rows: pd.DataFrame) -> Stamp:
    """Read from its rows what produced a run; rows of additional metrics may name more versions than it."""
    usual = rows[(rows["metric"] == "sharpness") & (rows["subset"] == "all")]
    row = (usual if len(usual) else rows).iloc[0]
    return Stamp(**{name: _plain(row[name]) for name in _STAMP})


def _plain(value: Any) -> Any:
    """Turn a cell into what JSON has: text, a whole number, or null."""
    return None if pd.isna(value) else value if isinstance(value, str) else int(value)


def _digest(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
