"""Prepare a clip of a board for its page: the places of its frames, the facts of each, and one embedded frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.boards.references import CONTROLS
from hvdbench.labels.temporal_sharpness import MAP_FOLDER
from hvdbench.pages.palette import slots
from hvdbench.pages.view import BLURRY, CLASS_NAMES, MAP_LABEL, TRUTH_NAMES, Floats
from hvdbench.store import TRUTH_FOLDERS

INKS = 12
"""Colour classes of ``page.css``; those from 7 on have the colours of 1 to 6, dotted."""


OTHER_INK = "other"
"""Colour class of methods that are not among those coloured."""


@dataclass(frozen=True, kw_only=True)
class PageClip:
    """One clip of T frames."""

    dataset: str
    dataset_digest: str
    split: str
    name: str
    size: tuple[int, int]
    """Width and height of its frames, px."""
    files: Mapping[str, Sequence[Path]]
    """Picture files of each stream, T each: ``blurry``, methods by name, maps, ``sharp`` and ``sharp_centroid``."""
    manifests: Mapping[str, Path] = field(default_factory=dict)
    """Each method's ``run.json``."""
    is_selected: NDArray[np.bool_] | None = None
    """(T,) frames that the labeller took as sharp; None: not known."""
    oracle_class: NDArray[Any] | None = None
    """(T,) 0 sharp, 1 mild, 2 blurry."""
    extent_px: Floats | None = None
    """(T,) blur extent from the oracle: the median displacement over the frame."""
    sharpness: Floats | None = None
    """(T,) the labeller's measure of the input."""
    t_s: Floats | None = None
    psnr: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    """dB per frame, by truth (``mid``, ``centroid``) and method."""

    @property
    def frame_count(self) -> int:
        """Count the frames, T."""
        return len(next(iter(self.files.values())))

    @property
    def key(self) -> str:
        """Return ``<split>/<clip>``."""
        return f"{self.split}/{self.name}"

    @property
    def selected(self) -> NDArray[np.bool_]:
        """Return :attr:`is_selected`, (T,), False where it is not known."""
        return np.zeros(self.frame_count, bool) if self.is_selected is None else self.is_selected

    @property
    def embedded_index(self) -> int:
        """Choose the frame that the page embeds: the blurriest that was not selected."""
        extent = self.extent_px if self.extent_px is not None else None if self.sharpness is None else -self.sharpness
        if extent is None:
            return self.frame_count // 2
        open_to = ~self.selected & np.isfinite(extent)
        return int(np.argmax(np.where(open_to, extent, -np.inf))) if open_to.any() else self.frame_count // 2

    def label(self, key: str) -> str:
        """Return a stream's name for a reader."""
        truth = next((name for name, folder in TRUTH_FOLDERS.items() if folder == key), None)
        if truth is not None:
            return f"truth ({TRUTH_NAMES[truth]})"
        if key == BLURRY:
            return "blurry input"
        if key == MAP_FOLDER:
            return MAP_LABEL
        return f"{key} ({CONTROLS[key]})" if key in CONTROLS else key


def inks(methods: Sequence[str]) -> dict[str, str]:
    """Choose each method's colour class by its name, the same in all tables, charts and clips of a page."""
    found = {method: str(slot % INKS + 1) for method, slot in slots(methods).items()}
    return {BLURRY: "blurry", MAP_FOLDER: "blurry", **dict.fromkeys(TRUTH_FOLDERS.values(), "truth"), **found}


def painted(methods: Sequence[str], chosen: Sequence[str]) -> dict[str, str]:
    """Choose the colour class of each method of a board: only the chosen ones have colours, by their names."""
    return {**dict.fromkeys(methods, OTHER_INK), **inks([name for name in chosen if name != BLURRY])}


def clip_data(
    clip: PageClip, colours: Mapping[str, str], links: Mapping[Path, str], uris: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the page's script needs to show a clip; JSON-able.

    Args:
        clip: the clip.
        colours: of :func:`inks`.
        links: folder or file → its address from the page; a stream whose folder has none is embedded alone.
        uris: stream → its embedded frame.
    """
    names = [path.name for path in next(iter(clip.files.values()))]
    keys = []
    for key, files in clip.files.items():
        own = [path.name for path in files]
        keys.append(
            {
                "key": key,
                "label": clip.label(key),
                "ink": colours.get(key, OTHER_INK),
                "folder": links.get(files[0].parent),
                "names": None if own == names else own,
                "embedded": uris[key],
                "manifest": links.get(clip.manifests[key]) if key in clip.manifests else None,
            }
        )
    oracle = clip.oracle_class
    return {
        "name": clip.name,
        "width": clip.size[0],
        "height": clip.size[1],
        "embedded": clip.embedded_index,
        "names": names,
        "keys": keys,
        "truths": {truth: folder for truth, folder in TRUTH_FOLDERS.items() if folder in clip.files},
        "selected": None if clip.is_selected is None else [int(one) for one in clip.is_selected],
        "oracle": None if oracle is None else [CLASS_NAMES[int(one)] for one in oracle],
        "extent_px": _rounded(clip.extent_px, 2),
        "t_s": _rounded(clip.t_s, 4),
        "psnr": {
            truth: {key: _rounded(values, 2) for key, values in scores.items() if key in clip.files}
            for truth, scores in clip.psnr.items()
        },
    }


def _rounded(values: Floats | None, digits: int) -> list[float | None] | None:
    if values is None:
        return None
    return [round(float(value), digits) if np.isfinite(value) else None for value in values]
