"""Write what pages share: templates, a clip's part of a page, and the page of one restored clip."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hvdbench.pages import palette, sections
from hvdbench.pages.pictures import make_album
from hvdbench.pages.view import BLURRY, CLASS_NAMES, TRUTH_NAMES, ClipView, telling_frames
from hvdbench.workspace.atomic import atomic_write_text

_FOLDER = Path(__file__).resolve().parent
BOARD_FRAMES, DEBLUR_FRAMES = 8, 12
"""Frames that a page embeds of each clip at most."""


def deblur_page(path: Path, *, title: str, clip: ClipView, facts: Mapping[str, str], notes: Sequence[str]) -> None:
    """Write the page of one restored clip: frames before and after, the labeller's curve, and what was done.

    Args:
        path: the HTML file; written whole or not at all.
        title: the headline.
        clip: needs no truth; without one the page says that nothing on it is a score.
        facts: what was done, name to wording (seconds, method, frames passed through …).
        notes: sentences below the facts.
    """
    context = {"title": title, "facts": dict(facts), "notes": list(notes), "manifest": {}}
    context |= {"css": texts("page.css"), "js": texts("parts.js", "page.js")}
    write_page(path, "deblur.html", {**context, **clip_parts([clip], DEBLUR_FRAMES)})


def clip_parts(clips: Sequence[ClipView], count: int) -> dict[str, Any]:
    """Return what the template ``clip.html`` needs to show clips with ``count`` embedded frames each at most."""
    picks = [telling_frames(clip, count) for clip in clips]
    album = make_album(
        {
            sections.picture_name(position, pick.index, key): clip.frames[key][pick.index]
            for position, (clip, picked) in enumerate(zip(clips, picks, strict=True))
            for pick in picked
            for key in clip.keys
        }
    )
    views = [
        {
            "view": clip,
            "chips": sections.chips(clip),
            "data": sections.viewer_data(clip, position, picked, dict(album.uris)),
            "summary": sections.summary(clip),
            "truth_name": sections.truth_name(clip),
            "charts": sections.charts(clip),
            "path_charts": sections.path_charts(clip),
            "after": (clip.methods or clip.keys)[-1],
        }
        for position, (clip, picked) in enumerate(zip(clips, picks, strict=True))
    ]
    return {"clips": views, "quality": album.quality}


def write_page(path: Path, template: str, context: Mapping[str, Any]) -> None:
    """Render a template of this folder into a file, whole or not at all."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["minus"] = lambda text: text.replace("-", "−")
    environment.filters["minus_signs"] = lambda text: re.sub(r"(?<=\s)-(?=\d)", "−", text)
    common: dict[str, Any] = {"stamps": (), "class_names": CLASS_NAMES, "truth_names": TRUTH_NAMES, "blurry": BLURRY}
    common["palette"] = Markup(palette.css())
    manifest = context["manifest"]
    told = json.dumps(manifest, indent=2, default=str, ensure_ascii=False) if manifest else ""
    atomic_write_text(path, environment.get_template(template).render({**common, **context, "manifest": told}))


def texts(*names: str) -> Markup:
    """Read files of this folder that a page contains unchanged, one after the other."""
    return Markup("\n").join(Markup((_FOLDER / name).read_text(encoding="utf-8")) for name in names)
