"""The ``hvdbench`` command. Heavy imports happen inside the commands, so that help comes at once."""

import logging
import sys

import click

from hvdbench import __version__
from hvdbench.cli.group import LazyGroup, Section
from hvdbench.errors import HvdbenchError

SECTIONS = (
    Section("Start", "hvdbench.cli.start", ("demo", "deblur", "doctor")),
    Section(
        "Make data",
        "hvdbench.cli.data",
        ("synth", "ingest", "pair", "dataset", "label", "annotate", "verify", "pack"),
    ),
    Section("Train", "hvdbench.cli.train", ("train", "weights")),
    Section("Score", "hvdbench.cli.score", ("eval", "score", "heldout", "leaderboard", "protocols")),
    Section("Look", "hvdbench.cli.look", ("traj", "ois", "realism")),
)


class _Sentence(logging.Formatter):
    """Words a record as ``Warning: …``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.capitalize()}: {super().format(record)}"


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="hvdbench")
@click.option("-v", "--verbose", is_flag=True, help="Say more on the way.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but results and errors.")
def cli(verbose: bool, quiet: bool) -> None:
    """Datasets, baselines and leaderboards for handheld video deblurring.

    Begin with 'hvdbench demo' (the whole pipeline in minutes), or restore a clip of your own with
    'hvdbench deblur clip.mp4 -o restored.mp4'.
    """
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Sentence())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("hvdbench").setLevel(level)


def main() -> None:
    """Run the command line: exit code 0 done, 1 an error that a user can mend, 2 usage, 130 stopped."""
    try:
        code = cli(prog_name="hvdbench", standalone_mode=False)  # what a command gave to ctx.exit()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HvdbenchError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {place}{error.strerror or error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped. What was finished is kept; the same command goes on from there.", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
