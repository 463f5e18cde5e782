"""The commands about camera paths, one file each."""

import click

from hvdbench.cli.group import LazyGroup, Section

COMMANDS = Section("Commands", __name__, ("import", "export", "estimate", "list", "show", "plot"))


@click.group(cls=LazyGroup, sections=(COMMANDS,))
def traj() -> None:
    """Import, export, estimate, inspect and plot camera paths.

    docs/camera-paths.md describes the formats.
    """
