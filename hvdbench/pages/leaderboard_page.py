"""The page of a leaderboard: tables, charts and a frame browser in one HTML file, other frames by relative link."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hvdbench.boards.text.texts import PAPERS
from hvdbench.boards.text.wide import formatted, published_table, stamp_lines
from hvdbench.frames import Frame, read_frame
from hvdbench.pages.board_charts import clip_chart, clip_scores, curve_chart, extent_chart, extent_scores
from hvdbench.pages.board_views import BoardView, board_views, truths_of
from hvdbench.pages.page_clip import PageClip, clip_data, inks
from hvdbench.pages.pages import board_table, environment, texts
from hvdbench.pages.pictures import Album, loaded_album, shown_size
from hvdbench.pages.view import TRUTH_NAMES
from hvdbench.workspace.atomic import atomic_write_text

if TYPE_CHECKING:
    import pandas as pd

BUDGET_BYTES = 21_000_000
"""Of all embedded pictures as base64: a page of 50 clips and 6 methods stays below 30 MB."""


@dataclass(frozen=True)
class RunFiles:
    """A method's run that belongs to a board's rows: ``run.json`` of each clip, by ``<split>/<clip>``."""

    method: str
    dataset: str
    digest: str
    manifests: Mapping[str, Path]


def leaderboard_page(
    path: Path,
    *,
    title: str,
    note: str,
    board: "pd.DataFrame",
    papers: "pd.DataFrame",
    truths: Sequence[str],
    rank: str,
    subset: str,
    clips: Sequence[PageClip],
    runs: Sequence[RunFiles],
    missing: Sequence[str],
) -> None:
    """Write a leaderboard's page.

    Args:
        path: the HTML file; written whole or not at all. Links to frames and ``run.json`` are relative to its folder.
        title: the headline.
        note: the board's own sentences.
        board: its rows (:data:`hvdbench.boards.rows.COLUMNS`), none where only papers have numbers.
        papers: published rows, shown apart and never ranked.
        truths: in the board's order.
        rank: the metric that ranks.
        subset: which frames are shown first.
        clips: whose frames can be browsed; one frame of each is embedded.
        runs: what the rows came from.
        missing: sentences on what the page could not show.
    """
    links = {digest: f"#run-{index}" for index, digest in enumerate(run.digest for run in runs)}
    views = board_views(board, truths=truths, rank=rank, run_links=links) if len(board) else []
    colours = inks(_methods(views, board))
    album = _album(clips)
    blocks = board.loc[board["origin"] != "published", ["dataset", "dataset_digest", "split"]].drop_duplicates()
    several = len(blocks) > 1
    extents = [
        (truth, extent_chart(scores, truth, colours, several=several))
        for truth in truths_of(board, truths)
        if truth != "none"
        for scores in extent_scores(clips, truth)
    ]
    everything = [*board.to_dict("records"), *papers.to_dict("records")]
    page = environment().get_template("leaderboard.html").render(
        {
            "title": title,
            "note": note,
            "stamps": stamp_lines(board),
            "stamp": "",
            "clips": [],
            "missing": list(missing),
            "views": [
                {"view": view, "charts": _clip_charts(board, view, colours, several)} for view in views
            ],
            "first": _first(views, subset),
            "filters": _filters(everything, views),
            "extents": extents,
            "browsed": [
                _browsed(clip, position, colours, path.parent, album) for position, clip in enumerate(clips)
            ],
            "several_blocks": several,
            "runs": [_run(run, index, path.parent) for index, run in enumerate(runs)],
            "papers": _papers(papers),
            "papers_words": PAPERS,
            "truth_names": TRUTH_NAMES,
            "subset_words": {view.subset: view.words for view in views},
            "inks": colours,
            "css": texts("page.css", "leaderboard.css"),
            "js": texts("parts.js", "browser.js", "leaderboard.js"),
            "quality": album.quality if album else None,
            "reduced": any(shown_size(*clip.size) != clip.size for clip in clips),
            "manifest": json.dumps(_manifest(board), indent=2, ensure_ascii=False) if len(board) else "",
        }
    )  # fmt: skip
    atomic_write_text(path, page)


def relative_link(target: Path, folder: Path) -> str:
    """Give the address of a file or folder from a page in ``folder``, as a browser reads it."""
    way = os.path.relpath(target.resolve(), folder.resolve())
    return "/".join(quote(part) for part in Path(way).parts)


def _methods(views: Sequence[BoardView], board: "pd.DataFrame") -> list[str]:
    """List a board's methods, those that lead first."""
    ordered = [row.cells[1].text for view in views for row in view.rows]
    return list(dict.fromkeys([*ordered, *sorted(set(board["method"]))]))


