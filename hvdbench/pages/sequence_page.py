"""Write the page that plays the sharp frames of blurry pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvdbench.frames import Frame, Frames
from hvdbench.pages.pages import texts, write_page
from hvdbench.pages.pictures import make_album

MOST_SHOWN = 12
"""Exposures that a page embeds at most."""


@dataclass(frozen=True)
class Exposure:
    """One blurry picture and what was made of it.

    Attributes:
        name: the picture's name.
        blurry: uint8 RGB (H, W, 3).
        frames: uint8 RGB (N, H, W, 3), in the order in which they are played.
    """

    name: str
    blurry: Frame
    frames: Frames


def sequence_page(
    path: Path, *, title: str, exposures: Sequence[Exposure], fps: float, facts: Mapping[str, str], notes: Sequence[str]
) -> None:
    """Write the page: each blurry picture, and beside it its frames, which are played or looked at one by one.

    Args:
        path: the HTML file; written whole or not at all.
        title: the headline.
        exposures: one or more, all with the same number of frames.
        fps: frames a second at which the page plays.
        facts: what was done, name to wording.
        notes: sentences below the facts.
    """
    pictures = {f"{k}": one.blurry for k, one in enumerate(exposures)}
    pictures |= {f"{k} {n}": frame for k, one in enumerate(exposures) for n, frame in enumerate(one.frames)}
    album = make_album(pictures)
    shown = [
        {
            "name": one.name,
            "blurry": album.uris[f"{k}"],
            "frames": [album.uris[f"{k} {n}"] for n in range(len(one.frames))],
        }
        for k, one in enumerate(exposures)
    ]
    context = {"title": title, "facts": dict(facts), "notes": list(notes), "manifest": {}, "clips": ()}
    context |= {"css": texts("page.css", "sequence.css"), "js": texts("parts.js", "sequence.js")}
    write_page(path, "sequence.html", {**context, "data": {"exposures": shown, "fps": fps}, "quality": album.quality})
