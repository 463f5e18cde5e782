"""What a board compares: its recipe, or what its rows tell."""

from typing import Annotated

import pandas as pd

from hvdbench.recipe import Recipe, Settings, load_recipe, recipe_names
from hvdbench.recipe.trust import Part
from hvdbench.scoring.frame_scores import PROTOCOL
from hvdbench.store import Truth


class BoardSettings(Settings):
    """What a board compares: ``recipes/boards/<name>.toml``."""

    title: str
    """One line above the table."""
    dataset: str
    """Name of the dataset recipe, or of the folder, that the board is about."""
    protocol: str = PROTOCOL
    """The only protocol whose numbers the board takes."""
    truths: tuple[Truth, ...] = ("centroid", "mid")
    """Which truth's columns come first; one that is left out is not shown."""
    rank: Annotated[str, Part("metric")] = "psnr"
    """The metric that orders the rows; a board without it is ordered by sharpness."""
    note: str = ""
    """A sentence or two below the table."""


def board_settings(name: str) -> Recipe[BoardSettings]:
    """Load ``recipes/boards/<name>.toml``.

    Raises:
        UnknownNameError, RecipeError: as :func:`hvdbench.recipe.load_recipe`.
    """
    return load_recipe("boards", name, BoardSettings)


def settings_of(board: pd.DataFrame) -> BoardSettings:
    """Find the recipe of the board's name; without one, what its rows tell."""
    name = str(board["board"].iloc[0])
    if name in recipe_names("boards"):
        return board_settings(name).values
    ours = board[board["origin"] != "published"]
    protocol = str((ours if len(ours) else board)["protocol"].iloc[0])
    return BoardSettings(title=name, dataset=str(board["dataset"].iloc[0]), protocol=protocol)


def usual_board(dataset: str) -> str:
    """Name the board that a dataset's rows go to: the recipe that is about it, else one of the dataset's own name."""
    about = [name for name in recipe_names("boards") if board_settings(name).values.dataset == dataset]
    return about[0] if about else dataset
