"""hvdbench: make handheld-video-deblurring data, train its baselines, print its tables.

The functions below are loaded when they are first used, so that importing the package costs next to nothing.
``docs/python.md`` shows them at work.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hvdbench.workflows.verbs.boards import leaderboard
    from hvdbench.workflows.verbs.clips import deblur, open_clip
    from hvdbench.workflows.verbs.datasets import label, load_dataset, synth, training_windows
    from hvdbench.workflows.verbs.runs import evaluate, train
    from hvdbench.workflows.verbs.scores import score

__version__ = "0.1.0"

__all__ = [
    "deblur",
    "evaluate",
    "label",
    "leaderboard",
    "load_dataset",
    "open_clip",
    "score",
    "synth",
    "train",
    "training_windows",
]

_HOMES = {
    "deblur": "clips",
    "evaluate": "runs",
    "label": "datasets",
    "leaderboard": "boards",
    "load_dataset": "datasets",
    "open_clip": "clips",
    "score": "scores",
    "synth": "datasets",
    "train": "runs",
    "training_windows": "datasets",
}


class _Package(ModuleType):
    """This package, whose functions keep their names: ``synth`` is a function here, and ``hvdbench.synth`` a room.

    Python binds a package to its name in the package above it as soon as a module in it is imported; from then on the
    room would answer in the function's place. ``from hvdbench.synth import ...`` does not look at that binding.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """Load a public function at its first use; a static import would make every module import every workflow."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hvdbench' has no attribute '{name}'")
    return getattr(importlib.import_module(f"hvdbench.workflows.verbs.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
