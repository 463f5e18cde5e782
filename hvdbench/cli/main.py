"""Define the ``hvdbench`` command. Commands import heavy packages only when they run, so that help is fast."""

import logging
import signal
import sys
from types import FrameType

import click

from hvdbench import __version__
from hvdbench.cli import options
from hvdbench.cli.group import LazyGroup, Section
from hvdbench.errors import HvdbenchError
from hvdbench.workspace.objects.location import without_secrets

SECTIONS = (
    Section("Start", "hvdbench.cli.start", ("demo", "deblur", "blur2vid", "doctor")),
    Section(
        "Make data",
        "hvdbench.cli.data",
        ("synth", "ingest", "pair", "dataset", "label", "annotate", "verify", "repair", "pack"),
    ),
    Section("Train", "hvdbench.cli.train", ("train", "weights")),
    Section("Score", "hvdbench.cli.score", ("eval", "score", "heldout", "study", "leaderboard", "protocols")),
    Section("Look", "hvdbench.cli.look", ("traj", "ois", "realism")),
)


class _Sentence(logging.Formatter):
    """Writes a record as ``Warning: …``."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(f"{record.levelname.capitalize()}: {super().format(record)}")


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="hvdbench")
@click.option("-v", "--verbose", is_flag=True, help="Also print debugging details.")
@click.option("-q", "--quiet", is_flag=True, help="Do not print warnings.")
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


_ENDING = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class _Ended(KeyboardInterrupt):
    """Raised when a signal asks the process to end; handled like Ctrl-C, so that half-written files are removed."""


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the clean-up
    raise _Ended(number)


def _end_in_order() -> None:
    """Let SIGTERM and SIGHUP unwind the program; a signal that is ignored, as under ``nohup``, stays ignored."""
    for number in [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def main() -> None:
    """Run the command line and exit.

    The exit code is 0 if everything was done, 1 after an error that the user can fix, 2 after wrong usage, 130 if the
    user stopped the command with Ctrl-C, and 128 + N if signal N ended it.
    """
    _end_in_order()
    try:
        code = cli(prog_name="hvdbench", standalone_mode=False)  # a command may leave its code to ctx.exit()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HvdbenchError as error:
        click.echo(f"Error: {without_secrets(str(error))}", err=True)
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(without_secrets(f"Error: {place}{error.strerror or error}"), err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort) as stopped:
        click.echo("Stopped. What was finished is kept; run the same command again to continue.", err=True)
        causes = [error for error in (stopped, stopped.__cause__) if isinstance(error, _Ended)]  # click makes it Abort
        sys.exit(128 + causes[0].args[0] if causes else 130)
    sys.exit(code if isinstance(code, int) else 0)
