"""The command that trains a method over a dataset's clips."""

import os
from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.workspace.objects.location import Place


@click.command()
@click.argument("recipe")
@options.data_folder(
    "Train on this dataset: its folder, or a file that 'hvdbench pack' wrote. The default is datasets/goproshake; if "
    "that does not exist, a dataset is made as 'hvdbench synth' makes it.",
    kind=options.DATASET,
)
@options.output("Write checkpoints and weights to this folder. The default is RUNS/METHOD/DATASET.", "out")
@options.runs
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(min=1),
    help="Train for this many steps. The default is the recipe's number.",
)
@click.option(
    "--max-minutes",
    metavar="MINUTES",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after this many minutes; run the same command again to continue.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Compute the network in this number format. The default is the recipe's format.",
)
@options.seed
@options.device
@options.engine
@options.overwrite
@options.strict
@options.trust
@options.examples(
    "hvdbench train selfhvd_basicvsrpp --data datasets/goproshake",
    "hvdbench train selfhvd_basicvsrpp --data goproshake.h5 --max-minutes 60",
    "torchrun --no-python --nproc-per-node=2 hvdbench train selfhvd_basicvsrpp",
)
def train(
    recipe: str,
    data: Place | None,
    out: Path | None,
    runs: Path,
    steps: int | None,
    max_minutes: float | None,
    precision: str | None,
    seed: int,
    device: str,
    engine: str,
    overwrite: bool,
    strict: bool,
    trust: bool,
) -> None:
    """Train a method on the clips of a dataset.

    RECIPE is the name or the file of a method recipe, such as selfhvd_basicvsrpp. Checkpoints, log.jsonl and
    training.png are written to the run's folder, and at the end weights.safetensors, whose path is printed. A run that
    was stopped or killed continues when you run the same command again.

    If embedded scenes or simulated paths have to replace a dataset, a tiny version of the network (RECIPE@tiny) is
    trained, with a warning. To train on several GPUs, start the command with torchrun.
    """
    from hvdbench.methods.restoration import Budget
    from hvdbench.workflows.train import train as train_on
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.workspace import Workspace

    is_main = os.environ.get("RANK", "0") == "0"
    workspace = Workspace.from_environment(runs=runs, overwrite=overwrite, strict=strict, trust=trust)
    with showing() as progress:
        budget = Budget(
            seed=seed,
            device=options.choose_device(device),
            progress=progress,
            engine=parse_engine(engine),
            minutes=max_minutes,
            steps=steps,
            announce=lambda line: click.echo(line, err=True),
        )
        weights = train_on(recipe, data, workspace=workspace, budget=budget, out=out, precision=precision)
    if weights is not None and is_main:
        click.echo(f"{weights}")
