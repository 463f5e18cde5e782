"""The page of others' datasets, ``docs/datasets.md``, made of the layouts.

``python tests/made_datasets_page.py`` writes it anew.
"""

from collections.abc import Iterator
from pathlib import Path

from hvdbench.sources.layout import UNKNOWN, Layout, Part, layout_names, load_layout

PAGE = Path(__file__).resolve().parents[1] / "docs" / "datasets.md"
HEAD = """# The datasets of the field

One section for each release that hvdbench reads by name: where it lives, how large it is, under which licence, what its
folder must look like, which command imports it, and which board is about it. `unknown` is what its authors state
nowhere that was found; nothing is borrowed from another release. [importing.md](importing.md) explains what is checked
and what a layout of your own looks like, which takes ten lines.

This page is made of `recipes/layouts`; `python tests/made_datasets_page.py` writes it anew. hvdbench downloads none of
these: get a release from its authors, unpack it, and name its folder.
"""


def page() -> str:
    """Return the whole page."""
    layouts = {name: load_layout(name)[1] for name in layout_names()}
    ordered = sorted(layouts.items(), key=lambda item: item[1].title.lower())
    index = ["| layout | release | pairs, blurry or sharp | board |", "|---|---|---|---|"]
    index += [
        f"| [`{name}`](#{name}) | {layout.title} | {_kind(layout)} | {_board(layout)} |" for name, layout in ordered
    ]
    return "\n".join([HEAD, *index, "", *(_section(name, layout) for name, layout in ordered)])


def _section(name: str, layout: Layout) -> str:
    facts = [
        ("release", layout.title),
        ("lives at", layout.source or UNKNOWN),
        ("download", layout.download),
        ("licence", layout.licence),
        ("rate", _rate(layout)),
        ("board", _board(layout)),
        ("to be cited", layout.citation or UNKNOWN),
        ("facts from", layout.facts_from or UNKNOWN),
    ]
    lines = [f"## {name}", "", *([layout.remark, ""] if layout.remark else [])]
    lines += ["| | |", "|---|---|", *(f"| {key} | {text} |" for key, text in facts), ""]
    if layout.parts:
        lines += ["| split | clips | frames | stated by |", "|---|---|---|---|"]
        lines += [
            f"| {split} | {_clips(part)} | {_frames(part)} | {part.stated_by} |" for split, part in layout.parts.items()
        ]
    else:
        lines += ["Splits and counts are unknown and not checked."]
    guess = " (a guess)" if layout.is_guess else ""
    lines += [
        "",
        f"The folder must look like this{guess}, and the first that fits is taken:",
        "",
        "```",
        *_places(layout),
        "```",
        "",
    ]
    lines += ["```", *_commands(name, layout), "```", ""]
    return "\n".join(lines)


def _kind(layout: Layout) -> str:
    if not layout.is_blurry:
        return "sharp"
    return "pairs" if any(pattern.sharp for pattern in layout.patterns) else "blurry"


def _board(layout: Layout) -> str:
    return f"`{layout.board}`" if layout.board else "of the dataset's own name" if layout.is_blurry else "none"


def _rate(layout: Layout) -> str:
    if layout.averaged:
        return f"{layout.averaged.fps:g} over the number in the clip's name, frames/s"
    if layout.exposure_in_name:
        return "the frames' names state their times"
    return f"{layout.fps:g} frames/s" if layout.fps else UNKNOWN


def _clips(part: Part) -> str:
    return str(part.clip_count or UNKNOWN)


def _frames(part: Part) -> str:
    return str(part.total or (f"{part.frames} each" if part.frames else UNKNOWN))


def _places(layout: Layout) -> Iterator[str]:
    for number, pattern in enumerate(layout.patterns, start=1):
        of = f"{number}. " if len(layout.patterns) > 1 else ""
        for place in pattern.places:
            yield f"{of}blurry  {place}"
        if pattern.sharp:
            yield f"{of}sharp   {pattern.sharp}"
    yield from (f"list    {file}" for file in layout.lists.values())
    if layout.metadata:
        yield f"list    {layout.metadata.file}"
    yield from (f"beside  {table.file}" for table in layout.tables)
    if layout.boxes:
        yield f"beside  {layout.boxes.folder}/*.pkl"


def _commands(name: str, layout: Layout) -> Iterator[str]:
    yield f"hvdbench dataset check FOLDER --layout {name}"
    if layout.is_blurry:
        dataset = layout.dataset or name
        yield f"hvdbench dataset import FOLDER --layout {name} -o datasets/{dataset}"
        yield f"hvdbench eval --method blurry --data datasets/{dataset}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
