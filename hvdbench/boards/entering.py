"""Enter a run on a board, and keep a note beside its frames of how it was entered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from hvdbench.boards.facts import remember_facts
from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.rows import Stamp, merge_rows, run_rows
from hvdbench.errors import InputError
from hvdbench.metrics.metric import facts_as_data, facts_from_data
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_tables import Asked, RunScores
from hvdbench.store import Dataset
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.locks import locked
from hvdbench.workspace.manifest import versions
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.parsing import read_json

ENTRY_FILE = "entered.json"


@dataclass(frozen=True)
class Entry:
    """How a run was entered on a board, as far as its frames alone do not show it.

    Attributes:
        method: its name there.
        stamp: what produced the rows.
        asked: the metrics and strata that it was entered with.
    """

    method: str
    stamp: Stamp
    asked: Asked = field(default_factory=Asked)


def run_root(run: Run) -> Path:
    """Return the folder of all clips of a run, ``runs/<method>/<dataset>``."""
    return next(iter(run.folders.values())).parent.parent


def read_entry(folder: Path) -> Entry | None:
    """Read how a run was entered; None where it never was.

    Raises:
        InputError: if the note is damaged, or a name in it could be a path.
    """
    path = folder / ENTRY_FILE
    if not path.is_file():
        return None
    try:
        found: Mapping[str, Any] = read_json(path)
        facts = tuple(facts_from_data(one, str(path)) for one in found.get("facts", []))
        asked = Asked(tuple(map(str, found["metrics"])), bool(found["strata"]), facts)
        entry = Entry(str(found["method"]), Stamp(**found["stamp"]), asked)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: remove it, and give --board and --metric yourself") from error
    for field_name, name in (
        ("method", entry.method),
        ("board", entry.stamp.board),
        ("dataset", entry.stamp.dataset),
    ):
        checked_name(name, field_name, where=path)
    return entry


def versions_text() -> str:
    """Write the versions that numbers hang on, as a board has them."""
    return " ".join(f"{package}={number}" for package, number in versions().items())


def enter(
    scores: RunScores | pd.DataFrame, run: Run, dataset: Dataset, path: Path, *, origin: str, seed: int, source: str
) -> tuple[pd.DataFrame, Path]:
    """Lay a run's rows over the board's, write it, and return the new rows and the board's path.

    Rows of another run of the same method and seed on the dataset leave the board.

    Args:
        scores: of the run; a table is that of :func:`hvdbench.scoring.run_metrics.score` under ``hvdbench-1``.
        run: what was scored.
        dataset: on what.
        path: the board's CSV.
        origin: ``demo``, ``simulated`` or ``measured``.
        seed: of the run.
        source: what its frames were made from.
    """
    found = scores if isinstance(scores, RunScores) else RunScores(scores)
    stamp = Stamp(
        board=path.stem,
        dataset=dataset.name,
        origin=origin,  # type: ignore[arg-type]
        seed=seed,
        source=source,
        dataset_digest=dataset.digest,
        run_digest=run.digest,
        versions=versions_text(),
        protocol=found.protocol.name,
    )
    rows = enter_rows(found, stamp, path)
    remember(run_root(run), Entry(run.method, stamp, found.was_asked))
    return rows, path


def enter_rows(scores: RunScores, stamp: Stamp, path: Path) -> pd.DataFrame:
    """Lay a run's rows over those of a board, write it, and return the new ones; one process at a time."""
    rows = run_rows(scores, stamp)
    remember_facts(scores.was_asked.facts)
    with locked(path):
        write_board(
            path, merge_rows(_without_other_runs(read_board(str(path)), rows), rows) if path.is_file() else rows
        )
    return rows


def remember(folder: Path, entry: Entry) -> None:
    """Write ``entered.json``; what the same run was entered with on the same board before is kept in it."""
    with locked(folder / ENTRY_FILE):
        _remember(folder, entry)


def _remember(folder: Path, entry: Entry) -> None:
    try:
        before = read_entry(folder)
    except InputError:  # damaged, and about to be replaced
        before = None
    asked = entry.asked
    if before is not None and before.method == entry.method and _is_same(before.stamp, entry.stamp):
        metrics = dict.fromkeys([*before.asked.metrics, *asked.metrics])
        facts = {one.name: one for one in (*before.asked.facts, *asked.facts)}
        asked = Asked(tuple(sorted(metrics)), before.asked.strata or asked.strata, tuple(facts.values()))
    body: dict[str, object] = {
        "method": entry.method,
        "stamp": vars(entry.stamp),
        "metrics": sorted(asked.metrics),
        "strata": asked.strata,
    }
    if asked.facts:
        body["facts"] = [facts_as_data(one) for one in sorted(asked.facts, key=lambda one: one.name)]
    atomic_write_text(folder / ENTRY_FILE, json.dumps(body, indent=1, sort_keys=True) + "\n")


def _is_same(a: Stamp, b: Stamp) -> bool:
    return replace(a, versions="") == replace(b, versions="")


def _without_other_runs(board: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out what another run of the same method, dataset, seed and origin left on a board."""
    one = rows.iloc[0]
    same = board["run_digest"] != one["run_digest"]
    for name in ("protocol", "method", "dataset", "seed", "origin"):
        same &= (board[name] == one[name]).fillna(False).astype(bool)
    return pd.DataFrame(board[~same])
