"""Commands that measure camera paths, import them and look at them."""

from pathlib import Path
from typing import Any

import click

from hvdbench import catalog
from hvdbench.cli import options

_format = click.option(
    "--format",
    "format_name",
    help=f"The file's format: {', '.join(catalog.names('trajectory format'))}, or an import string.",
)
_RATE = click.FloatRange(min=0, min_open=True)
_fps = click.option("--fps", type=_RATE, help="Rows a second, where a file has no times.")
_orientation = click.option("--orientation", default="", help="A gyroscope's axes as the device's x, y, z, e.g. yXZ.")
_force = click.option("--force", is_flag=True, help="Read a file although it looks like another format.")


@click.group()
def traj() -> None:
    """Measure camera paths, import them, look at them. docs/camera-paths.md describes the formats."""


@traj.command("import")
@click.argument("inputs", nargs=-1, required=True, metavar="FILE|FOLDER…", type=options.FILE)
@click.option("--format", "format_name", required=True, help=f"One of {', '.join(catalog.names('trajectory format'))}.")
@_fps
@click.option("--name", required=True, help="The set's name, for --traj.")
@click.option("--licence", required=True, help="Whose the paths are, and under which licence.")
@click.option("--source", required=True, help="What they were measured on or estimated from.")
@click.option("--note", default="", help="Anything else.")
@click.option("--origin", type=click.Choice(["measured", "simulated", "monst3r"]), help="Left out: by the format.")
@click.option("--metric/--no-metric", default=None, help="Whether positions are in metres; left out: by the format.")
@click.option("--scene-depth", type=_RATE, help="Median distance of what the camera saw, in the positions' unit.")
@click.option("--into", type=options.FOLDER, help="A folder of sets; left out: that of HVDBENCH_HOME or the checkout.")
@_orientation
@_force
def import_(inputs: tuple[Path, ...], into: Path | None, **values: object) -> None:
    """Copy camera paths into a set of their own, with provenance, after reading each of them."""
    from hvdbench.camera.importing import ImportRequest, import_set

    added = import_set(ImportRequest(inputs=inputs, **values), into=into)  # type: ignore[arg-type]
    click.echo("\n".join(line for quality in added.qualities for line in quality.lines()))
    click.echo(f"{added.folder}: {len(added.qualities)} path(s), for --traj {values['name']}")


@traj.command()
@click.argument("source", metavar="VIDEO|FOLDER", type=options.FILE)
@click.option("-o", "--output", type=options.FOLDER, required=True, help="A new folder for the path.")
@click.option(
    "--focal-per-width", type=_RATE, help="Focal length over the picture's width; left out: 0.751 of the longer side."
)
@click.option("--fps", type=_RATE, help="Frames a second when it was taken: of a folder, or where a video's file errs.")
@click.option("--resample", "rows_hz", type=_RATE, help="Rows a second; left out: a row a frame.")
@click.option("--crop", metavar="X:Y:W:H", help="Look at a part of the picture; its middle is taken for the lens's.")
@options.seed
@options.overwrite
def estimate(source: Path, output: Path, crop: str | None, overwrite: bool, **values: Any) -> None:
    """Measure how the camera turned over a clip, without a network; written in MonST3R's file layout."""
    from hvdbench.camera.estimation.measure import check_free, measure_clip, write_measured
    from hvdbench.video.input import parse_crop

    check_free(output, overwrite=overwrite)
    measured = measure_clip(source, crop=parse_crop(crop) if crop else None, **values)
    write_measured(output, measured, overwrite=overwrite)
    click.echo("\n".join(measured.lines()))
    click.echo(f"{output}: hvdbench traj show {output} --format monst3r --fps {measured.rows_hz:.6g}")


@traj.command("list")
def list_() -> None:
    """List the sets at hand."""
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
@_orientation
@_force
def show(target: str, format_name: str | None, fps: float | None, orientation: str, force: bool) -> None:
    """Report on paths: rate, gaps, jumps, window seams, and how much they move in which band."""
    from hvdbench.camera.index import read_target
    from hvdbench.camera.quality import assess

    heading, paths = read_target(target, format_name=format_name, fps=fps, orientation=orientation, force=force)
    click.echo("\n".join([*heading, *(line for path in paths for line in assess(path).lines())]))


@traj.command()
@click.argument("target", metavar="SET|SET/PATH|FILE")
@click.option("-o", "--output", type=options.FILE, required=True, help="The picture, .png.")
@_format
@_fps
@_orientation
@_force
def plot(target: str, output: Path, format_name: str | None, fps: float | None, orientation: str, force: bool) -> None:
    """Draw paths: angles, positions and the spectrum, with gaps, jumps and seams marked."""
    from hvdbench.camera.index import read_target
    from hvdbench.camera.path_plot import draw_paths
    from hvdbench.workspace.atomic import atomic_write_bytes

    if output.suffix.lower() != ".png":
        raise click.BadParameter(f"{output} does not end in .png", param_hint="--output")
    _, paths = read_target(target, format_name=format_name, fps=fps, orientation=orientation, force=force)
    atomic_write_bytes(output, draw_paths(paths))
    click.echo(output)
