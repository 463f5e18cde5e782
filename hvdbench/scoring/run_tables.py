"""All scores of a run together, and a board's numbers from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hvdbench.errors import InputError
from hvdbench.metrics.measure import EFFICIENCY, OF_CLIPS, measured_with, shown_by
from hvdbench.scoring.costs import read_costs
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.stored_scores import read_kept
from hvdbench.scoring.stratified import KEYS, strata_table, summarise_strata
from hvdbench.scoring.summary import SUBSETS, subset_mask, summarise, summary_table, with_means


@dataclass(frozen=True)
class AskedMetric:
    """The scores of one metric that was asked for, over a run's clips.

    Attributes:
        name: as it was asked for.
        table: ``method``, ``split``, ``clip``, ``frame`` and columns ``<metric>_<truth>``.
        versions: of libraries that its numbers hang on, beside those of the board's other rows; may be empty.
    """

    name: str
    table: pd.DataFrame
    versions: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether no frame has a value."""
        return not self.table[_score_columns(self.table)].notna().any(axis=None)


@dataclass(frozen=True)
class RunScores:
    """Scores of a run, a row a frame; what a board's rows follow from.

    Attributes:
        frames: :data:`hvdbench.scoring.frame_scores.FRAME_COLUMNS` with ``method``, ``split`` and ``clip``.
        asked: what was asked for beside them.
        strata: which strata each frame is in, with the same keys; None: they were not asked for.
    """

    frames: pd.DataFrame
    asked: tuple[AskedMetric, ...] = ()
    strata: pd.DataFrame | None = None

    def summaries(self) -> Iterator[tuple[pd.DataFrame, str]]:
        """Give the rows of a board in parts, each with the versions that its numbers hang on beside the usual ones."""
        yield summarise(self.frames), ""
        for metric in self.asked:
            yield summarise_asked(metric.table, self.frames), metric.versions
        if self.strata is not None:
            yield summarise_strata(self.frames, self.strata), ""


def summarise_asked(table: pd.DataFrame, frame_scores: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of a metric that was asked for, as :func:`hvdbench.scoring.summary.summarise` does.

    Args:
        table: as :attr:`AskedMetric.table`.
        frame_scores: of the same run; they say which frames were selected.

    Returns:
        Rows for each clip and over the clips (``*``). What is of pairs of frames, or of a whole run, has the subset
        ``all`` alone; ``n`` counts the values that were averaged.
    """
    columns = _score_columns(table)
    frames = table.merge(frame_scores[[*KEYS, "frame", "selected"]], on=[*KEYS, "frame"], how="left")
    rows: list[dict[str, object]] = []
    for key, clip in frames.groupby(list(KEYS), sort=True):
        for column in columns:
            metric, _, truth = column.rpartition("_")
            for subset in SUBSETS[:1] if metric in OF_CLIPS else SUBSETS:
                known = clip.loc[subset_mask(clip, subset), column].dropna()
                if len(known):
                    row = dict(zip(KEYS, key, strict=True)) | {"truth": truth, "subset": subset, "metric": metric}
                    rows.append(row | {"value": float(np.mean(known.to_numpy(np.float64))), "n": len(known)})
    return with_means(summary_table(rows))


def _score_columns(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.columns if name not in (*KEYS, "frame")]


def asked_metric(name: str, places: Sequence[RunClip], method: str) -> AskedMetric:
    """Gather the kept scores of a metric that was asked for.

    Args:
        name: as it was asked for.
        places: all clips of a run.
        method: its name on the board.

    Raises:
        InputError: a clip's scores are not kept, or were not measured to the end.
    """
    tables, versions = [], set()
    for place in places:
        if name == EFFICIENCY:
            table = read_costs(place)
        else:
            kept = read_kept(place, measured_with(name))
            if kept is None or not kept.is_whole:
                raise InputError(
                    f"{place.folder} keeps no scores of '{name}' for these frames: measure them with --metric {name}"
                )
            table = kept.table
            versions.add(kept.versions)
        shown = [column for column in table if str(column).rpartition("_")[0] in shown_by(name)]
        tables.append(keyed(table[["frame", *shown]], place, method))
    return AskedMetric(name, pd.concat(tables, ignore_index=True), " ".join(sorted(versions - {""})))


def run_strata(places: Sequence[RunClip], method: str) -> pd.DataFrame:
    """Gather the strata of a run's frames; see :func:`hvdbench.scoring.stratified.strata_table`."""
    return pd.concat([keyed(strata_table(place), place, method) for place in places], ignore_index=True)


def keyed(table: pd.DataFrame, place: RunClip, method: str) -> pd.DataFrame:
    """Say in every row of a clip's scores of which method and clip they are."""
    return table.assign(method=method, split=place.clip.split, clip=place.clip.name)
