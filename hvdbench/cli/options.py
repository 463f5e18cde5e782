"""Options that mean the same everywhere, declared once, and the old spellings that are still accepted."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hvdbench import catalog
from hvdbench.cli.parameters import CropType, Renamed, SeedType, TimeType
from hvdbench.cli.places import DatasetPath, LocalPath, SourcePath

if TYPE_CHECKING:
    from hvdbench.methods.inference.options import InferenceOptions

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = LocalPath(path_type=Path, file_okay=False)
FILE = LocalPath(path_type=Path, dir_okay=False)
PATH = LocalPath(path_type=Path)
SOURCE_FOLDER = SourcePath(path_type=Path, file_okay=False)
SOURCE_FILE = SourcePath(path_type=Path, dir_okay=False)
SOURCE_PATH = SourcePath(path_type=Path)
DATASET_FOLDER = DatasetPath(path_type=Path, file_okay=False)
DATASET = DatasetPath(path_type=Path)
for _kind in (FOLDER, SOURCE_FOLDER, DATASET_FOLDER):
    _kind.name = "folder"  # the word in help and errors, where click would write "directory"
Crop = tuple[int, int, int, int]
"""Left edge, top edge, width and height, px."""
SEED = SeedType()
TIME = TimeType()
RATE = click.FloatRange(min=0, min_open=True)


def output(
    help_text: str,
    name: str = "output",
    *,
    kind: click.Path = FOLDER,
    old: tuple[str, ...] = ("--out",),
    **attributes: Any,
) -> Callable[[F], F]:
    """Return the decorator that adds ``-o/--output``, and ``--out``, its spelling in former versions.

    Args:
        help_text: what is written, in a sentence.
        name: the parameter of the command's function.
        kind: whether a folder or a file is written.
        old: the spellings that are accepted and not shown.
        attributes: further attributes of the option, such as ``required``.
    """
    return click.option("-o", "--output", name, cls=Renamed, type=kind, old=old, help=help_text, **attributes)


def examples(*commands: str) -> Callable[[F], F]:
    """Return the decorator that adds example commands, a line each, at the end of a command's help."""

    def add(function: F) -> F:
        heading = "Example:" if len(commands) == 1 else "Examples:"
        shown = "\n".join([heading, *(f"  {command}" for command in commands)])
        # a lone \b tells click to leave the lines of the paragraph as they are
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n\b\n{shown}"
        return function

    return add


def crop(help_text: str) -> Callable[[F], F]:
    """Return the decorator that adds ``--crop x:y:w:h``; the command's function gets four integers or None."""
    return click.option("--crop", type=CropType(), help=help_text)


def deinterlace(command: F) -> F:
    """Add ``--deinterlace``."""
    return click.option(
        "--deinterlace",
        is_flag=True,
        help="Make a whole picture of each interlaced frame of a video; other frames stay as they are.",
    )(command)


def seed(command: F) -> F:
    """Add ``--seed``."""
    return click.option(
        "--seed",
        metavar="N",
        type=SEED,
        default=0,
        show_default=True,
        help="Random seed; the same seed gives the same result.",
    )(command)


def device(command: F) -> F:
    """Add ``--device``."""
    return click.option(
        "--device",
        default="auto",
        show_default=True,
        metavar="NAME",
        help="Compute on this device: cpu, cuda, cuda:1 and so on; auto uses the GPU if there is one, and the CPU "
        "otherwise.",
    )(command)


def inference(command: F) -> F:
    """Add ``--precision``, ``--window`` and ``--tile``; :func:`read_inference` reads them."""
    for option in (
        click.option(
            "--tile",
            metavar="N|WxH|auto",
            help="Process tiles of at most this size in px at once; auto chooses the size by the free memory. The "
            "default is auto for deblur, and whole frames for eval.",
        ),
        click.option(
            "--window",
            metavar="N|auto",
            help="Process at most this many frames at once; auto chooses the number by the free memory. The default "
            "is auto for deblur, and whole clips for eval.",
        ),
        click.option(
            "--precision",
            metavar="float32|bfloat16|float16",
            help="Compute in this number format. The default is float32, which is also used, with a warning, if the "
            "network or the device does not support the other formats.",
        ),
    ):
        command = option(command)
    return command


def read_inference(
    precision: str | None, window: str | None, tile: str | None, *, usual: str | None
) -> "InferenceOptions":
    """Read the options of :func:`inference`; where none was given, return the usual ones.

    Args:
        precision: ``float32``, ``bfloat16`` or ``float16``.
        window: a number of frames, or ``auto``.
        tile: a side in px, ``WxH`` in px, or ``auto``.
        usual: the value of window and tile if only the other options were set.

    Raises:
        InputError: an option cannot be read.
    """
    from hvdbench.methods.inference.options import InferenceOptions, parse_inference

    if precision is window is tile is None:
        return InferenceOptions()
    return parse_inference(precision=precision or "float32", window=window or usual, tile=tile or usual)


def engine(command: F) -> F:
    """Add ``--engine``."""
    return click.option(
        "--engine",
        default="local",
        show_default=True,
        metavar="ENGINE",
        help="Process clips in parallel: local uses all cores of this machine, local:N uses N worker processes, and "
        "dask:ADDRESS uses the workers of a Dask cluster, such as dask:tcp://host:8786. The result does not depend on "
        "this option.",
    )(command)


