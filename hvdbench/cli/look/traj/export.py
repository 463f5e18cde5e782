"""The command that writes a camera path in another format."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("target", metavar="SET/PATH|FILE")
@click.option(
    "--format",
    "written",
    metavar="NAME",
    required=True,
    help="Write this format: tum, kitti, euroc, colmap, monst3r or gcsv.",
)
@options.output(
    "Write the path to this file, or for colmap and monst3r to this new folder.",
    kind=options.PATH,
    metavar="PATH",
    required=True,
)
@click.option("--from", "format_name", metavar="NAME", help="Read FILE as this format, as in 'hvdbench traj show'.")
@options.path_fps
@click.option(
    "--resample",
    "rows_hz",
    metavar="HZ",
    type=options.RATE,
    help="Write this many rows per second. By default those that the path has.",
)
@options.orientation
@options.force
@options.overwrite
@options.examples(
    "hvdbench traj export handheld_simulated/00 --format tum -o shake.txt",
    "hvdbench traj export walk.txt --from tum --format monst3r --resample 30 \\\n      -o walk",
)
def export(
    target: str,
    written: str,
    output: Path,
    format_name: str | None,
    fps: float | None,
    rows_hz: float | None,
    orientation: str,
    force: bool,
    overwrite: bool,
) -> None:
    """Write a camera path in another format.

    SET/PATH is one path of a set, and FILE a file that was not imported. Gaps stay gaps. gcsv holds turning rates
    alone, so positions and the first orientation are left out there.
    """
    from hvdbench.camera.exporting import export_path
    from hvdbench.camera.index import read_target

    _, paths = read_target(target, format_name=format_name, fps=fps, orientation=orientation, force=force)
    if len(paths) != 1:
        raise click.UsageError(
            f"{target} has {len(paths)} paths: name one of {', '.join(path.name for path in paths)}."
        )
    for file in export_path(paths[0], written, output, rows_hz=rows_hz, overwrite=overwrite):
        click.echo(file)
