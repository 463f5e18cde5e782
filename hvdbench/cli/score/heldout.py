"""The command that scores methods on clips without ground truth."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.workspace.objects.location import Place

if TYPE_CHECKING:
    from hvdbench.methods.restoration import Budget
    from hvdbench.workflows.heldout.restoring import Restore


@click.command()
@click.argument("source", metavar="CLIP_OR_DATASET", type=options.DATASET)
@click.option(
    "--method",
    "names",
    metavar="METHOD",
    multiple=True,
    required=True,
    help="Score this method, named as for 'hvdbench eval'; a folder of restored frames cannot be scored. This option "
    "may be repeated.",
)
@click.option(
    "--weights",
    "weights",
    multiple=True,
    metavar="[METHOD=]FILE",
    help="Load the method's weights from this checkpoint, which must not have been trained on this clip. Write "
    "METHOD=FILE if there are several methods. This option may be repeated.",
)
@options.output("Also write this CSV file, with a row for each method and clip.", kind=options.FILE, metavar="FILE")
@click.option(
    "--pairs",
    metavar="FILE",
    type=options.FILE,
    help="Also write this CSV file, with a row for each comparison of two frames.",
)
@options.seed
@options.device
@options.trust
@options.examples(
    "hvdbench heldout clip.mp4 --method warp_average --method selfhvd_rc_fusion",
    "hvdbench heldout clip.mp4 --method estrnn --weights estrnn.pth -o table.csv",
)
def heldout(
    source: Place,
    names: tuple[str, ...],
    weights: tuple[str, ...],
    output: Path | None,
    pairs: Path | None,
    seed: int,
    device: str,
    trust: bool,
) -> None:
    """Score methods on clips that have no ground truth.

    CLIP_OR_DATASET is a video file, a folder of frames, or the folder of a dataset. Each method restores a clip
    twice. Each time, every second one of the clearly sharp frames is withheld from the method, and then serves as a
    reference for the blurry frames beside it, which the method restored.

    The score is the PSNR in dB of a restored frame against a withheld sharp frame that was warped onto it, over the
    pixels where the warp can be trusted. The gain is the score minus the score of the blurry frame. docs/held-out.md
    describes what this score ranks well and what it does not.
    """
    from hvdbench.methods.restoration import Budget
    from hvdbench.tables.dataframes import frame_csv
    from hvdbench.workflows.heldout import held_out
    from hvdbench.workflows.heldout.text import as_table
    from hvdbench.workspace.atomic import atomic_write_text
    from hvdbench.workspace.engine import usable_cores

    with showing() as progress:
        workers = usable_cores()
        budget = Budget(seed=seed, workers=workers, device=options.choose_device(device))
        result = held_out(source, _methods(names, weights, budget, trust), workers=workers, progress=progress)
    for sentence in result.refused:
        click.echo(f"left out: {sentence}", err=True)
    click.echo(as_table(result.summary), nl=False)
    for path, table in ((output, result.summary), (pairs, result.pairs)):
        if path is not None:
            atomic_write_text(path, frame_csv(table))
            click.echo(f"written: {path}", err=True)


def _methods(names: tuple[str, ...], weights: tuple[str, ...], budget: "Budget", trust: bool) -> "dict[str, Restore]":
    """Open the methods, each with its weights, and return the function by which each of them restores a clip.

    Raises:
        InputError: weights belong to none of the methods, or two methods have the same name.
    """
    from hvdbench.errors import InputError
    from hvdbench.methods.opening import open_method
    from hvdbench.workflows.heldout.restoring import restorer

    files = _files(names, weights)
    found: dict[str, Restore] = {}
    for name in names:
        method = open_method(name, weights=files.get(name), trust=trust)
        if method.name in found:
            raise InputError(f"two methods are called '{method.name}': name each once")
        found[method.name] = restorer(method, budget)
    return found


def _files(names: tuple[str, ...], weights: tuple[str, ...]) -> dict[str, Path]:
    """Match the weight files to the methods.

    Raises:
        InputError: a file belongs to none of the methods, or does not say to which one.
    """
    from hvdbench.errors import InputError

    if len(weights) == len(names) == 1 and not weights[0].startswith(f"{names[0]}="):
        return {names[0]: Path(weights[0])}
    files = {}
    for text in weights:
        name, separator, file = text.rpartition("=")
        if not separator or name not in names:
            raise InputError(f"--weights {text} belongs to none of the methods {', '.join(names)}: write METHOD=FILE")
        files[name] = Path(file)
    return files
