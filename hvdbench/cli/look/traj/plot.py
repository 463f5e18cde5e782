"""The command that plots camera paths."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("target", metavar="SET|SET/PATH|FILE")
@options.output("Write the picture to this file, which ends in .png.", kind=options.FILE, metavar="FILE", required=True)
@options.path_format
@options.path_fps
@options.orientation
@options.force
@options.examples("hvdbench traj plot handheld_simulated -o paths.png")
def plot(target: str, output: Path, format_name: str | None, fps: float | None, orientation: str, force: bool) -> None:
    """Plot camera paths: angles, positions and spectrum.

    SET is the name of a set, SET/PATH one path of it, and FILE a file that was not imported. The plot marks gaps,
    jumps and seams between the windows of an estimate.
    """
    from hvdbench.camera.index import read_target
    from hvdbench.camera.path_plot import draw_paths
    from hvdbench.workspace.atomic import atomic_write_bytes

    if output.suffix.lower() != ".png":
        raise click.BadParameter(f"{output} does not end in .png.", param_hint="--output")
    _, paths = read_target(target, format_name=format_name, fps=fps, orientation=orientation, force=force)
    atomic_write_bytes(output, draw_paths(paths))
    click.echo(output)
