"""The command that lists the sets of camera paths."""

import click

from hvdbench.cli import options


@click.command("list")
@options.examples("hvdbench traj list")
def list_() -> None:
    """List the sets of camera paths.

    For each set, the command prints the origin, the number of paths, their format and the licence.
    """
    from hvdbench.camera.index import path_files, read_index
    from hvdbench.workspace.paths import home_folder

    root = home_folder("trajectories")
    for name, entry in sorted(read_index(root).items()):
        count = len(path_files(name, entry, root))
        rate = f", {entry.fps:g} rows a second" if entry.fps else ""
        click.echo(f"{name}: {entry.origin}, {count} path(s) of format {entry.format}{rate}; licence: {entry.licence}")
