"""The command that writes the result file of a run."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("run", metavar="RUNS", type=options.FOLDER)
@click.option("--data", type=options.FOLDER, required=True, help="The dataset that the run was scored on.")
@click.option("--board", help="The board with the run's rows, a name or a CSV; left out: the one written last.")
@options.boards
@click.option("-o", "--output", type=options.FILE, required=True, help="The result file, JSON.")
def submit(run: Path, data: Path, board: str | None, boards: Path, output: Path) -> None:
    """Write the result file of RUNS (runs/<method>/<dataset>): rows, frame scores, digests."""
    from hvdbench.boards.files import latest_board
    from hvdbench.boards.submission import submit as write

    path = (
        Path(board) if board and board.endswith(".csv") else boards / f"{board}.csv" if board else latest_board(boards)
    )
    found = write(run, data, path, output)
    click.echo(f"{output}: {len(found.rows)} rows of '{found.method}' for board '{found.board}'")
