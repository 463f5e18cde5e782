"""Commands that measure camera paths, import them and look at them."""

from pathlib import Path
from typing import Any

import click

from hvdbench import catalog
from hvdbench.cli import options

_format = click.option(
    "--format",
    "format_name",
    metavar="NAME",
    help=f"Read a file of this format: {', '.join(catalog.names('trajectory format'))}, or an import string.",
)
_RATE = click.FloatRange(min=0, min_open=True)
_fps = click.option(
    "--fps", metavar="HZ", type=_RATE, help="Take files that state no times to have this many rows per second."
)
_force = click.option("--force", is_flag=True, help="Read a file even if it looks like another format.")


@click.group()
def traj() -> None:
    """Import, estimate, inspect and plot camera paths.

    docs/camera-paths.md describes the formats.
    """


@traj.command("import")
@click.argument("inputs", nargs=-1, required=True, metavar="PATH...", type=options.PATH)
@click.option(
    "--format",
    "format_name",
    metavar="NAME",
    required=True,
    help=f"Read files of this format: {', '.join(catalog.names('trajectory format'))}.",
)
@_fps
@click.option(
    "--name", metavar="NAME", required=True, help="Call the set by this name, which 'hvdbench synth --traj' takes."
)
@click.option("--licence", metavar="TEXT", required=True, help="Record whose the paths are and under which licence.")
@click.option(
    "--source", metavar="TEXT", required=True, help="Record what the paths were measured on or estimated from."
)
@click.option("--note", metavar="TEXT", default="", help="Record anything else that is worth knowing.")
@click.option(
    "--origin",
    type=click.Choice(["measured", "simulated", "monst3r"]),
    help="Record how the paths came about. By default the format decides.",
)
@click.option(
    "--metric/--no-metric",
    default=None,
    help="Record whether positions are in metres. By default the format decides.",
)
@click.option(
    "--scene-depth",
    metavar="DISTANCE",
    type=_RATE,
    help="Record the median distance of what the camera saw, in the unit of the positions.",
)
@click.option(
    "--into",
    type=options.FOLDER,
    help="Add the set to this folder of sets. By default that of HVDBENCH_HOME, or else that of the checkout.",
)
@options.orientation
@_force
@options.examples(
    "hvdbench traj import walk.txt --format tum --name walks --licence mine \\\n      --source 'phone, held still'"
)
def import_(inputs: tuple[Path, ...], into: Path | None, **values: object) -> None:
    """Copy camera paths into a set of their own.

    Each PATH is a file, or a folder of files, in the format that --format states. Every path is read and reported on
    before anything is written. The set is copied with its licence and source.
    """
    from hvdbench.camera.importing import ImportRequest, import_set

    added = import_set(ImportRequest(inputs=inputs, **values), into=into)  # type: ignore[arg-type]
    click.echo("\n".join(line for quality in added.qualities for line in quality.lines()))
    click.echo(f"{added.folder}: {len(added.qualities)} path(s), for --traj {values['name']}")


@traj.command()
@click.argument("source", metavar="VIDEO|FOLDER", type=options.PATH)
@options.output("Write the path to this folder.", required=True)
@click.option(
    "--focal-per-width",
    metavar="RATIO",
    type=_RATE,
    help="Assume this focal length, divided by the picture's width. By default 0.751 times the longer side.",
)
@click.option(
    "--fps",
    metavar="HZ",
    type=_RATE,
    help="Take the clip to have been filmed at this many frames per second. A folder of frames needs it.",
)
@click.option(
    "--resample",
    "rows_hz",
    metavar="HZ",
    type=_RATE,
    help="Write this many rows per second. By default one row for each frame.",
)
@options.crop(
    "Look only at this part of the picture, in px: left edge, top edge, width and height. Its middle is taken for the "
    "optical axis."
)
@options.seed
@options.overwrite
@options.examples(
    "hvdbench traj estimate clip.mp4 -o paths/clip",
    "hvdbench traj estimate frames/ --fps 30 -o paths/frames",
)
def estimate(source: Path, output: Path, crop: options.Crop | None, overwrite: bool, **values: Any) -> None:
    """Measure how the camera turned over a clip.

    VIDEO is a video file, and FOLDER a folder of frames. The rotation is measured from points that are followed through
    the clip, without a network. The path is written in the layout of MonST3R's files, with positions of 0, and
    estimate.json states how good it is.
    """
    from hvdbench.camera.estimation.measure import check_free, measure_clip, write_measured

    check_free(output, overwrite=overwrite)
    measured = measure_clip(source, crop=crop, **values)
    write_measured(output, measured, overwrite=overwrite)
    click.echo("\n".join(measured.lines()))
    click.echo(f"{output}: hvdbench traj show {output} --format monst3r --fps {measured.rows_hz:.6g}")