def overwrite(command: F) -> F:
    """Add ``--overwrite``."""
    return click.option(
        "--overwrite", is_flag=True, help="Replace existing results that were made with other settings or inputs."
    )(command)


def path_format(command: F) -> F:
    """Add ``--format``, the format of a camera path that is not in a set."""
    known = ", ".join(catalog.names("trajectory format"))
    return click.option(
        "--format", "format_name", metavar="NAME", help=f"Read a file of this format: {known}, or an import string."
    )(command)


def path_fps(command: F) -> F:
    """Add ``--fps``, the rate of a camera path whose file does not state times."""
    return click.option(
        "--fps", metavar="HZ", type=RATE, help="Assume this many rows per second for files that do not state times."
    )(command)


def force(command: F) -> F:
    """Add ``--force``, for a camera path."""
    return click.option("--force", is_flag=True, help="Read a file even if it looks like another format.")(command)


def orientation(command: F) -> F:
    """Add ``--orientation``."""
    return click.option(
        "--orientation",
        metavar="AXES",
        default="",
        help="Map the axes of a gyroscope's log to the device's x, y and z, such as yXZ; a small letter reverses an "
        "axis.",
    )(command)


def trust(command: F) -> F:
    """Add ``--trust``."""
    return click.option(
        "--trust",
        is_flag=True,
        help="Allow recipe files to run code, that is, to import a module or start a program that they name. Without "
        "this option such files are refused, unless they lie in a folder that you trust.",
    )(command)


def strict(command: F) -> F:
    """Add ``--strict``."""
    return click.option(
        "--strict",
        is_flag=True,
        help="Stop with an error if something is missing, instead of continuing with a stand-in and a warning. "
        "HVDBENCH_STRICT=1 does the same.",
    )(command)


def runs(command: F) -> F:
    """Add ``--runs``."""
    return click.option(
        "--runs",
        type=FOLDER,
        default=Path("runs"),
        show_default=True,
        help="Keep restored frames and trained weights in this folder, as RUNS/METHOD/DATASET.",
    )(command)


def data(command: F) -> F:
    """Add ``--data``."""
    return data_folder(
        "Use the dataset in this folder. The default is datasets/goproshake; if that does not exist, a dataset is "
        "made as 'hvdbench synth' makes it."
    )(command)


def data_folder(help_text: str, *, kind: click.Path = DATASET_FOLDER, **attributes: Any) -> Callable[[F], F]:
    """Return the decorator that adds ``--data`` with a help of its own."""
    return click.option("--data", type=kind, help=help_text, **attributes)


def boards(command: F) -> F:
    """Add ``--boards``."""
    return click.option(
        "--boards",
        type=FOLDER,
        default=Path("leaderboards"),
        show_default=True,
        help="Use the leaderboards in this folder, which contains one CSV file for each.",
    )(command)


def subset(command: F) -> F:
    """Add ``--subset``."""
    return click.option(
        "--subset",
        default="not_selected",
        show_default=True,
        metavar="NAME",
        help="Use the scores of these frames: not_selected (frames that were not selected as sharp), selected "
        "(frames that were), all, or another subset that the leaderboard has.",
    )(command)


def board_frames(command: F) -> F:
    """Add ``--runs`` and ``--data``, the folders in which the frames of a board lie."""
    for option in (
        data_folder(
            "Take blurry frames and ground truth from the dataset in this folder. This option may be repeated.",
            kind=FOLDER,  # pages link to the frames
            multiple=True,
        ),
        click.option(
            "--runs",
            type=FOLDER,
            default=Path("runs"),
            show_default=True,
            help="Take restored frames from this folder, where they lie in RUNS/METHOD/DATASET.",
        ),
    ):
        command = option(command)
    return command


def metrics(command: F) -> F:
    """Add ``--metric``, ``--strata`` and ``--protocol``."""
    for option in (
        click.option(
            "--strata",
            is_flag=True,
            help="Also report PSNR and gain separately by the distance to the nearest sharp frame, by blur extent, "
            "by device, and for static and moving pixels.",
        ),
        click.option(
            "--metric",
            "metric_names",
            multiple=True,
            metavar="NAME",
            help="Also measure this metric: edge_spread, warping_error, tof_px, flicker, tlpips, efficiency, a "
            "metric of pyiqa such as musiq, niqe or lpips, or a metric of your own, written as your_pkg:metric. This "
            "option may be repeated.",
        ),
        click.option(
            "--protocol",
            show_default="the leaderboard's own, or else hvdbench-1",
            metavar="NAME",
            help="Score under this protocol, one of those that 'hvdbench protocols list' shows. Each protocol has a "
            "leaderboard of its own.",
        ),
    ):
        command = option(command)
    return command


def choose_device(name: str) -> str:
    """Turn ``auto`` into ``cuda`` or ``cpu``.

    Raises:
        InputError: this machine has no such device.
    """
    from hvdbench.methods.inference.options import choose_device as choose

    return choose(name)
