"""The command that imports camera paths."""

from pathlib import Path

import click

from hvdbench import catalog
from hvdbench.cli import options


@click.command("import")
@click.argument("inputs", nargs=-1, required=True, metavar="PATH...", type=options.PATH)
@click.option(
    "--format",
    "format_name",
    metavar="NAME",
    required=True,
    help=f"Read files of this format: {', '.join(catalog.names('trajectory format'))}.",
)
@options.path_fps
@click.option(
    "--name",
    metavar="NAME",
    required=True,
    help="Use this name for the set, so that 'hvdbench synth --traj NAME' finds it.",
)
@click.option("--licence", metavar="TEXT", required=True, help="Record who owns the paths, and their licence.")
@click.option(
    "--source", metavar="TEXT", required=True, help="Record what the paths were measured on or estimated from."
)
@click.option("--note", metavar="TEXT", default="", help="Record anything else that is worth knowing.")
@click.option(
    "--origin",
    type=click.Choice(["measured", "simulated", "monst3r"]),
    help="Record how the paths were made. The default depends on the format.",
)
@click.option(
    "--metric/--no-metric",
    default=None,
    help="Record whether positions are in metres. The default depends on the format.",
)
@click.option(
    "--scene-depth",
    metavar="DISTANCE",
    type=options.RATE,
    help="Record the median distance from the camera to the scene, in the unit of the positions.",
)
@click.option(
    "--into",
    type=options.FOLDER,
    help="Add the set to this folder. The default is the folder trajectories/ in HVDBENCH_HOME, or else in the "
    "checkout.",
)
@options.orientation
@click.option(
    "--video",
    metavar="CLIP",
    type=options.PATH,
    help="Find this video on the clock of the one log that is imported, by comparing how both say that the camera "
    "rotated.",
)
@click.option(
    "--video-fps",
    metavar="HZ",
    type=options.RATE,
    help="Assume that the video was filmed at this many frames per second. A folder of frames needs this option.",
)
@options.force
@options.examples(
    "hvdbench traj import walk.txt --format tum --name walks --licence mine \\\n      --source 'phone, held still'",
    "hvdbench traj import log.csv --format gyro --video clip.mp4 --name mine \\\n      --licence mine --source phone",
)
def import_(inputs: tuple[Path, ...], into: Path | None, **values: object) -> None:
    """Copy camera paths into a set of their own.

    Each PATH is a file, or a folder of files, in the format that --format states. Every path is read and reported on
    before anything is written. The set keeps the licence and source that you state. With --video, the
    command prints the video's offset and drift on the log's clock, and writes them beside the log, as clock.json and
    clock.png.
    """
    from hvdbench.camera.importing import ImportRequest, import_set

    added = import_set(ImportRequest(inputs=inputs, **values), into=into)  # type: ignore[arg-type]
    click.echo("\n".join(added.lines()))
    click.echo(f"{added.folder}: {len(added.qualities)} path(s), for --traj {values['name']}")
