"""Options that mean the same everywhere, declared once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path)


def seed(command: F) -> F:
    """Add ``--seed``."""
    return click.option(
        "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of all chance."
    )(command)


def device(command: F) -> F:
    """Add ``--device``."""
    return click.option(
        "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1 …; auto takes a GPU where there is one."
    )(command)


def engine(command: F) -> F:
    """Add ``--engine``."""
    return click.option(
        "--engine", default="local", show_default=True, help="local, or local:N for N worker processes, one clip each."
    )(command)


def overwrite(command: F) -> F:
    """Add ``--overwrite``."""
    return click.option("--overwrite", is_flag=True, help="Replace what was made from other settings.")(command)


def strict(command: F) -> F:
    """Add ``--strict``."""
    return click.option("--strict", is_flag=True, help="Make every fallback an error (also HVDBENCH_STRICT=1).")(
        command
    )


def runs(command: F) -> F:
    """Add ``--runs``."""
    return click.option(
        "--runs", type=FOLDER, default=Path("runs"), show_default=True, help="Where frames and weights go."
    )(command)


def data(command: F) -> F:
    """Add ``--data``."""
    return click.option(
        "--data", type=FOLDER, help="A dataset's folder; left out: datasets/goproshake, else the embedded scenes."
    )(command)


def choose_device(name: str) -> str:
    """Turn ``auto`` into ``cuda`` or ``cpu``.

    Raises:
        InputError: the device is not there.
    """
    import torch

    from hvdbench.errors import InputError

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device '{name}' cannot be used here ({str(error).splitlines()[0].split('. ')[0][:120]}): try --device cpu"
        ) from error
    return name
