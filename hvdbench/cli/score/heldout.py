"""The command that scores methods on clips without truth."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing

if TYPE_CHECKING:
    from hvdbench.methods.restoration import Budget
    from hvdbench.workflows.heldout.restoring import Restore


@click.command()
@click.argument("source", metavar="CLIP_OR_DATASET", type=options.FILE)
@click.option(
    "--method", "names", multiple=True, required=True, help="As for eval, but no folder of results (repeatable)."
)
@click.option(
    "--weights",
    "weights",
    multiple=True,
    help="FILE, or METHOD=FILE where there are several methods (repeatable). They must not come from this clip.",
)
@click.option("-o", "--output", type=options.FILE, help="A .csv: a row a method and clip.")
@click.option("--pairs", type=options.FILE, help="A .csv: a row a method, clip, withheld and compared frame.")
@options.seed
@options.device
@options.trust
def heldout(
    source: Path,
    names: tuple[str, ...],
    weights: tuple[str, ...],
    output: Path | None,
    pairs: Path | None,
    seed: int,
    device: str,
    trust: bool,
) -> None:
    """Score methods on a clip without truth: sharp frames that they never saw judge the restored neighbours.

    CLIP_OR_DATASET is a video file, a folder of frames, or a dataset's folder. Each method restores the clip twice,
    each time without every second of its surely sharp frames. The score is the PSNR of the blurry neighbours against a
    withheld frame warped onto them, where that can be trusted (coverage); the gain is to the input. docs/held-out.md
    says what it ranks well and what not.
    """
    from hvdbench.methods.restoration import Budget
    from hvdbench.metrics.protocols.text import as_csv
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
            atomic_write_text(path, as_csv(table))
            click.echo(f"written: {path}", err=True)


def _methods(names: tuple[str, ...], weights: tuple[str, ...], budget: "Budget", trust: bool) -> "dict[str, Restore]":
    """Open the methods, each with its weights.

    Raises:
        InputError: weights for no method that was named, or two methods of one name.
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
        found[method.name] = restorer(method, budget, files.get(name))
    return found


def _files(names: tuple[str, ...], weights: tuple[str, ...]) -> dict[str, Path]:
    """Tell which weights belong to which method.

    Raises:
        InputError: that cannot be told.
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
