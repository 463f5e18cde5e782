"""The command that lists the boards."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command(name="list")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also list leaderboards that have a recipe or numbers from papers but no scores yet, and print what each "
    "contains and its title.",
)
@options.boards
@options.examples("hvdbench leaderboard list", "hvdbench leaderboard list --all")
def list_boards(everything: bool, boards: Path) -> None:
    """List the leaderboards by name."""
    from hvdbench.boards.files import board_names
    from hvdbench.boards.published import published_boards
    from hvdbench.boards.settings import board_settings
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
