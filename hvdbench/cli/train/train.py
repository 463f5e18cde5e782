"""The command that trains a method over a dataset's clips."""

import os
from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("recipe")
@click.option(
    "--data",
    type=options.FILE,
    help="A dataset's folder, or a pack of one; left out: datasets/goproshake, else the embedded scenes.",
)
@click.option("--out", type=options.FOLDER, help="The run's folder; left out: RUNS/METHOD/DATASET.")
@options.runs
@click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps, in place of the recipe's.")
@click.option("--max-minutes", type=click.FloatRange(min=0, min_open=True), help="Stop then; the same command goes on.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="What the network computes in, in place of the recipe's.",
)
@options.seed
@options.device
@options.engine
@options.overwrite
@options.strict
@options.trust
def train(
    recipe: str,
    data: Path | None,
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
    """Train RECIPE, a method such as selfhvd_basicvsrpp, on a dataset's clips.

    The run's folder gets checkpoints, log.jsonl, training.png and in the end weights.safetensors. A run that was
    stopped or killed goes on with the same command. Without a dataset the embedded scenes stand in and the recipe's
    @tiny size is trained, with a warning. On several GPUs: torchrun --no-python --nproc-per-node=2 hvdbench train …
    """
    from hvdbench.workflows.train import train as train_on
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.fallback import Fallback

    is_main = os.environ.get("RANK", "0") == "0"
    with showing() as progress:
        weights = train_on(
            recipe,
            data,
            fallback=Fallback.from_environment(strict),
            engine=parse_engine(engine),
            runs=runs,
            out=out,
            steps=steps,
            max_minutes=max_minutes,
            precision=precision,
            say=lambda line: click.echo(line, err=True),
            seed=seed,
            device=options.choose_device(device),
            overwrite=overwrite,
            trust=trust,
            progress=progress,
        )
    if weights is not None and is_main:
        click.echo(f"{weights}")
