"""The command that trains a method over a dataset's clips."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("method")
@options.data
@options.runs
@options.seed
@options.device
@options.engine
@options.overwrite
@options.strict
def train(
    method: str,
    data: Path | None,
    runs: Path,
    seed: int,
    device: str,
    engine: str,
    overwrite: bool,
    strict: bool,
) -> None:
    """Train METHOD, a method recipe such as selfhvd_basicvsrpp, on a dataset's clips without their truth.

    Without a dataset the embedded scenes stand in and the recipe's @tiny size is trained, with a warning.
    """
    from hvdbench.engine import parse_engine
    from hvdbench.fallback import Fallback
    from hvdbench.scoring import train as train_on

    with showing() as progress:
        weights = train_on(
            method,
            data,
            fallback=Fallback.from_environment(strict),
            engine=parse_engine(engine),
            runs=runs,
            seed=seed,
            device=options.choose_device(device),
            overwrite=overwrite,
            progress=progress,
        )
    click.echo(f"{weights}")
