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
    help="Draw means with intervals (bars), scores clip by clip (clips), PSNR against blur extent (extent), or a "
    "contact sheet of frames (sheet).",
)
@options.subset
@click.option(
    "--truth",
    type=click.Choice(["centroid", "mid"]),
    help="Use scores against this ground truth: the centroid or the middle of the exposure. The default is the "
    "leaderboard's own choice.",
)
@options.boards
@options.board_frames
@click.option(
    "--clip",
    "clips",
    multiple=True,
    metavar="NAME",
    help="Show only this clip on a contact sheet. This option may be repeated.",
)
@click.option(
    "--frame",
    metavar="N",
    type=click.IntRange(0),
    help="Show this frame, counted from 0, on a contact sheet. The default is the blurriest frame of each clip.",
)
@click.option(
    "--zoom",
    metavar="FACTOR",
    type=click.FloatRange(1, 16),
    default=2.0,
    show_default=True,
    help="Enlarge the detail on a contact sheet by this factor.",
)
@click.option(
    "--width",
    "width_in",
    metavar="INCHES",
    type=click.FloatRange(1, 40),
    help="Make the figure this wide, in inches. The default is the width of one or two columns of a paper, depending "
    "on the figure.",
)
@options.output(
    "Write the figure to this file, which ends in .pdf, .png or .svg.",
    kind=options.FILE,
    metavar="FILE",
    required=True,
)
@options.examples(
    "hvdbench leaderboard figure goproshake -o bars.pdf",
    "hvdbench leaderboard figure --kind sheet --data datasets/mine -o sheet.png",
)
def figure(board: str | None, boards: Path, output: Path, kind: str, **asked: Any) -> None:
    """Draw a figure of a leaderboard for a paper.

    BOARD is the name of a leaderboard or a CSV file; the default is the leaderboard that was written last. The figures
    'extent' and 'sheet' need the frames in --runs and --data.
    """
    from hvdbench.boards.files import latest_board, read_board
    from hvdbench.pages.board.figures import write_figure

    rows = read_board(board or str(latest_board(boards)), boards)
    for line in write_figure(output, rows, kind, **asked):
        click.echo(f"not found: {line}", err=True)
    click.echo(f"written: {output}", err=True)
