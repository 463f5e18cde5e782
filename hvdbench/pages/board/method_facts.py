"""Look up what a reader wants to know of a method beside its numbers: recipe, family and paper."""

from collections.abc import Mapping
from dataclasses import dataclass

from hvdbench.boards.references import role_of
from hvdbench.errors import HvdbenchError
from hvdbench.recipe import read_recipe_table, recipe_names
from hvdbench.workspace.paths import home, home_folder

OTHER = "other"
_FITTED = "fitted to the clip"
_TAUGHT = "pretrained"
_STILL = "no learning"
FAMILIES: Mapping[str, str] = {
    "reblur_blend": _STILL,
    "selfhvd_clip": _FITTED,
    "selfhvd": _FITTED,
    "ren": _FITTED,
    "ren_maml": _FITTED,
    "bluref": _FITTED,
    "blur2blur": _FITTED,
    "dadeblur": _FITTED,
    "fusion_pretrained": _TAUGHT,
    "supervised": _TAUGHT,
    "blur2vid_jin": _TAUGHT,
    "blur2vid_purohit": _TAUGHT,
    "blur2vid_zhong": _TAUGHT,
    "cdvd_tsp": _TAUGHT,
}
"""What methods of a scheme learn from, by the scheme's name."""


@dataclass(frozen=True)
class Paper:
    """A paper: how it is cited, and its address."""

    words: str
    url: str


def _arxiv(words: str, number: str) -> Paper:
    return Paper(f"{words} (arXiv {number})", f"https://arxiv.org/abs/{number}")


_SELFHVD = _arxiv("Xu et al., SelfHVD: Self-Supervised Handheld Video Deblurring, CVPR 2026", "2508.08605")
_REN = _arxiv("Ren et al., Video Deblurring by Fitting to Test Data", "2012.05228")
_HYPERCUT = _arxiv(
    "Pham et al., HyperCUT: Video Sequence from a Single Blurry Image using Unsupervised Ordering, CVPR 2023",
    "2304.01686",
)
PAPERS: Mapping[str, Paper] = {
    "selfhvd": _SELFHVD,
    "selfhvd_clip": _SELFHVD,
    "ren": _REN,
    "ren_maml": _REN,
    "bluref": _arxiv("BluRef, CVPR 2026", "2603.14176"),
    "blur2blur": _arxiv("Pham et al., Blur2Blur, CVPR 2024", "2403.16205"),
    "dadeblur": Paper("He et al., DaDeblur, ECCV 2024", ""),
    "cdvd_tsp": _arxiv(
        "Pan, Bai and Tang, Cascaded Deep Video Deblurring Using Temporal Sharpness Prior, CVPR 2020", "2004.02501"
    ),
    "blur2vid_jin": _HYPERCUT,
    "blur2vid_purohit": _HYPERCUT,
    "blur2vid_zhong": _HYPERCUT,
}
"""The paper that a scheme follows, by the scheme's name; schemes of hvdbench's own have none."""


@dataclass(frozen=True)
class MethodFacts:
    """What is known of a method by its name.

    Attributes:
        name: on the board.
        family: what it learns from; ``other`` where that is not known.
        title: its recipe's title, empty where no recipe has its name.
        note: what its recipe says of itself.
        recipe: the recipe's file as text, of those that come with hvdbench.
        paper: the paper that it follows.
    """

    name: str
    family: str = OTHER
    title: str = ""
    note: str = ""
    recipe: str = ""
    paper: Paper | None = None

    @property
    def is_known(self) -> bool:
        """Return whether there is anything to tell."""
        return bool(self.title or self.paper)


def method_facts(name: str) -> MethodFacts:
    """Look up a method of a board by the recipe that has its name; nothing in the recipe is run."""
    role = role_of(name)
    family = {"input": "input", "control": _STILL}.get(role, OTHER)
    try:
        if name.partition("@")[0] not in recipe_names("methods"):
            return MethodFacts(name, family)
        table, stem = read_recipe_table("methods", name)
    except HvdbenchError:
        return MethodFacts(name, family)
    scheme, title, note = (str(table.get(key, "")) for key in ("scheme", "title", "note"))
    family = FAMILIES.get(scheme, family)
    # A recipe of the user's own may hold paths of his machine, which have no place on a page.
    text = "" if home() else (home_folder("recipes") / "methods" / f"{stem}.toml").read_text("utf-8")
    return MethodFacts(name, family, title, note, text, PAPERS.get(scheme))
