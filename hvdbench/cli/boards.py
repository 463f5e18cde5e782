"""Commands about leaderboards."""

from pathlib import Path

import click

from hvdbench.cli import options

ROOT = Path("leaderboards")


@click.group()
def leaderboard() -> None:
    """Show and export leaderboards."""


@leaderboard.command()
@click.argument("board", required=False)
@click.option("--format", "kind", type=click.Choice(["csv", "md", "latex"]), default="md", show_default=True)
@click.option(
    "--subset", type=click.Choice(["not_selected", "all", "selected"]), default="not_selected", show_default=True
)
@click.option("--boards", type=options.FOLDER, default=ROOT, show_default=True, help="Where the boards lie.")
@click.option("-o", "--output", type=options.FILE, help="A file; left out: standard output.")
def export(board: str | None, kind: str, subset: str, boards: Path, output: Path | None) -> None:
    """Print BOARD, a name or a CSV; left out: the one written last."""
    from hvdbench.atomic import atomic_write_text
    from hvdbench.board_text import export as as_text
    from hvdbench.leaderboard import latest_board, read_board, settings_of

    rows = read_board(board, boards) if board else read_board(str(latest_board(boards)))
    text = as_text(rows, kind, subset=subset, truths=settings_of(rows).truths)
    if output is None:
        click.echo(text)
    else:
        atomic_write_text(output, text if text.endswith("\n") else text + "\n")
        click.echo(f"written: {output}", err=True)


@leaderboard.command(name="list")
@click.option("--boards", type=options.FOLDER, default=ROOT, show_default=True, help="Where the boards lie.")
def list_boards(boards: Path) -> None:
    """List the boards by name."""
    for path in sorted(boards.glob("*.csv")):
        click.echo(path.stem)