@traj.command("list")
@options.examples("hvdbench traj list")
def list_() -> None:
    """List the sets of camera paths.

    For each it prints the origin, the number of paths, their format and the licence.
    """
    from hvdbench.camera.index import path_files, read_index
    from hvdbench.workspace.paths import home_folder

    root = home_folder("trajectories")
    for name, entry in sorted(read_index(root).items()):
        count = len(path_files(name, entry, root))
        rate = f", {entry.fps:g} rows a second" if entry.fps else ""
        click.echo(f"{name}: {entry.origin}, {count} path(s) of format {entry.format}{rate}; licence: {entry.licence}")


@traj.command()
@click.argument("target", metavar="SET|SET/PATH|FILE")
@_format
@_fps
@options.orientation
@_force
@options.examples("hvdbench traj show handheld_simulated", "hvdbench traj show groundtruth.txt --format tum")
def show(target: str, format_name: str | None, fps: float | None, orientation: str, force: bool) -> None:
    """Report on camera paths: their rate, gaps and motion.

    SET is the name of a set, SET/PATH one path of it, and FILE a file that was not imported. Gaps, jumps, seams between
    windows, and how much the camera moves in which frequency band are printed.
    """
    from hvdbench.camera.index import read_target
    from hvdbench.camera.quality import assess

    heading, paths = read_target(target, format_name=format_name, fps=fps, orientation=orientation, force=force)
    click.echo("\n".join([*heading, *(line for path in paths for line in assess(path).lines())]))


@traj.command()
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
@_fps
@click.option(
    "--resample",
    "rows_hz",
    metavar="HZ",
    type=_RATE,
    help="Write this many rows per second. By default those that the path has.",
)
@options.orientation
@_force
@options.overwrite
@options.examples(
    "hvdbench traj export handheld_simulated/shaky_1 --format tum -o shaky.txt",
    "hvdbench traj export groundtruth.txt --from tum --format monst3r --resample 30 -o groundtruth",
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


@traj.command()
@click.argument("target", metavar="SET|SET/PATH|FILE")
@options.output("Write the picture to this file, which ends in .png.", kind=options.FILE, metavar="FILE", required=True)
@_format
@_fps
@options.orientation
@_force
@options.examples("hvdbench traj plot handheld_simulated -o paths.png")
def plot(target: str, output: Path, format_name: str | None, fps: float | None, orientation: str, force: bool) -> None:
    """Plot camera paths: angles, positions and spectrum.

    SET is the name of a set, SET/PATH one path of it, and FILE a file that was not imported. Gaps, jumps and seams
    between windows are marked.
    """
    from hvdbench.camera.index import read_target
    from hvdbench.camera.path_plot import draw_paths
    from hvdbench.workspace.atomic import atomic_write_bytes

    if output.suffix.lower() != ".png":
        raise click.BadParameter(f"{output} does not end in .png.", param_hint="--output")
    _, paths = read_target(target, format_name=format_name, fps=fps, orientation=orientation, force=force)
    atomic_write_bytes(output, draw_paths(paths))
    click.echo(output)
