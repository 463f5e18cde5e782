"""Options that mean the same everywhere, declared once."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from hvdbench.methods.inference.options import InferenceOptions

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


def inference(command: F) -> F:
    """Add ``--precision``, ``--window`` and ``--tile``; :func:`read_inference` reads them."""
    for option in (
        click.option(
            "--tile",
            help="Largest part of a frame at once: N or WxH px, or auto; left out: auto in deblur, else all.",
        ),
        click.option(
            "--window",
            help="Most frames at once: N, or auto, by free memory; left out: auto in deblur, else all.",
        ),
        click.option(
            "--precision", help="float32 (default), bfloat16 or float16: what a network computes in, where it can."
        ),
    ):
        command = option(command)
    return command


def read_inference(
    precision: str | None, window: str | None, tile: str | None, *, usual: str | None
) -> "InferenceOptions | None":
    """Read the options of :func:`inference`; None where none was given.

    Args:
        precision: as typed.
        window: as typed.
        tile: as typed.
        usual: window and tile where another of the options was given.

    Raises:
        InputError: one that cannot be read.
    """
    from hvdbench.methods.inference.options import parse_inference

    if precision is window is tile is None:
        return None
    return parse_inference(precision=precision or "float32", window=window or usual, tile=tile or usual)


def engine(command: F) -> F:
    """Add ``--engine``."""
    return click.option(
        "--engine", default="local", show_default=True, help="local, or local:N for N worker processes, one clip each."
    )(command)


def overwrite(command: F) -> F:
    """Add ``--overwrite``."""
    return click.option("--overwrite", is_flag=True, help="Replace what was made from other settings.")(command)


def trust(command: F) -> F:
    """Add ``--trust``."""
    return click.option(
        "--trust",
        is_flag=True,
        help="Let files that you name here name code that is then run: an import string, or a command.",
    )(command)


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
