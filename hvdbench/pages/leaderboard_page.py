"""Write a leaderboard's page: tables, charts and frames in one HTML file, with relative links to further frames."""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hvdbench.boards.references import CONTROLS
from hvdbench.boards.text.notes import PAPERS, stamp_lines
from hvdbench.boards.text.wide import papers_table
from hvdbench.frames import Frame, read_frame
from hvdbench.pages.board.method_facts import method_facts
from hvdbench.pages.board_charts import clip_chart, clip_scores, curve_chart, extent_chart, extent_scores
from hvdbench.pages.board_views import Block, BoardView, block_of, board_views, truths_of
from hvdbench.pages.page_clip import PageClip, clip_data, painted
from hvdbench.pages.pages import BOARD_FRAMES, clip_parts, texts, write_page
from hvdbench.pages.palette import MOST, preferred
from hvdbench.pages.pictures import Album, loaded_album, shown_size
from hvdbench.pages.view import BLURRY, ClipView
from hvdbench.tables.table import Column, Row, Table, cell
from hvdbench.tables.texts import comma_separated

if TYPE_CHECKING:
    import pandas as pd

BUDGET_BYTES = 21_000_000
"""Of all embedded pictures as base64: a page of 50 clips and 6 methods stays below 25 MB."""

FEWEST_ALONE = 3
"""Methods that a dataset needs for its table to be shown alone at first."""


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
        story: what is shown in addition to the board; None for the board alone.
    """
    views = board_views(board, truths=truths, rank=rank) if len(board) else []
    first = _first(views, subset)
    chosen = _chosen(views[first]) if views else []
    names = _methods(views, board)
    colours = painted(names, chosen)
    browsed = () if story and story.clips else clips
    album = _album(browsed)
    parts = clip_parts(story.clips, BOARD_FRAMES) if story and story.clips else {"clips": []}
    blocks = _blocks(views, first)
    several = len(blocks) > 1
    has_frames = bool(browsed or parts["clips"])
    manifest = (_manifest(board) if len(board) else {}) | (dict(story.manifest) if story else {})
    told = papers_table(papers) if len(papers) else None
    known = {name: method_facts(name) for name in names}
    context = {
        "title": story.title if story else title,
        "intro": list(story.intro) if story else [note] if note else [],
        "method_notes": list(story.notes) if story else [],
        "stamps": stamp_lines(board),
        "missing": _missing(board, browsed, bool(parts["clips"])) if views else [],
        "views": [_view(view, board, colours, blocks, has_frames) for view in views],
        "first": first,
        "start": _start(views[first], blocks) if views else "",
        "blocks": [_block_words(block, blocks) for block in blocks],
        "filters": _filters(views),
        "families": list(dict.fromkeys(known[name].family for name in names)),
        "known": [known[name] for name in names if known[name].is_known],
        "extents": [
            (truth, extent_chart(scores, truth, colours, several=several))
            for truth in truths_of(board, truths)
            if truth != "none"
            for scores in extent_scores(clips, truth)
        ],
        "browsed": [_browsed(clip, n, colours, path.parent, album, blocks) for n, clip in enumerate(browsed)],
        "several_blocks": several,
        "runs": [_run(run, index, path.parent) for index, run in enumerate(runs)],
        "run_links": {run.digest: f"#run-{index}" for index, run in enumerate(runs)},
        "papers": told,
        "papers_words": PAPERS,
        "subset_words": {view.subset: view.words for view in views},
        "inks": colours,
        "paint": {"chosen": chosen, "preferred": {name: preferred(name) for name in names}, "most": MOST},
        "best": {str(blocks.index(block)): name for block, name in _best(views[first]).items()} if views else {},
        "roles": CONTROLS,
        "css": texts("page.css", "leaderboard.css", "board_table.css"),
        "js": texts("parts.js", "page.js", "browser.js", "heat_map.js", "board_table.js", "leaderboard.js"),
        "quality": album.quality if album else None,
        "reduced": any(shown_size(*clip.size) != clip.size for clip in browsed),
        "manifest": manifest,
        "slug": str((board if len(board) else papers)["board"].iloc[0]),
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


def _chosen(view: BoardView) -> list[str]:
    """Choose the methods that have colours at first: the best, with a place for the control."""
    methods = list(dict.fromkeys(row.facts["method"] for row in view.methods))
    controls = [row.facts["method"] for row in view.references if row.facts["method"] != BLURRY][:1]
    return [*methods[: MOST - len(controls)], *controls]


def _best(view: BoardView) -> dict[Block, str]:
    """Find the best method of each dataset and split, for the frame browser to open with."""
    found: dict[Block, str] = {}
    for row in view.methods:
        found.setdefault(block_of(row), row.facts["method"])
    return found


def _blocks(views: Sequence[BoardView], first: int) -> list[Block]:
    """List the datasets and splits of a page, that with the most rows in the first table first."""
    every = {block for view in views for block in view.blocks}
    rows = Counter(map(block_of, views[first].table.rows)) if views else Counter()
    return sorted(every, key=lambda block: (-rows[block], block))


def _start(view: BoardView, blocks: Sequence[Block]) -> str:
    """Choose the dataset that is shown first: all of them where the largest has too few methods to be read alone."""
    largest = sum(block_of(row) == blocks[0] for row in view.methods)
    return "" if len(blocks) > 1 and largest < FEWEST_ALONE else "0"


def _block_words(block: Block, blocks: Sequence[Block]) -> str:
    """Return how a dataset and split are called: with the digest where the page has two versions of the dataset."""
    versions = {other[1] for other in blocks if other[0] == block[0]}
    return f"{block[0]}{f' ({block[1][:6]})' if len(versions) > 1 else ''}, {block[2]}"


def _filters(views: Sequence[BoardView]) -> dict[str, list[str]]:
    return {
        "truth": list(dict.fromkeys(view.truth for view in views)),
        "subset": list(dict.fromkeys(view.subset for view in views)),
    }


def _view(
    view: BoardView, board: "pd.DataFrame", colours: Mapping[str, str], blocks: Sequence[Block], has_frames: bool
) -> dict[str, Any]:
    """Return what the template needs of one table: rows, sentences, charts, and the table as CSV and JSON."""
    several = len(blocks) > 1
    charts = [
        (blocks.index(scores.block), clip_chart(scores, view, colours, several=several, has_frames=has_frames))
        for scores in clip_scores(board, view)
        if len(scores.clips) > 1 and scores.block in blocks
    ]
    return {
        "view": view,
        "charts": charts,
        "told": [(blocks.index(block), view.captions[block], view.verdicts.get(block, ())) for block in view.blocks],
        "block_of": [blocks.index(block_of(row)) for row in view.table.rows],
        "rows": [(blocks.index(block_of(row)), row) for row in view.table.rows],
        "csv": comma_separated(_with_ends(view.table)),
        "json": _records(view.table),
    }


def _with_ends(table: Table) -> Table:
    """Return a table with columns for the ends of intervals, which cells hold beside their value."""
    columns: list[Column] = []
    rows = [dict(row.cells) for row in table.rows]
    for one in table.columns:
        columns.append(one)
        if any(math.isfinite(row.cells[one.key].low) for row in table.rows) and one.key != "interval":
            columns += [replace(one, key=f"{one.key}:{end}", title=f"{one.title} {end}") for end in ("low", "high")]
            for row in rows:
                for end, value in (("low", row[one.key].low), ("high", row[one.key].high)):
                    row[f"{one.key}:{end}"] = cell(float(value))
    return replace(
        table,
        columns=tuple(columns),
        rows=tuple(Row(cells, r.facts) for cells, r in zip(rows, table.rows, strict=True)),
    )


def _records(table: Table) -> list[dict[str, Any]]:
    """Return a table's rows as JSON-able records: each value under its column's title, None where there is none."""
    shown = _with_ends(table)
    return [{one.title: own.value for one, own in zip(shown.columns, line, strict=True)} for line in shown.lines()]


def _missing(board: "pd.DataFrame", clips: Sequence[PageClip], has_story: bool) -> list[str]:
    """List which parts a reader looks for in vain; how to make them is for whoever makes the page."""
    if has_story:
        return []
    methods = set(board.loc[board["origin"] != "published", "method"])
    shown = {name for clip in clips for name in clip.files}
    lacking = sorted(methods - shown)
    if not clips:
        return ["Frames are not part of this page."]
    more = f" and {len(lacking) - 8} more" if len(lacking) > 8 else ""
    return [f"Frames of {', '.join(lacking[:8])}{more} are not part of this page."] if lacking else []


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
    clip: PageClip,
    position: int,
    colours: Mapping[str, str],
    folder: Path,
    album: Album | None,
    blocks: Sequence[Block],
) -> dict[str, Any]:
    assert album is not None
    targets = {files[0].parent for files in clip.files.values()} | set(clip.manifests.values())
    links = {target: relative_link(target, folder) + ("" if target.suffix == ".json" else "/") for target in targets}
    uris = {key: album.uris[_picture_name(position, key)] for key in clip.files}
    block = (clip.dataset, clip.dataset_digest, clip.split)
    return {
        "block": blocks.index(block) if block in blocks else -1,
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
