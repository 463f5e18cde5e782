"""Commands about leaderboards."""

from pathlib import Path

import click

from hvdbench.cli import options

ROOT = Path("leaderboards")

_boards = click.option("--boards", type=options.FOLDER, default=ROOT, show_default=True, help="Where the boards lie.")
_subset = click.option(
    "--subset", default="not_selected", show_default=True, help="Frames: not_selected, all, selected, or a board's own."
)


@click.group()
def leaderboard() -> None:
    """Show, compare, export and exchange leaderboards."""


@leaderboard.command()
@click.argument("board", required=False)
@click.option("--format", "kind", type=click.Choice(["csv", "md", "latex"]), default="md", show_default=True)
@_subset
@_boards
@click.option("-o", "--output", type=options.FILE, help="A file; left out: standard output.")
def export(board: str | None, kind: str, subset: str, boards: Path, output: Path | None) -> None:
    """Print BOARD, a name or a CSV, with what papers print beside it; left out: the one written last."""
    from hvdbench.atomic import atomic_write_text
    from hvdbench.board_text import export as as_text
    from hvdbench.leaderboard import latest_board, read_beside, settings_of

    rows, papers = read_beside(board or str(latest_board(boards)), boards)
    settings = settings_of(rows if len(rows) else papers)
    text = as_text(rows, kind, subset=subset, truths=settings.truths, rank=settings.rank, papers=papers)
    if output is None:
        click.echo(text)
    else:
        atomic_write_text(output, text if text.endswith("\n") else text + "\n")
        click.echo(f"written: {output}", err=True)


@leaderboard.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Recipes and papers' boards too, with their titles.")
@_boards
def list_boards(everything: bool, boards: Path) -> None:
    """List the boards by name."""
    from hvdbench.leaderboard import board_names, board_settings, published_boards
    from hvdbench.recipe import recipe_names

    written = board_names(boards)
    if not everything:
        for name in written:
            click.echo(name)
        return
    recipes, papers = recipe_names("boards"), published_boards()
    for name in sorted({*written, *recipes, *papers}):
        kinds = [word for word, among in (("rows", written), ("papers' numbers", papers)) if name in among]
        title = board_settings(name).values.title if name in recipes else ""
        click.echo(f"{name}  [{', '.join(kinds) or 'empty'}]  {title}".rstrip())


@leaderboard.command()
@click.argument("board")
@click.option("--metric", help="What ranks; left out: the board's own choice.")
@click.option("--truth", type=click.Choice(["centroid", "mid", "none"]), help="Left out: the board's first.")
@_subset
@_boards
def show(board: str, metric: str | None, truth: str | None, subset: str, boards: Path) -> None:
    """Rank the methods on BOARD: intervals, tie groups, what is incomplete, and papers' numbers apart."""
    from hvdbench.board_text import ranked_text
    from hvdbench.leaderboard import headline, ranked, read_beside, settings_of

    rows, papers = read_beside(board, boards)
    settings = settings_of(rows if len(rows) else papers)
    usual, against = headline(rows if len(rows) else papers, metric or settings.rank, settings.truths)
    metric, truth = metric or usual, truth or against
    order = ranked(rows, metric=metric, truth=truth, subset=subset) if len(rows) else rows.assign(seed=None)
    click.echo(f"{settings.title}\n\n{ranked_text(order, metric, truth, papers)}", nl=False)


@leaderboard.command()
@click.argument("a")
@click.argument("b")
@click.option("--board", help="A name or a CSV; left out: the one written last.")
@click.option("--metric", "metrics", multiple=True, help="Only this one; may be given several times.")
@click.option("--clips", is_flag=True, help="A row for each clip too, by the first metric.")
@_subset
@_boards
def compare(
    a: str, b: str, board: str | None, metrics: tuple[str, ...], clips: bool, subset: str, boards: Path
) -> None:
    """Compare methods A and B clip by clip: difference, interval, p after Holm, clips won."""
    from hvdbench import board_text
    from hvdbench import leaderboard as api

    rows = api.read_board(board or str(api.latest_board(boards)), boards)
    settings = api.settings_of(rows)
    found = api.compare(rows, a, b, metrics=metrics or None, subset=subset)
    click.echo(board_text.comparison_text(found, a, b), nl=False)
    if clips:
        metric, truth = api.headline(rows, metrics[0] if metrics else settings.rank, settings.truths)
        pairs = api.clip_differences(rows, a, b, metric=metric, truth=truth, subset=subset)
        click.echo("\n" + board_text.clips_text(pairs, a, b, metric, truth), nl=False)


@leaderboard.command()
@click.argument("names", metavar="BOARD...", nargs=-1, required=True)
@_subset
@_boards
def borda(names: tuple[str, ...], subset: str, boards: Path) -> None:
    """Rank methods over several boards by Borda's points."""
    from hvdbench import leaderboard as api
    from hvdbench.board_text import borda_text

    orders = []
    for name in names:
        rows = api.read_board(name, boards)
        settings = api.settings_of(rows)
        metric, truth = api.headline(rows, settings.rank, settings.truths)
        orders.append(api.ranked(rows, metric=metric, truth=truth, subset=subset))
    click.echo(borda_text(api.borda(orders)), nl=False)


@leaderboard.command()
@click.argument("run", metavar="RUNS", type=options.FOLDER)
@click.option("--data", type=options.FOLDER, required=True, help="The dataset that the run was scored on.")
@click.option("--board", help="The board with the run's rows, a name or a CSV; left out: the one written last.")
@_boards
@click.option("-o", "--output", type=options.FILE, required=True, help="The result file, JSON.")
def submit(run: Path, data: Path, board: str | None, boards: Path, output: Path) -> None:
    """Write the result file of RUNS (runs/<method>/<dataset>): rows, frame scores, digests."""
    from hvdbench.leaderboard import latest_board
    from hvdbench.leaderboard import submit as write

    path = (
        Path(board) if board and board.endswith(".csv") else boards / f"{board}.csv" if board else latest_board(boards)
    )
    found = write(run, data, path, output)
    click.echo(f"{output}: {len(found.rows)} rows of '{found.method}' for board '{found.board}'")


@leaderboard.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.FILE)
@click.option("--data", type=options.FOLDER, help="The dataset itself, whose digest must be that of the files.")
@click.option("--runs", type=options.FOLDER, help="The frames, as runs/<method>/<dataset>/…, to be hashed again.")
@click.option("--overwrite", is_flag=True, help="Replace rows of the same method from another run.")
@_boards
def merge(files: tuple[Path, ...], data: Path | None, runs: Path | None, overwrite: bool, boards: Path) -> None:
    """Lay result files over the boards that they name; a file that was changed is refused."""
    from hvdbench.leaderboard import merge_submissions

    for path in merge_submissions(list(files), boards, data=data, runs=runs, overwrite=overwrite).values():
        click.echo(path)
