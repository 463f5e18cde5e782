"""Write a leaderboard's page: tables, charts and frames in one HTML file, with relative links to further frames."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hvdbench.boards.text.notes import PAPERS, stamp_lines
from hvdbench.boards.text.wide import papers_table
from hvdbench.frames import Frame, read_frame
from hvdbench.pages.board_charts import clip_chart, clip_scores, curve_chart, extent_chart, extent_scores
from hvdbench.pages.board_views import BoardView, board_views, truths_of
from hvdbench.pages.page_clip import PageClip, clip_data, inks
from hvdbench.pages.pages import BOARD_FRAMES, clip_parts, texts, write_page
from hvdbench.pages.pictures import Album, loaded_album, shown_size
from hvdbench.pages.view import ClipView

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


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a page tells a newcomer in addition to its board.

    Attributes:
        title: the headline, in place of the board's.
        intro: plain paragraphs above the table.
        notes: a sentence for each method.
        clips: each with about eight embedded frames and its curves, in place of the frame browser.
        manifest: what else produced the numbers, JSON-able.
    """

    title: str
    intro: Sequence[str]
    notes: Sequence[str] = ()
    clips: Sequence[ClipView] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)


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
    story: Story | None = None,
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
        clips: the clips whose frames can be browsed; one frame of each is embedded.
        runs: the runs from which the rows came.
        missing: sentences on what the page could not show.
        story: what is shown in addition to the board; None for the board alone.
    """
    views = board_views(board, truths=truths, rank=rank) if len(board) else []
    first = story.clips[0].methods if story and story.clips else ()
    colours = inks(list(dict.fromkeys([*first, *_methods(views, board)])))
    browsed = () if story and story.clips else clips
    album = _album(browsed)
    parts = clip_parts(story.clips, BOARD_FRAMES) if story and story.clips else {"clips": []}
    blocks = board.loc[board["origin"] != "published", ["dataset", "dataset_digest", "split"]].drop_duplicates()
    several = len(blocks) > 1
    manifest = (_manifest(board) if len(board) else {}) | (dict(story.manifest) if story else {})
    told = papers_table(papers) if len(papers) else None
    context = {
        "title": story.title if story else title,
        "intro": list(story.intro) if story else [note] if note else [],
        "method_notes": list(story.notes) if story else [],
        "stamps": stamp_lines(board),
        "missing": list(missing),
        "views": [{"view": view, "charts": _clip_charts(board, view, colours, several)} for view in views],
        "first": _first(views, subset),
        "filters": _filters([*board.to_dict("records"), *papers.to_dict("records")], views),
        "extents": [
            (truth, extent_chart(scores, truth, colours, several=several))
            for truth in truths_of(board, truths)
            if truth != "none"
            for scores in extent_scores(clips, truth)
        ],
        "browsed": [_browsed(clip, n, colours, path.parent, album) for n, clip in enumerate(browsed)],
        "several_blocks": several,
        "runs": [_run(run, index, path.parent) for index, run in enumerate(runs)],
        "run_links": {run.digest: f"#run-{index}" for index, run in enumerate(runs)},
        "papers": told,
        "papers_words": PAPERS,
        "subset_words": {view.subset: view.words for view in views},
        "inks": colours,
        "css": texts("page.css", "leaderboard.css"),
        "js": texts("parts.js", "page.js", "browser.js", "leaderboard.js"),
        "quality": album.quality if album else None,
        "reduced": any(shown_size(*clip.size) != clip.size for clip in browsed),
        "manifest": manifest,
    }
    write_page(path, "leaderboard.html", {**context, **parts})


def relative_link(target: Path, folder: Path) -> str:
    """Return the address of a file or folder from a page in ``folder``, as a browser reads it."""
    way = os.path.relpath(target.resolve(), folder.resolve())
    return "/".join(quote(part) for part in Path(way).parts)


def _methods(views: Sequence[BoardView], board: "pd.DataFrame") -> list[str]:
    """List a board's methods, those that lead first."""
    ordered = [row.facts["method"] for view in views for row in view.table.rows]
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


def _manifest(board: "pd.DataFrame") -> dict[str, Any]:
    """Return what produced the rows."""
    ours = board[board["origin"] != "published"]
    names = ["method", "dataset", "seed", "origin", "source", "dataset_digest", "run_digest", "versions"]
    rows = ours[names].drop_duplicates().astype("string").fillna("")
    return {"protocol": sorted(set(ours["protocol"])), "rows": rows.to_dict("records")}
