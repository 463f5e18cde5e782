"""The command that draws one figure of a board."""

from pathlib import Path
from typing import Any

import click

from hvdbench.cli import options


@click.command()
@click.argument("board", required=False)
@click.option(
    "--kind",
    type=click.Choice(["bars", "clips", "extent", "sheet"]),
    default="bars",
    show_default=True,
    help="Means with intervals; clip by clip; PSNR against blur extent; a contact sheet.",
)
@options.subset
@click.option("--truth", type=click.Choice(["centroid", "mid"]), help="Left out: the board's first.")
@options.boards
@options.board_frames
@click.option("--clip", "clips", multiple=True, help="Only this clip, in a sheet; may be given several times.")
@click.option("--frame", type=click.IntRange(0), help="Of a sheet; left out: each clip's blurriest.")
@click.option("--zoom", type=click.FloatRange(1, 16), default=2.0, show_default=True, help="Of a sheet.")
@click.option("--width", "width_in", type=click.FloatRange(1, 40), help="Inches; left out: one or two columns.")
@click.option("-o", "--output", type=options.FILE, required=True, help="A .pdf, .png or .svg.")
def figure(board: str | None, boards: Path, output: Path, kind: str, **asked: Any) -> None:
    """Draw one figure of BOARD, a name or a CSV, for a paper; left out: the one written last."""
    from hvdbench.boards.files import latest_board, read_board
    from hvdbench.pages.board.figures import write_figure

    rows = read_board(board or str(latest_board(boards)), boards)
    for line in write_figure(output, rows, kind, **asked):
        click.echo(f"not found: {line}", err=True)
    click.echo(f"written: {output}", err=True)
