"""The command that writes the result file of a run."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.workspace.objects.location import Place


@click.command()
@click.argument("run", metavar="RUN", type=options.SOURCE_FOLDER)
@options.data_folder("Read the dataset that the run was scored on from this folder.", required=True)
@click.option(
    "--board",
    metavar="NAME|FILE",
    help="Take the scores from the leaderboard of this name or in this CSV file. The default is the leaderboard that "
    "was written last.",
)
@options.boards
@options.output("Write the result file to this path, as JSON.", kind=options.FILE, metavar="FILE", required=True)
@options.examples("hvdbench leaderboard submit runs/mine/gopro --data datasets/gopro -o m.json")
def submit(run: Path, data: Place, board: str | None, boards: Path, output: Path) -> None:
    """Write the results of a run to a file that others can merge.

    RUN is the folder of a run, RUNS/METHOD/DATASET. The file holds the method's rows on the leaderboard, the scores of
    all frames, and the digests of the frames and of the dataset. 'hvdbench leaderboard merge' reads it.
    """
    from hvdbench.boards.files import latest_board
    from hvdbench.boards.settings import board_path
    from hvdbench.boards.submission import submit as write

    if board and board.endswith(".csv"):
        path = Path(board)
    else:
        path = board_path(boards, board) if board else latest_board(boards)
    found = write(run, data, path, output)
    click.echo(f"{output}: {len(found.rows)} rows of '{found.method}' for board '{found.board}'")
