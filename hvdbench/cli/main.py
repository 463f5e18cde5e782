"""The ``hvdbench`` command. Commands import what is heavy when they run, so that help appears at once."""

import logging
import sys

import click

from hvdbench import __version__
from hvdbench.cli import options
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
    """Writes a record as ``Warning: …``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.capitalize()}: {super().format(record)}"


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="hvdbench")
@click.option("-v", "--verbose", is_flag=True, help="Print debugging details too.")
@click.option("-q", "--quiet", is_flag=True, help="Print no warnings.")
@options.examples(
    "hvdbench demo",
    "hvdbench deblur clip.mp4 -o restored.mp4",
    "hvdbench eval --method warp_average",
)
def cli(verbose: bool, quiet: bool) -> None:
    """Make datasets, train methods and keep leaderboards for handheld video deblurring.

    A command that was stopped continues when you run it again. 'hvdbench COMMAND --help' explains a command.
    """
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Sentence())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("hvdbench").setLevel(level)


def main() -> None:
    """Run the command line and exit.

    The exit code is 0 when all was done, 1 after an error that a user can mend, 2 after wrong usage, and 130 when the
    user stopped the command.
    """
    try:
        code = cli(prog_name="hvdbench", standalone_mode=False)  # a command may leave its code to ctx.exit()
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
        click.echo("Stopped. What was finished is kept; run the same command again to continue.", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
