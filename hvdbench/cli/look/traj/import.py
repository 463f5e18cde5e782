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
    type=options.RATE,
    help="Record the median distance of what the camera saw, in the unit of the positions.",
)
@click.option(
    "--into",
    type=options.FOLDER,
    help="Add the set to this folder of sets. By default that of HVDBENCH_HOME, or else that of the checkout.",
)
@options.orientation
@click.option(
    "--video",
    metavar="CLIP",
    type=options.PATH,
    help="Find this film on the clock of the one log that is imported, from how both say that the camera turned.",
)
@click.option(
    "--video-fps",
    metavar="HZ",
    type=options.RATE,
    help="Take the film to have been filmed at this many frames per second. A folder of frames needs it.",
)
@options.force
@options.examples(
    "hvdbench traj import walk.txt --format tum --name walks --licence mine \\\n      --source 'phone, held still'",
    "hvdbench traj import log.csv --format gyro --video clip.mp4 --name mine \\\n      --licence mine --source phone",
)
def import_(inputs: tuple[Path, ...], into: Path | None, **values: object) -> None:
    """Copy camera paths into a set of their own.

    Each PATH is a file, or a folder of files, in the format that --format states. Every path is read and reported on
    before anything is written. The set is copied with its licence and source. With --video, the film's offset and drift
    on the log's clock are printed, and written beside the log as clock.json and clock.png.
    """
    from hvdbench.camera.importing import ImportRequest, import_set

    added = import_set(ImportRequest(inputs=inputs, **values), into=into)  # type: ignore[arg-type]
    click.echo("\n".join(added.lines()))
    click.echo(f"{added.folder}: {len(added.qualities)} path(s), for --traj {values['name']}")