def _first(views: Sequence[BoardView], subset: str) -> int:
    """Choose the view that is shown before a filter is set: the subset asked for, else the board's first."""
    return next((index for index, view in enumerate(views) if view.subset == subset), 0)


def _filters(rows: Sequence[Mapping[Any, Any]], views: Sequence[BoardView]) -> dict[str, list[str]]:
    found = {name: sorted({str(row[name]) for row in rows}) for name in ("protocol", "dataset", "split")}
    found["truth"] = list(dict.fromkeys(view.truth for view in views))
    found["subset"] = list(dict.fromkeys(view.subset for view in views))
    return found


def _clip_charts(
    board: "pd.DataFrame", view: BoardView, colours: Mapping[str, str], several: bool
) -> list[tuple[str, str, Any]]:
    """Draw a view's clips for each dataset and split that has two at least: dataset, split, chart."""
    return [
        (scores.block[0], scores.block[2], clip_chart(scores, view, colours, several=several))
        for scores in clip_scores(board, view)
        if len(scores.clips) > 1
    ]


def _picture_name(position: int, key: str) -> str:
    return f"{position}/{key}"


def _album(clips: Sequence[PageClip]) -> Album | None:
    """Embed one frame of each clip and stream."""
    files = {
        _picture_name(position, key): paths[clip.embedded_index]
        for position, clip in enumerate(clips)
        for key, paths in clip.files.items()
    }

    def load(name: str) -> Frame:
        return read_frame(files[name])

    return loaded_album(list(files), load, BUDGET_BYTES) if files else None


def _browsed(
    clip: PageClip, position: int, colours: Mapping[str, str], folder: Path, album: Album | None
) -> dict[str, Any]:
    assert album is not None
    targets = {files[0].parent for files in clip.files.values()} | set(clip.manifests.values())
    links = {target: relative_link(target, folder) + ("" if target.suffix == ".json" else "/") for target in targets}
    uris = {key: album.uris[_picture_name(position, key)] for key in clip.files}
    return {
        "dataset": clip.dataset,
        "digest": clip.dataset_digest,
        "split": clip.split,
        "name": clip.name,
        "data": clip_data(clip, colours, links, uris),
        "charts": [(truth, curve_chart(clip, truth, colours)) for truth, scores in clip.psnr.items() if scores],
    }


def _run(run: RunFiles, index: int, folder: Path) -> dict[str, Any]:
    links = [(key, relative_link(path, folder)) for key, path in sorted(run.manifests.items())]
    return {"id": f"run-{index}", "method": run.method, "dataset": run.dataset, "digest": run.digest, "links": links}


def _papers(papers: "pd.DataFrame") -> dict[str, Any] | None:
    """Lay out what papers print: a table of its own, with what the filters ask of each row."""
    if papers.empty:
        return None
    columns, rows = board_table(formatted(published_table(papers)))
    named = {(str(row["method"]), str(row["source"])): row for row in papers.to_dict("records")}
    titles = [column.title for column in columns]
    found = []
    for row in rows:
        of = named[row[titles.index("method")].text, row[titles.index("source")].text]
        datasets = {str(one) for one in papers["dataset"]}
        dataset = row[titles.index("dataset")].text if "dataset" in titles else next(iter(datasets))
        found.append({"cells": row, "protocol": of["protocol"], "dataset": dataset, "split": of["split"]})
    return {"columns": columns, "rows": found}


def _manifest(board: "pd.DataFrame") -> dict[str, Any]:
    """Say what produced the rows."""
    ours = board[board["origin"] != "published"]
    names = ["method", "dataset", "seed", "origin", "source", "dataset_digest", "run_digest", "versions"]
    rows = ours[names].drop_duplicates().astype("string").fillna("")
    return {"protocol": sorted(set(ours["protocol"])), "rows": rows.to_dict("records")}
