"""Find what a board compares: by its recipe, or by its rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field, field_validator

from hvdbench.boards.rows import read_rows
from hvdbench.errors import InputError
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT, PROTOCOLS, find_protocol
from hvdbench.recipe import Recipe, Settings, load_recipe, recipe_names
from hvdbench.recipe.bounds import MOST_SEED, MOST_STEPS
from hvdbench.recipe.trust import Part
from hvdbench.sources.layout import UNKNOWN
from hvdbench.store import Truth
from hvdbench.workspace.names import checked_name

NO_PAPERS = "none"


class BoardSettings(Settings):
    """What a board compares: ``recipes/boards/<name>.toml``."""

    title: str
    """One line above the table."""
    dataset: str
    """The dataset recipe, or the folder, that the board is about."""
    protocol: str = DEFAULT.name
    """The only protocol whose numbers the board takes."""
    truths: tuple[Truth, ...] = ("centroid", "mid")
    """Which truth's columns come first; one that is left out is not shown."""
    rank: Annotated[str, Part("metric")] = "psnr"
    """The metric that orders the rows; a board without it is ordered by sharpness."""
    note: str = ""
    """A sentence or two below the table."""
    methods: tuple[str, ...] = ()
    """The methods that ``leaderboard fill`` restores and scores, in order; ``network=weights`` is a network with
    weights that are known by a name."""
    steps: int | None = Field(None, ge=1, le=MOST_STEPS)
    """Optimiser steps of every training and fit to a clip in ``leaderboard fill``; none: each recipe's own."""
    seeds: tuple[Annotated[int, Field(ge=0, le=MOST_SEED)], ...] = (0,)
    """Random seeds with which ``leaderboard fill`` makes every method that draws at random; their scores are averaged
    clip by clip."""
    metrics: tuple[Annotated[str, Part("metric")], ...] = ()
    """Metrics that ``leaderboard fill`` measures in addition to those of every board."""
    papers: str = NO_PAPERS
    """Protocol that the papers used whose rows stand beside the board's own: a protocol's name, ``unknown`` where they
    do not say it, or ``none`` where there are no such rows."""

    @field_validator("papers")
    @classmethod
    def _known(cls, name: str) -> str:
        return name if name in (NO_PAPERS, UNKNOWN) else find_protocol(name).name

    @field_validator("seeds")
    @classmethod
    def _are_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"the seeds {list(seeds)} are none, or one of them occurs twice: list each seed once")
        return seeds

    @property
    def words(self) -> str:
        """The note, and what is known of the papers' protocol."""
        told = {NO_PAPERS: "", UNKNOWN: "Which protocol the papers' rows are under is unknown."}
        return f"{self.note} {told.get(self.papers, f'The papers used protocol {self.papers}.')}".strip()


def board_settings(name: str) -> Recipe[BoardSettings]:
    """Load ``recipes/boards/<name>.toml``.

    Raises:
        UnknownNameError, RecipeError: as :func:`hvdbench.recipe.load_recipe`.
    """
    return load_recipe("boards", name, BoardSettings)


def settings_of(board: pd.DataFrame) -> BoardSettings:
    """Find the recipe of a board's name; without one, derive the settings from its rows.

    A board called ``<name>-<protocol>`` is shown by the recipe ``<name>``, under that protocol.
    """
    name = str(board["board"].iloc[0])
    ours = board[board["origin"] != "published"]
    protocol = str((ours if len(ours) else board)["protocol"].iloc[0])
    known = recipe_names("boards")
    if name in known:
        return board_settings(name).values
    base = name.removesuffix(f"-{protocol}")
    if base != name and base in known:
        told = board_settings(base).values
        title = f"{told.title} (protocol {protocol})"
        return told.model_copy(update={"title": title, "protocol": protocol, "note": "", "papers": NO_PAPERS})
    return BoardSettings(title=name, dataset=str(board["dataset"].iloc[0]), protocol=protocol)


def usual_board(dataset: str) -> str:
    """Return the board that a dataset's rows go to: the recipe that is about it, else one of the dataset's own name."""
    about = [name for name in recipe_names("boards") if board_settings(name).values.dataset == dataset]
    return about[0] if about else dataset


@dataclass(frozen=True)
class Place:
    """Where rows are entered.

    Attributes:
        board: the board's name.
        protocol: its protocol.
    """

    board: str
    protocol: Protocol


def choose_place(usual: str, boards: Path, *, board: str | None = None, protocol: str | None = None) -> Place:
    """Choose the board and the protocol of new rows, before any long computation begins.

    A board that is named decides about the protocol where none is named; a protocol that is named decides about the
    board: the usual one where that is under it, else ``<usual>-<protocol>``.

    Args:
        usual: the dataset's board.
        boards: the folder of boards.
        board: the requested name; None: no board was requested.
        protocol: the requested protocol; None: no protocol was requested.

    Raises:
        UnknownNameError: if there is no such protocol.
        InputError: if the board takes another protocol than the requested one, or one under which no frames are scored.
    """
    asked = None if protocol is None else find_protocol(protocol)
    if board is None:
        taken = _protocol_of(usual, boards)
        if asked is not None and asked.name != (taken or DEFAULT.name):
            usual = f"{usual}-{asked.name}"
        board = usual
    taken = _protocol_of(board, boards)
    if asked is not None and taken not in (None, asked.name):
        raise InputError(
            f"board '{board}' takes protocol {taken}, and {asked.name} was asked for: a board never mixes protocols, "
            "so name another board"
        )
    if asked is None and taken is not None and taken not in {known.name for known in PROTOCOLS}:
        raise InputError(
            f"board '{board}' takes protocol {taken}, under which no frames are scored: name another board"
        )
    return Place(board, asked or find_protocol(taken or DEFAULT.name))


def _protocol_of(board: str, boards: Path) -> str | None:
    """Return the protocol that a board takes, by its recipe, or else by its rows; None where there is no such board."""
    if board in recipe_names("boards"):
        return board_settings(board).values.protocol
    path = board_path(boards, board)
    if not path.is_file():
        return None
    rows = read_rows(path)
    ours = rows[rows["origin"] != "published"]
    return str(ours["protocol"].iloc[0]) if len(ours) else None


def board_path(boards: Path, name: str) -> Path:
    """Return the path of a board's CSV.

    Raises:
        InputError: if the name could be a path.
    """
    return boards / f"{checked_name(name, 'the board')}.csv"
