"""hvdbench: make handheld-video-deblurring data, train its baselines, print its tables.

The functions below are loaded when they are first used, so that importing the package costs next to nothing.
``docs/python.md`` shows them at work.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hvdbench.workflows.verbs import (
        deblur,
        evaluate,
        label,
        leaderboard,
        load_dataset,
        open_clip,
        score,
        synth,
        train,
        training_windows,
    )

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


def __getattr__(name: str) -> object:
    """Load a public function at its first use; a static import would make every module import every workflow."""
    if name not in __all__:
        raise AttributeError(f"module 'hvdbench' has no attribute '{name}'")
    return getattr(importlib.import_module("hvdbench.workflows.verbs"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
