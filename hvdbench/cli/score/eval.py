"""The command that restores a dataset with a method and scores it."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.cli.score.score import metrics, tell


@click.command(name="eval")
@click.option(
    "--method",
    required=True,
    help="A recipe's name or file, a network (with --weights), their_pkg.net:Net, torchscript:, onnx: or "
    "spandrel:FILE, a folder of result frames, or 'command:… {input} … {output}'.",
)
@options.data
@click.option("--weights", type=options.FILE, help="A checkpoint of a network or of a method that is trained first.")
@click.option("--name", help="What the method is called on the board and under runs/; left out: by what it is.")
@click.option("--board", help="The board's name; left out: the dataset's.")
@metrics
@options.runs
@options.seed
@options.device
@options.inference
@options.engine
@options.overwrite
@options.strict
def evaluate(
    method: str,
    data: Path | None,
    weights: Path | None,
    name: str | None,
    board: str | None,
    metric_names: tuple[str, ...],
    strata: bool,
    protocol: str | None,
    runs: Path,
    seed: int,
    device: str,
    precision: str | None,
    window: str | None,
    tile: str | None,
    engine: str,
    overwrite: bool,
    strict: bool,
) -> None:
    """Restore a dataset with a method, score it, and enter it on a leaderboard.

    Writes runs/<method>/<dataset>/ and leaderboards/<board>.csv. A method without trained weights is fitted at its
    @tiny size and entered under that name, with a warning. Finished clips are not restored again; a network that is
    going to take long is told of first. A metric whose weights are missing says so; the others run.
    """
    from hvdbench.metrics.opening import measurable
    from hvdbench.workspace.fallback import Fallback

    fallback = Fallback.from_environment(strict)
    names = measurable(metric_names, fallback=fallback, has_truth=True)  # said before torch is imported
    from hvdbench.scoring.run_tables import Asked
    from hvdbench.synth.requests import find_dataset
    from hvdbench.workflows.evaluate import evaluate as score
    from hvdbench.workspace.engine import parse_engine

    workers = parse_engine(engine)
    with showing() as progress:
        dataset = find_dataset(data, fallback=fallback, engine=workers, progress=progress)
        result = score(
            method,
            dataset,
            fallback=fallback,
            engine=workers,
            weights=weights,
            runs=runs,
            board=board,
            protocol=protocol,
            seed=seed,
            device=options.choose_device(device),
            inference=options.read_inference(precision, window, tile, usual=None),
            label=name,
            asked=Asked(tuple(names), strata),
            overwrite=overwrite,
            progress=progress,
            announce=lambda line: click.echo(line, err=True),
        )
    tell(result)
