"""The command that reports on camera paths."""

import click

from hvdbench.cli import options


@click.command()
@click.argument("target", metavar="SET|SET/PATH|FILE")
@options.path_format
@options.path_fps
@options.orientation
@options.force
@options.examples("hvdbench traj show handheld_simulated", "hvdbench traj show groundtruth.txt --format tum")
def show(target: str, format_name: str | None, fps: float | None, orientation: str, force: bool) -> None:
    """Report on camera paths: their rate, gaps and motion.

    SET is the name of a set, SET/PATH one path of it, and FILE a file that was not imported. The report lists gaps,
    jumps, seams between the windows of an estimate, and how much the camera moves in each frequency band.
    """
    from hvdbench.camera.index import read_target
    from hvdbench.camera.quality import assess

    heading, paths = read_target(target, format_name=format_name, fps=fps, orientation=orientation, force=force)
    click.echo("\n".join([*heading, *(line for path in paths for line in assess(path).lines())]))
