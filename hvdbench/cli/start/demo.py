"""The command that runs the whole pipeline on embedded scenes."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@options.output(
    "Write the datasets, runs, leaderboard and page to this folder.",
    "out",
    default=Path("demo"),
    show_default=True,
)
@options.engine
@options.seed
@options.examples("hvdbench demo", "hvdbench demo -o /tmp/demo --engine local:2")
def demo(out: Path, engine: str, seed: int) -> None:
    """Run the whole pipeline on scenes that come with hvdbench.

    Four short clips are made from embedded photographs, shaken by a simulated hand and blurred. Their sharp frames are
    found, five methods restore them, and the results are scored. This takes minutes and needs no download.

    The output folder gets index.html, a page with frames and numbers, and leaderboards/demo.csv. The numbers show that
    every stage runs; they say nothing about real phones.
    """
    from hvdbench.workflows.demo import run_demo
    from hvdbench.workspace.engine import parse_engine

    with showing() as progress:
        result = run_demo(out, engine=parse_engine(engine), seed=seed, progress=progress)
    click.echo("\n".join(result.label_lines))
    click.echo(f"\n{result.table}")
    click.echo(f"board: {result.board}\npage:  {result.page}")
