"""The command that runs the whole pipeline on embedded scenes."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.option("--out", type=options.FOLDER, default=Path("demo"), show_default=True, help="Where everything goes.")
@options.engine
@options.seed
def demo(out: Path, engine: str, seed: int) -> None:
    """Run the whole pipeline on embedded scenes: synthesise, label, fit, restore, score, and write a page."""
    from hvdbench.workflows.demo import run_demo
    from hvdbench.workspace.engine import parse_engine

    with showing() as progress:
        result = run_demo(out, engine=parse_engine(engine), seed=seed, progress=progress)
    click.echo("\n".join(result.label_lines))
    click.echo(f"\n{result.table}")
    click.echo(f"board: {result.board}\npage:  {result.page}")
