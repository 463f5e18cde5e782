"""Options of commands that serve a page to this machine, and the line that shows its address."""

from collections.abc import Callable

import click

from hvdbench.cli.options import F


def port(command: F) -> F:
    """Add ``--port``, of a page that is served to this machine."""
    return click.option(
        "--port",
        metavar="N",
        type=click.IntRange(0, 65_535),
        default=0,
        show_default=True,
        help="Serve the page on this port; 0 chooses a free port.",
    )(command)


def no_open(command: F) -> F:
    """Add ``--no-open``."""
    return click.option("--no-open", is_flag=True, help="Print the address of the page without opening a browser.")(
        command
    )


def shown_page(heading: str, saved: str, *, no_open: bool) -> Callable[[str], None]:
    """Return the function that prints the address of a page that is served, and opens it in a browser.

    Args:
        heading: what is done there, such as ``Label at``.
        saved: what is saved, for the sentence behind the address.
        no_open: whether the address is only printed.
    """
    import webbrowser
    from threading import Thread

    def show(url: str) -> None:
        click.echo(f"{heading} {url}  (press Ctrl-C to end; {saved})")
        if not no_open:  # the call may last until the browser is closed
            Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    return show
